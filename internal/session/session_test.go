package session_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

var start = time.Unix(1_000_000, 0)

// connected returns a session with a connection, to whose client one topic alias
// may be used.
func connected(l session.Limits, c packet.Connect) *session.Session {
	s := session.New(&l)
	if c.Version == 0 {
		c.Version = packet.V311
	}
	s.Attach(&c, &session.Terms{SendTopicAliases: 1})
	return s
}

func message(qos packet.QoS, payload []byte) *packet.Message {
	return &packet.Message{Topic: "a/b", QoS: qos, Payload: payload}
}

var all = &session.Subscription{Filter: "#", QoS: packet.ExactlyOnce}

func push(s *session.Session, out *session.Output, m *packet.Message) session.Outcome {
	return s.Push(out, start, session.NewDelivery(m), all)
}

func puback(id uint16) *packet.Puback { return &packet.Puback{Ack: packet.Ack{PacketID: id}} }

// sentIDs are the packet identifiers of the PUBLISH packets in out, which it
// empties.
func sentIDs(t *testing.T, out *session.Output) (ids []uint16) {
	t.Helper()
	d := packet.Decoder{Version: packet.V311}
	b := out.Bytes()
	out.Take()
	for len(b) > 0 {
		p, n, err := d.Decode(b)
		if err != nil || n == 0 {
			t.Fatalf("decode % x: %v", b[:min(len(b), 16)], err)
		}
		if p, ok := p.(*packet.Publish); ok {
			ids = append(ids, p.PacketID)
		}
		b = b[n:]
	}
	return ids
}

// Packet identifiers run from 1 to 65,535, then from 1 again, and none is in use
// twice [MQTT-2.2.1-4].
func TestPacketIdentifiersWrap(t *testing.T) {
	t.Parallel()
	s := connected(session.Limits{MaxInflight: 3}, packet.Connect{})
	var out session.Output
	next := uint16(1)
	for range 65535*2 + 10 {
		if got := push(s, &out, message(1, nil)); got != session.Sent {
			t.Fatalf("push: %d", got)
		}
		if ids := sentIDs(t, &out); !slices.Equal(ids, []uint16{next}) {
			t.Fatalf("sent with %v, want %d", ids, next)
		}
		s.Puback(&out, start, puback(next))
		if next++; next == 0 {
			next = 1
		}
	}
	// Around the wrap with several under way, acknowledged out of order.
	for i := range 65540 {
		for range 2 {
			push(s, &out, message(1, nil))
		}
		ids := sentIDs(t, &out)
		if len(ids) != 2 || slices.Contains(ids, 0) || ids[0] == ids[1] {
			t.Fatalf("round %d: sent with %v", i, ids)
		}
		s.Puback(&out, start, puback(ids[1]))
		s.Puback(&out, start, puback(ids[0]))
	}
	if n := s.Inflight(); n != 0 {
		t.Errorf("%d under way", n)
	}
}

// All identifiers may be in use; then messages wait.
func TestAllPacketIdentifiersInUse(t *testing.T) {
	t.Parallel()
	s := connected(session.Limits{}, packet.Connect{})
	var out session.Output
	for range 65535 {
		if got := push(s, &out, message(1, nil)); got != session.Sent {
			t.Fatalf("push: %d", got)
		}
		out.Take()
	}
	if got := push(s, &out, message(1, nil)); got != session.Queued {
		t.Fatalf("one more: %d, want queued", got)
	}
	for id := uint16(2); id != 0; id++ { // all but the oldest
		s.Puback(&out, start, puback(id))
	}
	if ids := sentIDs(t, &out); len(ids) > 0 {
		t.Errorf("sent with %v while the oldest is under way", ids)
	}
	s.Puback(&out, start, puback(1))
	if ids := sentIDs(t, &out); !slices.Equal(ids, []uint16{1}) {
		t.Errorf("sent with %v, want 1", ids)
	}
	if n := s.Inflight(); n != 1 {
		t.Errorf("%d under way, want 1", n)
	}
}

