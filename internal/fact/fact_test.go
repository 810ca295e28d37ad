package fact

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

var instant = time.Unix(1_700_000_000, 123)

func full() *packet.Message {
	return &packet.Message{
		Topic: "a/b", Payload: []byte("payload"), QoS: packet.ExactlyOnce, Retain: true, Expires: instant,
		Properties: &packet.MessageProperties{ContentType: "text/plain", ResponseTopic: "r", CorrelationData: []byte{1, 0, 2}, UserProperties: []packet.UserProperty{{Name: "k", Value: "v"}}},
	}
}

func TestSession(t *testing.T) {
	t.Parallel()
	will := &packet.Will{Message: *full(), DelayInterval: 7, HasMessageExpiry: true, MessageExpiry: 9}
	for name, want := range map[string]Session{
		"empty":     {},
		"absent":    {ID: "id", User: "user", Expiry: session.Never, Since: instant, WillAt: instant.Add(time.Minute), Will: will},
		"connected": {ID: "id", Connected: true, Patience: 90 * time.Second, Expiry: 1},
		"vacant":    {ID: "id", Vacant: true, Expiry: 1},
	} {
		b, err := want.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadSession(b)
		if diff := cmp.Diff(&want, got, sameTime); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
		cut(t, b, func(b []byte) error { _, err := ReadSession(b); return err })
	}
}

// sameTime compares instants, whatever their zone.
var sameTime = cmp.Options{cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }), cmpopts.EquateEmpty()}

// cut has read refuse all that a value begins with.
func cut(t *testing.T, value []byte, read func([]byte) error) {
	t.Helper()
	for n := range value {
		if err := read(value[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d of %d bytes: %v", n, len(value), err)
		}
	}
	if err := read(append([]byte{version + 1}, value[1:]...)); !errors.Is(err, ErrDamaged) {
		t.Errorf("another version: %v", err)
	}
}

func TestQueued(t *testing.T) {
	t.Parallel()
	m := full()
	record := session.Record{Number: 1 << 40, QoS: packet.AtLeastOnce, Retain: true, Share: "g", IDs: []uint32{1, 268_435_455}}
	key := QueuedKey(nil, 5, record.Number)
	b, err := AppendQueued(nil, &record, m)
	if err != nil {
		t.Fatal(err)
	}
	q, err := ReadQueued(key, b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(record, q.Record); diff != "" || q.Size != len(m.Payload) {
		t.Errorf("size %d\n%s", q.Size, diff)
	}
	got, err := q.ReadMessage()
	if diff := cmp.Diff(m, got, sameTime); err != nil || diff != "" {
		t.Errorf("message: %v\n%s", err, diff)
	}
	cut(t, b, func(b []byte) error {
		q, err := ReadQueued(key, b)
		if err == nil {
			_, err = q.ReadMessage()
		}
		return err
	})
	record.Body = 3
	apart, err := AppendQueued(nil, &record, m)
	if err != nil || len(apart) > 20 {
		t.Errorf("with its message apart it has %d bytes: %v", len(apart), err)
	}
	body, err := AppendBody(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	if got, err = ReadBody(body); err != nil || !cmp.Equal(m, got, sameTime) {
		t.Errorf("body: %v\n%s", err, cmp.Diff(m, got, sameTime))
	}
	if q, err = ReadQueued(key, AppendReleased(nil)); err != nil || !q.Released || q.Number != record.Number {
		t.Errorf("released: %+v, %v", q, err)
	}
	if _, err = ReadQueued(key[:len(key)-1], b); !errors.Is(err, ErrDamaged) {
		t.Errorf("a short key: %v", err)
	}
}

func TestSubscription(t *testing.T) {
	t.Parallel()
	for _, asked := range []packet.Subscription{
		{Filter: "a/+/#", QoS: packet.ExactlyOnce, NoLocal: true, RetainAsPublished: true},
		{Filter: "$share/g/a", QoS: packet.AtMostOnce},
	} {
		want, err := session.NewSubscription(&asked)
		if err != nil {
			t.Fatal(err)
		}
		want.IDs = []uint32{7, 300}
		got, err := ReadSubscription(asked.Filter, AppendSubscription(nil, want))
		if err != nil || got.Filter != want.Filter || got.QoS != want.QoS || got.NoLocal != want.NoLocal || got.Share != want.Share ||
			got.RetainAsPublished != want.RetainAsPublished || !cmp.Equal(got.IDs, want.IDs) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	if _, err := ReadSubscription("a/#/b", []byte{version, 0}); !errors.Is(err, ErrDamaged) {
		t.Errorf("a filter that is none: %v", err)
	}
}

func TestRetained(t *testing.T) {
	t.Parallel()
	for _, want := range []Retained{{Message: full(), Order: math.MaxUint64}, {Message: full(), Origin: &Origin{}}, {Message: full(), Origin: &Origin{"id", "user"}}} {
		b, err := want.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadRetained(b)
		if diff := cmp.Diff(&want, got, sameTime); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		cut(t, b, func(b []byte) error { _, err := ReadRetained(b); return err })
	}
}

// The order of keys is that of their numbers.
func TestKeys(t *testing.T) {
	t.Parallel()
	if a, b := QueuedKey(nil, 1, math.MaxUint64), QueuedKey(nil, 2, 0); bytes.Compare(a, b) >= 0 {
		t.Errorf("%q is not before %q", a, b)
	}
	id, rest, err := ID(ReceivingKey(nil, 1<<63, 65_535))
	if packetID, bad := PacketID(rest); id != 1<<63 || err != nil || packetID != 65_535 || bad != nil {
		t.Errorf("got %d, %d, %v, %v", id, packetID, err, bad)
	}
	if _, _, err := ID([]byte("s1234567")); !errors.Is(err, ErrDamaged) {
		t.Errorf("a short key: %v", err)
	}
}

// FuzzRead reads any bytes as every kind of value: it must not panic, nor take
// more than the value has room for.
func FuzzRead(f *testing.F) {
	s := Session{ID: "id", Will: &packet.Will{Message: *full()}}
	b, _ := s.Append(nil)
	f.Add(b)
	b, _ = (&Retained{Message: full()}).Append(nil)
	f.Add(b)
	b, _ = AppendQueued(nil, &session.Record{IDs: []uint32{1}}, full())
	f.Add(b)
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = ReadSession(b)
		_, _ = ReadRetained(b)
		_, _ = ReadBody(b)
		_, _ = ReadSubscription("a", b)
		if q, err := ReadQueued(QueuedKey(nil, 1, 1), b); err == nil && !q.Released {
			_, _ = q.ReadMessage()
		}
	})
}
