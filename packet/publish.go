package packet

import "encoding/binary"

// Publish is a PUBLISH packet: an Application Message on its way. The expiry
// of its Message is said by MessageExpiry; Message.Expires is for the receiver
// to set.
type Publish struct {
	Message
	Dup      bool
	PacketID uint16 // zero if and only if QoS is 0 [MQTT-2.2.1-2]
	// TopicAlias stands for the topic name, or names one; zero: absent.
	TopicAlias uint16
	// MessageExpiry is the Message Expiry Interval in seconds, meaningful if
	// HasMessageExpiry.
	MessageExpiry    uint32
	HasMessageExpiry bool
	// SubscriptionIDs are the Subscription Identifiers of the matching
	// subscriptions; only a server sends them.
	SubscriptionIDs []uint32
}

// Type is PUBLISH.
func (p *Publish) Type() Type { return PUBLISH }

// Append appends the encoded packet to b.
func (p *Publish) Append(b []byte, v Version) ([]byte, error) {
	return p.append(b, v, p.Payload)
}

// AppendHeader appends the encoded packet without its payload, which the caller
// sends after it. It spares the copy of a large payload.
func (p *Publish) AppendHeader(b []byte, v Version) ([]byte, error) {
	return p.append(b, v, nil)
}

func (p *Publish) append(b []byte, v Version, payload []byte) ([]byte, error) {
	properties := 0
	if v == V5 {
		properties = p.propertiesSize()
	}
	size := 2 + len(p.Topic) + len(p.Payload)
	if p.QoS > 0 {
		size += 2
	}
	if v == V5 {
		size += varintSize(properties) + properties
	}
	w := writer{b: b, start: len(b)}
	if size > MaxRemainingLength {
		w.fail("PUBLISH of %d bytes is too large", size)
		return b, w.err
	}
	w.byte(p.firstByte())
	w.b = appendVarint(w.b, uint32(size))
	w.text(p.Topic)
	if p.QoS > 0 {
		w.uint16(p.PacketID)
	}
	if v == V5 {
		w.b = appendVarint(w.b, uint32(properties))
		if properties > 0 {
			p.appendProperties(&w)
		}
	}
	w.raw(payload)
	if w.err != nil {
		return w.b[:w.start], w.err
	}
	return w.b, nil
}

func (p *Publish) firstByte() byte {
	first := byte(PUBLISH)<<4 | byte(p.QoS)<<1
	if p.Dup {
		first |= 8
	}
	if p.Retain {
		first |= 1
	}
	return first
}

// propertiesSize is the size of the property list without its length.
func (p *Publish) propertiesSize() int {
	n := 0
	if p.TopicAlias != 0 {
		n += 3
	}
	if p.HasMessageExpiry {
		n += 5
	}
	for _, id := range p.SubscriptionIDs {
		n += 1 + varintSize(int(id))
	}
	m := p.Properties
	if m.zero() {
		return n
	}
	if m.PayloadIsUTF8 || m.PayloadIsBytes {
		n += 2
	}
	if m.ContentType != "" {
		n += 3 + len(m.ContentType)
	}
	if m.ResponseTopic != "" {
		n += 3 + len(m.ResponseTopic)
	}
	if m.CorrelationData != nil {
		n += 3 + len(m.CorrelationData)
	}
	for _, u := range m.UserProperties {
		n += 5 + len(u.Name) + len(u.Value)
	}
	return n
}

func (p *Publish) appendProperties(w *writer) {
	if p.TopicAlias != 0 {
		w.uint16Property(topicAlias, p.TopicAlias)
	}
	if p.HasMessageExpiry {
		w.uint32Property(messageExpiryInterval, p.MessageExpiry)
	}
	p.Properties.append(w)
	for _, id := range p.SubscriptionIDs {
		w.byte(byte(subscriptionIdentifier))
		w.varint(id)
	}
}

// decode reads the packet; the payload, and nothing else, borrows c's bytes.
// props is reused memory for the properties.
func (p *Publish) decode(c *cursor, d *Decoder, first byte) {
	*p = Publish{SubscriptionIDs: p.SubscriptionIDs[:0]}
	p.Dup, p.QoS, p.Retain = first&8 != 0, QoS(first>>1&3), first&1 != 0
	if p.QoS > ExactlyOnce {
		c.fail(MalformedPacket, "both QoS bits are set") // [MQTT-3.3.1-4]
	}
	if p.Dup && p.QoS == AtMostOnce {
		c.fail(MalformedPacket, "DUP is set with QoS 0") // [MQTT-3.3.1-2]
	}
	p.Topic = d.topic(c)
	if p.QoS > AtMostOnce {
		p.PacketID = c.packetID()
	}
	if d.Version == V5 {
		p.decodeProperties(c, d)
	}
	p.Payload = c.b
	c.b = nil
}

func (p *Publish) decodeProperties(c *cursor, d *Decoder) {
	l := c.properties(publishProperties, d.maxUserProperties())
	for l.next() {
		switch l.id {
		case topicAlias:
			if p.TopicAlias = c.uint16("topic alias"); p.TopicAlias == 0 {
				c.fail(TopicAliasInvalid, "topic alias is zero") // [MQTT-3.3.2-8]
			}
		case messageExpiryInterval:
			p.MessageExpiry, p.HasMessageExpiry = c.uint32("message expiry interval"), true
		case subscriptionIdentifier:
			id := c.varint("subscription identifier")
			if id == 0 {
				c.fail(ProtocolError, "subscription identifier is zero")
			}
			p.SubscriptionIDs = append(p.SubscriptionIDs, id)
		default:
			if p.Properties == nil {
				p.Properties = d.messageProperties()
			}
			p.Properties.read(&l)
		}
	}
}

// PatchPublish makes an encoded PUBLISH at the start of b another one of the
// same message: with this packet identifier, and with DUP set or not. b must
// have been encoded with QoS 1 or 2.
func PatchPublish(b []byte, id uint16, dup bool) {
	b[0] &^= 8
	if dup {
		b[0] |= 8
	}
	_, n := varint(b[1:])
	topic := int(binary.BigEndian.Uint16(b[1+n:]))
	binary.BigEndian.PutUint16(b[1+n+2+topic:], id)
}
