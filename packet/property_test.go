package packet_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/packet"
)

// properties is table 2-4 of MQTT 5.0: every property, a value of it, and where
// it may stand.
var properties = []struct {
	id    byte
	name  string
	value string
	where string
}{
	{1, "payload format indicator", "01", "PUBLISH WILL"},
	{2, "message expiry interval", "00000005", "PUBLISH WILL"},
	{3, "content type", "0001 'x'", "PUBLISH WILL"},
	{8, "response topic", "0001 'x'", "PUBLISH WILL"},
	{9, "correlation data", "0001 ff", "PUBLISH WILL"},
	{11, "subscription identifier", "8001", "PUBLISH SUBSCRIBE"},
	{17, "session expiry interval", "00000005", "CONNECT CONNACK DISCONNECT"},
	{18, "assigned client identifier", "0001 'x'", "CONNACK"},
	{19, "server keep alive", "0005", "CONNACK"},
	{21, "authentication method", "0001 'x'", "CONNECT CONNACK AUTH"},
	{22, "authentication data", "0001 ff", "CONNECT CONNACK AUTH"},
	{23, "request problem information", "01", "CONNECT"},
	{24, "will delay interval", "00000005", "WILL"},
	{25, "request response information", "01", "CONNECT"},
	{26, "response information", "0001 'x'", "CONNACK"},
	{28, "server reference", "0001 'x'", "CONNACK DISCONNECT"},
	{31, "reason string", "0001 'x'", "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH"},
	{33, "receive maximum", "0005", "CONNECT CONNACK"},
	{34, "topic alias maximum", "0005", "CONNECT CONNACK"},
	{35, "topic alias", "0005", "PUBLISH"},
	{36, "maximum QoS", "01", "CONNACK"},
	{37, "retain available", "01", "CONNACK"},
	{38, "user property", "0001 'k' 0001 'v'", "CONNECT CONNACK PUBLISH WILL PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK DISCONNECT AUTH"},
	{39, "maximum packet size", "00000005", "CONNECT CONNACK"},
	{40, "wildcard subscription available", "01", "CONNACK"},
	{41, "subscription identifier available", "01", "CONNACK"},
	{42, "shared subscription available", "01", "CONNACK"},
}

// lists are packets of MQTT 5.0 around a property list; of the last two, which
// have none, the list is the whole rest.
var lists = []struct{ name, first, before, after string }{
	{"CONNECT", "10", "0004 'MQTT' 05 02 0000", "0000"},
	{"WILL", "10", "0004 'MQTT' 05 06 0000 00 0000", "0001 'w' 0000"},
	{"CONNACK", "20", "00 00", ""},
	{"PUBLISH", "32", "0001 't' 0001", "'payload'"},
	{"PUBACK", "40", "0001 00", ""},
	{"PUBREC", "50", "0001 00", ""},
	{"PUBREL", "62", "0001 00", ""},
	{"PUBCOMP", "70", "0001 00", ""},
	{"SUBSCRIBE", "82", "0001", "0001 'a' 00"},
	{"SUBACK", "90", "0001", "00"},
	{"UNSUBSCRIBE", "a2", "0001", "0001 'a'"},
	{"UNSUBACK", "b0", "0001", "00"},
	{"DISCONNECT", "e0", "00", ""},
	{"AUTH", "f0", "00", ""},
	{"PINGREQ", "c0", "", ""},
	{"PINGRESP", "d0", "", ""},
}

// TestPropertyMatrix puts every property into every packet, once and twice.
func TestPropertyMatrix(t *testing.T) {
	t.Parallel()
	if len(properties) != 27 {
		t.Fatalf("%d properties, want 27", len(properties))
	}
	for _, list := range lists {
		t.Run(list.name, func(t *testing.T) {
			t.Parallel()
			around := func(properties []byte) []byte {
				body := wire(t, list.before)
				body = append(body, byte(len(properties)))
				body = append(body, properties...)
				body = append(body, wire(t, list.after)...)
				return append(wire(t, fmt.Sprintf("%s %02x", list.first, len(body))), body...)
			}
			for _, p := range properties {
				one := append([]byte{p.id}, wire(t, p.value)...)
				if !slices.Contains(strings.Fields(p.where), list.name) {
					refuses(t, v5, around(one), malformed)
					continue
				}
				refuses(t, v5, around(one[:len(one)-1]), malformed) // cut short
				twice := slices.Concat(one, one)
				if list.name == "CONNECT" && p.id == 22 { // not without a method
					one = append(wire(t, "15 0001 'm'"), one...)
				}
				accepts(t, p.name, around(one))
				if p.id == 38 || p.id == 11 && list.name == "PUBLISH" {
					accepts(t, p.name, around(twice))
					continue
				}
				refuses(t, v5, around(twice), protocol)
			}
			for _, unknown := range []string{"00", "04 00", "07 00", "2b 00", "3f 00", "40 00", "7f 00", "8001 00", "ffffff7f 00"} {
				refuses(t, v5, around(wire(t, unknown)), malformed)
			}
		})
	}
}

func accepts(t *testing.T, name string, b []byte) {
	t.Helper()
	d := packet.Decoder{Version: v5}
	p, n, err := d.Decode(b)
	if err != nil || n != len(b) {
		t.Errorf("%s: % x: got %v, %d bytes, %v", name, b, p, n, err)
		return
	}
	again, err := p.Append(nil, v5)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	second := packet.Decoder{Version: v5}
	if q, _, err := second.Decode(again); err != nil || q.String() != p.String() {
		t.Errorf("%s: encoded again: %v, %v, want %v", name, q, err, p)
	}
}

// TestUserProperties: as many as the limit says, in each list.
func TestUserProperties(t *testing.T) {
	t.Parallel()
	publish := func(n int) []byte {
		p := &packet.Publish{Message: packet.Message{Topic: "t", Properties: &packet.MessageProperties{
			UserProperties: make([]packet.UserProperty, n),
		}}}
		b, err := p.Append(nil, v5)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for limit, allowed := range map[int]int{0: packet.DefaultMaxUserProperties, 1: 1, 200: 200} {
		d := packet.Decoder{Version: v5, MaxUserProperties: limit}
		if _, n, err := d.Decode(publish(allowed)); n == 0 || err != nil {
			t.Errorf("limit %d: %d are refused: %v", limit, allowed, err)
		}
		_, _, err := d.Decode(publish(allowed + 1))
		if err == nil || !strings.Contains(err.Error(), packet.QuotaExceeded.Error()) {
			t.Errorf("limit %d: %d: %v, want quota exceeded", limit, allowed+1, err)
		}
	}
}
