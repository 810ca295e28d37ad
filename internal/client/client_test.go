package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/packet"
)

func TestConnectIsRefused(t *testing.T) {
	for _, test := range []struct {
		version packet.Version
		code    packet.ReasonCode
	}{
		{packet.V31, packet.BadUserNameOrPassword},
		{packet.V311, packet.NotAuthorized},
		{packet.V311, packet.ClientIdentifierNotValid},
		{packet.V5, packet.NotAuthorized},
		{packet.V5, packet.Banned},
	} {
		t.Run(fmt.Sprint(test.version, " ", test.code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				c := client.New(client.Options{Dial: s.dial, Connect: packet.Connect{Version: test.version, ClientID: "c"}})
				done := make(chan error)
				go func() {
					_, err := c.Connect(t.Context())
					done <- err
				}()
				s.accept(&packet.Connack{ReasonCode: test.code})
				err := <-done
				var refused *client.ConnackError
				if !errors.As(err, &refused) || !errors.Is(err, test.code) {
					t.Errorf("got %v, want %v", err, test.code)
				}
				must(t, c.Close())
			})
		})
	}
}

func TestConnectFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		c := client.New(client.Options{Dial: s.dial, Timeout: 5 * time.Second})
		began := time.Now()
		if _, err := c.Connect(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("silent server: got %v", err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("gave up after %v", took)
		}
		s.down.Store(true)
		if _, err := c.Connect(t.Context()); err == nil {
			t.Error("no server: no error")
		}
		s.down.Store(false)
		go func() {
			<-s.conns // of the first attempt
			p := <-s.conns
			p.next()
			p.version = packet.V311
			p.send(puback(1))
		}()
		if _, err := c.Connect(t.Context()); !errors.Is(err, packet.ProtocolError) {
			t.Errorf("PUBACK for CONNECT: got %v", err)
		}
		must(t, c.Close())
		if _, err := c.Connect(t.Context()); !errors.Is(err, client.ErrClosed) {
			t.Errorf("after Close: got %v", err)
		}
	})
}

func TestConnectSaysAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := packet.Connect{
			Version: packet.V5, CleanStart: true, KeepAlive: 60, ClientID: "c",
			Will:     &packet.Will{Message: packet.Message{Topic: "w", Payload: []byte("gone"), QoS: 1, Retain: true}, DelayInterval: 5},
			Username: "u", HasUsername: true, Password: []byte("p"), HasPassword: true,
			SessionExpiry: 100, ReceiveMaximum: 9, TopicAliasMaximum: 3,
		}
		s := newServer(t)
		c := client.New(client.Options{Dial: s.dial, Connect: want})
		go func() {
			p := <-s.conns
			p.version = packet.V5
			p.expect(&want)
			p.send(&packet.Connack{})
			p.expect(&packet.Disconnect{ReasonCode: packet.DisconnectWithWill})
			p.Close()
		}()
		_, err := c.Connect(t.Context())
		must(t, err)
		must(t, c.Disconnect(t.Context(), &packet.Disconnect{ReasonCode: packet.DisconnectWithWill}))
		if !errors.Is(c.Err(), client.ErrClosed) {
			t.Errorf("Err is %v", c.Err())
		}
	})
}

func TestPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var settled []uint16
		c, _, p := start(t, client.Options{OnAck: func(a *packet.Ack) { settled = append(settled, a.PacketID) }}, &packet.Connack{})
		for qos := range packet.QoS(3) {
			must(t, c.Publish(t.Context(), message(qos, "m")))
		}
		p.expect(sent(0, 0, "m"), sent(1, 1, "m"), sent(2, 2, "m"))
		p.send(pubrec(2), puback(1))
		p.expect(pubrel(2))
		p.send(pubcomp(2))
		must(t, c.Wait(t.Context()))
		synctest.Wait()
		if !slices.Equal(settled, []uint16{1, 2}) {
			t.Errorf("settled %v", settled)
		}
		p.send(puback(7), pubrec(8), pubcomp(9)) // a server that is confused is not our end
		p.expect(pubrel(8))
		p.expectNothing()
	})
}

