package packet

// Ack is what PUBACK, PUBREC, PUBREL and PUBCOMP have in common.
type Ack struct {
	PacketID       uint16
	ReasonCode     ReasonCode
	ReasonString   string // MQTT 5.0
	UserProperties []UserProperty
}

// The four acknowledgements of PUBLISH.
type (
	// Puback acknowledges a PUBLISH of QoS 1.
	Puback struct{ Ack }
	// Pubrec is the first answer to a PUBLISH of QoS 2.
	Pubrec struct{ Ack }
	// Pubrel answers a PUBREC.
	Pubrel struct{ Ack }
	// Pubcomp ends the exchange of QoS 2.
	Pubcomp struct{ Ack }
)

// Type is PUBACK.
func (p *Puback) Type() Type { return PUBACK }

// Type is PUBREC.
func (p *Pubrec) Type() Type { return PUBREC }

// Type is PUBREL.
func (p *Pubrel) Type() Type { return PUBREL }

// Type is PUBCOMP.
func (p *Pubcomp) Type() Type { return PUBCOMP }

// Append appends the encoded packet to b.
func (p *Puback) Append(b []byte, v Version) ([]byte, error) { return p.append(b, v, PUBACK) }

// Append appends the encoded packet to b.
func (p *Pubrec) Append(b []byte, v Version) ([]byte, error) { return p.append(b, v, PUBREC) }

// Append appends the encoded packet to b.
func (p *Pubrel) Append(b []byte, v Version) ([]byte, error) { return p.append(b, v, PUBREL) }

// Append appends the encoded packet to b.
func (p *Pubcomp) Append(b []byte, v Version) ([]byte, error) { return p.append(b, v, PUBCOMP) }

// append writes the short form when there is nothing to say.
func (a *Ack) append(b []byte, v Version, t Type) ([]byte, error) {
	first := byte(t)<<4 | t.flags()
	hasProperties := a.ReasonString != "" || len(a.UserProperties) > 0
	switch {
	case v != V5 || a.ReasonCode == Success && !hasProperties:
		return append(b, first, 2, byte(a.PacketID>>8), byte(a.PacketID)), nil
	case !hasProperties:
		return append(b, first, 3, byte(a.PacketID>>8), byte(a.PacketID), byte(a.ReasonCode)), nil
	}
	w := begin(b, first)
	w.uint16(a.PacketID)
	w.byte(byte(a.ReasonCode))
	w.properties(v, func(w *writer) {
		w.textProperty(reasonString, a.ReasonString)
		w.userProperties(a.UserProperties)
	})
	return w.end()
}

func (a *Ack) decode(c *cursor, d *Decoder, t Type) {
	*a = Ack{PacketID: c.packetID()}
	if d.Version != V5 || len(c.b) == 0 {
		return
	}
	a.ReasonCode = reason(c, t)
	if len(c.b) == 0 {
		return
	}
	a.ReasonString, a.UserProperties = c.problem(d)
}

// reason reads a reason code that packets of type t may have.
func reason(c *cursor, t Type) ReasonCode {
	code := ReasonCode(c.byte("reason code"))
	if c.err == nil && !code.valid(t) {
		c.fail(MalformedPacket, "reason code is not one of this packet")
	}
	return code
}

// problem reads the property list of an acknowledgement.
func (c *cursor) problem(d *Decoder) (text string, user []UserProperty) {
	l := c.properties(ackProperties, d.maxUserProperties())
	for l.next() {
		switch l.id {
		case reasonString:
			text = c.text("reason string")
		case userProperty:
			user = append(user, l.user())
		default: // the set lets no other pass
		}
	}
	return text, user
}
