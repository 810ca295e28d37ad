package bench

import (
	"github.com/zancudomq/zancudo/packet"
)

// receive takes apart what c's socket had.
func (e *engine) receive(c *conn, b []byte) {
	e.tick()
	e.replies = e.replies[:0]
	for len(c.rest) > 0 && len(b) > 0 {
		take := 1
		if size, _ := frame(c.rest); size > 0 {
			take = min(size-len(c.rest), len(b))
		}
		c.rest = append(c.rest, b[:take]...)
		b = b[take:]
		if size, header := frame(c.rest); size == len(c.rest) {
			whole := c.rest
			c.rest = nil
			e.packet(c, whole, header)
		} else if size < 0 {
			e.fail("the broker sent a packet whose remaining length is malformed")
			return
		}
	}
	for len(b) > 0 {
		size, header := frame(b)
		if size < 0 {
			e.fail("the broker sent a packet whose remaining length is malformed")
			return
		}
		if size == 0 || size > len(b) {
			c.rest = append([]byte(nil), b...)
			break
		}
		e.packet(c, b[:size], header)
		b = b[size:]
	}
	if len(e.replies) > 0 {
		e.net.send(c, e.replies)
	}
}

// packet handles one packet. PUBLISH and the acknowledgements that carry no
// more than a packet identifier go without package packet.
func (e *engine) packet(c *conn, b []byte, header int) {
	switch t := packet.Type(b[0] >> 4); {
	case t == packet.PUBLISH:
		e.publish(c, b[0], b[header:])
	case len(b) == 4 && t >= packet.PUBACK && t <= packet.PUBCOMP:
		e.acknowledge(c, t, b[2], b[3])
	default:
		e.decode(c, b)
	}
}

func (e *engine) publish(c *conn, first byte, body []byte) {
	qos := first >> 1 & 3
	id, payload, ok := parsePublish(body, qos, e.o.Version == packet.V5)
	if !ok {
		e.fail("the broker sent a malformed PUBLISH")
		return
	}
	switch qos {
	case 1:
		e.replies = append(e.replies, 0x40, 2, byte(id>>8), byte(id))
	case 2:
		e.replies = append(e.replies, 0x50, 2, byte(id>>8), byte(id))
	}
	if e.books == nil {
		return
	}
	if len(payload) != e.o.PayloadBytes || qos != byte(e.o.QoS) || first&1 != 0 != e.retained {
		e.books.received++
		e.books.foreign++
		return
	}
	s := parseStamp(payload)
	e.lat.add(e.now - s.sent)
	if settled := e.books.receive(c, s.source, s.sequence); settled > 0 {
		e.flow.delivered(s.source, settled)
	}
}

func (e *engine) acknowledge(c *conn, t packet.Type, high, low byte) {
	switch t {
	case packet.PUBREC:
		e.replies = append(e.replies, 0x62, 2, high, low)
	case packet.PUBREL:
		e.replies = append(e.replies, 0x70, 2, high, low)
	default: // PUBACK and PUBCOMP
		if c.unacked == 0 {
			e.fail("the broker sent %v for a message that it was not sent", t)
			return
		}
		c.unacked--
		e.acked++
		e.flow.acknowledged(c)
	}
}

// decode handles all that is rare.
func (e *engine) decode(c *conn, b []byte) {
	e.dec.Version = e.o.Version
	p, _, err := e.dec.Decode(b)
	if err != nil {
		e.fail("the broker sent a malformed packet: %w", err)
		return
	}
	switch p := p.(type) {
	case *packet.Connack:
		e.connack(c, p)
	case *packet.Suback:
		for _, code := range p.ReasonCodes {
			if code != packet.ReasonCode(e.o.QoS) {
				e.fail("the broker answered a subscription with QoS %d by %v", e.o.QoS, code)
			}
		}
		e.subscribed++
	case *packet.Puback:
		e.longAcknowledge(c, packet.PUBACK, p.Ack)
	case *packet.Pubrec:
		e.longAcknowledge(c, packet.PUBREC, p.Ack)
	case *packet.Pubrel:
		e.longAcknowledge(c, packet.PUBREL, p.Ack)
	case *packet.Pubcomp:
		e.longAcknowledge(c, packet.PUBCOMP, p.Ack)
	case *packet.Disconnect:
		e.fail("the broker sent DISCONNECT: %v", p.ReasonCode)
	case *packet.Pingresp:
	default:
		e.fail("the broker sent %v", p.Type())
	}
}

func (e *engine) longAcknowledge(c *conn, t packet.Type, a packet.Ack) {
	if a.ReasonCode.Failed() {
		e.fail("the broker refused a message: %v by %v", a.ReasonCode, t)
		return
	}
	e.acknowledge(c, t, byte(a.PacketID>>8), byte(a.PacketID))
}

func (e *engine) writable(c *conn) { e.flow.offer(c) }

func (e *engine) connack(c *conn, p *packet.Connack) {
	if p.ReasonCode != packet.Success {
		e.fail("the broker refused client %s: %v", clientID(e.run, c.number), p.ReasonCode)
		return
	}
	c.state = up
	c.sessionPresent = p.SessionPresent
	if p.ReceiveMaximum > 0 {
		c.receiveMaximum = uint32(p.ReceiveMaximum)
	}
	e.connected++
	e.live++
	if e.onConnack != nil {
		e.onConnack(c)
	}
}
