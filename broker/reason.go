package broker

import (
	"errors"
	"fmt"

	"github.com/zancudomq/zancudo/packet"
)

// withReason wraps err so that it carries a reason code.
func withReason(err error, otherwise packet.ReasonCode) error {
	if code := packet.ReasonCode(0); errors.As(err, &code) && code.Failed() {
		return err
	}
	return fmt.Errorf("%w: %w", err, otherwise)
}

// forbidden is what an Authorizer has denied. It is for the Authorizer to tell of
// it; of what the broker denies by itself the broker tells.
type forbidden struct{ error }

func (f forbidden) Unwrap() error { return f.error }

func forbid(err error) error { return forbidden{withReason(err, packet.NotAuthorized)} }

// reasonOf is the code that tells a client of err.
func reasonOf(err error) packet.ReasonCode {
	var code packet.ReasonCode
	if errors.As(err, &code) && code.Failed() {
		return code
	}
	return packet.UnspecifiedError
}

// reasonString tells what was wrong with a packet; of what was not allowed it
// tells nothing that an attacker could use, unless the error says itself what
// the client may know.
func reasonString(err error, reason packet.ReasonCode) string {
	var told interface{ ReasonString() string }
	if errors.As(err, &told) {
		return told.ReasonString()
	}
	switch reason {
	case packet.NotAuthorized, packet.BadUserNameOrPassword, packet.Banned, packet.ClientIdentifierNotValid,
		packet.UnspecifiedError, packet.SessionTakenOver:
		return ""
	default:
		return err.Error()
	}
}

// serverReference is the server that err refers the client to; empty: none.
func serverReference(err error) string {
	var referral *ServerReferenceError
	if errors.As(err, &referral) {
		return referral.ServerReference
	}
	return ""
}
