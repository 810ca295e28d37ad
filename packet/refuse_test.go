package packet_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/packet"
)

// refuses checks that the packet is refused with the code.
func refuses(t *testing.T, v packet.Version, b []byte, code packet.ReasonCode) {
	t.Helper()
	d := packet.Decoder{Version: v}
	p, n, err := d.Decode(b)
	if p != nil || n != 0 || !errors.Is(err, code) {
		t.Errorf("% x: got %v, %d bytes, %v, want %v", b, p, n, err, code)
	}
}

const (
	malformed = packet.MalformedPacket
	protocol  = packet.ProtocolError
)

var refused = []struct {
	name    string
	version packet.Version
	wire    string
	code    packet.ReasonCode
}{
	// Section 2.1
	{"type 0", v5, "00 00", malformed},
	{"AUTH before 5.0", v311, "f0 00", malformed},
	{"remaining length of five bytes", v5, "30 80 80 80 80 01", malformed},
	{"remaining length of five bytes as soon as the fourth shows it", v5, "30 ff ff ff ff", malformed},
	{"remaining length not in its shortest form", v5, "c0 80 00", malformed}, // [MQTT-1.5.5-1]
	{"the same in four bytes", v311, "30 85 80 80 00 0003 'a/b'", malformed}, // MQTT 3.1.1, table 2.4
	{"bytes after the end", v5, "c0 01 00", malformed},

	// The first packet is CONNECT [MQTT-3.1.0-1].
	{"PUBLISH first", 0, "30", protocol},
	{"PINGREQ first", 0, "c0 00", protocol},
	{"AUTH first", 0, "f0", protocol},
	{"type 0 first", 0, "00", protocol},
	{"reserved flags of CONNECT", 0, "11", malformed},

	// CONNECT
	{"protocol name", 0, "10 0c 0004 'MQTX' 04 02 003c 0000", packet.UnsupportedProtocolVersion}, // [MQTT-3.1.2-1] [MQTT3-3.1.2-1]
	{"protocol name in lower case", 0, "10 0c 0004 'mqtt' 04 02 003c 0000", packet.UnsupportedProtocolVersion},
	{"protocol name too long, at its length", 0, "10 ff7f 0007 'MQTTMQT'", packet.UnsupportedProtocolVersion},
	{"protocol name one byte short", 0, "10 0c 0003 'MQTT' 04 02 003c 0000", packet.UnsupportedProtocolVersion},
	{"protocol name one byte long", 0, "10 0c 0005 'MQTT' 04 02 003c 0000", packet.UnsupportedProtocolVersion},
	{"protocol level 6", 0, "10 0d 0004 'MQTT' 06 02 0000 00 0000", packet.UnsupportedProtocolVersion}, // [MQTT-3.1.2-2] [MQTT3-3.1.2-2]
	{"protocol level 3 of MQTT", 0, "10 0c 0004 'MQTT' 03 02 003c 0000", packet.UnsupportedProtocolVersion},
	{"protocol level 4 of MQIsdp", 0, "10 0e 0006 'MQIsdp' 04 02 003c 0000", packet.UnsupportedProtocolVersion},
	{"reserved connect flag", 0, "10 0c 0004 'MQTT' 04 03 003c 0000", malformed},                       // [MQTT-3.1.2-3]
	{"will QoS without will", 0, "10 0c 0004 'MQTT' 04 0a 003c 0000", malformed},                       // [MQTT-3.1.2-11]
	{"will QoS 3", 0, "10 11 0004 'MQTT' 04 1e 003c 0000 0001 'w' 0000", malformed},                    // [MQTT-3.1.2-12]
	{"will retain without will", 0, "10 0c 0004 'MQTT' 04 22 003c 0000", malformed},                    // [MQTT-3.1.2-13]
	{"user name without its flag", 0, "10 0f 0004 'MQTT' 04 02 003c 0000 0001 'u'", malformed},         // [MQTT-3.1.2-16]
	{"user name flag without a user name", 0, "10 0c 0004 'MQTT' 04 82 003c 0000", malformed},          // [MQTT-3.1.2-17]
	{"password without its flag", 0, "10 12 0004 'MQTT' 04 82 003c 0000 0001 'u' 0001 'p'", malformed}, // [MQTT-3.1.2-18]
	{"password flag without a password", 0, "10 0f 0004 'MQTT' 04 c2 003c 0000 0001 'u'", malformed},   // [MQTT-3.1.2-19]
	{"password without a user name", 0, "10 0f 0004 'MQTT' 04 42 003c 0000 0001 'p'", malformed},       // [MQTT3-3.1.2-22]
	{"will without payload", 0, "10 0f 0004 'MQTT' 04 06 003c 0000 0001 'w'", malformed},               // [MQTT-3.1.2-9]
	{"client identifier not UTF-8", 0, "10 0d 0004 'MQTT' 04 02 003c 0001 ff", malformed},              // [MQTT-3.1.3-4]
	{"will topic not UTF-8", 0, "10 11 0004 'MQTT' 04 06 003c 0000 0001 ff 0000", malformed},           // [MQTT-3.1.3-11]
	{"user name not UTF-8", 0, "10 0f 0004 'MQTT' 04 82 003c 0000 0001 ff", malformed},                 // [MQTT-3.1.3-12]
	{"no property length", 0, "10 0a 0004 'MQTT' 05 02 0000", malformed},                               // [MQTT-2.2.2-1]
	{"receive maximum 0", 0, "10 10 0004 'MQTT' 05 02 0000 03 21 0000 0000", protocol},
	{"maximum packet size 0", 0, "10 12 0004 'MQTT' 05 02 0000 05 27 00000000 0000", protocol},
	{"request response information 2", 0, "10 0f 0004 'MQTT' 05 02 0000 02 19 02 0000", protocol},
	{"request problem information 2", 0, "10 0f 0004 'MQTT' 05 02 0000 02 17 02 0000", protocol},
	{"authentication data without method", 0, "10 11 0004 'MQTT' 05 02 0000 04 16 0001 00 0000", protocol},
	{"property list longer than the packet", 0, "10 0d 0004 'MQTT' 05 02 0000 05 0000", malformed},
	{"property identifier in a long form", 0, "10 11 0004 'MQTT' 05 02 0000 04 a100 0014 0000", malformed}, // [MQTT-1.5.5-1]
	{"property cut short by its list", 0, "10 0f 0004 'MQTT' 05 02 0000 02 21 00 14 0000", malformed},
	{"user property not UTF-8", 0, "10 14 0004 'MQTT' 05 02 0000 07 26 0001 ff 0001 'v' 0000", malformed},       // [MQTT-1.5.7-1]
	{"user property value not UTF-8", 0, "10 14 0004 'MQTT' 05 02 0000 07 26 0001 'k' 0001 ff 0000", malformed}, // [MQTT-1.5.7-1]
	{"will payload format 2", 0, "10 14 0004 'MQTT' 05 06 0000 00 0000 02 01 02 0001 'w' 0000", protocol},
	{"alias in a will", 0, "10 15 0004 'MQTT' 05 06 0000 00 0000 03 23 0001 0001 'w' 0000", malformed},
	{"will delay outside of the will", 0, "10 12 0004 'MQTT' 05 02 0000 05 18 00000001 0000", malformed},

	// CONNACK
	{"reserved acknowledge flag", v5, "20 03 02 00 00", malformed}, // [MQTT-3.2.2-1]
	{"return code 6", v311, "20 02 00 06", malformed},
	{"reason code before 5.0", v311, "20 02 00 87", malformed},
	{"maximum QoS 2", v5, "20 05 00 00 02 24 02", protocol},
	{"maximum packet size 0 of a server", v5, "20 08 00 00 05 27 00000000", protocol},
	{"receive maximum 0 of a server", v5, "20 06 00 00 03 21 0000", protocol},
	{"retain available 2", v5, "20 05 00 00 02 25 02", protocol},

	// PUBLISH
	{"QoS 3", v311, "36 07 0001 't' 0001 'hi'", malformed},         // [MQTT-3.3.1-4] [MQTT3-3.3.1-4]
	{"DUP with QoS 0", v311, "38 05 0001 't' 'hi'", malformed},     // [MQTT-3.3.1-2]
	{"packet identifier 0", v311, "32 05 0001 't' 0000", protocol}, // [MQTT-2.2.1-3] [MQTT-2.2.1-4]
	{"packet identifier 0 of QoS 2", v5, "34 06 0001 't' 0000 00", protocol},
	{"packet identifier missing", v311, "32 04 0001 't' 01", malformed},
	{"topic longer than the packet", v311, "30 03 0002 't'", malformed},
	{"no topic", v311, "30 00", malformed},                                 // [MQTT-3.3.2-1]
	{"topic not UTF-8", v311, "30 03 0001 ff", malformed},                  // [MQTT-3.3.2-1]
	{"alias 0", v5, "30 07 0001 't' 03 23 0000", packet.TopicAliasInvalid}, // [MQTT-3.3.2-8]
	{"subscription identifier 0", v5, "30 06 0001 't' 02 0b 00", protocol},
	{"subscription identifier in a long form", v5, "30 07 0001 't' 03 0b 8100", malformed},
	{"payload format 2", v5, "30 06 0001 't' 02 01 02", protocol},
	{"response topic not UTF-8", v5, "30 08 0001 't' 04 08 0001 ff", malformed}, // [MQTT-3.3.2-13]
	{"content type not UTF-8", v5, "30 08 0001 't' 04 03 0001 ff", malformed},   // [MQTT-3.3.2-19]

	// Acknowledgements
	{"PUBACK 0", v311, "40 02 0000", protocol},
	{"PUBREC 0", v5, "50 02 0000", protocol},
	{"PUBREL 0", v5, "62 03 0000 00", protocol},
	{"PUBCOMP 0", v311, "70 02 0000", protocol},
	{"PUBACK short", v311, "40 01 00", malformed},
	{"PUBACK long", v311, "40 03 0001 00", malformed},
	{"PUBACK with bytes after its list", v5, "40 05 0001 00 00 00", malformed},

	// SUBSCRIBE and UNSUBSCRIBE
	{"no filter", v311, "82 02 0001", protocol}, // [MQTT-3.8.3-2] [MQTT3-3.8.3-3]
	{"no options", v311, "82 05 0001 0001 'a'", malformed},
	{"SUBSCRIBE 0", v311, "82 06 0000 0001 'a' 00", protocol},                  // [MQTT-2.2.1-3]
	{"QoS 3 wanted", v311, "82 06 0001 0001 'a' 03", protocol},                 // [MQTT3-3.8.3-4]
	{"reserved options before 5.0", v311, "82 06 0001 0001 'a' 04", malformed}, // [MQTT3-3.8.3-4]
	{"reserved option 6", v5, "82 07 0001 00 0001 'a' 40", malformed},          // [MQTT-3.8.3-5]
	{"reserved option 7", v5, "82 07 0001 00 0001 'a' 80", malformed},          // [MQTT-3.8.3-5]
	{"retain handling 3", v5, "82 07 0001 00 0001 'a' 30", protocol},
	{"filter not UTF-8", v311, "82 06 0001 0001 ff 00", malformed}, // [MQTT-3.8.3-1]
	{"subscription identifier 0 wanted", v5, "82 09 0001 02 0b 00 0001 'a' 00", protocol},
	{"two subscription identifiers", v5, "82 0b 0001 04 0b 01 0b 02 0001 'a' 00", protocol},
	{"second filter cut short", v311, "82 0a 0001 0001 'a' 00 0005 'b' 00", malformed},
	{"nothing to unsubscribe", v311, "a2 02 0001", protocol},         // [MQTT-3.10.3-2]
	{"UNSUBSCRIBE 0", v5, "a2 06 0000 00 0001 'a'", protocol},        // [MQTT-2.2.1-3]
	{"unsubscribe not UTF-8", v311, "a2 05 0001 0001 ff", malformed}, // [MQTT-3.10.3-1]
	{"SUBACK without codes", v311, "90 02 0001", protocol},
	{"SUBACK 0", v311, "90 03 0000 00", protocol},
	{"UNSUBACK without codes", v5, "b0 03 0001 00", protocol},
	{"UNSUBACK with codes before 5.0", v311, "b0 03 0001 00", malformed},

	// The rest
	{"PINGRESP with a payload", v311, "d0 01 00", malformed},
	{"DISCONNECT with a reason before 5.0", v311, "e0 01 00", malformed},
	{"DISCONNECT with bytes after its list", v5, "e0 03 00 00 00", malformed},
	{"AUTH without a list", v5, "f0 01 18", malformed},
}

