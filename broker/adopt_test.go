package broker_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
)

// adopt has the broker take up a state, and returns what it could not and how
// much it could.
func (s *station) adopt(state *broker.Adopted) (left []string, done broker.Adoption) {
	s.Helper()
	done, err := s.broker.Adopt(state)
	if err != nil {
		s.Fatal(err)
	}
	for _, l := range done.Left {
		left = append(left, l.String())
	}
	done.Left = nil
	return left, done
}

const forever = 0xFFFFFFFF

func adoptedMessage(topic, payload string, qos packet.QoS) *packet.Message {
	return &packet.Message{Topic: topic, Payload: []byte(payload), QoS: qos}
}

func adoptedFilter(filter string, qos packet.QoS) broker.AdoptedSubscription {
	return broker.AdoptedSubscription{Subscription: packet.Subscription{Filter: filter, QoS: qos}}
}

// An adopted session goes on where the other broker has left it: with the packet
// identifiers of what was under way, and in order; before a restart and after it.
func TestAdoptSession(t *testing.T) {
	for _, restarts := range []int{0, 2} {
		t.Run(strconv.Itoa(restarts), func(t *testing.T) {
			atStation(t, broker.Options{MaxInflight: 3, MaxLoaded: 1}, func(s *station) {
				s.restart()
				long := adoptedMessage("long", strings.Repeat("x", 100), packet.AtLeastOnce)
				left, done := s.adopt(&broker.Adopted{Sessions: []broker.AdoptedSession{{
					ClientID: "sub", Expiry: forever,
					Subscriptions: []broker.AdoptedSubscription{{Subscription: packet.Subscription{Filter: "a", QoS: 1}, ID: 12}},
					Queued: []broker.AdoptedMessage{
						{PacketID: 65534, QoS: 1, Message: adoptedMessage("a", "one", 1), IDs: []uint32{12}},
						{PacketID: 65535, QoS: 2, Released: true},
						{PacketID: 2, QoS: 2, Message: adoptedMessage("a", "two", 2)},
						{QoS: 1, Retain: true, Message: long},
						{QoS: 2, Message: adoptedMessage("a", "three", 2)},
					},
				}, {
					ClientID: "other", Expiry: forever, Queued: []broker.AdoptedMessage{{QoS: 1, Message: long}},
				}}})
				if want := (broker.Adoption{Sessions: 2, Subscriptions: 1, Queued: 6}); left != nil || !cmp.Equal(done, want) {
					s.Errorf("left out: %q; taken up: %+v, want %+v", left, done, want)
				}
				s.wantFacts('m', 1)
				for range restarts {
					s.restart()
				}
				sub := s.connect("v5 id=sub session-expiry=1000", " present")
				sub.Expect("PUBLISH 65534 a dup qos=1 subid=12 one", "PUBREL 65535", "PUBLISH 2 a dup qos=2 two")
				sub.SendText("PUBACK 65534", "PUBCOMP 65535", "PUBREC 2")
				sub.Expect("PUBLISH 3 long dup qos=1 retain "+strings.Repeat("x", 100), "PUBREL 2", "PUBLISH 4 a dup qos=2 three")
				sub.SendText("PUBCOMP 2", "PUBACK 3", "PUBREC 4")
				sub.Expect("PUBREL 4")
				sub.SendText("PUBCOMP 4")
				s.wantFacts('q', 1)
				pub := s.connect("id=pub clean", "")
				pub.SendText("PUBLISH 1 a qos=1 live")
				pub.Expect("PUBACK 1")
				sub.Expect("PUBLISH 5 a qos=1 subid=12 live")
				sub.SendText("PUBACK 5")
				other := s.connect("id=other", " present")
				other.Expect("PUBLISH 1 long dup qos=1 " + strings.Repeat("x", 100))
				other.SendText("PUBACK 1")
				s.wantFacts('q', 0)
				s.wantFacts('m', 0)
			})
		})
	}
}