// The set of identifiers that the client uses changes from a list to a bitmap
// and back.
func TestManyReceivedIdentifiers(t *testing.T) {
	t.Parallel()
	s := connected(session.Limits{}, packet.Connect{})
	for round := range 2 {
		for id := 1; id <= 65535; id++ {
			p := &packet.Publish{Message: *message(2, nil), PacketID: uint16(id)}
			if fresh, err := s.Receive(p, 0); !fresh || err != nil {
				t.Fatalf("round %d: %d: %v, %v", round, id, fresh, err)
			}
			if fresh, err := s.Receive(p, 0); fresh || err != nil {
				t.Fatalf("round %d: %d again: %v, %v", round, id, fresh, err)
			}
		}
		if n := s.Receiving(); n != 65535 {
			t.Fatalf("receiving %d", n)
		}
		s.Forget(7)
		if fresh, _ := s.Receive(&packet.Publish{Message: *message(2, nil), PacketID: 7}, 0); !fresh {
			t.Fatal("what was forgotten is not fresh")
		}
		for id := 65535; id > 0; id-- {
			if answer, _ := s.Pubrel(&packet.Pubrel{Ack: packet.Ack{PacketID: uint16(id)}}); answer.ReasonCode != packet.Success {
				t.Fatalf("round %d: release %d: %v", round, id, answer.ReasonCode)
			}
		}
		if n := s.Receiving(); n != 0 {
			t.Fatalf("receiving %d after all were released", n)
		}
	}
}

// A large payload is referenced, not copied, live and from the queue, and the
// bytes on the wire are the same.
func TestLargePayloadIsReferenced(t *testing.T) {
	t.Parallel()
	payload := bytes.Repeat([]byte("x"), 100_000)
	for _, qos := range []packet.QoS{0, 1, 2} {
		for _, v := range []packet.Version{packet.V311, packet.V5} {
			s := connected(session.Limits{}, packet.Connect{Version: v, TopicAliasMaximum: 1})
			var out session.Output
			push(s, &out, message(qos, payload))
			push(s, &out, message(qos, []byte("small")))
			if want := 2*len("a/b") + len(payload) + len("small"); out.Len() < want {
				t.Errorf("%d bytes wait, want at least %d", out.Len(), want)
			}
			b := out.Bytes()
			shared, buf := out.Take()
			if len(shared) != 2 || &shared[1][0] != &payload[0] {
				t.Fatalf("QoS %d, %v: the payload was copied", qos, v)
			}
			if got := bytes.Join(append(shared, buf), nil); !bytes.Equal(got, b) {
				t.Error("Take and Bytes differ")
			}
			d := packet.Decoder{Version: v}
			for _, want := range [][]byte{payload, []byte("small")} {
				p, n, err := d.Decode(b)
				if err != nil || n == 0 || !bytes.Equal(p.(*packet.Publish).Payload, want) {
					t.Fatalf("decode: %v", err)
				}
				b = b[n:]
			}
			if out.Len() != 0 {
				t.Errorf("%d bytes left", out.Len())
			}
		}
	}
}

// A large packet that the client does not take leaves no trace in the output,
// nor an alias.
func TestLargePacketTooLarge(t *testing.T) {
	t.Parallel()
	s := connected(session.Limits{}, packet.Connect{Version: packet.V5, TopicAliasMaximum: 1, MaximumPacketSize: 1000})
	var out session.Output
	for _, qos := range []packet.QoS{0, 1} {
		if got := push(s, &out, message(qos, make([]byte, 100_000))); got != session.TooLarge || out.Len() != 0 {
			t.Errorf("QoS %d: %d, %d bytes wait", qos, got, out.Len())
		}
	}
	push(s, &out, message(0, nil))
	p, _, err := (&packet.Decoder{Version: packet.V5}).Decode(out.Bytes())
	if err != nil || p.(*packet.Publish).Topic != "a/b" {
		t.Errorf("first packet with an alias: %v, %v", p, err)
	}
}

