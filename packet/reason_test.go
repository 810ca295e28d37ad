package packet_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/packet"
)

// reasonCodes is table 2-6 of MQTT 5.0: which packets may have which code.
var reasonCodes = map[byte]string{
	0x00: "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH",
	0x01: "SUBACK",
	0x02: "SUBACK",
	0x04: "DISCONNECT",
	0x10: "PUBACK PUBREC",
	0x11: "UNSUBACK",
	0x18: "AUTH",
	0x19: "AUTH",
	0x80: "CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT",
	0x81: "CONNACK DISCONNECT",
	0x82: "CONNACK DISCONNECT",
	0x83: "CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT",
	0x84: "CONNACK",
	0x85: "CONNACK",
	0x86: "CONNACK",
	0x87: "CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT",
	0x88: "CONNACK",
	0x89: "CONNACK DISCONNECT",
	0x8A: "CONNACK",
	0x8B: "DISCONNECT",
	0x8C: "CONNACK DISCONNECT",
	0x8D: "DISCONNECT",
	0x8E: "DISCONNECT",
	0x8F: "SUBACK UNSUBACK DISCONNECT",
	0x90: "CONNACK PUBACK PUBREC DISCONNECT",
	0x91: "PUBACK PUBREC SUBACK UNSUBACK",
	0x92: "PUBREL PUBCOMP",
	0x93: "DISCONNECT",
	0x94: "DISCONNECT",
	0x95: "CONNACK DISCONNECT",
	0x96: "DISCONNECT",
	0x97: "CONNACK PUBACK PUBREC SUBACK DISCONNECT",
	0x98: "DISCONNECT",
	0x99: "CONNACK PUBACK PUBREC DISCONNECT",
	0x9A: "CONNACK DISCONNECT",
	0x9B: "CONNACK DISCONNECT",
	0x9C: "CONNACK DISCONNECT",
	0x9D: "CONNACK DISCONNECT",
	0x9E: "SUBACK DISCONNECT",
	0x9F: "CONNACK DISCONNECT",
	0xA0: "DISCONNECT",
	0xA1: "SUBACK DISCONNECT",
	0xA2: "SUBACK DISCONNECT",
}

// A packet has one of its own codes, in both directions [MQTT-3.2.2-8] [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1]
// [MQTT-3.7.2-1] [MQTT-3.9.3-2] [MQTT-3.11.3-2] [MQTT-3.14.2-1] [MQTT-3.15.2-1].
func TestReasonCodes(t *testing.T) {
	t.Parallel()
	frames := map[string]string{ // ?? is the code
		"CONNACK": "20 03 00 ?? 00", "PUBACK": "40 03 0001 ??", "PUBREC": "50 03 0001 ??", "PUBREL": "62 03 0001 ??",
		"PUBCOMP": "70 03 0001 ??", "SUBACK": "90 04 0001 00 ??", "UNSUBACK": "b0 04 0001 00 ??", "DISCONNECT": "e0 01 ??",
		"AUTH": "f0 02 ?? 00",
	}
	for name, frame := range frames {
		for code := range 256 {
			b := wire(t, strings.ReplaceAll(frame, "??", fmt.Sprintf("%02x", code)))
			if slices.Contains(strings.Fields(reasonCodes[byte(code)]), name) {
				accepts(t, name, b)
			} else {
				refuses(t, v5, b, malformed)
			}
		}
	}
	for code := range 256 { // MQTT 3.1.1 [MQTT3-3.9.3-2]
		b := wire(t, fmt.Sprintf("90 03 0001 %02x", code))
		d := packet.Decoder{Version: v311}
		_, n, err := d.Decode(b)
		if allowed := code <= 2 || code == 0x80; allowed && (err != nil || n == 0) || !allowed && err == nil {
			t.Errorf("SUBACK of 3.1.1 with 0x%02x: %d bytes, %v", code, n, err)
		}
	}
}

func TestReasonCodeText(t *testing.T) {
	t.Parallel()
	for code := range 256 {
		c := packet.ReasonCode(code)
		_, known := reasonCodes[byte(code)]
		if unnamed := strings.HasPrefix(c.String(), "reason code 0x"); unnamed == known {
			t.Errorf("0x%02x is %q", code, c)
		}
		if c.Failed() != (code >= 0x80) {
			t.Errorf("0x%02x: Failed is %v", code, c.Failed())
		}
		if c.ReturnCode() > 5 || c.Failed() && c.ReturnCode() == 0 {
			t.Errorf("0x%02x is sent to MQTT 3.x as %d", code, c.ReturnCode())
		}
	}
	err := fmt.Errorf("line 12 denies: %w", packet.NotAuthorized)
	if code := packet.ReasonCode(0); !errors.As(err, &code) || code != packet.NotAuthorized {
		t.Errorf("the code of %v is %v", err, code)
	}
	if got, want := packet.ReasonCode(0xFE).String(), "reason code 0xFE"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
