package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// The keys of the store begin with a letter; numbers are big-endian, so that
// they are in order:
//
//	s sid            a session
//	u sid filter     a subscription of it
//	q sid number     a message of QoS 1 or 2 that it has still to get
//	p sid packet-id  a message of QoS 2 that it has sent and not yet released
//	r topic          a retained message
//	m body           a message that several sessions have still to get
//
// sid and body count up. A value begins with factVersion; numbers in it are
// varints, texts have their length before them.
const (
	keySession      = 's'
	keySubscription = 'u'
	keyQueued       = 'q'
	keyReceiving    = 'p'
	keyRetained     = 'r'
	keyBody         = 'm'
)

const factVersion = 1

// factKey appends a key of a number, and those of its second part that are given.
func factKey(dst []byte, letter byte, id uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, letter), id)
}

func queuedKey(dst []byte, sid, number uint64) []byte {
	return binary.BigEndian.AppendUint64(factKey(dst, keyQueued, sid), number)
}

func receivingKey(dst []byte, sid uint64, id uint16) []byte {
	return binary.BigEndian.AppendUint16(factKey(dst, keyReceiving, sid), id)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.AppendVarint(b, 0)
	}
	return binary.AppendVarint(b, t.UnixNano())
}

// appendMessage appends a message: when it expires, and a PUBLISH of MQTT 5.0,
// which takes all the rest.
func appendMessage(b []byte, m *packet.Message) ([]byte, error) {
	p := packet.Publish{Message: *m}
	if p.QoS > packet.AtMostOnce {
		p.PacketID = 1
	}
	return p.Append(appendTime(b, m.Expires), packet.V5)
}

// errFact says that a value is none of ours.
var errFact = errors.New("fact is damaged")

// factReader reads the fields of a value. After the last one err tells whether
// all of them were there.
type factReader struct {
	rest []byte
	err  error
}

// readFact begins to read a value.
func readFact(value []byte) *factReader {
	r := &factReader{rest: value}
	if v := r.byte(); r.err == nil && v != factVersion {
		r.err = fmt.Errorf("fact of version %d: %w", v, errFact)
	}
	return r
}

func (r *factReader) take(n uint64) []byte {
	if r.err != nil || n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *factReader) fail() {
	if r.rest = nil; r.err == nil {
		r.err = errFact
	}
}

func (r *factReader) byte() byte {
	if b := r.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (r *factReader) uint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *factReader) text() string { return string(r.take(r.uint())) }

func (r *factReader) time() time.Time {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail()
		return time.Time{}
	}
	if r.rest = r.rest[n:]; v == 0 {
		return time.Time{}
	}
	return time.Unix(0, v)
}

// message reads a message, which keeps no byte of the value.
func (r *factReader) message() *packet.Message {
	expires := r.time()
	if r.err != nil {
		return nil
	}
	d := packet.Decoder{Version: packet.V5, MaxUserProperties: packet.MaxRemainingLength}
	p, n, err := d.Decode(r.rest)
	publish, ok := p.(*packet.Publish)
	if err != nil || !ok {
		r.fail()
		return nil
	}
	r.rest = r.rest[n:]
	m := publish.Clone()
	m.Expires = expires
	return m
}

// The flags of a queued message, above its QoS.
const (
	flagRetain   = 1 << 2
	flagReleased = 1 << 3
)

// appendQueued appends the value of a queued message; without a body of its own
// the message is part of it.
func appendQueued(b []byte, rec *session.Record, m *packet.Message) ([]byte, error) {
	flags := byte(rec.QoS)
	if rec.Retain {
		flags |= flagRetain
	}
	b = append(b, factVersion, flags)
	b = binary.AppendUvarint(b, rec.Body)
	b = binary.AppendUvarint(b, uint64(len(m.Payload)))
	b = appendText(b, rec.Share)
	b = binary.AppendUvarint(b, uint64(len(rec.IDs)))
	for _, id := range rec.IDs {
		b = binary.AppendUvarint(b, uint64(id))
	}
	if rec.Body != 0 {
		return b, nil
	}
	return appendMessage(b, m)
}

// queuedFact is a queued message as it is read, its message still in rest.
type queuedFact struct {
	session.Record
	size int // bytes of the payload
	rest *factReader
}

