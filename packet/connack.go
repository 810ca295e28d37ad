package packet

// Connack is a CONNACK packet. To MQTT 3.x only SessionPresent and ReasonCode
// are sent, the code as the return code that stands for it.
type Connack struct {
	SessionPresent bool
	ReasonCode     ReasonCode

	SessionExpiry                    *uint32 // nil: as the client asked
	ReceiveMaximum                   uint16  // zero: absent, which means 65,535
	MaximumQoS                       *QoS    // nil: 2
	RetainUnavailable                bool
	MaximumPacketSize                uint32 // zero: absent, no limit
	AssignedClientID                 string
	TopicAliasMaximum                uint16
	ReasonString                     string
	UserProperties                   []UserProperty
	WildcardSubscriptionsUnavailable bool
	SubscriptionIDsUnavailable       bool
	SharedSubscriptionsUnavailable   bool
	ServerKeepAlive                  *uint16 // nil: as the client asked
	ResponseInformation              string
	ServerReference                  string
	AuthenticationMethod             string
	AuthenticationData               []byte
}

// Type is CONNACK.
func (p *Connack) Type() Type { return CONNACK }

// Append appends the encoded packet to b.
func (p *Connack) Append(b []byte, v Version) ([]byte, error) {
	w := begin(b, byte(CONNACK)<<4)
	var flags byte
	if p.SessionPresent && v != V31 { // MQTT 3.1 has no such flag
		flags = 1
	}
	w.byte(flags)
	if v == V5 {
		w.byte(byte(p.ReasonCode))
	} else {
		w.byte(p.ReasonCode.ReturnCode())
	}
	w.properties(v, p.appendProperties)
	return w.end()
}

func (p *Connack) appendProperties(w *writer) {
	if p.TopicAliasMaximum != 0 { // first, as Mosquitto has it
		w.uint16Property(topicAliasMaximum, p.TopicAliasMaximum)
	}
	if p.SessionExpiry != nil {
		w.uint32Property(sessionExpiryInterval, *p.SessionExpiry)
	}
	w.textProperty(assignedClientIdentifier, p.AssignedClientID)
	if p.ServerKeepAlive != nil {
		w.uint16Property(serverKeepAlive, *p.ServerKeepAlive)
	}
	w.textProperty(authenticationMethod, p.AuthenticationMethod)
	w.binaryProperty(authenticationData, p.AuthenticationData)
	if p.MaximumQoS != nil {
		w.byteProperty(maximumQoS, byte(*p.MaximumQoS))
	}
	for _, f := range p.unavailable() {
		if *f.flag {
			w.byteProperty(f.id, 0)
		}
	}
	w.textProperty(responseInformation, p.ResponseInformation)
	w.textProperty(serverReference, p.ServerReference)
	if p.MaximumPacketSize != 0 {
		w.uint32Property(maximumPacketSize, p.MaximumPacketSize)
	}
	if p.ReceiveMaximum != 0 {
		w.uint16Property(receiveMaximum, p.ReceiveMaximum)
	}
	w.textProperty(reasonString, p.ReasonString)
	w.userProperties(p.UserProperties)
}

type unavailableFlag struct {
	id   property
	flag *bool
}

func (p *Connack) unavailable() [4]unavailableFlag {
	return [...]unavailableFlag{
		{retainAvailable, &p.RetainUnavailable},
		{wildcardSubscriptionAvailable, &p.WildcardSubscriptionsUnavailable},
		{subscriptionIdentifierAvailable, &p.SubscriptionIDsUnavailable},
		{sharedSubscriptionAvailable, &p.SharedSubscriptionsUnavailable},
	}
}

func decodeConnack(c *cursor, d *Decoder) *Connack {
	p := &Connack{}
	flags := c.byte("connect acknowledge flags")
	if d.Version == V31 {
		flags = 0 // reserved and not used
	}
	if flags > 1 { // [MQTT-3.2.2-1]
		c.fail(MalformedPacket, "reserved acknowledge flag is set")
	}
	p.SessionPresent = flags == 1
	if d.Version != V5 {
		code := c.byte("return code")
		if int(code) >= len(returnCodes) {
			c.fail(MalformedPacket, "return code is unknown")
			return p
		}
		p.ReasonCode = returnCodes[code]
		return p
	}
	p.ReasonCode = ReasonCode(c.byte("reason code"))
	if c.err == nil && !p.ReasonCode.valid(CONNACK) {
		c.fail(MalformedPacket, "reason code is not one of CONNACK")
	}
	if c.err == nil {
		p.decodeProperties(c, d)
	}
	return p
}

func (p *Connack) decodeProperties(c *cursor, d *Decoder) {
	l := c.properties(connackProperties, d.maxUserProperties())
	for l.next() {
		switch l.id {
		case sessionExpiryInterval:
			p.SessionExpiry = new(c.uint32("session expiry interval"))
		case receiveMaximum:
			p.ReceiveMaximum = l.positive16("receive maximum")
		case maximumQoS:
			p.MaximumQoS = new(QoS(c.byte("maximum QoS")))
			if *p.MaximumQoS > AtLeastOnce {
				c.fail(ProtocolError, "maximum QoS is neither 0 nor 1")
			}
		case maximumPacketSize:
			if p.MaximumPacketSize = c.uint32("maximum packet size"); p.MaximumPacketSize == 0 {
				c.fail(ProtocolError, "maximum packet size is zero")
			}
		case assignedClientIdentifier:
			p.AssignedClientID = c.text("assigned client identifier")
		case topicAliasMaximum:
			p.TopicAliasMaximum = c.uint16("topic alias maximum")
		case serverKeepAlive:
			p.ServerKeepAlive = new(c.uint16("server keep alive"))
		case responseInformation:
			p.ResponseInformation = c.text("response information")
		case serverReference:
			p.ServerReference = c.text("server reference")
		case authenticationMethod:
			p.AuthenticationMethod = c.text("authentication method")
		case authenticationData:
			p.AuthenticationData = append([]byte{}, c.binary("authentication data")...)
		case reasonString:
			p.ReasonString = c.text("reason string")
		case userProperty:
			p.UserProperties = append(p.UserProperties, l.user())
		default:
			for _, f := range p.unavailable() {
				if f.id == l.id {
					*f.flag = !l.flag("availability")
				}
			}
		}
	}
}
