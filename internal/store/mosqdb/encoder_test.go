package mosqdb_test

import (
	"encoding/binary"

	"github.com/zancudomq/zancudo/internal/store/mosqdb"
)

// encoder writes files as Mosquitto of several ages did.
type encoder struct {
	b       []byte
	version uint32
	order   binary.AppendByteOrder // of the machine
	narrow  bool                   // times have 32 bits
	shorter int                    // bytes that a message of version 4 does not count
}

func newEncoder(version uint32, order binary.AppendByteOrder) *encoder {
	e := &encoder{version: version, order: order}
	e.b = append([]byte("\x00\xb5\x00mosquitto db"), 0, 0, 0, 0)
	e.b = binary.BigEndian.AppendUint32(e.b, version)
	return e
}

// body writes the fields of one chunk.
type body struct {
	*encoder
	c []byte
}

func (b *body) n8(v byte)     { b.c = append(b.c, v) }
func (b *body) n16(v uint16)  { b.c = binary.BigEndian.AppendUint16(b.c, v) }
func (b *body) n32(v uint32)  { b.c = binary.BigEndian.AppendUint32(b.c, v) }
func (b *body) n64(v uint64)  { b.c = b.order.AppendUint64(b.c, v) }
func (b *body) text(s string) { b.c = append(b.c, s...) }
func (b *body) prefixed(s string) {
	b.n16(uint16(len(s)))
	b.text(s)
}

func (b *body) flag(set bool) {
	if set {
		b.n8(1)
	} else {
		b.n8(0)
	}
}

func (e *encoder) chunk(kind uint32, fill func(b *body)) {
	b := &body{encoder: e}
	fill(b)
	n := len(b.c)
	if e.version < 5 {
		e.b = binary.BigEndian.AppendUint16(e.b, uint16(kind))
		if e.version == 4 && kind == 2 {
			n -= e.shorter
		}
	} else {
		e.b = binary.BigEndian.AppendUint32(e.b, kind)
	}
	e.b = binary.BigEndian.AppendUint32(e.b, uint32(n))
	e.b = append(e.b, b.c...)
}

func (e *encoder) config(last uint64) {
	e.chunk(1, func(b *body) {
		if e.version < 5 {
			b.n8(1)
			b.n8(8)
			b.n64(last)
			return
		}
		b.n64(last)
		b.n8(1)
		b.n8(8)
		b.text("\x00\x00\x00\x00\x00\x00")
	})
}

// message writes a message; properties have their length before them.
func (e *encoder) message(id uint64, m *mosqdb.Message, properties string) {
	e.chunk(2, func(b *body) {
		b.n64(id)
		if e.version < 5 {
			b.prefixed(m.SourceID)
			if e.version == 4 {
				b.prefixed(m.SourceUsername)
				b.n16(m.SourcePort)
			}
			b.n16(m.SourcePacketID)
			b.n16(0)
			b.prefixed(m.Topic)
			b.n8(byte(m.QoS))
			b.flag(m.Retain)
			b.n32(uint32(len(m.Payload)))
			b.text(string(m.Payload))
			return
		}
		if m.Expires.IsZero() {
			b.n64(0)
		} else {
			b.n64(uint64(m.Expires.Unix()))
		}
		b.n32(uint32(len(m.Payload)))
		b.n16(m.SourcePacketID)
		b.n16(uint16(len(m.SourceID)))
		b.n16(uint16(len(m.SourceUsername)))
		b.n16(uint16(len(m.Topic)))
		b.n16(m.SourcePort)
		b.n8(byte(m.QoS))
		b.flag(m.Retain)
		b.text(m.SourceID + m.SourceUsername + m.Topic + string(m.Payload) + properties)
	})
}

func (e *encoder) queued(q *mosqdb.Queued, properties string) {
	e.chunk(3, func(b *body) {
		if e.version < 5 {
			b.prefixed(q.ClientID)
			b.n64(q.Message)
			b.n16(q.PacketID)
			b.n8(byte(q.QoS))
			b.flag(q.Retain)
			b.flag(!q.Incoming)
			b.n8(byte(q.State))
			b.flag(q.Dup)
			return
		}
		b.n64(q.Message)
		b.n16(q.PacketID)
		b.n16(uint16(len(q.ClientID)))
		b.n8(byte(q.QoS))
		b.n8(byte(q.State))
		flags := byte(0)
		if q.Retain {
			flags |= 0x10
		}
		if q.Dup {
			flags |= 1
		}
		b.n8(flags)
		b.flag(!q.Incoming)
		b.text(q.ClientID + properties)
	})
}

func (e *encoder) retained(id uint64) { e.chunk(4, func(b *body) { b.n64(id) }) }

func (e *encoder) subscription(s *mosqdb.Subscription, options byte) {
	e.chunk(5, func(b *body) {
		if e.version < 5 {
			b.prefixed(s.ClientID)
			b.prefixed(s.Filter)
			b.n8(byte(s.QoS))
			return
		}
		b.n32(s.Identifier)
		b.n16(uint16(len(s.ClientID)))
		b.n16(uint16(len(s.Filter)))
		b.n8(byte(s.QoS))
		b.n8(options)
		b.n16(0)
		b.text(s.ClientID + s.Filter)
	})
}

func (e *encoder) client(c *mosqdb.Client) {
	e.chunk(6, func(b *body) {
		if e.version < 5 {
			b.prefixed(c.ID)
			b.n16(c.LastPacketID)
			switch {
			case e.version == 2:
			case e.narrow:
				b.c = e.order.AppendUint32(b.c, uint32(c.Disconnected.Unix()))
			default:
				b.n64(uint64(c.Disconnected.Unix()))
			}
			return
		}
		if c.ExpiresAt.IsZero() {
			b.n64(0)
		} else {
			b.n64(uint64(c.ExpiresAt.Unix()))
		}
		b.n32(c.ExpiryInterval)
		b.n16(c.LastPacketID)
		b.n16(uint16(len(c.ID)))
		if e.version > 5 {
			b.n16(c.ListenerPort)
			b.n16(uint16(len(c.Username)))
			b.n32(0)
		}
		b.text(c.ID)
		if e.version > 5 {
			b.text(c.Username)
		}
	})
}
