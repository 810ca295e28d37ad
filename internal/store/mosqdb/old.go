package mosqdb

import (
	"errors"

	"github.com/zancudomq/zancudo/packet"
)

// The chunks of versions 2 to 4 are written field by field, each text with its
// length before it. They know nothing of MQTT 5.0: sessions never end.

// never is the Session Expiry Interval of a session that does not end.
const never = 0xFFFFFFFF

func (p *parser) oldConfig(r *reader) {
	p.db.CleanShutdown = r.number8() != 0
	if r.number8() == 4 {
		p.wideID = false
	}
	p.id(r)
}

func (p *parser) oldMessage(r *reader) error {
	id := p.id(r)
	m := &Message{SourceID: r.prefixed()}
	if p.db.Version == 4 {
		m.SourceUsername, m.SourcePort = r.prefixed(), r.number16()
	}
	m.SourcePacketID = r.number16()
	r.number16() // a packet identifier that means nothing
	m.Topic = r.prefixed()
	m.QoS, m.Retain = packet.QoS(r.number8()), r.number8() != 0
	return p.keep(id, m, r, int(r.number32()))
}

func (p *parser) oldQueued(r *reader) error {
	q := Queued{ClientID: r.prefixed(), Message: p.id(r), PacketID: r.number16()}
	q.QoS, q.Retain, q.Incoming = packet.QoS(r.number8()), r.number8() != 0, r.number8() == 0
	q.State, q.Dup = State(r.number8()), r.number8() != 0
	if !r.short && q.ClientID == "" {
		return errors.New("a queued message of no client")
	}
	return p.enqueue(&q, r)
}

func (p *parser) oldSubscription(r *reader) error {
	s := Subscription{ClientID: r.prefixed()}
	s.Filter = r.prefixed()
	return p.subscribe(&s, r, r.number8())
}

func (p *parser) oldClient(r *reader) {
	c := Client{ID: r.prefixed(), LastPacketID: r.number16(), ExpiryInterval: never}
	if p.db.Version > 2 {
		if len(r.b) == 4 {
			c.Disconnected = seconds(uint64(r.host32()))
		} else {
			c.Disconnected = r.time()
		}
	}
	if !r.short {
		p.db.Clients = append(p.db.Clients, c)
	}
}
