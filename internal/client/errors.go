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
	s := "connection refused: " + e.Connack.ReasonCode.String()
	if e.Connack.ReasonString != "" {
		s += ": " + e.Connack.ReasonString
	}
	return s
}

// Unwrap returns the reason code.
func (e *ConnackError) Unwrap() error { return e.Connack.ReasonCode }

// A DisconnectError is a connection that the server ended with a DISCONNECT. It
// wraps the reason code if that is a failure.
type DisconnectError struct{ Disconnect *packet.Disconnect }

func (e *DisconnectError) Error() string {
	s := "server disconnected: " + e.Disconnect.ReasonCode.String()
	if e.Disconnect.ReasonString != "" {
		s += ": " + e.Disconnect.ReasonString
	}
	return s
}

// Unwrap returns the reason code if it is one of an error.
func (e *DisconnectError) Unwrap() error {
	if !e.Disconnect.ReasonCode.Failed() {
		return nil
	}
	return e.Disconnect.ReasonCode
}
