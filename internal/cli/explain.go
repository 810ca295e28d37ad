package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/internal/dial"
	"github.com/zancudomq/zancudo/packet"
)

// Exit statuses of Mosquitto's tools that are not reason codes.
const (
	statusError       = 1
	statusProtocol    = 2
	statusLost        = 7
	statusTLS         = 8
	statusAuth        = 11
	statusProxy       = 16
	statusQoS         = 24
	statusTooLarge    = 25
	statusTimeout     = 27
	statusInterrupted = 130 // as a shell says it of a program that SIGINT ended
)

// explain is what Mosquitto's tools say of an error, and their exit status. What
// they do not know follows.
func explain(err error, v packet.Version) (text string, status int) {
	var (
		setting settingError
		refused *client.ConnackError
		dialing *dial.Error
		errno   syscall.Errno
		code    packet.ReasonCode
	)
	switch {
	case errors.As(err, &setting):
		return "Error: " + setting.Error(), statusError
	case errors.As(err, &refused):
		return explainRefusal(refused.Connack, v)
	case errors.As(err, &dialing):
		return explainDialing(dialing)
	case errors.As(err, &code) && code == packet.QoSNotSupported:
		return "Error: Message QoS not supported on broker, try a lower QoS.", statusQoS
	case errors.As(err, &code) && code == packet.PacketTooLarge:
		return "Error: Message is too large: " + err.Error() + ".", statusTooLarge
	case errors.As(err, &code) && code.Failed():
		return "Error: " + capital(err.Error()) + ".", codeStatus(code, v)
	case errors.Is(err, context.DeadlineExceeded):
		return "Error: Connection timed out", statusError
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "Error: The connection was lost.", statusLost
	case errors.As(err, &errno):
		return "Error: " + capital(errno.Error()), statusError
	default:
		return "Error: " + capital(err.Error()), statusError
	}
}

func explainRefusal(p *packet.Connack, v packet.Version) (text string, status int) {
	if v != packet.V5 {
		n := p.ReasonCode.ReturnCode()
		return "Connection error: Connection Refused: " + returnTexts[n], int(n)
	}
	text = "Connection error: " + reasonText(p.ReasonCode)
	if p.ReasonCode == packet.UnsupportedProtocolVersion {
		text += ". Try connecting to an MQTT v5 broker, or use MQTT v3.x mode."
	}
	if p.ReasonString != "" {
		text += " (" + p.ReasonString + ")"
	}
	return text, int(p.ReasonCode)
}

// explainDialing explains a connection that did not come about.
func explainDialing(e *dial.Error) (text string, status int) {
	var errno syscall.Errno
	switch e.Stage {
	case dial.AtSettings:
		if errors.Is(e, fs.ErrNotExist) {
			return fmt.Sprintf("Error: Problem setting TLS options: File not found. %s.", capital(e.Error())), statusError
		}
		return fmt.Sprintf("Error: Problem setting TLS options, check the options are valid. %s.", capital(e.Error())), statusError
	case dial.AtLookup:
		return fmt.Sprintf("Unable to connect (Lookup error.). %s.", capital(e.Text)), statusError
	case dial.AtProxy:
		if strings.Contains(e.Error(), "user name and password") {
			return fmt.Sprintf("Error: Authorisation failed. %s.", capital(e.Error())), statusAuth
		}
		return fmt.Sprintf("Error: Proxy error. %s.", capital(e.Error())), statusProxy
	case dial.AtTLS:
		return fmt.Sprintf("Error: A TLS error occurred. %s.", capital(e.Error())), statusTLS
	case dial.AtWebSocket:
		return fmt.Sprintf("Error: A network protocol error occurred when communicating with the broker. %s.", capital(e.Error())), statusProtocol
	case dial.AtConnect:
	}
	switch {
	case errors.As(e, &errno):
		return "Error: " + capital(errno.Error()), statusError
	case errors.Is(e, context.DeadlineExceeded):
		return "Error: Connection timed out", statusError
	}
	return fmt.Sprintf("Error: %s.", capital(e.Error())), statusError
}

// codeStatus is the exit status for a reason code that is not of a CONNACK.
func codeStatus(code packet.ReasonCode, v packet.Version) int {
	if v != packet.V5 {
		return statusProtocol // it is our own finding
	}
	return int(code)
}

// returnTexts are Mosquitto's words for the return codes of MQTT 3.x.
var returnTexts = [...]string{
	"success.", "unacceptable protocol version.", "identifier rejected.",
	"broker unavailable.", "bad user name or password.", "not authorised.",
}

// reasonText is Mosquitto's word for a reason code.
func reasonText(code packet.ReasonCode) string {
	if code == packet.BadUserNameOrPassword {
		return "Bad username or password"
	}
	return capital(code.String())
}

// capital makes the beginning of a sentence of s.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
