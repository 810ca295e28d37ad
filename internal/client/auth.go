package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/zancudomq/zancudo/packet"
)

// An Authenticator is a client's side of enhanced authentication (MQTT 5.0,
// section 4.12), of the method that Options.Connect names. One exchange runs at
// a time; an error from it ends the connection.
type Authenticator interface {
	// Start begins an exchange and returns what the client says first; nil:
	// nothing.
	Start() ([]byte, error)
	// Continue answers what the server said.
	Continue(data []byte) ([]byte, error)
	// Finish is given what the server said last, with its consent.
	Finish(data []byte) error
}

// exchange sends CONNECT and does the AUTH packets up to the server's verdict.
func (n *conn) exchange(connect *packet.Connect) (packet.Packet, error) {
	a := n.client.options.Authenticator
	if a != nil {
		data, err := a.Start()
		if err != nil {
			return nil, fmt.Errorf("authenticate: %w", err)
		}
		connect.AuthenticationData = data
	}
	var next packet.Packet = connect
	for {
		if err := n.writeNow(next); err != nil {
			return nil, err
		}
		p, err := n.readNow()
		if err != nil {
			return nil, err
		}
		auth, ok := p.(*packet.Auth)
		if !ok {
			return p, nil
		}
		if next, err = n.client.answerAuth(auth); err != nil {
			return nil, err
		}
	}
}

// answerAuth returns the AUTH packet that answers one of the server.
func (c *Client) answerAuth(p *packet.Auth) (*packet.Auth, error) {
	method := c.options.Connect.AuthenticationMethod
	if c.options.Authenticator == nil || p.ReasonCode != packet.ContinueAuthentication || p.AuthenticationMethod != method {
		return nil, fmt.Errorf("server sent %v: %w", p, packet.ProtocolError)
	}
	data, err := c.options.Authenticator.Continue(p.AuthenticationData)
	if err != nil {
		return nil, fmt.Errorf("authenticate: %w", err)
	}
	return &packet.Auth{ReasonCode: packet.ContinueAuthentication, AuthenticationMethod: method, AuthenticationData: data}, nil
}

// Reauthenticate authenticates the client again on the connection it has, as it
// did when it connected. One call at a time.
func (c *Client) Reauthenticate(ctx context.Context) error {
	if c.options.Authenticator == nil {
		return errors.New("authenticate again: the client has no authenticator")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.wait(ctx, func() bool { return c.conn != nil }); err != nil {
		return fmt.Errorf("authenticate again: %w", err)
	}
	n := c.conn
	if n.authenticating {
		return errors.New("authenticate again: an exchange is under way")
	}
	data, err := c.options.Authenticator.Start()
	if err == nil {
		err = n.append(&packet.Auth{
			ReasonCode: packet.Reauthenticate, AuthenticationMethod: c.options.Connect.AuthenticationMethod, AuthenticationData: data,
		})
	}
	if err != nil {
		return fmt.Errorf("authenticate again: %w", err)
	}
	n.authenticating = true
	n.flush()
	if err := c.wait(ctx, func() bool { return !n.authenticating || c.conn != n }); err != nil {
		return fmt.Errorf("authenticate again: %w", err)
	}
	if n.authenticating {
		return fmt.Errorf("authenticate again: %w", lost(n.err))
	}
	return nil
}

// auth handles an AUTH packet of an exchange that Reauthenticate began.
func (n *conn) auth(p *packet.Auth) error {
	c := n.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if !n.authenticating {
		return fmt.Errorf("server sent %v: %w", p, packet.ProtocolError)
	}
	if p.ReasonCode == packet.Success {
		if err := c.options.Authenticator.Finish(p.AuthenticationData); err != nil {
			return fmt.Errorf("authenticate: %w", err)
		}
		n.authenticating = false
		c.notify()
		return nil
	}
	answer, err := c.answerAuth(p)
	if err != nil {
		return err
	}
	return n.append(answer)
}
