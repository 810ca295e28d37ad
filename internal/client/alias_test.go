package client_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/packet"
)

// aliased is the PUBLISH that the server should see.
func aliased(id uint16, qos packet.QoS, topic string, alias uint16) *packet.Publish {
	return &packet.Publish{Message: packet.Message{Topic: topic, QoS: qos}, PacketID: id, TopicAlias: alias}
}

func v5(most uint16) client.Options {
	return client.Options{MaxTopicAlias: most, Connect: packet.Connect{Version: packet.V5, ClientID: "c", CleanStart: true}, Reconnect: always}
}

func publish(t *testing.T, c *client.Client, qos packet.QoS, topics ...string) {
	t.Helper()
	for _, topic := range topics {
		p := &packet.Publish{Message: packet.Message{Topic: topic, QoS: qos}}
		must(t, c.Publish(t.Context(), p))
		if p.Topic != topic || p.TopicAlias != 0 {
			t.Errorf("Publish left %q, %d in the message", p.Topic, p.TopicAlias)
		}
	}
}

func TestTopicAliases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, p := start(t, v5(9), &packet.Connack{TopicAliasMaximum: 2})
		publish(t, c, 0, "first", "second", "first", "third", "first", "second", "a")
		p.expect(
			aliased(0, 0, "first", 1), aliased(0, 0, "second", 2), aliased(0, 0, "", 1),
			aliased(0, 0, "third", 2), // that of the one not used for the longest time
			aliased(0, 0, "", 1), aliased(0, 0, "second", 2),
			aliased(0, 0, "a", 0), // too short to be worth one
		)
		publish(t, c, 1, "second", "third")
		publish(t, c, 2, "third")
		p.expect(aliased(1, 1, "", 2), aliased(2, 1, "third", 1), aliased(3, 2, "", 1))

		p.Close() // on the next connection nothing is known, and what is sent again has its topic
		p, _ = s.accept(&packet.Connack{TopicAliasMaximum: 2, SessionPresent: true})
		for _, want := range []*packet.Publish{aliased(1, 1, "second", 1), aliased(2, 1, "third", 2), aliased(3, 2, "", 2)} {
			want.Dup = true
			p.expect(want)
		}
		publish(t, c, 0, "second")
		p.expect(aliased(0, 0, "", 1))
	})
}

func TestTopicAliasesAreNotWanted(t *testing.T) {
	for _, test := range []struct {
		name    string
		o       client.Options
		connack packet.Connack
	}{
		{"by the client", v5(0), packet.Connack{TopicAliasMaximum: 9}},
		{"by the server", v5(9), packet.Connack{}},
		{"where the packet gets too large", v5(9), packet.Connack{TopicAliasMaximum: 9, MaximumPacketSize: 12}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _, p := start(t, test.o, &test.connack)
				publish(t, c, 0, "first", "first")
				publish(t, c, 1, "first")
				p.expect(aliased(0, 0, "first", 0), aliased(0, 0, "first", 0), aliased(1, 1, "first", 0))
			})
		})
	}
}

// TestRefusedAlias has a message refused: its alias must not count as given.
func TestRefusedAlias(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, p := start(t, v5(9), &packet.Connack{TopicAliasMaximum: 9, RetainUnavailable: true})
		err := c.Publish(t.Context(), &packet.Publish{Message: packet.Message{Topic: "first", Retain: true}})
		if !errors.Is(err, packet.RetainNotSupported) {
			t.Errorf("got %v", err)
		}
		publish(t, c, 0, "first", "first")
		p.expect(aliased(0, 0, "first", 1), aliased(0, 0, "", 1))
	})
}

func TestRedirect(t *testing.T) {
	for _, test := range []struct {
		code    packet.ReasonCode
		server  string
		forGood bool
	}{
		{packet.UseAnotherServer, "b.example:1883", false},
		{packet.ServerMoved, "c.example", true},
		{packet.ServerBusy, "", false},
	} {
		t.Run(fmt.Sprint(test.code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				c := client.New(client.Options{Dial: s.dial, Connect: packet.Connect{Version: packet.V5}})
				go func() {
					p := <-s.conns
					p.version = packet.V5
					p.next()
					p.send(&packet.Connack{ReasonCode: test.code, ServerReference: test.server})
				}()
				_, err := c.Connect(t.Context())
				if server, forGood := client.Redirect(err); server != test.server || forGood != test.forGood {
					t.Errorf("%v: got %q, %v", err, server, forGood)
				}
				must(t, c.Close())

				c, _, p := start(t, client.Options{Connect: packet.Connect{Version: packet.V5}}, &packet.Connack{})
				p.send(&packet.Disconnect{ReasonCode: test.code, ServerReference: test.server})
				<-c.Done()
				if server, forGood := client.Redirect(c.Err()); server != test.server || forGood != test.forGood {
					t.Errorf("%v: got %q, %v", c.Err(), server, forGood)
				}
			})
		})
	}
}
