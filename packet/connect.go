package packet

// Connect is a CONNECT packet.
type Connect struct {
	Version    Version
	Bridge     bool // the peer is a bridge (bit 7 of the protocol level, as Mosquitto says it)
	CleanStart bool // Clean Session in MQTT 3.x
	KeepAlive  uint16
	ClientID   string
	Will       *Will  // nil: none
	Username   string // meaningful if HasUsername
	Password   []byte // meaningful if HasPassword

	HasUsername, HasPassword bool

	// The rest are properties of MQTT 5.0.

	SessionExpiry              uint32 // Session Expiry Interval in seconds; 0xFFFFFFFF: never
	ReceiveMaximum             uint16 // zero: absent, which means 65,535
	MaximumPacketSize          uint32 // zero: absent, no limit
	TopicAliasMaximum          uint16
	RequestResponseInformation bool
	NoProblemInformation       bool // Request Problem Information is 0
	UserProperties             []UserProperty
	AuthenticationMethod       string
	AuthenticationData         []byte
}

// Flags of the CONNECT packet.
const (
	connectReserved   = 1 << 0
	connectCleanStart = 1 << 1
	connectWill       = 1 << 2
	connectWillQoS    = 3 // shift
	connectWillRetain = 1 << 5
	connectPassword   = 1 << 6
	connectUsername   = 1 << 7
)

// Type is CONNECT.
func (p *Connect) Type() Type { return CONNECT }

// Append appends the encoded packet to b. The packet's own Version counts.
func (p *Connect) Append(b []byte, _ Version) ([]byte, error) {
	w := begin(b, byte(CONNECT)<<4)
	if p.Version == V31 {
		w.text("MQIsdp")
	} else {
		w.text("MQTT")
	}
	level := byte(p.Version)
	if p.Bridge {
		level |= 0x80
	}
	w.byte(level)
	w.byte(p.flags())
	w.uint16(p.KeepAlive)
	w.properties(p.Version, p.appendProperties)
	w.text(p.ClientID)
	if p.Will != nil {
		w.properties(p.Version, p.Will.appendProperties)
		w.text(p.Will.Topic)
		w.binary(p.Will.Payload)
	}
	if p.HasUsername {
		w.text(p.Username)
	}
	if p.HasPassword {
		w.binary(p.Password)
	}
	return w.end()
}

func (p *Connect) flags() (f byte) {
	if p.CleanStart {
		f |= connectCleanStart
	}
	if p.Will != nil {
		f |= connectWill | byte(p.Will.QoS)<<connectWillQoS
		if p.Will.Retain {
			f |= connectWillRetain
		}
	}
	if p.HasPassword {
		f |= connectPassword
	}
	if p.HasUsername {
		f |= connectUsername
	}
	return f
}

func (p *Connect) appendProperties(w *writer) {
	if p.SessionExpiry != 0 {
		w.uint32Property(sessionExpiryInterval, p.SessionExpiry)
	}
	if p.ReceiveMaximum != 0 {
		w.uint16Property(receiveMaximum, p.ReceiveMaximum)
	}
	if p.MaximumPacketSize != 0 {
		w.uint32Property(maximumPacketSize, p.MaximumPacketSize)
	}
	if p.TopicAliasMaximum != 0 {
		w.uint16Property(topicAliasMaximum, p.TopicAliasMaximum)
	}
	if p.RequestResponseInformation {
		w.byteProperty(requestResponseInformation, 1)
	}
	if p.NoProblemInformation {
		w.byteProperty(requestProblemInformation, 0)
	}
	w.textProperty(authenticationMethod, p.AuthenticationMethod)
	w.binaryProperty(authenticationData, p.AuthenticationData)
	w.userProperties(p.UserProperties)
}

func (p *Will) appendProperties(w *writer) {
	if p.DelayInterval != 0 {
		w.uint32Property(willDelayInterval, p.DelayInterval)
	}
	if p.HasMessageExpiry {
		w.uint32Property(messageExpiryInterval, p.MessageExpiry)
	}
	p.Properties.append(w)
}