// Receivers of one message with few differences share its encoding, and each
// gets what it would have got alone.
func TestSharedEncoding(t *testing.T) {
	t.Parallel()
	m := message(2, []byte("hello"))
	m.Retain = true
	m.Properties = &packet.MessageProperties{ContentType: "text/plain"}
	var d session.Delivery
	for range 2 { // a Delivery is used again
		d.Borrow(m, 100)
		for i, sub := range []*session.Subscription{
			{QoS: 0},
			{QoS: 1},
			{QoS: 2},
			{QoS: 1, RetainAsPublished: true},
			{QoS: 2, IDs: []uint32{7}},
		} {
			for _, c := range []packet.Connect{
				{Version: packet.V31}, {Version: packet.V311}, {Version: packet.V5}, {Version: packet.V5, TopicAliasMaximum: 1},
			} {
				var together, alone session.Output
				connected(session.Limits{}, c).Push(&together, start, &d, sub)
				connected(session.Limits{}, c).Push(&alone, start, session.NewDelivery(m.Clone()), sub)
				if !bytes.Equal(together.Bytes(), alone.Bytes()) {
					t.Errorf("subscription %d, %v: % x, alone % x", i, c.Version, together.Bytes(), alone.Bytes())
				}
			}
		}
		d.Release()
	}
}

// A borrowed message may be overwritten when its delivery is over; what was
// kept of it may not change.
func TestBorrowedMessageIsCopied(t *testing.T) {
	t.Parallel()
	s := session.New(&session.Limits{})
	var out session.Output
	var d session.Delivery
	payload := []byte("first")
	for _, text := range []string{"first", "other"} {
		copy(payload, text)
		d.Borrow(message(1, payload), 1)
		s.Push(&out, start, &d, all)
		d.Release()
	}
	copy(payload, "xxxxx")
	s.Attach(&packet.Connect{Version: packet.V311}, &session.Terms{})
	s.Fill(&out, start)
	for _, text := range []string{"first", "other"} {
		if !bytes.Contains(out.Bytes(), []byte(text)) {
			t.Errorf("%s was overwritten", text)
		}
	}
}

