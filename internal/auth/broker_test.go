package auth_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/auth"
	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/packet"
)

// scram are Passwords of users with hashes for SCRAM.
func scram(t *testing.T, v *auth.Verifier, passwords map[string]string) *auth.Passwords {
	t.Helper()
	hashes := map[string]*password.Hash{}
	for name, secret := range passwords {
		h, err := password.Recipe{Scheme: password.SCRAMSHA256, Iterations: password.MinSCRAMIterations}.Make([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		hashes[name] = h
	}
	return &auth.Passwords{Users: auth.NewUsers(hashes), Verifier: v}
}

// connect connects by SCRAM.
func connect(t *testing.T, socket *memnet.Listener, a *auth.SCRAMClient, id string) (*client.Client, error) {
	t.Helper()
	c := client.New(client.Options{
		Dial:          func(context.Context) (net.Conn, error) { return socket.Dial() },
		Connect:       packet.Connect{Version: packet.V5, ClientID: id, CleanStart: true, AuthenticationMethod: auth.SCRAMSHA256},
		Authenticator: a,
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := c.Connect(ctx)
	return c, err
}

// The whole way: a client connects by SCRAM-SHA-256 and authenticates again, as
// the same user only, and as long as the password is right.
func TestSCRAMByTheBroker(t *testing.T) {
	t.Parallel()
	v := auth.NewVerifier(auth.Options{})
	before := scram(t, v, map[string]string{"ann": "secret", "bob": "b"})
	b := broker.New(broker.Options{})
	defer b.Close()
	socket := memnet.Listen()
	way := b.Listener(broker.ListenerOptions{Authenticator: before})
	go way.Serve(socket)

	ann := &auth.SCRAMClient{User: "ann", Password: []byte("secret")}
	c, err := connect(t, socket, ann, "1")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		if err := c.Reauthenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := way.Review(); n != 0 {
		t.Errorf("%d had to go", n)
	}
	for cl := range b.Clients() {
		if cl.User() != "ann" {
			t.Errorf("the client is %q", cl.User())
		}
	}

	bob := &auth.SCRAMClient{User: "bob", Password: []byte("b")}
	other, err := connect(t, socket, bob, "2")
	if err != nil {
		t.Fatal(err)
	}
	bob.User, bob.Password = "ann", []byte("secret")
	if err := other.Reauthenticate(t.Context()); !errors.Is(err, packet.NotAuthorized) {
		t.Errorf("authenticates again as another user: %v", err)
	}

	_, err = connect(t, socket, &auth.SCRAMClient{User: "ann", Password: []byte("wrong")}, "3")
	var refused *client.ConnackError
	if !errors.As(err, &refused) || refused.Connack.ReasonCode != packet.NotAuthorized || refused.Connack.ReasonString != "Check the user name and the password." {
		t.Errorf("a wrong password: %v", err)
	}

	// Another password: who has proven the old one may not stay, nor come back.
	way.Change(broker.ListenerOptions{Authenticator: scram(t, v, map[string]string{"ann": "new"})})
	if n := way.Review(); n != 1 {
		t.Errorf("%d had to go", n)
	}
	if err := c.Reauthenticate(t.Context()); err == nil {
		t.Error("the old password is accepted")
	}
	if _, err := connect(t, socket, ann, "4"); !errors.As(err, &refused) {
		t.Errorf("the old password: %v", err)
	}
}
