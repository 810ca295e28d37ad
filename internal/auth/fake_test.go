package auth

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/packet"
)

// from is a connection from an address.
type from string

func (f from) RemoteAddr() net.Addr { return f }
func (f from) Network() string      { return "tcp" }
func (f from) String() string       { return string(f) }

// conn is a net.Conn of which only the address is asked for.
type conn struct {
	net.Conn
	from
}

func (c conn) RemoteAddr() net.Addr { return c.from }

const stranger = from("192.0.2.7:1883")

// usersOf are users with hashes that are cheap to verify.
func usersOf(t *testing.T, passwords map[string]string) *Users {
	t.Helper()
	hashes := make(map[string]*password.Hash)
	for name, secret := range passwords {
		hashes[name] = hashOf(t, secret, 1)
	}
	return NewUsers(hashes)
}

func hashOf(t *testing.T, secret string, iterations int) *password.Hash {
	t.Helper()
	h, err := password.Recipe{Iterations: iterations}.Make([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// login logs in with a name and a password.
func login(ctx context.Context, p *Passwords, at from, name, secret string) error {
	return p.Authenticate(ctx, &broker.ConnectRequest{
		HasUsername: true, Username: name, HasPassword: true, Password: []byte(secret), Conn: conn{from: at},
	})
}

// expectCode checks the reason code of a refusal; Success stands for none.
func expectCode(t *testing.T, what string, err error, want packet.ReasonCode) {
	t.Helper()
	var code packet.ReasonCode
	if errors.As(err, &code); err != nil && code == packet.Success {
		t.Errorf("%s: %v has no reason code", what, err)
	}
	if code != want {
		t.Errorf("%s: got %v (%v), want %v", what, code, err, want)
	}
}

var lastAddress atomic.Uint32

// somewhere is another address each time.
func somewhere() from {
	n := lastAddress.Add(1)
	return from(net.JoinHostPort(net.IPv4(10, byte(n>>16), byte(n>>8), byte(n)).String(), "1883"))
}
