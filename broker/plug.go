package broker

import (
	"context"

	"github.com/zancudomq/zancudo/packet"
)

// Authenticator decides who may connect.
type Authenticator interface {
	// Authenticate returns nil to welcome the client. An error refuses it; a
	// packet.ReasonCode inside is sent, otherwise NotAuthorized. It may change
	// c.Username, which names the client from then on.
	Authenticate(ctx context.Context, c *ConnectRequest) error
}

// EnhancedAuthenticator is an Authenticator for clients that name an
// Authentication Method [MQTT-4.12.0-1].
type EnhancedAuthenticator interface {
	Authenticator
	// Begin starts an exchange by the method. An error refuses the client; a
	// method that is not known is packet.BadAuthenticationMethod.
	Begin(ctx context.Context, c *ConnectRequest, method string) (AuthExchange, error)
}

// AuthExchange is one exchange of AUTH packets.
type AuthExchange interface {
	// Next takes the client's data, at first that of its CONNECT, and returns
	// data to send. While done is false the client is asked for more.
	Next(ctx context.Context, data []byte) (answer []byte, done bool, err error)
}

// Authorizer decides what a client may do. It is asked for every message and
// must not block: keep what takes time in a cache.
type Authorizer interface {
	// Authorize returns nil to allow. For Subscribe, topic is the filter as the
	// client wrote it, with $share/group/. The error says why not; it reaches
	// the log. Of c only ID and User may be called: a message that has waited is
	// authorized while the client is locked.
	Authorize(c *Client, a Action, topic string) error
}

// Action is what a client wants to do.
type Action byte

// The actions that are authorized.
const (
	Publish   Action = iota // send a message to a topic, also as a will
	Subscribe               // subscribe to a filter
	Receive                 // get a message of a topic
)

func (a Action) String() string { return [...]string{"publish", "subscribe", "receive"}[a] }

// Interceptor sees every message of a client before it is routed and may
// replace it; what it returns is authorized again. It must not block, nor
// change m, which is only valid during the call.
type Interceptor interface {
	// Intercept returns the message to route, m if it has nothing to say. An
	// error refuses the message.
	Intercept(c *Client, m *packet.Message) (*packet.Message, error)
}

// Trace has functions that are told what happens; nil ones are not called.
// They must not block.
type Trace struct {
	Connected    func(c *Client)
	Disconnected func(c *Client, err error) // err is nil after a DISCONNECT of the client
	Packet       func(c *Client, d Direction, p packet.Packet)
	// Dropped is told of a message that a client does not get, and why.
	Dropped func(c *Client, m *packet.Message, why error)
}

// Direction is the way a packet takes.
type Direction byte

// The two directions.
const (
	Received Direction = iota
	Sent
)
