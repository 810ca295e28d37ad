package client_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/packet"
)

func TestReceive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		_, s, p := start(t, client.Options{
			Connect:   packet.Connect{ClientID: "c"},
			Reconnect: always,
			OnMessage: func(m *packet.Publish) { got = append(got, string(m.Payload)) },
		}, &packet.Connack{})
		p.send(sent(0, 0, "0"), sent(1, 1, "1"), sent(2, 2, "2"), again(2, 2, "2"))
		p.expect(puback(1), pubrec(2), pubrec(2))
		p.Close()
		p, _ = s.accept(&packet.Connack{SessionPresent: true})
		p.send(again(2, 2, "2"))
		p.expect(pubrec(2))
		p.send(pubrel(2), pubrel(2))
		p.expect(pubcomp(2), pubcomp(2))
		p.send(sent(2, 2, "new"))
		p.expect(pubrec(2))
		p.Close()
		p, _ = s.accept(&packet.Connack{}) // the session is lost: this is another message
		p.send(sent(2, 2, "other"))
		p.expect(pubrec(2))
		if want := []string{"0", "1", "2", "new", "other"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestAcknowledgementsShareAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, p := start(t, client.Options{ReadBuffer: 64 << 10}, &packet.Connack{})
		synctest.Wait()
		before := p.reads.n
		var burst []packet.Packet
		for i := range 100 {
			burst = append(burst, sent(uint16(i+1), 1, "m"))
		}
		p.send(burst...)
		for i := range 100 {
			p.expect(puback(uint16(i + 1)))
		}
		if reads := p.reads.n - before; reads != 1 {
			t.Errorf("100 acknowledgements came in %d writes", reads)
		}
	})
}

func TestIncomingTopicAlias(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		_, _, p := start(t, client.Options{
			Connect:   packet.Connect{Version: packet.V5, ClientID: "c", TopicAliasMaximum: 2},
			OnMessage: func(m *packet.Publish) { got = append(got, m.Topic) },
		}, &packet.Connack{})
		aliased := func(topic string, alias uint16) *packet.Publish {
			return &packet.Publish{Message: packet.Message{Topic: topic}, TopicAlias: alias}
		}
		p.send(aliased("a", 1), aliased("b", 2), aliased("", 1), aliased("", 2), aliased("c", 1), aliased("", 1))
		synctest.Wait()
		if want := []string{"a", "b", "a", "b", "c", "c"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// TestServerBreaksTheRules shows what the client says before it closes.
func TestServerBreaksTheRules(t *testing.T) {
	for _, test := range []struct {
		name string
		send packet.Packet
		want packet.ReasonCode
	}{
		{"alias is too large", &packet.Publish{Message: packet.Message{Topic: "a"}, TopicAlias: 3}, packet.TopicAliasInvalid},
		{"alias is not known", &packet.Publish{TopicAlias: 1}, packet.ProtocolError},
		{"no topic", &packet.Publish{}, packet.ProtocolError},
		{"another CONNACK", &packet.Connack{}, packet.ProtocolError},
		{"a packet of clients", &packet.Pingreq{}, packet.ProtocolError},
		{"too large", sent(0, 0, fmt.Sprintf("%200d", 1)), packet.PacketTooLarge},
		{"too many in flight", sent(9, 2, "m"), packet.ReceiveMaximumExceeded},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _, p := start(t, client.Options{
					Connect: packet.Connect{Version: packet.V5, ClientID: "c", TopicAliasMaximum: 2, MaximumPacketSize: 100, ReceiveMaximum: 1},
				}, &packet.Connack{})
				p.send(sent(1, 2, "m"))
				p.expect(pubrec(1))
				p.send(test.send)
				p.expect(&packet.Disconnect{ReasonCode: test.want})
				p.expectEnd()
				<-c.Done()
				if !errors.Is(c.Err(), test.want) {
					t.Errorf("got %v, want %v", c.Err(), test.want)
				}
			})
		})
	}
}

func TestServerDisconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, p := start(t, client.Options{Connect: packet.Connect{Version: packet.V5, ClientID: "c"}}, &packet.Connack{})
		p.send(&packet.Disconnect{ReasonCode: packet.ServerShuttingDown, ReasonString: "good night"})
		<-c.Done()
		var told *client.DisconnectError
		if !errors.As(c.Err(), &told) || !errors.Is(c.Err(), packet.ServerShuttingDown) || told.Disconnect.ReasonString != "good night" {
			t.Errorf("got %v", c.Err())
		}
		p.expectEnd()
	})
}

func TestNothingIsReceivedAfterDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got int
		c, _, p := start(t, client.Options{OnMessage: func(*packet.Publish) { got++ }}, &packet.Connack{SessionPresent: true})
		go func() {
			p.expect(&packet.Disconnect{})
			p.send(sent(1, 1, "late"))
			p.expectEnd() // and no PUBACK
		}()
		began := time.Now()
		must(t, c.Disconnect(t.Context(), &packet.Disconnect{}))
		if took := time.Since(began); took != time.Second { // this server does not close
			t.Errorf("took %v", took)
		}
		if got != 0 {
			t.Errorf("received %d messages", got)
		}
	})
}

func TestStopReceiving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *client.Client
		var got int
		o := client.Options{OnMessage: func(*packet.Publish) {
			got++
			c.StopReceiving()
		}}
		started, _, p := start(t, o, &packet.Connack{})
		c = started
		p.send(sent(1, 1, "wanted"), sent(2, 1, "not wanted"))
		p.expect(puback(1))
		p.expectNothing()
		if got != 1 {
			t.Errorf("received %d messages", got)
		}
	})
}

