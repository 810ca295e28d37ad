package packet_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
)

// wire reads bytes as a person writes them: hexadecimal, and text in single
// quotes.
func wire(tb testing.TB, s string) []byte {
	tb.Helper()
	var b []byte
	for word := range strings.FieldsSeq(s) {
		if text, ok := strings.CutPrefix(word, "'"); ok {
			b = append(b, strings.TrimSuffix(text, "'")...)
			continue
		}
		octets, err := hex.DecodeString(word)
		if err != nil {
			tb.Fatalf("%s: %v", s, err)
		}
		b = append(b, octets...)
	}
	return b
}

const (
	v31  = packet.V31
	v311 = packet.V311
	v5   = packet.V5
)

// valid are packets as the specification writes them, byte by byte, in the form
// that Append chooses when there is a choice.
var valid = []struct {
	name    string
	version packet.Version
	wire    string
	text    string
	send    string // the same with secrets; empty: text
}{
	{"CONNECT", v311, "10 0c 0004 'MQTT' 04 02 003c 0000", "CONNECT clean keepalive=60", ""},
	{"CONNECT of 3.1", v31, "10 0f 0006 'MQIsdp' 03 00 0000 0001 'c'", "CONNECT v31 id=c", ""},
	{"CONNECT of 5.0", v5, "10 0d 0004 'MQTT' 05 02 0000 00 0000", "CONNECT v5 clean", ""},
	{"CONNECT of a bridge", v311, "10 0d 0004 'MQTT' 84 00 0000 0001 'c'", "CONNECT bridge id=c", ""},
	{
		// The fields of the payload in their order [MQTT-3.1.3-1] [MQTT-3.1.3-3], there because their flags say so
		// [MQTT-3.1.2-9] [MQTT-3.1.2-17] [MQTT-3.1.2-19].
		"CONNECT with everything", v311, "10 22 0004 'MQTT' 04 f6 000a 0001 'c' 0001 'w' 0003 'bye' 0003 'bob' 0006 'secret'",
		"CONNECT id=c clean keepalive=10 username=bob password=*** will-topic=w will-qos=2 will-retain will-payload=bye",
		"CONNECT id=c clean keepalive=10 username=bob password=secret will-topic=w will-qos=2 will-retain will-payload=bye",
	},
	{
		"CONNECT with a password only", v5, "10 12 0004 'MQTT' 05 40 0000 00 0000 0003 'abc'",
		"CONNECT v5 password=***", "CONNECT v5 password=abc",
	},
	{
		"CONNECT of 5.0 with everything", v5, `10 5a 0004 'MQTT' 05 0c 0000
			24 11 0000000a 21 0014 27 00001000 22 0005 19 01 17 00 15 0001 'm' 16 0002 0102 26 0001 'k' 0001 'v'
			0001 'c'
			1f 18 00000005 02 0000003c 01 01 03 0001 't' 08 0001 'r' 09 0001 ff 26 0001 'a' 0001 'b'
			0001 'w' 0003 'bye'`,
		"CONNECT v5 id=c session-expiry=10 receive-maximum=20 maximum-packet-size=4096 alias-maximum=5 " +
			"request-response-information no-problem-information auth-method=m auth-data=<2 bytes> user=k:v " +
			"will-topic=w will-qos=1 will-delay=5 will-expiry=60 will-utf8 will-content-type=t will-response-topic=r " +
			"will-correlation=<hex:ff> will-user=a:b will-payload=bye",
		"CONNECT v5 id=c session-expiry=10 receive-maximum=20 maximum-packet-size=4096 alias-maximum=5 " +
			"request-response-information no-problem-information auth-method=m auth-data=<hex:0102> user=k:v " +
			"will-topic=w will-qos=1 will-delay=5 will-expiry=60 will-utf8 will-content-type=t will-response-topic=r " +
			"will-correlation=<hex:ff> will-user=a:b will-payload=bye",
	},

	{"CONNACK of 3.1", v31, "20 02 00 00", "CONNACK", ""},
	{"CONNACK", v311, "20 02 01 00", "CONNACK present", ""},
	{"CONNACK unacceptable protocol version", v311, "20 02 00 01", "CONNACK 0x84", ""},
	{"CONNACK identifier rejected", v311, "20 02 00 02", "CONNACK 0x85", ""},
	{"CONNACK server unavailable", v311, "20 02 00 03", "CONNACK 0x88", ""},
	{"CONNACK bad user name or password", v311, "20 02 00 04", "CONNACK 0x86", ""},
	{"CONNACK not authorized", v311, "20 02 00 05", "CONNACK 0x87", ""},
	{"CONNACK of 5.0", v5, "20 03 00 87 00", "CONNACK 0x87", ""},
	{
		"CONNACK with everything", v5, `20 3f 01 00 3c 22 000a 11 00000000 12 0001 'x' 13 001e 15 0001 'm' 16 0001 00 24 01
			25 00 28 00 29 00 2a 00 1a 0001 'i' 1c 0001 's' 27 00001000 21 0014 1f 0001 'w' 26 0001 'k' 0001 'v'`,
		"CONNACK present id=x keepalive=30 session-expiry=0 receive-maximum=20 maximum-packet-size=4096 alias-maximum=10 " +
			"maximum-qos=1 no-retain no-wildcards no-subids no-shared response-information=i server-reference=s " +
			"auth-method=m auth-data=<1 bytes> reason=w user=k:v",
		"CONNACK present id=x keepalive=30 session-expiry=0 receive-maximum=20 maximum-packet-size=4096 alias-maximum=10 " +
			"maximum-qos=1 no-retain no-wildcards no-subids no-shared response-information=i server-reference=s " +
			"auth-method=m auth-data=<hex:00> reason=w user=k:v",
	},

	// A PUBLISH of QoS 0 has no packet identifier [MQTT-2.2.1-2], and the topic name is first [MQTT-3.3.2-1].
	{"PUBLISH", v311, "30 07 0003 'a/b' 'hi'", "PUBLISH a/b hi", ""},
	{"PUBLISH empty", v311, "31 05 0003 'a/b'", "PUBLISH a/b retain", ""},
	{"PUBLISH of QoS 1", v311, "32 09 0003 'a/b' 0007 'hi'", "PUBLISH 7 a/b qos=1 hi", ""},
	{"PUBLISH of QoS 2 again", v311, "3d 09 0003 'a/b' 0007 'hi'", "PUBLISH 7 a/b dup qos=2 retain hi", ""},
	// No properties are said by a property length of zero [MQTT-2.2.2-1].
	{"PUBLISH of 5.0", v5, "30 08 0003 'a/b' 00 'hi'", "PUBLISH a/b hi", ""},
	{"PUBLISH by alias", v5, "30 08 0000 03 23 0007 'hi'", `PUBLISH "" alias=7 hi`, ""},
	{
		// User properties keep their order [MQTT-3.1.3-10], as do subscription identifiers.
		"PUBLISH with everything", v5, `32 34 0001 't' ffff
			2c 23 0007 02 0000003c 01 01 03 0001 'c' 08 0001 'r' 09 0002 00ff 26 0001 'k' 0001 'v' 26 0001 'k' 0001 'a'
			0b 01 0b ffffff7f 'hi'`,
		"PUBLISH 65535 t qos=1 alias=7 expiry=60 utf8 content-type=c response-topic=r correlation=<hex:00ff> user=k:v user=k:a " +
			"subid=1 subid=268435455 hi", "",
	},

	{"PUBACK", v311, "40 02 0007", "PUBACK 7", ""},
	{"PUBREC", v311, "50 02 0007", "PUBREC 7", ""},
	{"PUBREL", v311, "62 02 0007", "PUBREL 7", ""},
	{"PUBCOMP", v311, "70 02 0007", "PUBCOMP 7", ""},
	{"PUBACK of 5.0", v5, "40 02 0007", "PUBACK 7", ""},
	{"PUBACK with a reason", v5, "40 03 0007 10", "PUBACK 7 0x10", ""},
	{"PUBREC with properties", v5, "50 0f 0007 87 0b 1f 0001 'w' 26 0001 'k' 0001 'v'", "PUBREC 7 0x87 reason=w user=k:v", ""},
	{"PUBREL with a reason", v5, "62 03 0007 92", "PUBREL 7 0x92", ""},
	{"PUBCOMP with properties", v5, "70 08 0007 00 04 1f 0001 'w'", "PUBCOMP 7 reason=w", ""},

	{"SUBSCRIBE", v311, "82 0c 0001 0003 'a/#' 01 0001 'b' 02", "SUBSCRIBE 1 a/# qos=1 b qos=2", ""},
	{
		"SUBSCRIBE with everything", v5, "82 12 0001 09 0b 05 26 0001 'k' 0001 'v' 0003 'a/#' 2e",
		"SUBSCRIBE 1 a/# qos=2 no-local retain-as-published retain-handling=2 subid=5 user=k:v", "",
	},
	{"SUBACK", v311, "90 06 0001 00 01 02 80", "SUBACK 1 0 1 2 0x80", ""},
	{"SUBACK with everything", v5, "90 10 0001 0b 1f 0001 'w' 26 0001 'k' 0001 'v' 02 a2", "SUBACK 1 2 0xA2 reason=w user=k:v", ""},
	{"UNSUBSCRIBE", v311, "a2 0a 0002 0003 'a/#' 0001 'b'", "UNSUBSCRIBE 2 a/# b", ""},
	{"UNSUBSCRIBE of 5.0", v5, "a2 0f 0002 07 26 0001 'k' 0001 'v' 0003 'a/#'", "UNSUBSCRIBE 2 a/# user=k:v", ""},
	{"UNSUBACK", v311, "b0 02 0002", "UNSUBACK 2", ""},
	{"UNSUBACK of 5.0", v5, "b0 05 0002 00 00 11", "UNSUBACK 2 0 0x11", ""},
	{"PINGREQ", v311, "c0 00", "PINGREQ", ""},
	{"PINGRESP", v5, "d0 00", "PINGRESP", ""},
	{"DISCONNECT", v311, "e0 00", "DISCONNECT", ""},
	{"DISCONNECT of 5.0", v5, "e0 00", "DISCONNECT", ""},
	{"DISCONNECT with a reason", v5, "e0 01 04", "DISCONNECT 0x04", ""},
	{
		"DISCONNECT with everything", v5, "e0 16 9d 14 11 ffffffff 1f 0001 'w' 26 0001 'k' 0001 'v' 1c 0001 's'",
		"DISCONNECT 0x9D session-expiry=never server-reference=s reason=w user=k:v", "",
	},
	{"AUTH", v5, "f0 00", "AUTH", ""},
	{
		"AUTH with everything", v5, "f0 16 18 14 15 0001 'm' 16 0002 00ff 1f 0001 'w' 26 0001 'k' 0001 'v'",
		"AUTH 0x18 auth-method=m auth-data=<2 bytes> reason=w user=k:v", "AUTH 0x18 auth-method=m auth-data=<hex:00ff> reason=w user=k:v",
	},
}