// decodeConnect copies what it keeps: a CONNECT borrows nothing.
func decodeConnect(c *cursor, d *Decoder) *Connect {
	p := &Connect{}
	p.Version, p.Bridge = protocol(c)
	flags := c.byte("connect flags")
	if flags&connectReserved != 0 {
		c.fail(MalformedPacket, "reserved connect flag is set") // [MQTT-3.1.2-3]
	}
	p.CleanStart = flags&connectCleanStart != 0
	p.KeepAlive = c.uint16("keep alive")
	if c.err == nil && p.Version == V5 {
		p.decodeProperties(c, d)
	}
	p.ClientID = c.text("client identifier")
	p.decodeWill(c, d, flags)
	has := func(flag byte) bool { // in MQTT 3.1 the Remaining Length takes precedence over the flags
		return flags&flag != 0 && (p.Version != V31 || len(c.b) > 0)
	}
	if p.HasUsername = has(connectUsername); p.HasUsername {
		p.Username = c.text("user name")
	}
	if p.HasPassword = has(connectPassword); p.HasPassword {
		p.Password = append([]byte{}, c.binary("password")...)
	}
	if p.HasPassword && !p.HasUsername && p.Version != V5 {
		c.fail(MalformedPacket, "password without user name") // [MQTT3-3.1.2-22]
	}
	return p
}

// protocol reads the protocol name and level.
func protocol(c *cursor) (v Version, bridge bool) {
	length := c.uint16("protocol name")
	if length > 6 { // known before it is there
		c.fail(UnsupportedProtocolVersion, "protocol name is not MQTT")
	}
	name := string(c.take(int(length), "protocol name"))
	level := c.byte("protocol level")
	v, bridge = Version(level&^0x80), level&0x80 != 0
	if c.err != nil {
		return 0, false
	}
	switch {
	case name == "MQTT" && (v == V311 || v == V5), name == "MQIsdp" && v == V31:
		return v, bridge && v != V5
	case name == "MQTT" || name == "MQIsdp": // [MQTT-3.1.2-2]
		c.fail(UnsupportedProtocolVersion, "protocol level is not served")
	default: // [MQTT-3.1.2-1]
		c.fail(UnsupportedProtocolVersion, "protocol name is not MQTT")
	}
	return 0, false
}

func (p *Connect) decodeProperties(c *cursor, d *Decoder) {
	l := c.properties(connectProperties, d.maxUserProperties())
	for l.next() {
		switch l.id {
		case sessionExpiryInterval:
			p.SessionExpiry = c.uint32("session expiry interval")
		case receiveMaximum:
			p.ReceiveMaximum = l.positive16("receive maximum")
		case maximumPacketSize:
			if p.MaximumPacketSize = c.uint32("maximum packet size"); p.MaximumPacketSize == 0 {
				c.fail(ProtocolError, "maximum packet size is zero")
			}
		case topicAliasMaximum:
			p.TopicAliasMaximum = c.uint16("topic alias maximum")
		case requestResponseInformation:
			p.RequestResponseInformation = l.flag("request response information")
		case requestProblemInformation:
			p.NoProblemInformation = !l.flag("request problem information")
		case authenticationMethod:
			p.AuthenticationMethod = c.text("authentication method")
		case authenticationData:
			p.AuthenticationData = append([]byte{}, c.binary("authentication data")...)
		case userProperty:
			p.UserProperties = append(p.UserProperties, l.user())
		default: // the set lets no other pass
		}
	}
	if p.AuthenticationData != nil && p.AuthenticationMethod == "" {
		c.fail(ProtocolError, "authentication data without a method")
	}
}

func (p *Connect) decodeWill(c *cursor, d *Decoder, flags byte) {
	qos, retain := QoS(flags>>connectWillQoS&3), flags&connectWillRetain != 0
	if flags&connectWill == 0 {
		if qos != 0 || retain { // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
			c.fail(MalformedPacket, "will QoS or will retain without a will")
		}
		return
	}
	if qos > ExactlyOnce { // [MQTT-3.1.2-12]
		c.fail(MalformedPacket, "will QoS is 3")
	}
	w := &Will{Message: Message{QoS: qos, Retain: retain}}
	if c.err == nil && p.Version == V5 {
		w.decodeProperties(c, d)
	}
	w.Topic = c.text("will topic")
	w.Payload = append([]byte{}, c.binary("will payload")...)
	p.Will = w
}

func (p *Will) decodeProperties(c *cursor, d *Decoder) {
	l := c.properties(willProperties, d.maxUserProperties())
	for l.next() {
		switch l.id {
		case willDelayInterval:
			p.DelayInterval = c.uint32("will delay interval")
		case messageExpiryInterval:
			p.MessageExpiry, p.HasMessageExpiry = c.uint32("message expiry interval"), true
		default:
			if p.Properties == nil {
				p.Properties = &MessageProperties{}
			}
			p.Properties.read(&l)
		}
	}
	if p.Properties != nil && p.Properties.CorrelationData != nil {
		p.Properties.CorrelationData = append([]byte{}, p.Properties.CorrelationData...)
	}
}