// TestLostConnection goes through what can be unacknowledged when a connection
// ends, with and without the session at the server.
func TestLostConnection(t *testing.T) {
	for _, test := range []struct {
		name    string
		session bool
		version packet.Version
		// before is what the server answers to PUBLISH 1 (QoS 1), 2 (QoS 2), 3 (QoS 1), 4 (QoS 2).
		before []packet.Packet
		want   []packet.Packet
	}{
		{
			name: "nothing acknowledged", session: true,
			want: []packet.Packet{again(1, 1, "1"), again(2, 2, "2"), again(3, 1, "3"), again(4, 2, "4")},
		},
		{
			name: "PUBACK", session: true, before: []packet.Packet{puback(1)},
			want: []packet.Packet{again(2, 2, "2"), again(3, 1, "3"), again(4, 2, "4")},
		},
		{
			name: "PUBREC", session: true, before: []packet.Packet{pubrec(2)},
			want: []packet.Packet{pubrel(2), again(1, 1, "1"), again(3, 1, "3"), again(4, 2, "4")},
		},
		{
			name: "PUBRECs out of order", session: true, before: []packet.Packet{pubrec(4), pubrec(2)},
			want: []packet.Packet{pubrel(4), pubrel(2), again(1, 1, "1"), again(3, 1, "3")},
		},
		{
			name: "PUBCOMP", session: true, before: []packet.Packet{pubrec(2), pubcomp(2)},
			want: []packet.Packet{again(1, 1, "1"), again(3, 1, "3"), again(4, 2, "4")},
		},
		{
			name: "PUBREC and no session", before: []packet.Packet{pubrec(2)},
			want: []packet.Packet{again(1, 1, "1"), again(3, 1, "3"), again(4, 2, "4")},
		},
		{
			name: "PUBREC and a session that 3.1 does not show", version: packet.V31, before: []packet.Packet{pubrec(2)},
			want: []packet.Packet{pubrel(2), again(1, 1, "1"), again(3, 1, "3"), again(4, 2, "4")},
		},
		{
			name: "PUBREC refuses", session: true, version: packet.V5,
			before: []packet.Packet{&packet.Pubrec{Ack: packet.Ack{PacketID: 2, ReasonCode: packet.QuotaExceeded}}},
			want:   []packet.Packet{again(1, 1, "1"), again(3, 1, "3"), again(4, 2, "4")},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s, p := start(t, client.Options{
					Connect:   packet.Connect{Version: test.version, ClientID: "c", SessionExpiry: 100},
					Reconnect: always,
				}, &packet.Connack{})
				for i, qos := range []packet.QoS{1, 2, 1, 2} {
					must(t, c.Publish(t.Context(), message(qos, strconv.Itoa(i+1))))
				}
				p.expect(sent(1, 1, "1"), sent(2, 2, "2"), sent(3, 1, "3"), sent(4, 2, "4"))
				p.send(test.before...)
				synctest.Wait()
				p.Close()
				p, _ = s.accept(&packet.Connack{SessionPresent: test.session})
				p.expect(test.want...)
				must(t, c.Publish(t.Context(), message(0, "next")))
				p.expect(sent(0, 0, "next"))
			})
		})
	}
}

func TestOfflineMessagesAreSentWithoutDup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, p := start(t, client.Options{Reconnect: always}, &packet.Connack{})
		must(t, c.Publish(t.Context(), message(1, "sent")))
		p.expect(sent(1, 1, "sent"))
		p.Close()
		synctest.Wait()
		must(t, c.Publish(t.Context(), message(1, "queued")))
		done, cancel := context.WithCancel(t.Context())
		cancel()
		if err := c.Publish(done, message(0, "nowhere")); !errors.Is(err, context.Canceled) {
			t.Errorf("QoS 0 without a connection: got %v", err)
		}
		p, _ = s.accept(&packet.Connack{})
		p.expect(again(1, 1, "sent"), sent(2, 1, "queued"))
	})
}

