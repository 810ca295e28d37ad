package fact

import (
	"encoding/binary"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// The flags of a queued message, above its QoS.
const (
	flagRetain   = 1 << 2
	flagReleased = 1 << 3
)

// AppendQueued appends the value of a queued message; without a body of its own
// the message is part of it.
func AppendQueued(b []byte, rec *session.Record, m *packet.Message) ([]byte, error) {
	flags := byte(rec.QoS)
	if rec.Retain {
		flags |= flagRetain
	}
	b = append(b, version, flags)
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

// AppendReleased appends the value of a queued message of QoS 2 for which PUBREC
// has come.
func AppendReleased(b []byte) []byte {
	return append(b, version, byte(packet.ExactlyOnce)|flagReleased)
}

// AppendReceiving appends the value of a packet identifier that awaits PUBREL.
func AppendReceiving(b []byte) []byte { return append(b, version) }

// AppendBody appends the value of a message that several sessions have still to
// get.
func AppendBody(b []byte, m *packet.Message) ([]byte, error) {
	return appendMessage(append(b, version), m)
}

// ReadBody reads what AppendBody has written.
func ReadBody(value []byte) (*packet.Message, error) {
	r := read(value)
	m := r.message()
	return m, r.err
}

// Queued is a queued message as it is read. Its Message is there when
// ReadMessage was called.
type Queued struct {
	session.Record
	Size int // bytes of the payload
	rest *reader
}

// number is the second one in the key of a queued message.
func number(key []byte) (uint64, error) {
	if len(key) != idEnd+8 {
		return 0, ErrDamaged
	}
	return binary.BigEndian.Uint64(key[idEnd:]), nil
}

// ReadQueued reads a queued message but for the message itself, which may be
// long, or apart. The value must not change before ReadMessage.
func ReadQueued(key, value []byte) (q Queued, err error) {
	if q.Number, err = number(key); err != nil {
		return q, err
	}
	r := read(value)
	flags := r.byte()
	q.QoS, q.Retain, q.Released = packet.QoS(flags&3), flags&flagRetain != 0, flags&flagReleased != 0
	if q.Released {
		return q, r.err
	}
	q.Body = r.uint()
	q.Size = int(r.uint())
	q.Share = r.text()
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		q.IDs = append(q.IDs, uint32(r.uint()))
	}
	if q.Size < 0 || q.Size > packet.MaxRemainingLength {
		r.fail()
	}
	q.rest = r
	return q, r.err
}

// ReadMessage reads the message of one that has no body apart.
func (q *Queued) ReadMessage() (*packet.Message, error) {
	m := q.rest.message()
	return m, q.rest.err
}
