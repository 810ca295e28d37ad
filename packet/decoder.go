package packet

import "fmt"

// DefaultMaxUserProperties is how many user properties a packet may have if a
// Decoder does not say otherwise.
const DefaultMaxUserProperties = 64

// Decoder decodes the packets of one Network Connection. The zero value is
// ready for a server: the first packet must be a CONNECT, which sets Version.
//
// It reuses memory: a packet is valid until the next call of Decode. A PUBLISH
// borrows its payload and correlation data from the bytes it was decoded from;
// Message.Clone copies them. Topic names and all other fields may be kept.
type Decoder struct {
	// Version is the protocol version of the connection; zero: not known yet.
	Version Version
	// MaxPacketSize is the largest packet accepted, in bytes with its fixed
	// header; zero: no limit.
	MaxPacketSize uint32
	// MaxControlSize bounds every packet but PUBLISH, in the same way; zero: no
	// limit of its own. Those are decoded into more memory than they take.
	MaxControlSize uint32
	// MaxUserProperties bounds the user properties of a packet; zero: 64.
	MaxUserProperties int
	// Names is the memory for topic names, if it is to outlive the decoder;
	// nil: the decoder's own.
	Names *Names

	publish    Publish
	properties MessageProperties
	puback     Puback
	pubrec     Pubrec
	pubrel     Pubrel
	pubcomp    Pubcomp
	names      Names
}

func (d *Decoder) maxUserProperties() int {
	if d.MaxUserProperties == 0 {
		return DefaultMaxUserProperties
	}
	return d.MaxUserProperties
}

// messageProperties is the reused memory for the properties of a PUBLISH.
func (d *Decoder) messageProperties() *MessageProperties {
	d.properties = MessageProperties{UserProperties: d.properties.UserProperties[:0]}
	return &d.properties
}

// Decode decodes the packet at the start of b and says how many bytes it took;
// zero without an error means that b does not hold the whole packet yet. It
// refuses what it can as soon as the bytes that show it are there. Errors wrap
// the ReasonCode to send and name the packet.
func (d *Decoder) Decode(b []byte) (Packet, int, error) {
	if len(b) == 0 {
		return nil, 0, nil
	}
	t := Type(b[0] >> 4)
	if err := d.check(t, b[0]); err != nil {
		return nil, 0, fmt.Errorf("%v: %w", t, err)
	}
	length, n := varint(b[1:])
	if n < 0 {
		return nil, 0, fmt.Errorf("%v: remaining length is malformed: %w", t, MalformedPacket)
	}
	size := 1 + n + int(length)
	if limit := d.limit(t); n > 0 && limit > 0 && uint32(size) > limit {
		return nil, 0, fmt.Errorf("%v of %d bytes exceeds the limit of %d: %w", t, size, limit, PacketTooLarge)
	}
	if n == 0 || len(b) < size {
		if t == CONNECT && n > 0 {
			return nil, 0, checkProtocol(b[1+n:])
		}
		return nil, 0, nil
	}
	p, err := d.decode(t, b[0], b[1+n:size])
	if err != nil {
		return nil, 0, fmt.Errorf("%v: %w", t, err)
	}
	return p, size, nil
}

// limit is the largest packet of type t that is accepted; zero: no limit.
func (d *Decoder) limit(t Type) uint32 {
	if t == PUBLISH || d.MaxControlSize == 0 || d.MaxPacketSize > 0 && d.MaxPacketSize < d.MaxControlSize {
		return d.MaxPacketSize
	}
	return d.MaxControlSize
}

// check examines the first byte of a packet.
func (d *Decoder) check(t Type, first byte) error {
	switch {
	case d.Version == 0 && first == 0x16: // a handshake record
		return fmt.Errorf("this is TLS, which is not spoken on this port: %w", MalformedPacket)
	case d.Version == 0 && first == 'G':
		return fmt.Errorf("this looks like HTTP, and the port speaks MQTT without WebSocket: %w", ProtocolError)
	case d.Version == 0 && t != CONNECT: // [MQTT-3.1.0-1]
		return fmt.Errorf("first packet is not CONNECT: %w", ProtocolError)
	case t == 0 || t == AUTH && d.Version != V5:
		return fmt.Errorf("packet type is reserved: %w", MalformedPacket)
	case t != PUBLISH && d.Version != V31 && first&15 != t.flags(): // MQTT 3.1 has DUP there, or does not care
		return fmt.Errorf("reserved flags are set: %w", MalformedPacket)
	}
	return nil
}

// checkProtocol refuses a CONNECT whose beginning already shows that it is none.
func checkProtocol(b []byte) error {
	if len(b) < 9 { // the longer of the two protocol names and a level
		return nil
	}
	c := cursor{b: b}
	protocol(&c)
	if c.err != nil {
		return fmt.Errorf("%v: %w", CONNECT, c.err)
	}
	return nil
}

func (d *Decoder) decode(t Type, first byte, body []byte) (p Packet, err error) {
	c := cursor{b: body}
	switch t {
	case CONNECT:
		connect := decodeConnect(&c, d)
		if d.Version == 0 {
			d.Version = connect.Version
		}
		p = connect
	case CONNACK:
		p = decodeConnack(&c, d)
	case PUBLISH:
		d.publish.decode(&c, d, first)
		p = &d.publish
	case PUBACK:
		d.puback.decode(&c, d, t)
		p = &d.puback
	case PUBREC:
		d.pubrec.decode(&c, d, t)
		p = &d.pubrec
	case PUBREL:
		d.pubrel.decode(&c, d, t)
		p = &d.pubrel
	case PUBCOMP:
		d.pubcomp.decode(&c, d, t)
		p = &d.pubcomp
	case SUBSCRIBE:
		p = decodeSubscribe(&c, d)
	case SUBACK:
		p = decodeSuback(&c, d)
	case UNSUBSCRIBE:
		p = decodeUnsubscribe(&c, d)
	case UNSUBACK:
		p = decodeUnsuback(&c, d)
	case PINGREQ:
		p = &Pingreq{}
	case PINGRESP:
		p = &Pingresp{}
	case DISCONNECT:
		p = decodeDisconnect(&c, d)
	case AUTH:
		p = decodeAuth(&c, d)
	}
	return p, c.end()
}

// Names remembers the topic names of a publisher, so that one which uses a few
// of them costs neither memory nor UTF-8 checks for each message.
type Names struct {
	last  string
	known map[string]string
}

const (
	maxKnownNames     = 128
	maxKnownNameBytes = 256
)

// topic reads a topic name.
func (d *Decoder) topic(c *cursor) string {
	b := c.binary("topic name")
	n := d.Names
	if n == nil {
		n = &d.names
	}
	if string(b) == n.last {
		return n.last
	}
	if s, ok := n.known[string(b)]; ok {
		n.last = s
		return s
	}
	if !validText(b) {
		c.fail(MalformedPacket, "topic name is not valid UTF-8")
		return ""
	}
	s := string(b)
	if len(s) > maxKnownNameBytes || s == "" {
		return s
	}
	if n.last != "" { // a publisher with a single topic needs no map
		if n.known == nil || len(n.known) >= maxKnownNames {
			n.known = make(map[string]string)
		}
		n.known[n.last] = n.last
		n.known[s] = s
	}
	n.last = s
	return s
}
