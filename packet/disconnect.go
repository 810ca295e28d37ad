package packet

// Disconnect is a DISCONNECT packet. To MQTT 3.x no reason code is sent.
type Disconnect struct {
	ReasonCode      ReasonCode
	SessionExpiry   *uint32 // nil: as it was; only a client sends it [MQTT-3.14.2-2]
	ReasonString    string
	UserProperties  []UserProperty
	ServerReference string
}

// Type is DISCONNECT.
func (p *Disconnect) Type() Type { return DISCONNECT }

// Append appends the encoded packet to b.
func (p *Disconnect) Append(b []byte, v Version) ([]byte, error) {
	w := begin(b, byte(DISCONNECT)<<4)
	hasProperties := p.SessionExpiry != nil || p.ReasonString != "" || p.ServerReference != "" || len(p.UserProperties) > 0
	if v == V5 && (p.ReasonCode != Success || hasProperties) {
		w.byte(byte(p.ReasonCode))
		if hasProperties {
			w.properties(v, p.appendProperties)
		}
	}
	return w.end()
}

func (p *Disconnect) appendProperties(w *writer) {
	if p.SessionExpiry != nil {
		w.uint32Property(sessionExpiryInterval, *p.SessionExpiry)
	}
	w.textProperty(reasonString, p.ReasonString)
	w.userProperties(p.UserProperties)
	w.textProperty(serverReference, p.ServerReference)
}

func decodeDisconnect(c *cursor, d *Decoder) *Disconnect {
	p := &Disconnect{}
	if d.Version != V5 || len(c.b) == 0 {
		return p
	}
	p.ReasonCode = reason(c, DISCONNECT)
	if len(c.b) == 0 {
		return p
	}
	l := c.properties(disconnectProperties, d.maxUserProperties())
	for l.next() {
		switch l.id {
		case sessionExpiryInterval:
			p.SessionExpiry = new(c.uint32("session expiry interval"))
		case reasonString:
			p.ReasonString = c.text("reason string")
		case serverReference:
			p.ServerReference = c.text("server reference")
		case userProperty:
			p.UserProperties = append(p.UserProperties, l.user())
		default: // the set lets no other pass
		}
	}
	return p
}

// Pingreq is a PINGREQ packet.
type Pingreq struct{}

// Pingresp is a PINGRESP packet.
type Pingresp struct{}

// Type is PINGREQ.
func (*Pingreq) Type() Type { return PINGREQ }

// Type is PINGRESP.
func (*Pingresp) Type() Type { return PINGRESP }

// Append appends the encoded packet to b.
func (*Pingreq) Append(b []byte, _ Version) ([]byte, error) {
	return append(b, byte(PINGREQ)<<4, 0), nil
}

// Append appends the encoded packet to b.
func (*Pingresp) Append(b []byte, _ Version) ([]byte, error) {
	return append(b, byte(PINGRESP)<<4, 0), nil
}

// Auth is an AUTH packet of MQTT 5.0.
type Auth struct {
	ReasonCode           ReasonCode
	AuthenticationMethod string
	AuthenticationData   []byte
	ReasonString         string
	UserProperties       []UserProperty
}

// Type is AUTH.
func (p *Auth) Type() Type { return AUTH }

// Append appends the encoded packet to b.
func (p *Auth) Append(b []byte, v Version) ([]byte, error) {
	w := begin(b, byte(AUTH)<<4)
	hasProperties := p.AuthenticationMethod != "" || p.AuthenticationData != nil || p.ReasonString != "" || len(p.UserProperties) > 0
	if p.ReasonCode != Success || hasProperties {
		w.byte(byte(p.ReasonCode))
		w.properties(v, func(w *writer) {
			w.textProperty(authenticationMethod, p.AuthenticationMethod)
			w.binaryProperty(authenticationData, p.AuthenticationData)
			w.textProperty(reasonString, p.ReasonString)
			w.userProperties(p.UserProperties)
		})
	}
	return w.end()
}

func decodeAuth(c *cursor, d *Decoder) *Auth {
	p := &Auth{}
	if len(c.b) == 0 {
		return p
	}
	p.ReasonCode = reason(c, AUTH)
	l := c.properties(authProperties, d.maxUserProperties())
	for l.next() {
		switch l.id {
		case authenticationMethod:
			p.AuthenticationMethod = c.text("authentication method")
		case authenticationData:
			p.AuthenticationData = append([]byte{}, c.binary("authentication data")...)
		case reasonString:
			p.ReasonString = c.text("reason string")
		case userProperty:
			p.UserProperties = append(p.UserProperties, l.user())
		default: // the set lets no other pass
		}
	}
	return p
}