func TestRefused(t *testing.T) {
	for _, tt := range refused {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			refuses(t, tt.version, wire(t, tt.wire), tt.code)
		})
	}
}

// An error says which packet and what about it.
func TestErrorText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		version packet.Version
		wire    string
		want    string
	}{
		{v5, "32 05 0001 't' 0000", "PUBLISH: packet identifier is zero: protocol error"},
		{0, "16 03 01 00", "CONNECT: this is TLS, which is not spoken on this port: malformed packet"},
		{0, "'GET'", "PUBACK: this looks like HTTP, and the port speaks MQTT without WebSocket: protocol error"},
		{0, "40 02 0001", "PUBACK: first packet is not CONNECT: protocol error"},
	} {
		d := packet.Decoder{Version: tt.version}
		if _, _, err := d.Decode(wire(t, tt.wire)); err == nil || err.Error() != tt.want {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
}

// The reserved flags of the fixed header have one value each [MQTT-2.1.3-1]
// [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1] [MQTT-3.15.1-1] [MQTT3-2.2.2-2].
func TestReservedFlags(t *testing.T) {
	t.Parallel()
	for _, tt := range valid {
		b := wire(t, tt.wire)
		if b[0]>>4 == byte(packet.PUBLISH) || tt.version == v31 {
			continue
		}
		for flags := range byte(16) {
			if flags == b[0]&15 {
				continue
			}
			broken := append([]byte{b[0]&0xF0 | flags}, b[1:]...)
			refuses(t, tt.version, broken, malformed)
			refuses(t, tt.version, broken[:1], malformed) // at the first byte
		}
	}
}

// TestUTF8 puts strings into every place where a packet has one.
func TestUTF8(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, s string
		ok      bool
	}{
		{"ASCII", "abc", true},
		{"two, three and four bytes", "ñ€𐐷", true},
		{"the last character", "\U0010FFFD", true},
		{"tab", "a\tb", false},
		{"line feed", "a\n", false},
		{"delete", "\x7F", false},
		{"C1 control", "\u0085", false},
		{"first after the controls", "\u00A0", true},
		{"non-character", "\uFFFE", false},
		{"non-character of plane 16", "\U0010FFFF", false},
		{"non-character of Arabic", "a\uFDD0", false},
		{"byte order mark", "\uFEFFa", true}, // kept [MQTT-1.5.4-3]
		{"byte order mark within", "a\uFEFF", true},
		{"before the surrogates", "\uD7FF", true},
		{"after the surrogates", "\uE000", true},
		{"NUL", "a\x00b", false}, // [MQTT-1.5.4-2] [MQTT3-1.5.3-2]
		{"NUL only", "\x00", false},
		{"NUL after UTF-8", "ñ\x00", false},
		{"NUL overlong", "\xC0\x80", false},
		{"first surrogate", "\xED\xA0\x80", false}, // [MQTT-1.5.4-1] [MQTT3-1.5.3-1]
		{"last surrogate", "\xED\xBF\xBF", false},
		{"surrogate pair", "\xED\xA0\x81\xED\xB0\xB7", false},
		{"slash overlong in two bytes", "\xC0\xAF", false},
		{"slash overlong in three bytes", "\xE0\x80\xAF", false},
		{"slash overlong in four bytes", "\xF0\x80\x80\xAF", false},
		{"beyond the last code point", "\xF4\x90\x80\x80", false},
		{"five bytes", "\xF8\x88\x80\x80\x80", false},
		{"cut short", "a\xC3", false},
		{"continuation alone", "\x80", false},
		{"Latin-1", "ma\xF1ana", false},
		{"FF", "\xFF", false},
	}
	for _, tt := range tests {
		for _, v := range []packet.Version{v311, v5} {
			for _, p := range everyString(tt.s) {
				b, err := p.Append(nil, v)
				if err != nil {
					t.Fatal(err)
				}
				d := packet.Decoder{Version: v}
				got, n, err := d.Decode(b)
				switch {
				case !tt.ok && !errors.Is(err, malformed):
					t.Errorf("%s, %v in %v: got %v, %v, want it malformed", tt.name, v, p.Type(), got, err)
				case tt.ok && (err != nil || n != len(b) || got.String() != p.String()):
					t.Errorf("%s, %v: got %v, %v, want %v", tt.name, v, got, err, p)
				}
			}
		}
		if packet.ValidString(tt.s) != tt.ok {
			t.Errorf("%s: ValidString is %v", tt.name, !tt.ok)
		}
	}
	if !packet.ValidString(strings.Repeat("x", 65535)) || packet.ValidString(strings.Repeat("x", 65536)) {
		t.Error("ValidString: want 65,535 bytes at most")
	}
}

// everyString returns packets that all versions have, each with s in another place.
func everyString(s string) []packet.Packet {
	return []packet.Packet{
		&packet.Connect{Version: v5, ClientID: s},
		&packet.Connect{Version: v311, ClientID: s},
		&packet.Connect{Version: v31, ClientID: s},
		&packet.Connect{Version: v311, HasUsername: true, Username: s},
		&packet.Connect{Version: v311, Will: &packet.Will{Message: packet.Message{Topic: s}}},
		&packet.Publish{Message: packet.Message{Topic: s}},
		&packet.Subscribe{PacketID: 1, Subscriptions: []packet.Subscription{{Filter: s}}},
		&packet.Unsubscribe{PacketID: 1, Filters: []string{"a", s}},
	}
}
