package listen

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
)

// explain turns the error of a handshake into what went wrong, for the log. If
// no byte has come there is nothing to tell.
func explain(err error, heard bool) error {
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" {
		return fmt.Errorf("client gave up: %s%s: %w", withoutPrefix(alert.Err), advice(alert.Err), err)
	}
	if header, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return fmt.Errorf("%w%s", ErrNoTLS, spoke(header.RecordHeader))
	}
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(bad.UnverifiedCertificates) > 0 {
		return fmt.Errorf("certificate of %q is not accepted: %w", bad.UnverifiedCertificates[0].Subject, unwrapped(bad.Err))
	}
	gone := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, net.ErrClosed)
	switch {
	case gone && !heard:
		return io.EOF
	case gone:
		return fmt.Errorf("client was gone before the end of the handshake: %w", err)
	case strings.Contains(err.Error(), "client didn't provide a certificate"): // crypto/tls has no value for it
		return ErrNoCertificate
	}
	return &plainError{withoutPrefix(err), err}
}

// alertBytes is how long an alert is that is not encrypted.
const alertBytes = 7

// plainAlert is the alert that has come last, if it was not encrypted. In TLS 1.3
// it should be, but OpenSSL has no keys yet when it does not like a certificate;
// to crypto/tls such an alert is rubbish.
func plainAlert(last []byte) (error, bool) {
	if len(last) != alertBytes || string(last[:6]) != "\x15\x03\x03\x00\x02\x02" {
		return nil, false
	}
	return &net.OpError{Op: "remote error", Err: tls.AlertError(last[6])}, true
}

// plainError is an error in other words.
type plainError struct {
	text string
	err  error
}

func (e *plainError) Error() string { return e.text }
func (e *plainError) Unwrap() error { return e.err }

func withoutPrefix(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "tls: "), "handshake of TLS with a pre-shared key: ")
}

// unwrapped is the reason that a certificate is not accepted.
func unwrapped(err error) error {
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return &plainError{"it does not come from an authority that is known here", unknown}
	}
	return &plainError{strings.TrimPrefix(err.Error(), "x509: "), err}
}

// advice says what an alert of a client usually comes from.
func advice(alert error) string {
	switch text := alert.Error(); {
	case strings.Contains(text, "unknown certificate authority"):
		return " (it does not know the authority of our certificate)"
	case strings.Contains(text, "bad certificate"), strings.Contains(text, "unknown certificate"):
		return " (it does not accept our certificate; perhaps it is not for the name it has connected to)"
	case strings.Contains(text, "internal error"): // what Mosquitto's clients say of a wrong name
		return " (perhaps our certificate is not for the name that it has connected to)"
	case strings.Contains(text, "expired certificate"):
		return " (our certificate has expired, or its clock is wrong)"
	}
	return ""
}

// spoke says what a client has spoken in place of TLS.
func spoke(header [5]byte) string {
	switch {
	case header[0] == 0x10:
		return ", but MQTT without it"
	case header[0] >= 'A' && header[0] <= 'Z':
		return ", but HTTP without it"
	}
	return ""
}
