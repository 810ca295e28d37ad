package mqtttest

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/packet"
)

// Every field of every packet, as String writes it.
var notation = []string{
	"CONNECT",
	"CONNECT v31 id=c clean",
	"CONNECT v6 bridge",
	`CONNECT v5 id="a b" clean keepalive=60 username=bob session-expiry=never receive-maximum=1 ` +
		"maximum-packet-size=2 alias-maximum=3 request-response-information no-problem-information auth-method=PLAIN " +
		"user=k:v user=k:w will-topic=gone will-qos=2 will-retain will-delay=4 will-expiry=0 will-utf8 " +
		"will-content-type=text/plain will-response-topic=r will-correlation=<hex:00ff> will-user=a:b will-payload=bye",
	`CONNECT username="" will-topic=""`,
	"CONNACK",
	"CONNACK present 0x87",
	"CONNACK id=x keepalive=0 session-expiry=0 receive-maximum=1 maximum-packet-size=2 alias-maximum=3 maximum-qos=0 no-retain " +
		"no-wildcards no-subids no-shared response-information=i server-reference=r auth-method=m reason=why user=a:b",
	"PUBLISH a/b",
	`PUBLISH "7" 7`,
	`PUBLISH "" alias=7`,
	`PUBLISH "retain" retain "dup"`,
	`PUBLISH 7 a/b dup qos=1 retain alias=1 expiry=0 utf8 content-type=c response-topic=r correlation="" user="a:b":"c d" subid=1 subid=2 hello`,
	"PUBLISH a `{\"t\": 1}`",
	`PUBLISH a "line\nline"`,
	`PUBLISH a "*"`,
	`PUBLISH a "..."`,
	`PUBLISH a "<html>"`,
	`PUBLISH a "k=v"`,
	"PUBLISH a <hex:ff00>",
	"PUBLISH a <129 bytes>",
	"PUBLISH ñandú ¡hola!",
	"PUBACK 7",
	"PUBREC 7 0x10 reason=why user=a:b",
	"PUBREL 7 0x92",
	"PUBCOMP 7",
	"SUBSCRIBE 1 a/# qos=1 b qos=2 no-local retain-as-published retain-handling=2 subid=5 user=a:b",
	`SUBSCRIBE 1 "8" "no-local" no-local`,
	"SUBACK 1 0 1 2 0x80 reason=why user=a:b",
	"UNSUBSCRIBE 2 a b user=a:b",
	"UNSUBACK 2",
	"UNSUBACK 2 0 0x11",
	"PINGREQ",
	"PINGRESP",
	"DISCONNECT",
	"DISCONNECT 0x04 session-expiry=5 server-reference=r reason=why user=a:b",
	"AUTH 0x18 auth-method=m auth-data=<3 bytes> reason=why user=a:b",
}

func TestNotation(t *testing.T) {
	for _, text := range notation {
		p, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := p.String(); got != text {
			t.Errorf("got  %s\nwant %s", got, text)
		}
	}
}

// What a reader takes and String writes otherwise.
func TestParse(t *testing.T) {
	tests := map[string]string{
		"CONNECT password=secret":               "CONNECT password=***",
		"CONNECT v311 will-payload=x":           `CONNECT will-topic="" will-payload=x`,
		"PUBLISH 0 hello retain a qos=1 retain": "PUBLISH 0 hello qos=1 retain a",
		"PUBLISH 0 a qos=1":                     "PUBLISH 0 a qos=1",
		"PUBLISH a size=3":                      "PUBLISH a abc",
		"PUBLISH a payload=<hex:61 62>":         "PUBLISH a ab",
		"PUBLISH a payload=dup":                 `PUBLISH a "dup"`,
		"PUBLISH a <28 bytes>":                  "PUBLISH a abcdefghijklmnopqrstuvwxyzab",
		"PUBLISH <300 bytes>":                   "PUBLISH <300 bytes>",
		`PUBLISH "a\xff"`:                       `PUBLISH "a\xff"`,
		"PUBACK 7 reason=why 0x80":              "PUBACK 7 0x80 reason=why",
		"SUBACK 7 128 0x1":                      "SUBACK 7 0x80 1",
		"DISCONNECT session-expiry=4294967295":  "DISCONNECT session-expiry=never",
		`AUTH auth-data=secret user=<hex:00>:b`: `AUTH auth-data=<6 bytes> user="\x00":b`,
	}
	for text, want := range tests {
		p, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := p.String(); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestMatches(t *testing.T) {
	tests := []struct {
		want, got string
		ok        bool
	}{
		{"PUBLISH * a/b hello", "PUBLISH 7 a/b hello", true},
		{"PUBLISH * a/b hello", "PUBLISH 7 a/c hello", false},
		{"PUBLISH * a/b", "PUBLISH 7 a/b hello", false},
		{"PUBLISH 7 ...", "PUBLISH 7 a/b qos=1 hello", true},
		{"CONNACK id=*", "CONNACK id=auto-1", true},
		{"CONNACK id=*", "CONNACK", false},
		{"CONNACK id=* ...", "CONNACK 0x87 id=x reason=why", true},
		{"CONNACK 0x87 ...", "CONNACK reason=0x87", false},
		{"X b=2 a=* user=1:1 user=2:2", "X a=1 user=1:1 b=2 user=2:2", true},
		{"X a=* user=2:2 user=1:1", "X a=1 user=1:1 user=2:2", false},
	}
	for _, tt := range tests {
		want, err := split(tt.want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := split(tt.got)
		if err != nil {
			t.Fatal(err)
		}
		if matches(want, got) != tt.ok {
			t.Errorf("%s matches %s: want %v", tt.want, tt.got, tt.ok)
		}
	}
}

// FuzzNotation: what String writes, Parse reads, and it means the same packet
// if nothing was left out.
func FuzzNotation(f *testing.F) {
	for _, text := range notation {
		p, err := Parse(text)
		if err != nil {
			f.Fatal(err)
		}
		if b, err := p.Append(nil, packet.V5); err == nil {
			f.Add(b, byte(packet.V5))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, v byte) {
		d := packet.Decoder{Version: packet.Version(v%3 + 3)}
		p, n, err := d.Decode(b)
		if err != nil || n == 0 {
			return
		}
		text := p.String()
		q, err := Parse(text)
		if err != nil {
			t.Fatalf("% x: %v", b[:n], err)
		}
		if strings.Contains(text, "bytes>") { // left out
			return
		}
		if got := q.String(); got != text {
			t.Fatalf("got  %s\nwant %s", got, text)
		}
		if strings.Contains(text, "password=") {
			return
		}
		want, err := p.Append(nil, d.Version)
		if err != nil {
			t.Fatal(err)
		}
		got, err := q.Append(nil, d.Version)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s\ngot  %s, %v\nwant %s", text, hex.EncodeToString(got), err, hex.EncodeToString(want))
		}
	})
}

// FuzzParse: no text makes Parse panic, and what it reads can be written.
func FuzzParse(f *testing.F) {
	for _, text := range notation {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "bytes") || strings.Contains(text, "size=") {
			return // spare the memory
		}
		p, err := Parse(text)
		if err != nil {
			return
		}
		said := p.String()
		q, err := Parse(said)
		if err != nil || q.String() != said && !strings.Contains(said, "bytes>") {
			t.Fatalf("%q is said %q, which reads as %v, %v", text, said, q, err)
		}
	})
}
