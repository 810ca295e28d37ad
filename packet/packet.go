package packet

import "fmt"

// Packet is one MQTT Control Packet: a pointer to one of the structs of this
// package.
type Packet interface {
	// Type is the MQTT Control Packet type of the fixed header.
	Type() Type
	// Append appends the encoded packet to b. It fails, and returns b as it
	// was, when a field does not fit its wire format.
	Append(b []byte, v Version) ([]byte, error)
	// String is the packet in the notation of dialogues and debug logs; it
	// never shows a password.
	String() string
}

// Version is the protocol level of a CONNECT packet.
type Version byte

// The protocol levels that MQTT has.
const (
	V31  Version = 3 // MQTT 3.1, protocol name MQIsdp
	V311 Version = 4 // MQTT 3.1.1
	V5   Version = 5 // MQTT 5.0
)

func (v Version) String() string {
	switch v {
	case V31:
		return "3.1"
	case V311:
		return "3.1.1"
	case V5:
		return "5.0"
	default:
		return fmt.Sprintf("level %d", byte(v))
	}
}

// QoS is a Quality of Service level: 0, 1 or 2.
type QoS byte

// The levels of delivery.
const (
	AtMostOnce  QoS = 0
	AtLeastOnce QoS = 1
	ExactlyOnce QoS = 2
)

// Type is an MQTT Control Packet type.
type Type byte

// The MQTT Control Packet types.
const (
	CONNECT     Type = 1
	CONNACK     Type = 2
	PUBLISH     Type = 3
	PUBACK      Type = 4
	PUBREC      Type = 5
	PUBREL      Type = 6
	PUBCOMP     Type = 7
	SUBSCRIBE   Type = 8
	SUBACK      Type = 9
	UNSUBSCRIBE Type = 10
	UNSUBACK    Type = 11
	PINGREQ     Type = 12
	PINGRESP    Type = 13
	DISCONNECT  Type = 14
	AUTH        Type = 15
)

var typeNames = [16]string{
	"RESERVED", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
}

func (t Type) String() string { return typeNames[t&15] }

// flags are the four low bits that the fixed header of this type must have
// [MQTT-2.1.3-1]; a PUBLISH uses them otherwise.
func (t Type) flags() byte {
	switch t {
	case PUBREL, SUBSCRIBE, UNSUBSCRIBE:
		return 2
	default:
		return 0
	}
}

// UserProperty is a name and a value that an application adds to a packet.
// The same name may occur more than once; the order matters [MQTT-3.1.3-10].
type UserProperty struct{ Name, Value string }