// TestValid goes three ways: bytes to text, what was decoded back to bytes, and
// text to bytes.
func TestValid(t *testing.T) {
	for _, tt := range valid {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := wire(t, tt.wire)
			d := packet.Decoder{Version: tt.version}
			p, n, err := d.Decode(b)
			if err != nil || n != len(b) {
				t.Fatalf("decode: %v, %d bytes of %d, %v", p, n, len(b), err)
			}
			if got := p.String(); got != tt.text {
				t.Errorf("got  %s\nwant %s", got, tt.text)
			}
			appendsTo(t, p, tt.version, b)
			text := tt.send
			if text == "" {
				text = tt.text
			}
			q, err := mqtttest.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if q.Type() != p.Type() {
				t.Errorf("type %v, want %v", q.Type(), p.Type())
			}
			appendsTo(t, q, tt.version, b)
		})
	}
}

func appendsTo(t *testing.T, p packet.Packet, v packet.Version, want []byte) {
	t.Helper()
	const before = "before"
	got, err := p.Append([]byte(before), v)
	if err != nil || string(got) != before+string(want) {
		t.Errorf("encode: %v\n got % x\nwant % x", err, strings.TrimPrefix(string(got), before), want)
	}
}

// Forms that Append does not choose, and what a version ignores.
func TestAlsoValid(t *testing.T) {
	tests := []struct {
		name    string
		version packet.Version
		wire    string
		text    string
	}{
		{"reason code said though it is success", v5, "40 03 0007 00", "PUBACK 7"},
		{"property length said though it is zero", v5, "40 04 0007 10 00", "PUBACK 7 0x10"},
		{"DISCONNECT with an empty list", v5, "e0 02 00 00", "DISCONNECT"},
		{"AUTH with an empty list", v5, "f0 02 00 00", "AUTH"},
		{"payload format 0", v5, "30 06 0001 't' 02 01 00", "PUBLISH t bytes"},
		{"what is available said", v5, "20 0b 00 00 08 25 01 28 01 29 01 2a 01", "CONNACK"},
		{"3.1: reserved byte of CONNACK", v31, "20 02 01 00", "CONNACK"},
		{"3.1: DUP of SUBSCRIBE", v31, "8a 06 0001 0001 'a' 01", "SUBSCRIBE 1 a qos=1"},
		{"3.1: DUP of UNSUBSCRIBE", v31, "aa 05 0001 0001 'a'", "UNSUBSCRIBE 1 a"},
		{"3.1: DUP of PUBREL", v31, "6a 02 0007", "PUBREL 7"},
		{"3.1: flags without user name and password", v31, "10 0f 0006 'MQIsdp' 03 c0 0000 0001 'c'", "CONNECT v31 id=c"},
		{"3.1: flags without a password", v31, "10 14 0006 'MQIsdp' 03 c0 0000 0001 'c' 0003 'bob'", "CONNECT v31 id=c username=bob"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := wire(t, tt.wire)
			d := packet.Decoder{Version: tt.version}
			if p, n, err := d.Decode(b); err != nil || n != len(b) || p.String() != tt.text {
				t.Errorf("got %v, %d bytes, %v, want %s", p, n, err, tt.text)
			}
		})
	}
}