func TestWindow(t *testing.T) {
	for _, test := range []struct {
		name           string
		maxInflight    int
		receiveMaximum uint16
		want           int
	}{
		{"default", 0, 0, 20},
		{"own", 3, 0, 3},
		{"server's", 0, 2, 2},
		{"smaller of both", 3, 4, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _, p := start(t, client.Options{
					Connect:     packet.Connect{Version: packet.V5, ClientID: "c"},
					MaxInflight: test.maxInflight,
				}, &packet.Connack{ReceiveMaximum: test.receiveMaximum})
				for range 50 {
					must(t, c.Publish(t.Context(), message(2, "m")))
				}
				for i := range test.want {
					p.expect(sent(uint16(i+1), 2, "m"))
				}
				p.expectNothing()
				p.send(pubrec(1)) // its place is taken until PUBCOMP
				p.expect(pubrel(1))
				p.expectNothing()
				p.send(pubcomp(1), &packet.Pubrec{Ack: packet.Ack{PacketID: 2, ReasonCode: packet.QuotaExceeded}})
				p.expect(sent(uint16(test.want+1), 2, "m"), sent(uint16(test.want+2), 2, "m"))
				p.expectNothing()
			})
		})
	}
}

func TestPublishWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, p := start(t, client.Options{MaxInflight: 2, MaxQueued: 3}, &packet.Connack{})
		for range 5 {
			must(t, c.Publish(t.Context(), message(1, "m")))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Publish(ctx, message(1, "m")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		sixth := make(chan error)
		go func() { sixth <- c.Publish(t.Context(), message(1, "m")) }()
		synctest.Wait()
		for id := range uint16(3) {
			select {
			case <-sixth:
				t.Fatalf("did not wait: %d places are free", id)
			default:
			}
			p.expect(sent(id+1, 1, "m"))
			p.send(puback(id + 1))
			synctest.Wait()
		}
		must(t, <-sixth)
		for range 2 {
			must(t, c.Publish(t.Context(), message(1, "m")))
		}
		go func() { sixth <- c.Publish(t.Context(), message(1, "m")) }()
		synctest.Wait()
		c.Close()
		if err := <-sixth; !errors.Is(err, client.ErrClosed) {
			t.Errorf("after Close: got %v", err)
		}
	})
}

func TestPublishRefusesWhatTheServerWould(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := packet.AtLeastOnce
		c, _, _ := start(t, client.Options{Connect: packet.Connect{Version: packet.V5, ClientID: "c"}},
			&packet.Connack{MaximumQoS: &one, RetainUnavailable: true, MaximumPacketSize: 100})
		retained := message(0, "m")
		retained.Retain = true
		for _, test := range []struct {
			p    *packet.Publish
			want packet.ReasonCode
		}{
			{message(2, "m"), packet.QoSNotSupported},
			{retained, packet.RetainNotSupported},
			{message(0, strings.Repeat("m", 100)), packet.PacketTooLarge},
			{message(1, strings.Repeat("m", 100)), packet.PacketTooLarge},
			{&packet.Publish{Message: packet.Message{QoS: 1}}, packet.ProtocolError},
		} {
			if err := c.Publish(t.Context(), test.p); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		}
		must(t, c.Wait(t.Context())) // none of them is left
	})
}

func TestSmallerServerAfterReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settled := make(map[uint16]packet.ReasonCode)
		c, s, p := start(t, client.Options{
			Connect:   packet.Connect{Version: packet.V5, ClientID: "c"},
			Reconnect: always,
			OnAck:     func(a *packet.Ack) { settled[a.PacketID] = a.ReasonCode },
		}, &packet.Connack{})
		must(t, c.Publish(t.Context(), message(1, strings.Repeat("m", 100))))
		must(t, c.Publish(t.Context(), message(1, "small")))
		must(t, c.Publish(t.Context(), message(1, "window")))
		synctest.Wait()
		p.Close()
		p, _ = s.accept(&packet.Connack{SessionPresent: true, MaximumPacketSize: 50, ReceiveMaximum: 1})
		p.expect(again(2, 1, "small"))
		p.expectNothing()
		p.send(puback(2))
		p.expect(again(3, 1, "window"))
		if settled[1] != packet.PacketTooLarge {
			t.Errorf("settled %v", settled)
		}
	})
}

func TestTopicAliasIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, p := start(t, client.Options{Connect: packet.Connect{Version: packet.V5, ClientID: "c"}}, &packet.Connack{TopicAliasMaximum: 1})
		m := message(0, "m")
		m.TopicAlias = 1
		must(t, c.Publish(t.Context(), m))
		p.expect(m)
		m.QoS = 1
		must(t, c.Publish(t.Context(), m))
		p.expect(sent(1, 1, "m")) // it may have to be sent again on a connection without the alias
	})
}

func TestSubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, p := start(t, client.Options{Connect: packet.Connect{Version: packet.V5, ClientID: "c"}}, &packet.Connack{})
		go func() {
			p.expect(&packet.Subscribe{PacketID: 1, Subscriptions: []packet.Subscription{{Filter: "a", QoS: 1}}})
			p.send(&packet.Suback{PacketID: 1, ReasonCodes: []packet.ReasonCode{packet.GrantedQoS1}})
			p.expect(&packet.Unsubscribe{PacketID: 2, Filters: []string{"a"}})
			p.send(&packet.Unsuback{PacketID: 2, ReasonCodes: []packet.ReasonCode{packet.NoSubscriptionExisted}})
			p.next()
			p.send(&packet.Unsuback{PacketID: 3, ReasonCodes: []packet.ReasonCode{packet.Success}})
			p.next()
			p.Close()
		}()
		sub := &packet.Subscribe{Subscriptions: []packet.Subscription{{Filter: "a", QoS: 1}}}
		suback, err := c.Subscribe(t.Context(), sub)
		if err != nil || suback.ReasonCodes[0] != packet.GrantedQoS1 {
			t.Errorf("got %v, %v", suback, err)
		}
		unsuback, err := c.Unsubscribe(t.Context(), &packet.Unsubscribe{Filters: []string{"a"}})
		if err != nil || unsuback.ReasonCodes[0] != packet.NoSubscriptionExisted {
			t.Errorf("got %v, %v", unsuback, err)
		}
		if _, err = c.Subscribe(t.Context(), sub); !errors.Is(err, packet.ProtocolError) {
			t.Errorf("UNSUBACK for SUBSCRIBE: got %v", err)
		}
		if _, err = c.Subscribe(t.Context(), sub); err == nil {
			t.Error("connection lost: no error")
		}
		<-c.Done()
		if _, err = c.Subscribe(t.Context(), sub); err == nil {
			t.Error("after the end: no error")
		}
	})
}

func TestDisconnectWaitsForItsOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, p := start(t, client.Options{}, &packet.Connack{})
		const n = 2000
		big := strings.Repeat("m", 1000) // more than the network holds
		published := make(chan error)
		go func() {
			for range n {
				if err := c.Publish(t.Context(), message(0, big)); err != nil {
					published <- err
				}
			}
			published <- c.Disconnect(t.Context(), &packet.Disconnect{})
		}()
		time.Sleep(time.Hour) // nobody reads
		for range n {
			p.expect(sent(0, 0, big))
		}
		p.expect(&packet.Disconnect{})
		p.expectEnd()
		must(t, <-published)
	})
}

func TestCloseWhileNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _ := start(t, client.Options{}, &packet.Connack{})
		blocked := make(chan error)
		go func() {
			for {
				if err := c.Publish(t.Context(), message(0, strings.Repeat("m", 10000))); err != nil {
					blocked <- err
					return
				}
			}
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Disconnect(ctx, &packet.Disconnect{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Disconnect: got %v", err)
		}
		if err := <-blocked; !errors.Is(err, client.ErrClosed) {
			t.Errorf("Publish: got %v", err)
		}
	})
}