// TestDisconnectFollowsTheAcknowledgement shows that a message which is being
// handled when the client disconnects does not come again.
func TestDisconnectFollowsTheAcknowledgement(t *testing.T) {
	for _, qos := range []packet.QoS{packet.AtLeastOnce, packet.ExactlyOnce} {
		synctest.Test(t, func(t *testing.T) {
			var c *client.Client
			gone := make(chan error, 1)
			o := client.Options{OnMessage: func(*packet.Publish) {
				go func() { gone <- c.Disconnect(t.Context(), &packet.Disconnect{}) }()
				time.Sleep(time.Millisecond) // Disconnect has begun
			}}
			started, _, p := start(t, o, &packet.Connack{})
			c = started
			p.send(sent(1, qos, "handled"))
			if qos == packet.AtLeastOnce {
				p.expect(puback(1), &packet.Disconnect{})
			} else {
				p.expect(&packet.Pubrec{Ack: packet.Ack{PacketID: 1}}, &packet.Disconnect{})
			}
			p.expectEnd()
			if err := <-gone; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestKeepAlive(t *testing.T) {
	for _, test := range []struct {
		name string
		own  uint16
		said *uint16
		want time.Duration
	}{
		{"own", 60, nil, 60 * time.Second},
		{"server's", 60, new(uint16(20)), 20 * time.Second},
		{"none", 0, nil, 0},
		{"server wants none", 60, new(uint16(0)), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _, p := start(t, client.Options{
					Connect: packet.Connect{Version: packet.V5, ClientID: "c", KeepAlive: test.own},
				}, &packet.Connack{ServerKeepAlive: test.said})
				if test.want == 0 {
					time.Sleep(24 * time.Hour)
					p.expectNothing()
					return
				}
				began := time.Now()
				p.expect(&packet.Pingreq{})
				if waited := time.Since(began); waited != test.want {
					t.Errorf("PINGREQ after %v, want %v", waited, test.want)
				}
				p.send(&packet.Pingresp{})
				time.Sleep(test.want / 2)
				must(t, c.Publish(t.Context(), message(0, "m"))) // only what we sent is fresh
				p.expect(sent(0, 0, "m"))
				p.expect(&packet.Pingreq{})
				if waited := time.Since(began); waited != 2*test.want {
					t.Errorf("second PINGREQ after %v, want %v", waited, 2*test.want)
				}
				<-c.Done() // no PINGRESP
				if waited := time.Since(began); waited != 3*test.want {
					t.Errorf("gave up after %v, want %v", waited, 3*test.want)
				}
				p.expectEnd()
			})
		})
	}
}

func TestReconnect(t *testing.T) {
	for _, test := range []struct {
		name       string
		connect    packet.Connect
		cleanAgain bool
	}{
		{"3.1.1 with a clean session", packet.Connect{CleanStart: true}, true},
		{"3.1.1 with a kept session", packet.Connect{ClientID: "me"}, false},
		{"5.0 with a session that ends", packet.Connect{Version: packet.V5, ClientID: "me", CleanStart: true}, true},
		{"5.0 with a session that lasts", packet.Connect{Version: packet.V5, CleanStart: true, SessionExpiry: 9}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				up := make(chan bool, 9)
				c := client.New(client.Options{
					Dial: s.dial, Connect: test.connect, Reconnect: client.Backoff(time.Second, 10*time.Second),
				})
				defer c.Close()
				go func() {
					_, err := c.Connect(t.Context())
					up <- err == nil
				}()
				connack := &packet.Connack{}
				if test.connect.Version == packet.V5 && test.connect.ClientID == "" {
					connack.AssignedClientID = "assigned"
				}
				p, first := s.accept(connack)
				if !<-up || first.CleanStart != test.connect.CleanStart {
					t.Fatal("first CONNECT")
				}
				p.Close()
				_, second := s.accept(connack)
				if second.CleanStart != test.cleanAgain {
					t.Errorf("second CONNECT has clean start %v", second.CleanStart)
				}
				if connack.AssignedClientID != "" && second.ClientID != "assigned" {
					t.Errorf("second CONNECT has id %q", second.ClientID)
				}
			})
		})
	}
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, p := start(t, client.Options{Reconnect: client.Backoff(time.Second, 10*time.Second)}, &packet.Connack{})
		s.down.Store(true)
		p.Close()
		time.Sleep(time.Minute)
		s.down.Store(false)
		s.accept(&packet.Connack{})
		before := s.dialed[0]
		for i, at := range s.dialed[1:] {
			most := min(time.Second<<i, 10*time.Second)
			if waited := at.Sub(before); waited < most/2 || waited > most {
				t.Errorf("attempt %d after %v, want %v to %v", i, waited, most/2, most)
			}
			before = at
		}
		if n := len(s.dialed); n < 8 || n > 16 {
			t.Errorf("dialled %d times", n)
		}
	})
}

func TestReconnectGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, p := start(t, client.Options{Reconnect: func(_ int, err error) (time.Duration, bool) {
			var refused *client.ConnackError
			return time.Second, !errors.As(err, &refused)
		}}, &packet.Connack{})
		p.Close()
		s.accept(&packet.Connack{ReasonCode: packet.NotAuthorized})
		<-c.Done()
		if !errors.Is(c.Err(), packet.NotAuthorized) {
			t.Errorf("got %v", c.Err())
		}
	})
}