// The hot path allocates nothing.
func TestPushAllocatesNothing(t *testing.T) {
	var out session.Output // grows now and then, which the average forgives
	borrowed := message(0, []byte("hello, world"))
	for name, test := range map[string]struct {
		connect   packet.Connect
		sub       session.Subscription
		receivers int
	}{
		"3.1.1":            {packet.Connect{Version: packet.V311}, session.Subscription{}, 1},
		"5.0":              {packet.Connect{Version: packet.V5}, session.Subscription{IDs: []uint32{1}}, 1},
		"many receivers":   {packet.Connect{Version: packet.V311}, session.Subscription{}, 1000},
		"5.0 with aliases": {packet.Connect{Version: packet.V5, TopicAliasMaximum: 1}, session.Subscription{}, 1},
	} {
		s := connected(session.Limits{}, test.connect)
		var d session.Delivery
		n := testing.AllocsPerRun(100, func() {
			d.Borrow(borrowed, test.receivers)
			for range 10 {
				if s.Push(&out, start, &d, &test.sub) != session.Sent {
					t.Fatal("not sent")
				}
			}
			d.Release()
		})
		if n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// A QoS 1 message to a client that acknowledges costs no more than its copy.
func TestAcknowledgedMessageAllocatesItsCopyOnly(t *testing.T) {
	s := connected(session.Limits{MaxInflight: 20}, packet.Connect{})
	var out session.Output
	var d session.Delivery
	m := message(1, []byte("hello, world"))
	id := uint16(0)
	ack := puback(0)
	n := testing.AllocsPerRun(1000, func() {
		d.Borrow(m, 1)
		s.Push(&out, start, &d, all)
		d.Release()
		if id++; id == 0 {
			id = 1
		}
		ack.PacketID = id
		s.Puback(&out, start, ack)
	})
	if s.Inflight() != 0 {
		t.Errorf("%d under way", s.Inflight())
	}
	if n > 2 { // the Message and its payload
		t.Errorf("%v allocations", n)
	}
}

// Queues give their memory back.
func TestQueueGivesMemoryBack(t *testing.T) {
	t.Parallel()
	s := session.New(&session.Limits{})
	var out session.Output
	m := message(1, nil)
	for range 100_000 {
		push(s, &out, m)
	}
	s.Attach(&packet.Connect{Version: packet.V311}, &session.Terms{})
	for n := 0; n < 100_000; {
		s.Fill(&out, start)
		for _, id := range sentIDs(t, &out) {
			s.Puback(&out, start, puback(id))
			n++
		}
	}
	if s.Waiting() || s.Inflight() != 0 {
		t.Errorf("%d under way", s.Inflight())
	}
	s.Discard()
	if queued, n := s.Queued(); queued != 0 || n != 0 || s.Connected() || len(s.Subscriptions()) > 0 {
		t.Error("a discarded session holds something")
	}
}

// Room tells whether Push will send.
func TestRoom(t *testing.T) {
	t.Parallel()
	for _, pushes := range []int{0, 1, 2, 3} {
		s := connected(session.Limits{MaxInflight: 2}, packet.Connect{})
		var out session.Output
		for range pushes {
			push(s, &out, message(1, nil))
		}
		room := s.Room(&out)
		if got := push(s, &out, message(1, nil)); room != (got == session.Sent) {
			t.Errorf("after %d: room %v, outcome %d", pushes, room, got)
		}
	}
	s := connected(session.Limits{}, packet.Connect{})
	var out session.Output
	out.Append(make([]byte, 1<<20))
	if s.Room(&out) {
		t.Error("room though the socket is behind")
	}
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	s := session.New(&session.Limits{})
	b := &session.Subscription{Filter: "b"}
	for _, f := range []string{"c", "a"} {
		if old := s.Subscribe(&session.Subscription{Filter: f}); old != nil {
			t.Errorf("%s replaced %v", f, old)
		}
	}
	s.Subscribe(b)
	if !s.Subscribed(b) || s.Subscribed(&session.Subscription{Filter: "b"}) || s.Subscribed(&session.Subscription{Filter: "x"}) {
		t.Error("Subscribed compares filters")
	}
	if old := s.Subscribe(&session.Subscription{Filter: "b", QoS: 1}); old != b || s.Subscribed(b) {
		t.Errorf("replaced %v", old)
	}
	var filters []string
	for _, sub := range s.Subscriptions() {
		filters = append(filters, sub.Filter)
	}
	if got := fmt.Sprint(filters); got != "[a b c]" {
		t.Errorf("filters %s", got)
	}
	if s.Unsubscribe("b") == nil || s.Unsubscribe("b") != nil || len(s.Subscriptions()) != 2 {
		t.Error("unsubscribe")
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	s := session.New(&session.Limits{})
	if d, ok := s.Life(); d != 0 || !ok {
		t.Errorf("a new session lives %v, %v", d, ok)
	}
	s.SetExpiry(60)
	if d, ok := s.Life(); d != time.Minute || !ok || s.Expiry() != 60 {
		t.Errorf("lives %v, %v", d, ok)
	}
	s.SetExpiry(session.Never)
	if _, ok := s.Life(); ok {
		t.Error("expires")
	}
	s.Attach(&packet.Connect{Version: packet.V5, MaximumPacketSize: 77}, &session.Terms{})
	if s.Version() != packet.V5 || s.MaximumPacketSize() != 77 {
		t.Error("what the CONNECT said is forgotten")
	}
}
