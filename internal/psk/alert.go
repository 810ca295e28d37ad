package psk

import (
	"errors"
	"fmt"
)

// Alert is an alert of TLS: why one side ended the connection. As an error it is
// found with errors.As in what a Conn returns, received or sent.
type Alert uint8

// The alerts that a Conn sends, and those that peers are known to send.
const (
	CloseNotify          Alert = 0
	UnexpectedMessage    Alert = 10
	BadRecordMAC         Alert = 20
	RecordOverflow       Alert = 22
	HandshakeFailure     Alert = 40
	BadCertificate       Alert = 42
	CertificateUnknown   Alert = 46
	IllegalParameter     Alert = 47
	UnknownCA            Alert = 48
	AccessDenied         Alert = 49
	DecodeError          Alert = 50
	DecryptError         Alert = 51
	ProtocolVersion      Alert = 70
	InsufficientSecurity Alert = 71
	InternalError        Alert = 80
	UserCanceled         Alert = 90
	NoRenegotiation      Alert = 100
	UnsupportedExtension Alert = 110
	UnrecognizedName     Alert = 112
	UnknownPSKIdentity   Alert = 115
)

// The levels of an alert.
const (
	levelWarning = 1
	levelFatal   = 2
)

// String is the name that the standards give to a.
func (a Alert) String() string {
	switch a {
	case CloseNotify:
		return "close_notify"
	case UnexpectedMessage:
		return "unexpected_message"
	case BadRecordMAC:
		return "bad_record_mac"
	case RecordOverflow:
		return "record_overflow"
	case HandshakeFailure:
		return "handshake_failure"
	case BadCertificate:
		return "bad_certificate"
	case CertificateUnknown:
		return "certificate_unknown"
	case IllegalParameter:
		return "illegal_parameter"
	case UnknownCA:
		return "unknown_ca"
	case AccessDenied:
		return "access_denied"
	case DecodeError:
		return "decode_error"
	case DecryptError:
		return "decrypt_error"
	case ProtocolVersion:
		return "protocol_version"
	case InsufficientSecurity:
		return "insufficient_security"
	case InternalError:
		return "internal_error"
	case UserCanceled:
		return "user_canceled"
	case NoRenegotiation:
		return "no_renegotiation"
	case UnsupportedExtension:
		return "unsupported_extension"
	case UnrecognizedName:
		return "unrecognized_name"
	case UnknownPSKIdentity:
		return "unknown_psk_identity"
	default:
		return fmt.Sprintf("alert %d", uint8(a))
	}
}

// Error is the name of a, so that an Alert can end a chain of errors.
func (a Alert) Error() string { return "alert " + a.String() }

// failure is an error that the peer is told of by an alert.
type failure struct {
	alert Alert
	text  string
}

func fail(alert Alert, format string, args ...any) error {
	return &failure{alert: alert, text: fmt.Sprintf(format, args...)}
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.alert }

// alertFor is what the peer is told of err; ok is false if it is told nothing,
// because the connection is lost or because the peer has ended it.
func alertFor(err error) (alert Alert, ok bool) {
	if f, is := errors.AsType[*failure](err); is {
		return f.alert, true
	}
	return 0, false
}

// received puts an alert of the peer, the client or the server, into a sentence.
func received(peer string, alert Alert) error {
	switch alert {
	case UnknownPSKIdentity:
		return fmt.Errorf("the %s does not know the PSK identity: %w", peer, alert)
	case DecryptError, BadRecordMAC:
		return fmt.Errorf("the %s could not decrypt what it got: it has another key, or does not know the identity: %w", peer, alert)
	case HandshakeFailure, InsufficientSecurity:
		return fmt.Errorf("the %s found no cipher suite in common, or expects a certificate instead of a pre-shared key: %w", peer, alert)
	case ProtocolVersion:
		return fmt.Errorf("the %s does not speak TLS 1.2, the version that TLS-PSK is spoken in here: %w", peer, alert)
	default:
		return fmt.Errorf("the %s ended the connection: %w", peer, alert)
	}
}
