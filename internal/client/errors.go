package client

import (
	"errors"

	"github.com/zancudomq/zancudo/packet"
)

// ErrClosed says that the Client was closed or disconnected by its owner.
var ErrClosed = errors.New("client closed")

// errKeepAlive says that the server is silent.
var errKeepAlive = errors.New("server does not answer: keep alive timeout")

// A ConnackError is a refused connection. It wraps the reason code; for MQTT
// 3.x that is the one which stands for the return code.
type ConnackError struct{ Connack *packet.Connack }

func (e *ConnackError) Error() string {
	return "connection refused: " + said(e.Connack.ReasonCode, e.Connack.ReasonString, e.Connack.ServerReference)
}

// Unwrap returns the reason code.
func (e *ConnackError) Unwrap() error { return e.Connack.ReasonCode }

// A DisconnectError is a connection that the server ended with a DISCONNECT. It
// wraps the reason code if that is a failure.
type DisconnectError struct{ Disconnect *packet.Disconnect }

func (e *DisconnectError) Error() string {
	return "server disconnected: " + said(e.Disconnect.ReasonCode, e.Disconnect.ReasonString, e.Disconnect.ServerReference)
}

// Unwrap returns the reason code if it is one of an error.
func (e *DisconnectError) Unwrap() error {
	if !e.Disconnect.ReasonCode.Failed() {
		return nil
	}
	return e.Disconnect.ReasonCode
}

// said is what a server said of a connection that it does not want.
func said(code packet.ReasonCode, reason, server string) string {
	s := code.String()
	if reason != "" {
		s += ": " + reason
	}
	if server != "" {
		s += " (server reference " + server + ")"
	}
	return s
}

// Redirect returns the Server Reference of a server that sent the client to
// another one, for good or for now; empty: err is not that, or names none. The
// Client does not follow by itself: whom to trust is the caller's to decide.
func Redirect(err error) (server string, forGood bool) {
	var refused *ConnackError
	var told *DisconnectError
	var code packet.ReasonCode
	switch {
	case errors.As(err, &refused):
		code, server = refused.Connack.ReasonCode, refused.Connack.ServerReference
	case errors.As(err, &told):
		code, server = told.Disconnect.ReasonCode, told.Disconnect.ServerReference
	}
	if code != packet.UseAnotherServer && code != packet.ServerMoved {
		return "", false
	}
	return server, code == packet.ServerMoved
}
