package fact

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

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

// ErrDamaged says that a value is none of ours.
var ErrDamaged = errors.New("fact is damaged")

// reader reads the fields of a value. After the last one err tells whether
// all of them were there.
type reader struct {
	rest []byte
	err  error
}

// read begins to read a value.
func read(value []byte) *reader {
	r := &reader{rest: value}
	if v := r.byte(); r.err == nil && v != version {
		r.err = fmt.Errorf("fact of version %d: %w", v, ErrDamaged)
	}
	return r
}

func (r *reader) take(n uint64) []byte {
	if r.err != nil || n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) fail() {
	if r.rest = nil; r.err == nil {
		r.err = ErrDamaged
	}
}

func (r *reader) byte() byte {
	if b := r.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) text() string { return string(r.take(r.uint())) }

func (r *reader) time() time.Time {
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
func (r *reader) message() *packet.Message {
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
