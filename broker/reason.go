package broker

import (
	"errors"
	"fmt"

	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// withReason wraps err so that it carries a reason code.
func withReason(err error, otherwise packet.ReasonCode) error {
	if code := packet.ReasonCode(0); errors.As(err, &code) && code.Failed() {
		return err
	}
	return fmt.Errorf("%w: %w", err, otherwise)
}

// reasonOf is the code that tells a client of err.
func reasonOf(err error) packet.ReasonCode {
	var code packet.ReasonCode
	if errors.As(err, &code) && code.Failed() {
		return code
	}
	return packet.UnspecifiedError
}

// reasonIn is code, if a packet of type t may say it [MQTT-3.14.2-1], and else
// what comes nearest: a plug may refuse with any code.
func reasonIn(t packet.Type, code packet.ReasonCode) packet.ReasonCode {
	if code.ValidIn(t) {
		return code
	}
	nearest := packet.ProtocolError
	switch code {
	case packet.BadUserNameOrPassword, packet.Banned:
		nearest = packet.NotAuthorized
	case packet.ServerShuttingDown:
		nearest = packet.ServerUnavailable
	case packet.ServerUnavailable:
		nearest = packet.ServerBusy
	default:
	}
	if nearest.ValidIn(t) {
		return nearest
	}
	return packet.ImplementationSpecificError
}

// reasonString tells what was wrong with a packet; of what was not allowed it
// tells nothing that an attacker could use.
func reasonString(err error, reason packet.ReasonCode) string {
	switch reason {
	case packet.NotAuthorized, packet.BadUserNameOrPassword, packet.Banned, packet.ClientIdentifierNotValid,
		packet.UnspecifiedError, packet.SessionTakenOver:
		return ""
	default:
		return err.Error()
	}
}

// malformedTopic gives an error of package topic its reason code: code if the
// name or filter is well formed and only too deep for us.
func malformedTopic(err error, code packet.ReasonCode) error {
	if errors.Is(err, topic.ErrTooDeep) {
		return fmt.Errorf("%w: %w", err, code)
	}
	return fmt.Errorf("%w: %w", err, packet.MalformedPacket)
}
