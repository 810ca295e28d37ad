package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"syscall"
	"time"
)

// explain says in words for a person why a TLS handshake with the server called
// name failed.
func (t *TLS) explain(err error, name string) error {
	if text := explainCertificate(err, name, t.trusted()); text != "" {
		return &explained{text, err}
	}
	var header tls.RecordHeaderError
	var text string
	switch alert, told := remoteAlert(err); {
	case told:
		text = t.explainAlert(alert, err)
	case errors.As(err, &header):
		text = "the server does not speak TLS on this port"
		if header.RecordHeader[0] == 'H' { // HTTP/1.1 400 …
			text += ", but HTTP"
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		text = "the server did not finish the handshake in time; perhaps it does not speak TLS on this port"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		text = "the server closed the connection during the handshake; perhaps it does not speak TLS on this port"
	default:
		return err
	}
	return &explained{text, err}
}

// remoteAlert returns the number of the alert by which the server ended the
// handshake. The type that crypto/tls has for it has no name outside.
func remoteAlert(err error) (alert uint8, told bool) {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return 0, false
	}
	v := reflect.ValueOf(op.Err)
	if v.Kind() != reflect.Uint8 {
		return 0, false
	}
	return uint8(v.Uint()), true
}

// trusted names the authorities.
func (t *TLS) trusted() string {
	var all []string
	if t.CAFile != "" {
		all = append(all, t.CAFile)
	}
	if t.CADir != "" {
		all = append(all, t.CADir)
	}
	if len(all) == 0 || t.SystemRoots {
		all = append(all, "the certificates of the system")
	}
	return strings.Join(all, " or ")
}

// explainCertificate explains what is wrong with a server's certificate; empty:
// the error is another one.
func explainCertificate(err error, name, trusted string) string {
	var (
		wrongName x509.HostnameError
		unknown   x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &wrongName):
		return fmt.Sprintf("the server's certificate is not for %s, but for %s", name, names(wrongName.Certificate))
	case errors.As(err, &unknown):
		c := unknown.Cert
		if c == nil {
			return "the server's certificate is of an authority that is not in " + trusted
		}
		if c.Issuer.String() == c.Subject.String() {
			return fmt.Sprintf("the server's certificate is signed by itself (%s), and is not in %s", c.Subject, trusted)
		}
		return fmt.Sprintf("the server's certificate is of the authority %q, which is not in %s", c.Issuer, trusted)
	case errors.As(err, &invalid):
		return explainInvalid(&invalid)
	}
	return ""
}

func explainInvalid(e *x509.CertificateInvalidError) string {
	whose := "the server's certificate"
	if e.Cert != nil && e.Cert.IsCA {
		whose = fmt.Sprintf("the certificate of the authority %q", e.Cert.Subject)
	}
	now := time.Now()
	switch {
	case e.Reason == x509.Expired && now.After(e.Cert.NotAfter):
		return fmt.Sprintf("%s expired on %s", whose, e.Cert.NotAfter.Format("2006-01-02 15:04:05 MST"))
	case e.Reason == x509.Expired:
		return fmt.Sprintf("%s is not valid before %s: is the clock right?", whose, e.Cert.NotBefore.Format("2006-01-02 15:04:05 MST"))
	case e.Reason == x509.IncompatibleUsage:
		return whose + " is not one for servers: its extended key usage says so"
	}
	return whose + ": " + e.Error()
}

// The alerts of RFC 8446 that have better words.
const (
	alertHandshakeFailure  = 40
	alertBadCertificate    = 42
	alertUnsupported       = 43
	alertRevoked           = 44
	alertExpired           = 45
	alertUnknown           = 46
	alertUnknownCA         = 48
	alertAccessDenied      = 49
	alertProtocolVersion   = 70
	alertUnknownPSK        = 115
	alertCertificateNeeded = 116
	alertNoALPN            = 120
)

// explainAlert explains what the server says.
func (t *TLS) explainAlert(alert uint8, err error) string {
	words := strings.TrimPrefix(err.Error(), "remote error: tls: ")
	switch alert {
	case alertHandshakeFailure:
		if t.CertFile == "" {
			return "the server refuses: it wants a client certificate, or a cipher suite that is not offered"
		}
		return "the server refuses: it has no cipher suite of those that are offered"
	case alertProtocolVersion:
		least := t.MinVersion
		if least == "" {
			least = "tlsv1.2"
		}
		return "the server speaks no TLS version of at least " + least
	case alertCertificateNeeded:
		return "the server wants a client certificate"
	case alertBadCertificate:
		if t.CertFile == "" {
			return "the server wants a client certificate"
		}
		return "the server does not accept the client certificate " + t.CertFile
	case alertUnsupported, alertRevoked, alertExpired, alertUnknown, alertUnknownCA, alertAccessDenied:
		return fmt.Sprintf("the server does not accept the client certificate %s (%s)", t.CertFile, words)
	case alertUnknownPSK:
		return "the server does not know the identity"
	case alertNoALPN:
		return "the server speaks none of the protocols of ALPN " + strings.Join(t.ALPN, ", ")
	}
	return "the server ended the handshake: " + words
}