// What the older versions cannot say is not said.
func TestAppendOlder(t *testing.T) {
	tests := []struct {
		text    string
		version packet.Version
		want    string
	}{
		{"CONNACK present", v31, "20 02 00 00"},
		{"CONNACK 0x8A reason=banned", v311, "20 02 00 05"},
		{"CONNACK 0x89", v311, "20 02 00 03"},
		{"PUBLISH t alias=1 expiry=5 user=a:b subid=1 x", v311, "30 04 0001 't' 'x'"},
		{"PUBACK 7 0x87 reason=why", v311, "40 02 0007"},
		{"SUBSCRIBE 1 a qos=1 no-local retain-handling=1 subid=1", v311, "82 06 0001 0001 'a' 01"},
		{"SUBACK 1 0x87 2 reason=why", v311, "90 04 0001 80 02"},
		{"UNSUBACK 1 0x11 reason=why", v311, "b0 02 0001"},
		{"UNSUBSCRIBE 1 a user=a:b", v31, "a2 05 0001 0001 'a'"},
		{"DISCONNECT 0x8E reason=why", v311, "e0 00"},
		{"CONNECT id=c session-expiry=1", v5, "10 0d 0004 'MQTT' 04 00 0000 0001 'c'"}, // its own version counts
	}
	for _, tt := range tests {
		p, err := mqtttest.Parse(tt.text)
		if err != nil {
			t.Fatal(err)
		}
		appendsTo(t, p, tt.version, wire(t, tt.want))
	}
}
