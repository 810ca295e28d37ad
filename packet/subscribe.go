package packet

// Subscribe is a SUBSCRIBE packet.
type Subscribe struct {
	PacketID       uint16
	Subscriptions  []Subscription
	SubscriptionID uint32 // zero: absent; MQTT 5.0
	UserProperties []UserProperty
}

// Subscription is a Topic Filter with its Subscription Options.
type Subscription struct {
	Filter            string
	QoS               QoS
	NoLocal           bool
	RetainAsPublished bool
	RetainHandling    RetainHandling
}

// RetainHandling says whether retained messages are sent on a SUBSCRIBE.
type RetainHandling byte

// The values of Retain Handling.
const (
	SendRetained      RetainHandling = 0 // at every SUBSCRIBE
	SendRetainedIfNew RetainHandling = 1 // if the subscription did not exist
	DoNotSendRetained RetainHandling = 2
)

// Type is SUBSCRIBE.
func (p *Subscribe) Type() Type { return SUBSCRIBE }

// Append appends the encoded packet to b. To MQTT 3.x only the QoS of the
// options is sent.
func (p *Subscribe) Append(b []byte, v Version) ([]byte, error) {
	w := begin(b, byte(SUBSCRIBE)<<4|SUBSCRIBE.flags())
	w.uint16(p.PacketID)
	w.properties(v, func(w *writer) {
		if p.SubscriptionID != 0 {
			w.byte(byte(subscriptionIdentifier))
			w.varint(p.SubscriptionID)
		}
		w.userProperties(p.UserProperties)
	})
	for i := range p.Subscriptions {
		s := &p.Subscriptions[i]
		w.text(s.Filter)
		w.byte(s.options(v))
	}
	return w.end()
}

func (s *Subscription) options(v Version) byte {
	o := byte(s.QoS)
	if v != V5 {
		return o
	}
	if s.NoLocal {
		o |= 1 << 2
	}
	if s.RetainAsPublished {
		o |= 1 << 3
	}
	return o | byte(s.RetainHandling)<<4
}

func decodeSubscribe(c *cursor, d *Decoder) *Subscribe {
	p := &Subscribe{PacketID: c.packetID()}
	if d.Version == V5 {
		l := c.properties(subscribeProperties, d.maxUserProperties())
		for l.next() {
			switch l.id {
			case subscriptionIdentifier:
				if p.SubscriptionID != 0 {
					c.fail(ProtocolError, "subscription identifier occurs twice")
				}
				if p.SubscriptionID = c.varint("subscription identifier"); p.SubscriptionID == 0 {
					c.fail(ProtocolError, "subscription identifier is zero")
				}
			case userProperty:
				p.UserProperties = append(p.UserProperties, l.user())
			default: // the set lets no other pass
			}
		}
	}
	for c.err == nil && len(c.b) > 0 {
		s := Subscription{Filter: c.text("topic filter")}
		s.decodeOptions(c, d.Version)
		p.Subscriptions = append(p.Subscriptions, s)
	}
	if len(p.Subscriptions) == 0 { // [MQTT-3.8.3-2]
		c.fail(ProtocolError, "no topic filter")
	}
	return p
}

func (s *Subscription) decodeOptions(c *cursor, v Version) {
	o := c.byte("subscription options")
	reserved := byte(0xC0)
	if v != V5 {
		reserved = 0xFC
	}
	if o&reserved != 0 { // [MQTT-3.8.3-5]
		c.fail(MalformedPacket, "reserved subscription option is set")
	}
	s.QoS = QoS(o & 3)
	if s.QoS > ExactlyOnce {
		c.fail(ProtocolError, "subscription QoS is 3")
	}
	s.NoLocal, s.RetainAsPublished = o&(1<<2) != 0, o&(1<<3) != 0
	s.RetainHandling = RetainHandling(o >> 4 & 3)
	if s.RetainHandling > DoNotSendRetained {
		c.fail(ProtocolError, "retain handling is 3")
	}
}

// Unsubscribe is an UNSUBSCRIBE packet.
type Unsubscribe struct {
	PacketID       uint16
	Filters        []string
	UserProperties []UserProperty // MQTT 5.0
}

// Type is UNSUBSCRIBE.
func (p *Unsubscribe) Type() Type { return UNSUBSCRIBE }

// Append appends the encoded packet to b.
func (p *Unsubscribe) Append(b []byte, v Version) ([]byte, error) {
	w := begin(b, byte(UNSUBSCRIBE)<<4|UNSUBSCRIBE.flags())
	w.uint16(p.PacketID)
	w.properties(v, func(w *writer) { w.userProperties(p.UserProperties) })
	for _, f := range p.Filters {
		w.text(f)
	}
	return w.end()
}

func decodeUnsubscribe(c *cursor, d *Decoder) *Unsubscribe {
	p := &Unsubscribe{PacketID: c.packetID()}
	if d.Version == V5 {
		l := c.properties(unsubscribeProperties, d.maxUserProperties())
		for l.next() {
			p.UserProperties = append(p.UserProperties, l.user())
		}
	}
	for c.err == nil && len(c.b) > 0 {
		p.Filters = append(p.Filters, c.text("topic filter"))
	}
	if len(p.Filters) == 0 { // [MQTT-3.10.3-2]
		c.fail(ProtocolError, "no topic filter")
	}
	return p
}