// What a client had sent with QoS 2 is passed on once, whether it goes on with
// PUBREL or sends the message again.
func TestAdoptReceived(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		if left, _ := s.adopt(&broker.Adopted{Sessions: []broker.AdoptedSession{
			{ClientID: "pub", Expiry: forever, Received: []broker.AdoptedReceived{
				{PacketID: 7, Message: adoptedMessage("a", "seven", 2)}, {PacketID: 8}, {PacketID: 9, Message: adoptedMessage("a", "nine", 2)},
			}},
			{ClientID: "sub", Expiry: forever, Subscriptions: []broker.AdoptedSubscription{adoptedFilter("a", 2)}},
			{ClientID: "share", Expiry: forever, Subscriptions: []broker.AdoptedSubscription{adoptedFilter("$share/g/a", 1)}},
		}}); left != nil {
			s.Errorf("left out: %q", left)
		}
		s.restart()
		pub := s.connect("id=pub", " present")
		pub.SendText("PUBREL 7", "PUBREL 8", "PUBLISH 9 a dup qos=2 nine", "PUBREL 9")
		pub.Expect("PUBCOMP 7", "PUBCOMP 8", "PUBREC 9", "PUBCOMP 9")
		s.wantFacts('p', 0)
		s.connect("id=sub", " present").Expect("PUBLISH 1 a dup qos=2 seven", "PUBLISH 2 a dup qos=2 nine")
		s.connect("id=share", " present").Expect("PUBLISH 1 a dup qos=1 seven", "PUBLISH 2 a dup qos=1 nine")
	})
}

// Retained messages come in the order of their storing, a will when it is due,
// and a session whose time has passed not at all.
func TestAdoptRetainedWillExpiry(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		will := packet.Will{Message: *adoptedMessage("will", "gone", 1), DelayInterval: 60}
		if left, _ := s.adopt(&broker.Adopted{
			Retained: []broker.AdoptedRetained{{Message: adoptedMessage("b", "1", 1), ClientID: "pub"}, {Message: adoptedMessage("a", "2", 1)}},
			Sessions: []broker.AdoptedSession{
				{ClientID: "late", Expiry: 10, Disconnected: time.Now().Add(-time.Minute)},
				{ClientID: "ill", Expiry: 3600, Will: &will},
				{ClientID: "sub", Expiry: forever, Subscriptions: []broker.AdoptedSubscription{adoptedFilter("will", 1)}},
			},
		}); left != nil {
			s.Errorf("left out: %q", left)
		}
		s.restart()
		s.connect("id=late", "").Drop()
		sub := s.connect("v5 id=sub session-expiry=1000", " present")
		sub.SendText("SUBSCRIBE 1 # qos=1")
		sub.Expect("SUBACK 1 1", "PUBLISH 1 b retain qos=1 1", "PUBLISH 2 a retain qos=1 2")
		sub.SendText("PUBACK 1", "PUBACK 2", "UNSUBSCRIBE 2 #")
		sub.Expect("UNSUBACK 2 0")
		time.Sleep(50 * time.Second)
		sub.Silent()
		time.Sleep(15 * time.Second)
		sub.Expect("PUBLISH 3 will qos=1 gone")
	})
}

