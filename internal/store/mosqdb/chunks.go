package mosqdb

import (
	"errors"
	"fmt"

	"github.com/zancudomq/zancudo/packet"
)

// The chunks of versions 5 and 6 begin with numbers; those of before are in old.go.

func (p *parser) config(r *reader) {
	if p.old() {
		p.oldConfig(r)
		return
	}
	r.number64()
	p.db.CleanShutdown = r.number8() != 0
	r.take(7) // the width of numbers, which is 8, and padding
}

func (p *parser) message(r *reader) error {
	if p.old() {
		return p.oldMessage(r)
	}
	id := r.number64()
	m := &Message{}
	m.Expires = r.time()
	payload := int(r.number32())
	m.SourcePacketID = r.number16()
	sourceID, username, topic := int(r.number16()), int(r.number16()), int(r.number16())
	m.SourcePort = r.number16()
	m.QoS, m.Retain = packet.QoS(r.number8()), r.number8() != 0
	m.SourceID, m.SourceUsername, m.Topic = r.text(sourceID), r.text(username), r.text(topic)
	return p.keep(id, m, r, payload)
}

// keep takes the payload of a message, and its properties if there are any.
func (p *parser) keep(id uint64, m *Message, r *reader, payload int) error {
	m.Payload = r.bytes(payload)
	var properties []byte
	if !p.old() {
		properties = r.properties()
	}
	switch {
	case r.short:
		return nil
	case m.Topic == "":
		return errors.New("a message without a topic")
	case m.QoS > packet.ExactlyOnce:
		return fmt.Errorf("a message of QoS %d", m.QoS)
	}
	publish, err := decodeProperties(properties)
	if err != nil {
		return err
	}
	m.Properties = publish.Properties
	p.db.Messages[id] = m
	return nil
}

func (p *parser) queued(r *reader) error {
	if p.old() {
		return p.oldQueued(r)
	}
	q := Queued{Message: r.number64(), PacketID: r.number16()}
	id := int(r.number16())
	q.QoS, q.State = packet.QoS(r.number8()), State(r.number8())
	flags := r.number8()
	q.Retain, q.Dup = flags&0xF0 != 0, flags&0x0F != 0
	q.Incoming = r.number8() == 0
	q.ClientID = r.text(id)
	publish, err := decodeProperties(r.properties())
	if err != nil {
		return err
	}
	q.IDs = publish.SubscriptionIDs
	return p.enqueue(&q, r)
}

func (p *parser) enqueue(q *Queued, r *reader) error {
	if !r.short {
		if q.QoS > packet.ExactlyOnce {
			return fmt.Errorf("a queued message of QoS %d", q.QoS)
		}
		p.db.Queued = append(p.db.Queued, *q)
	}
	return nil
}

func (p *parser) subscription(r *reader) error {
	if p.old() {
		return p.oldSubscription(r)
	}
	s := Subscription{Identifier: r.number32()}
	id, filter := int(r.number16()), int(r.number16())
	qos, options := r.number8(), r.number8()
	r.take(2) // padding
	s.ClientID = r.text(id)
	s.Filter = r.text(filter)
	return p.subscribe(&s, r, qos|options)
}

func (p *parser) subscribe(s *Subscription, r *reader, options byte) error {
	if r.short {
		return nil
	}
	s.SetOptions(options)
	if s.QoS > packet.ExactlyOnce {
		return fmt.Errorf("a subscription of QoS %d", s.QoS)
	}
	p.db.Subscriptions = append(p.db.Subscriptions, *s)
	return nil
}

// SetOptions takes the Subscription Options, as a SUBSCRIBE of MQTT 5.0 has them.
func (s *Subscription) SetOptions(b byte) {
	s.QoS, s.NoLocal, s.RetainAsPublished = packet.QoS(b&3), b&4 != 0, b&8 != 0
	s.RetainHandling = packet.RetainHandling(b >> 4 & 3)
}

func (p *parser) client(r *reader) {
	if p.old() {
		p.oldClient(r)
		return
	}
	c := Client{ExpiresAt: r.time(), ExpiryInterval: r.number32(), LastPacketID: r.number16()}
	id, username := int(r.number16()), 0
	if p.db.Version >= 6 {
		c.OwnerKnown = true
		c.ListenerPort, username = r.number16(), int(r.number16())
		r.take(4) // padding
	}
	c.ID, c.Username = r.text(id), r.text(username)
	if !r.short {
		p.db.Clients = append(p.db.Clients, c)
	}
}

// decodeProperties reads properties as a PUBLISH of MQTT 5.0 has them.
func decodeProperties(properties []byte) (*packet.Publish, error) {
	if len(properties) == 0 {
		return &packet.Publish{}, nil
	}
	body := appendVarint([]byte{0, 1, 't'}, len(properties))
	body = append(body, properties...)
	b := append(appendVarint([]byte{byte(packet.PUBLISH) << 4}, len(body)), body...)
	d := packet.Decoder{Version: packet.V5, MaxUserProperties: len(properties)}
	p, _, err := d.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("properties: %w", err)
	}
	publish := p.(*packet.Publish)
	return &packet.Publish{Message: *publish.Clone(), SubscriptionIDs: publish.SubscriptionIDs}, nil
}

// appendVarint appends a Variable Byte Integer.
func appendVarint(b []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}
