package packet

// Suback is a SUBACK packet: a reason code for each Topic Filter, in order.
type Suback struct {
	PacketID       uint16
	ReasonCodes    []ReasonCode
	ReasonString   string // MQTT 5.0
	UserProperties []UserProperty
}

// Unsuback is an UNSUBACK packet. To MQTT 3.x the reason codes are not sent.
type Unsuback struct {
	PacketID       uint16
	ReasonCodes    []ReasonCode
	ReasonString   string // MQTT 5.0
	UserProperties []UserProperty
}

// Type is SUBACK.
func (p *Suback) Type() Type { return SUBACK }

// Type is UNSUBACK.
func (p *Unsuback) Type() Type { return UNSUBACK }

// Append appends the encoded packet to b. MQTT 3.x knows one failure, 0x80.
func (p *Suback) Append(b []byte, v Version) ([]byte, error) {
	w := begin(b, byte(SUBACK)<<4)
	w.uint16(p.PacketID)
	w.properties(v, func(w *writer) {
		w.textProperty(reasonString, p.ReasonString)
		w.userProperties(p.UserProperties)
	})
	for _, code := range p.ReasonCodes {
		if v != V5 && code.Failed() {
			code = UnspecifiedError
		}
		w.byte(byte(code))
	}
	return w.end()
}

// Append appends the encoded packet to b.
func (p *Unsuback) Append(b []byte, v Version) ([]byte, error) {
	w := begin(b, byte(UNSUBACK)<<4)
	w.uint16(p.PacketID)
	w.properties(v, func(w *writer) {
		w.textProperty(reasonString, p.ReasonString)
		w.userProperties(p.UserProperties)
	})
	if v == V5 {
		for _, code := range p.ReasonCodes {
			w.byte(byte(code))
		}
	}
	return w.end()
}

func decodeSuback(c *cursor, d *Decoder) *Suback {
	p := &Suback{PacketID: c.packetID()}
	if d.Version == V5 {
		p.ReasonString, p.UserProperties = c.problem(d)
	}
	p.ReasonCodes = c.reasons(SUBACK)
	if d.Version != V5 {
		for _, code := range p.ReasonCodes {
			if code > UnspecifiedError { // MQTT 3.x has one failure [MQTT3-3.9.3-2]
				c.fail(MalformedPacket, "return code is reserved")
			}
		}
	}
	return p
}

func decodeUnsuback(c *cursor, d *Decoder) *Unsuback {
	p := &Unsuback{PacketID: c.packetID()}
	if d.Version == V5 {
		p.ReasonString, p.UserProperties = c.problem(d)
		p.ReasonCodes = c.reasons(UNSUBACK)
	}
	return p
}

// reasons reads reason codes to the end of the packet, at least one.
func (c *cursor) reasons(t Type) (codes []ReasonCode) {
	for c.err == nil && len(c.b) > 0 {
		codes = append(codes, reason(c, t))
	}
	if len(codes) == 0 {
		c.fail(ProtocolError, "no reason code")
	}
	return codes
}
