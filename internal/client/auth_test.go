package client_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/packet"
)

// A dialogue is an authenticator that notes what it hears.
type dialogue struct{ heard []string }

var errLiar = errors.New("the server lies")

func (d *dialogue) Start() ([]byte, error) { return []byte("hello"), nil }

func (d *dialogue) Continue(data []byte) ([]byte, error) {
	d.heard = append(d.heard, string(data))
	return []byte("answer to " + string(data)), nil
}

func (d *dialogue) Finish(data []byte) error {
	if string(data) == "lie" {
		return errLiar
	}
	d.heard = append(d.heard, "finished with "+string(data))
	return nil
}

func authPacket(code packet.ReasonCode, data string) *packet.Auth {
	return &packet.Auth{ReasonCode: code, AuthenticationMethod: "M", AuthenticationData: []byte(data)}
}

func TestEnhancedAuthentication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newServer(t), &dialogue{}
		connect := packet.Connect{Version: packet.V5, ClientID: "c", AuthenticationMethod: "M"}
		c := client.New(client.Options{Dial: s.dial, Connect: connect, Authenticator: d})
		defer c.Close()
		connected := make(chan error)
		go func() {
			_, err := c.Connect(t.Context())
			connected <- err
		}()
		p := <-s.conns
		p.version = packet.V5
		connect.AuthenticationData = []byte("hello")
		p.expect(&connect)
		p.send(authPacket(packet.ContinueAuthentication, "1"))
		p.expect(authPacket(packet.ContinueAuthentication, "answer to 1"))
		p.send(&packet.Connack{AuthenticationMethod: "M", AuthenticationData: []byte("2")})
		must(t, <-connected)

		go func() { connected <- c.Reauthenticate(t.Context()) }()
		p.expect(authPacket(packet.Reauthenticate, "hello"))
		p.send(authPacket(packet.ContinueAuthentication, "3"))
		p.expect(authPacket(packet.ContinueAuthentication, "answer to 3"))
		p.send(authPacket(packet.Success, "4"))
		must(t, <-connected)
		if want := []string{"1", "finished with 2", "3", "finished with 4"}; !slices.Equal(d.heard, want) {
			t.Errorf("heard %q, want %q", d.heard, want)
		}

		go func() { connected <- c.Reauthenticate(t.Context()) }()
		p.expect(authPacket(packet.Reauthenticate, "hello"))
		p.send(authPacket(packet.Success, "lie"))
		if err := <-connected; !errors.Is(err, errLiar) {
			t.Errorf("got %v, want %v", err, errLiar)
		}
	})
}

func TestAuthWithoutAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, p := start(t, client.Options{Connect: packet.Connect{Version: packet.V5}}, &packet.Connack{})
		if err := c.Reauthenticate(t.Context()); err == nil {
			t.Error("authenticated again without an authenticator")
		}
		p.send(authPacket(packet.ContinueAuthentication, "1"))
		p.expect(&packet.Disconnect{ReasonCode: packet.ProtocolError})
		<-c.Done()
		if err := c.Err(); !errors.Is(err, packet.ProtocolError) {
			t.Errorf("got %v", err)
		}
	})
}