func readQueued(number uint64, value []byte) (q queuedFact, err error) {
	r := readFact(value)
	flags := r.byte()
	q.Number, q.QoS, q.Retain, q.Released = number, packet.QoS(flags&3), flags&flagRetain != 0, flags&flagReleased != 0
	if q.Released {
		return q, r.err
	}
	q.Body = r.uint()
	q.size = int(r.uint())
	q.Share = r.text()
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		q.IDs = append(q.IDs, uint32(r.uint()))
	}
	if q.size < 0 || q.size > packet.MaxRemainingLength {
		r.fail()
	}
	q.rest = r
	return q, r.err
}

// The options of a subscription, above its QoS.
const (
	flagNoLocal           = 1 << 2
	flagRetainAsPublished = 1 << 3
)

func appendSubscription(b []byte, sub *session.Subscription) []byte {
	flags := byte(sub.QoS)
	if sub.NoLocal {
		flags |= flagNoLocal
	}
	if sub.RetainAsPublished {
		flags |= flagRetainAsPublished
	}
	b = append(b, factVersion, flags)
	for _, id := range sub.IDs {
		b = binary.AppendUvarint(b, uint64(id))
	}
	return b
}

func readSubscription(filter string, value []byte) (*session.Subscription, error) {
	r := readFact(value)
	flags := r.byte()
	if r.err != nil {
		return nil, r.err
	}
	sub, err := session.NewSubscription(&packet.Subscription{
		Filter: filter, QoS: packet.QoS(flags & 3), NoLocal: flags&flagNoLocal != 0, RetainAsPublished: flags&flagRetainAsPublished != 0,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFact, err)
	}
	for len(r.rest) > 0 && r.err == nil {
		sub.IDs = append(sub.IDs, uint32(r.uint()))
	}
	return sub, r.err
}

// sessionFact is a session as it is stored.
type sessionFact struct {
	id, user  string
	expiry    uint32        // Session Expiry Interval in seconds
	connected bool          // when the fact was written
	since     time.Time     // when it was disconnected
	patience  time.Duration // how long its silence is borne while it is connected
	willAt    time.Time     // when the will is due; zero: not known, or none
	will      *packet.Will  // nil: none
}

func (f *sessionFact) append(b []byte) ([]byte, error) {
	flags := byte(0)
	if f.connected {
		flags |= 1
	}
	if f.will != nil {
		flags |= 2
	}
	if f.will != nil && f.will.HasMessageExpiry {
		flags |= 4
	}
	b = appendText(appendText(append(b, factVersion, flags), f.id), f.user)
	b = binary.AppendUvarint(b, uint64(f.expiry))
	b = binary.AppendUvarint(b, uint64(f.patience))
	b = appendTime(appendTime(b, f.since), f.willAt)
	if f.will == nil {
		return b, nil
	}
	b = binary.AppendUvarint(b, uint64(f.will.DelayInterval))
	b = binary.AppendUvarint(b, uint64(f.will.MessageExpiry))
	return appendMessage(b, &f.will.Message)
}

func readSession(value []byte) (*sessionFact, error) {
	r := readFact(value)
	flags := r.byte()
	f := &sessionFact{connected: flags&1 != 0, id: r.text(), user: r.text(), expiry: uint32(r.uint()), patience: time.Duration(r.uint())}
	f.since, f.willAt = r.time(), r.time()
	if flags&2 == 0 {
		return f, r.err
	}
	f.will = &packet.Will{HasMessageExpiry: flags&4 != 0, DelayInterval: uint32(r.uint()), MessageExpiry: uint32(r.uint())}
	if m := r.message(); m != nil {
		f.will.Message = *m
	}
	return f, r.err
}

// appendRetained appends the value of a retained message and of who published
// it: an id of none begins with no client.
func appendRetained(b []byte, r *retained) ([]byte, error) {
	b = binary.AppendUvarint(append(b, factVersion), r.order)
	if r.origin == nil {
		b = append(b, 0)
	} else {
		b = appendText(appendText(append(b, 1), r.origin.id), r.origin.user)
	}
	return appendMessage(b, r.message)
}

func readRetained(b *Broker, value []byte) (*retained, error) {
	r := readFact(value)
	m := &retained{order: r.uint()}
	if r.byte() == 1 {
		m.origin = &client{broker: b, id: r.text(), user: r.text()}
	}
	m.message = r.message()
	return m, r.err
}
