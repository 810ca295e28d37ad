package broker

import (
	"fmt"

	"github.com/zancudomq/zancudo/packet"
)

// exchange is a client on its way to be authenticated, and later one that
// authenticates again. It is let go of after the CONNACK unless the client has
// named an authentication method.
type exchange struct {
	request  *ConnectRequest
	connect  *packet.Connect
	assigned bool
	current  AuthExchange // nil: no AUTH is expected
}

// beginExchange starts enhanced authentication with the data of the CONNECT.
func (c *conn) beginExchange(s *scratch, x *exchange) error {
	return c.advance(s, x, true, x.connect.AuthenticationData)
}

// continueExchange takes an AUTH before the CONNACK [MQTT-4.12.0-3].
func (c *conn) continueExchange(s *scratch, p *packet.Auth) error {
	x := c.exchange
	if x == nil || x.current == nil {
		return fmt.Errorf("AUTH without an authentication method: %w", packet.ProtocolError)
	}
	if err := x.check(p, packet.ContinueAuthentication); err != nil {
		return err
	}
	return c.advance(s, x, false, p.AuthenticationData)
}

// handleAuth takes an AUTH of a connected client: it begins to authenticate
// again, or goes on with it [MQTT-4.12.1-1].
func (c *conn) handleAuth(s *scratch, p *packet.Auth) error {
	x := c.exchange
	if x == nil { // [MQTT-4.12.0-7]
		return fmt.Errorf("AUTH without an authentication method: %w", packet.ProtocolError)
	}
	expected := packet.ContinueAuthentication
	if x.current == nil {
		expected = packet.Reauthenticate
	}
	if err := x.check(p, expected); err != nil {
		return err
	}
	return c.advance(s, x, expected == packet.Reauthenticate, p.AuthenticationData)
}

// check refuses an AUTH of another method or reason.
func (x *exchange) check(p *packet.Auth, expected packet.ReasonCode) error {
	if p.ReasonCode != expected {
		return fmt.Errorf("AUTH says 0x%02X where 0x%02X is expected: %w", byte(p.ReasonCode), byte(expected), packet.ProtocolError)
	}
	if p.AuthenticationMethod != x.connect.AuthenticationMethod {
		return fmt.Errorf("authentication method has changed: %w", packet.ProtocolError)
	}
	return nil
}

// advance gives data to the exchange and sends its answer.
func (c *conn) advance(s *scratch, x *exchange, begin bool, data []byte) error {
	ctx, decided := c.deciding()
	defer decided()
	method := x.connect.AuthenticationMethod
	if begin {
		auth, ok := c.rules.Authenticator.(EnhancedAuthenticator)
		if !ok { // [MQTT-4.12.0-1]
			return fmt.Errorf("authentication method %q: %w", method, packet.BadAuthenticationMethod)
		}
		var err error
		if x.current, err = auth.Begin(ctx, x.request, method); err != nil {
			return withReason(err, packet.NotAuthorized)
		}
	}
	answer, done, err := x.current.Next(ctx, data)
	s.now = now() // it may have taken long
	if err != nil {
		return withReason(err, packet.NotAuthorized)
	}
	if !done {
		return c.sendAuth(s, x, packet.ContinueAuthentication, answer) // [MQTT-4.12.0-2]
	}
	x.current = nil
	if c.client == nil {
		return c.welcome(s, x, answer)
	}
	if err := c.confirm(x.request); err != nil {
		return err
	}
	return c.sendAuth(s, x, packet.Success, answer)
}

// confirm takes what the client has authenticated again with. It stays who it
// was.
func (c *conn) confirm(r *ConnectRequest) error {
	if r.Username != c.client.owner() {
		return fmt.Errorf("authenticated again as another user: %w", packet.NotAuthorized)
	}
	c.client.mu.Lock()
	c.credential = r.Credential
	c.client.mu.Unlock()
	return c.reviewLate()
}

// sendAuth sends an AUTH, before the CONNACK past the output, which belongs to
// a session.
func (c *conn) sendAuth(s *scratch, x *exchange, code packet.ReasonCode, data []byte) error {
	p := &packet.Auth{ReasonCode: code, AuthenticationMethod: x.connect.AuthenticationMethod, AuthenticationData: data}
	if c.client != nil {
		c.reply(s, p)
		return nil
	}
	return c.writeNow(p)
}