// What cannot be taken up is left out and told; what is there stays unless it is
// to be replaced.
func TestAdoptLeavesOut(t *testing.T) {
	atStation(t, broker.Options{MaxRetained: 1}, func(s *station) {
		s.subscriber("v5 id=there clean session-expiry=1000", "old qos=1").Drop()
		if err := s.broker.Publish(&packet.Message{Topic: "r", Payload: []byte("old"), Retain: true}); err != nil {
			s.Fatal(err)
		}
		state := &broker.Adopted{
			Retained: []broker.AdoptedRetained{{Message: adoptedMessage("r", "new", 1)}, {Message: adoptedMessage("r2", "new", 1)}, {Message: adoptedMessage("r3", "", 1)}},
			Sessions: []broker.AdoptedSession{
				{ClientID: "there", Expiry: forever, Subscriptions: []broker.AdoptedSubscription{adoptedFilter("new", 1)}},
				{
					ClientID: "sick", Expiry: forever, Subscriptions: []broker.AdoptedSubscription{adoptedFilter("a/#/b", 1), adoptedFilter("fine", 1)},
					Queued: []broker.AdoptedMessage{
						{QoS: 0, Message: adoptedMessage("a", "0", 0)},
						{QoS: 1, Message: adoptedMessage("a/#", "1", 1)},
						{QoS: 2, Released: true},
						{QoS: 1, Message: adoptedMessage("a", "good", 1)},
					},
					Received: []broker.AdoptedReceived{{PacketID: 0}},
				},
				{ClientID: "sick", Expiry: forever},
			},
		}
		want := []string{
			`retained message of "r": there is one already`,
			`retained message of "r2": retained messages have reached their limit: quota exceeded`,
			`retained message of "r3": it has no payload`,
			`session of "there": there is one already`,
			`subscription of "sick": filter "a/#/b": the wildcard # must be the last level of the filter: malformed packet`,
			`message from "sick": it has no packet identifier`,
			`message for "sick": only messages of QoS 1 and 2 are stored`,
			`message for "sick": topic name "a/#": a topic name must not contain a wildcard (+ or #): topic name invalid`,
			`message for "sick": it is released, and never was under way`,
			`session of "sick": there is one already`,
		}
		left, _ := s.adopt(state)
		for i := range max(len(want), len(left)) {
			if i >= len(want) || i >= len(left) || left[i] != want[i] {
				s.Fatalf("left out:\n%s", strings.Join(left, "\n"))
			}
		}
		s.connect("id=sick", " present").Expect("PUBLISH 1 a dup qos=1 good")
		state.Replace, state.Sessions, state.Retained = true, state.Sessions[:1], state.Retained[:1]
		if left, _ := s.adopt(state); left != nil {
			s.Errorf("left out: %q", left)
		}
		s.restart()
		s.wantFacts('s', 2)
		for c := range s.broker.Clients() {
			if c.ID() == "there" && !slices.Equal(c.Subscriptions(), []string{"new"}) {
				s.Errorf("subscriptions: %q", c.Subscriptions())
			}
		}
		sub := s.connect("id=new clean", "")
		sub.SendText("SUBSCRIBE 1 r")
		sub.Expect("SUBACK 1 0", "PUBLISH r retain new")
	})
}

// names lets everybody in whose name is not empty, and nobody but ann receive.
type names struct{}

func (names) Authenticate(context.Context, *broker.ConnectRequest) error { return nil }

func (names) Authorize(c *broker.Client, a broker.Action, _ string) error {
	if a == broker.Receive && c.User() != "ann" {
		return packet.NotAuthorized
	}
	return nil
}

// A session that nobody is known to own is the first one's who comes for it, and
// what comes before waits for the decision.
func TestAdoptVacant(t *testing.T) {
	atStation(t, broker.Options{Authenticator: names{}, Authorizer: names{}}, func(s *station) {
		vacant := broker.AdoptedSession{ClientID: "sub", Vacant: true, Expiry: forever, Subscriptions: []broker.AdoptedSubscription{adoptedFilter("a", 1)}}
		anns, bobs := vacant, vacant
		bobs.ClientID = "bob"
		if left, _ := s.adopt(&broker.Adopted{Sessions: []broker.AdoptedSession{anns, bobs}}); left != nil {
			s.Errorf("left out: %q", left)
		}
		s.restart()
		if err := s.broker.Publish(adoptedMessage("a", "hello", 1)); err != nil {
			s.Fatal(err)
		}
		s.wantFacts('q', 2)
		s.connect("id=bob username=bob", " present").Silent()
		ann := s.connect("id=sub username=ann", " present")
		ann.Expect("PUBLISH 1 a qos=1 hello")
		s.restart()
		thief := s.dial()
		thief.SendText("CONNECT id=sub username=bob")
		thief.Expect("CONNACK 0x85")
		s.connect("id=sub username=ann", " present").Expect("PUBLISH 1 a dup qos=1 hello")
	})
}

// A store that fails leaves no session behind.
func TestAdoptFails(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		s.store.fail(errors.New("disk on fire"))
		_, err := s.broker.Adopt(&broker.Adopted{Sessions: []broker.AdoptedSession{{ClientID: "sub", Expiry: forever}}})
		if err == nil || !strings.Contains(err.Error(), "disk on fire") {
			s.Errorf("got %v", err)
		}
		s.restart()
		s.wantFacts('s', 0)
	})
	if _, err := broker.New(broker.Options{}).Adopt(&broker.Adopted{}); err == nil {
		t.Error("a broker without a store adopts")
	}
}
