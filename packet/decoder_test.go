package packet_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
)

// TestTruncated cuts every valid packet at every length: the rest is waited
// for, and a packet whose remaining length says that this is all is refused or
// something shorter, but never a panic.
func TestTruncated(t *testing.T) {
	t.Parallel()
	for _, tt := range valid {
		b := wire(t, tt.wire)
		for n := range b {
			cut := b[:n:n]
			d := packet.Decoder{Version: tt.version}
			if p, taken, err := d.Decode(cut); p != nil || taken != 0 || err != nil {
				t.Errorf("%s: the first %d bytes: %v, %d, %v", tt.name, n, p, taken, err)
			}
			if n < 2 {
				continue
			}
			short := bytes.Clone(cut)
			short[1] = byte(n - 2)
			if p, taken, err := d.Decode(short); err == nil && taken != n || err != nil && p != nil {
				t.Errorf("%s: shortened to % x: %v, %d, %v", tt.name, short, p, taken, err)
			}
		}
	}
}

// Every two bytes of a CONNECT as a length that is wrong by one, nothing, or
// everything.
func TestLengthsOfConnect(t *testing.T) {
	t.Parallel()
	for _, tt := range valid {
		b := wire(t, tt.wire)
		for i := 2; i+1 < len(b); i++ {
			was := int(b[i])<<8 | int(b[i+1])
			for _, length := range []int{was - 1, was + 1, 0, 65535} {
				broken := bytes.Clone(b)
				broken[i], broken[i+1] = byte(length>>8), byte(length)
				d := packet.Decoder{Version: tt.version}
				if p, n, err := d.Decode(broken); err == nil && (p == nil || n != len(b)) || err != nil && p != nil {
					t.Errorf("% x: %v, %d, %v", broken, p, n, err)
				}
			}
		}
	}
}

// The remaining length, at the limits of its one to four bytes [MQTT-1.5.5-1].
func TestRemainingLength(t *testing.T) {
	t.Parallel()
	tests := []struct {
		length int
		want   string
	}{
		{3, "03"}, {127, "7f"}, {128, "8001"}, {16_383, "ff7f"}, {16_384, "808001"}, {2_097_151, "ffff7f"}, {2_097_152, "80808001"},
	}
	for _, tt := range tests {
		for _, v := range []packet.Version{v311, v5} {
			overhead := 3 // the topic
			if v == v5 {
				overhead++
			}
			p := &packet.Publish{Message: packet.Message{Topic: "t", Payload: make([]byte, max(0, tt.length-overhead))}}
			if len(p.Payload) == 0 && v == v5 {
				continue
			}
			b, err := p.Append(nil, v)
			want := append([]byte{0x30}, wire(t, tt.want)...)
			if err != nil || !bytes.HasPrefix(b, want) {
				t.Errorf("%d: %v, % x, want % x", tt.length, err, b[:5], want)
			}
			d := packet.Decoder{Version: v}
			if q, n, err := d.Decode(b); err != nil || n != len(b) || len(q.(*packet.Publish).Payload) != len(p.Payload) {
				t.Errorf("%d: took %d bytes of %d, %v", tt.length, n, len(b), err)
			}
		}
	}
}

// A property list, and with it the packet, grows past the limits of its length
// after it has begun.
func TestLongPropertyLists(t *testing.T) {
	t.Parallel()
	for _, size := range []int{100, 115, 130, 16_350, 16_390, 60_000} {
		for _, text := range []string{"CONNACK", "PUBACK 1", "SUBACK 1 0", "DISCONNECT", "AUTH", "PUBLISH t", "CONNECT v5"} {
			p, err := mqtttest.Parse(text + " user=k:" + strings.Repeat("v", size))
			if err != nil {
				t.Fatal(err)
			}
			b, err := p.Append([]byte("before"), v5)
			if err != nil {
				t.Fatal(err)
			}
			d := packet.Decoder{Version: v5}
			q, n, err := d.Decode(b[6:])
			if err != nil || n != len(b)-6 || q.String() != p.String() {
				t.Errorf("%s with %d bytes: %v, %v", text, size, q, err)
			}
		}
	}
}

// What does not fit is refused, and the bytes before are as they were.
func TestAppendRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 65536)
	data := []byte(long)
	message := packet.Message{Topic: "t"}
	with := func(p packet.MessageProperties) packet.Message { return packet.Message{Topic: "t", Properties: &p} }
	user := []packet.UserProperty{{Name: "k", Value: long}}
	tests := map[string]packet.Packet{
		"topic":                       &packet.Publish{Message: packet.Message{Topic: long}},
		"content type":                &packet.Publish{Message: with(packet.MessageProperties{ContentType: long})},
		"response topic":              &packet.Publish{Message: with(packet.MessageProperties{ResponseTopic: long})},
		"correlation data":            &packet.Publish{Message: with(packet.MessageProperties{CorrelationData: data})},
		"user property":               &packet.Publish{Message: with(packet.MessageProperties{UserProperties: user})},
		"subscription identifier":     &packet.Publish{Message: message, SubscriptionIDs: []uint32{1, 1 << 28}},
		"one's own":                   &packet.Subscribe{PacketID: 1, SubscriptionID: 1 << 28},
		"client identifier":           &packet.Connect{Version: v5, ClientID: long},
		"password":                    &packet.Connect{Version: v5, HasPassword: true, Password: data},
		"will topic":                  &packet.Connect{Version: v5, Will: &packet.Will{Message: packet.Message{Topic: long}}},
		"will payload":                &packet.Connect{Version: v5, Will: &packet.Will{Message: packet.Message{Payload: data}}},
		"filter":                      &packet.Subscribe{PacketID: 1, Subscriptions: []packet.Subscription{{Filter: long}}},
		"filter to unsubscribe":       &packet.Unsubscribe{PacketID: 1, Filters: []string{long}},
		"reason string":               &packet.Puback{Ack: packet.Ack{PacketID: 1, ReasonString: long}},
		"assigned client identifier":  &packet.Connack{AssignedClientID: long},
		"reason string of SUBACK":     &packet.Suback{PacketID: 1, ReasonString: long},
		"reason string of UNSUBACK":   &packet.Unsuback{PacketID: 1, ReasonString: long},
		"server reference":            &packet.Disconnect{ServerReference: long},
		"authentication data":         &packet.Auth{AuthenticationData: data},
		"payload of more than 256 MB": &packet.Publish{Message: packet.Message{Topic: "t", Payload: make([]byte, packet.MaxRemainingLength)}},
	}
	for name, p := range tests {
		b, err := p.Append([]byte("before"), v5)
		if !errors.Is(err, packet.PacketTooLarge) || string(b) != "before" {
			t.Errorf("%s: got %d bytes, %v", name, len(b), err)
		}
	}
}

// TestEarly: a packet is refused as soon as its bytes say that it is none.
func TestEarly(t *testing.T) {
	t.Parallel()
	limited := packet.Decoder{MaxPacketSize: 100}
	if _, _, err := limited.Decode(wire(t, "10 62 0004 'MQTT'")); err != nil {
		t.Errorf("100 bytes are refused: %v", err)
	}
	if _, _, err := limited.Decode(wire(t, "10 63")); !errors.Is(err, packet.PacketTooLarge) {
		t.Errorf("101 bytes: %v", err)
	}
	large := packet.Decoder{Version: v5, MaxPacketSize: 1<<32 - 1}
	if _, _, err := large.Decode(wire(t, "30 ffffff7f")); err != nil {
		t.Errorf("256 MB with a limit of 4 GB: %v", err)
	}
	d := packet.Decoder{}
	if _, _, err := d.Decode(wire(t, "10 ffffff7f 0004 'HTTP' 04 02 00")); !errors.Is(err, packet.UnsupportedProtocolVersion) {
		t.Errorf("another protocol: %v", err)
	}
	if _, _, err := d.Decode([]byte("GET / HTTP/1.1\r\n")); !errors.Is(err, protocol) {
		t.Errorf("a browser: %v", err)
	}
}

func TestVersionOfConnect(t *testing.T) {
	t.Parallel()
	for _, v := range []packet.Version{v31, v311, v5} {
		b, err := (&packet.Connect{Version: v, ClientID: "c"}).Append(nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		var d packet.Decoder
		if p, _, err := d.Decode(b); err != nil || d.Version != v || p.(*packet.Connect).Version != v {
			t.Errorf("%v: the decoder is of %v, %v", v, d.Version, err)
		}
	}
	// The version is known even if something else is wrong, so that the answer can be written.
	var d packet.Decoder
	if _, _, err := d.Decode(wire(t, "10 0d 0004 'MQTT' 05 03 0000 00 0000")); err == nil || d.Version != v5 {
		t.Errorf("the decoder is of %v, %v", d.Version, err)
	}
}

// A decoder reuses its memory, but topic names may be kept, and Clone keeps the rest.
func TestBorrowing(t *testing.T) {
	t.Parallel()
	var d packet.Decoder
	d.Version = v5
	first := publishBytes(t, "PUBLISH a correlation=one user=k:one first")
	second := publishBytes(t, "PUBLISH b correlation=two user=k:two other")
	p, _, err := d.Decode(first)
	if err != nil {
		t.Fatal(err)
	}
	topic := p.(*packet.Publish).Topic
	kept := p.(*packet.Publish).Clone()
	if _, _, err := d.Decode(second); err != nil {
		t.Fatal(err)
	}
	clear(first)
	clear(second)
	if got, want := (&packet.Publish{Message: *kept}).String(), "PUBLISH a correlation=one user=k:one first"; got != want || topic != "a" {
		t.Errorf("kept %s and %q, want %s", got, topic, want)
	}
	p, _, err = d.Decode(publishBytes(t, "PUBLISH c x"))
	if got, want := p.String(), "PUBLISH c x"; err != nil || got != want {
		t.Errorf("something is left of the packet before: %s, %v", got, err)
	}
}

// A topic name decodes to itself, however many there are.
func TestManyTopics(t *testing.T) {
	t.Parallel()
	d := packet.Decoder{Version: v311}
	for i := range 2000 {
		topic := strings.Repeat("a", i%7) + string(rune('¡'+i%500)) + strings.Repeat("b", i%300)
		b, err := (&packet.Publish{Message: packet.Message{Topic: topic}}).Append(nil, v311)
		if err != nil {
			t.Fatal(err)
		}
		if p, _, err := d.Decode(b); err != nil || p.(*packet.Publish).Topic != topic {
			t.Fatalf("topic %q: got %v, %v", topic, p, err)
		}
	}
}

func publishBytes(tb testing.TB, text string) []byte {
	tb.Helper()
	p, err := mqtttest.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	b, err := p.Append(nil, v5)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// The path of a message through a server must not allocate.
func TestAllocations(t *testing.T) {
	tests := []struct {
		name    string
		version packet.Version
		text    string
	}{
		{"PUBLISH of QoS 0", v311, "PUBLISH a/b/c hello"},
		{"PUBLISH of QoS 1", v311, "PUBLISH 7 a/b/c qos=1 hello"},
		{"PUBLISH of 5.0", v5, "PUBLISH 7 a/b/c qos=2 alias=3 expiry=60 utf8 correlation=x hello"},
		{"PUBACK", v311, "PUBACK 7"},
		{"PUBREC", v5, "PUBREC 7"},
		{"PUBREL", v5, "PUBREL 7"},
		{"PUBCOMP", v311, "PUBCOMP 7"},
		{"PINGREQ", v5, "PINGREQ"},
		{"PINGRESP", v5, "PINGRESP"},
	}
	for _, tt := range tests {
		p, err := mqtttest.Parse(tt.text)
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.Append(nil, tt.version)
		if err != nil {
			t.Fatal(err)
		}
		d := packet.Decoder{Version: tt.version}
		if n := testing.AllocsPerRun(100, func() {
			if _, _, err := d.Decode(b); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: decoding allocates %v times", tt.name, n)
		}
		buf := make([]byte, 0, 256)
		if n := testing.AllocsPerRun(100, func() {
			if _, err := p.Append(buf, tt.version); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: encoding allocates %v times", tt.name, n)
		}
	}
}

// A peer that claims 256 MB costs what it sent.
func TestClaims(t *testing.T) {
	const peers = 1000
	readers := make([]*packet.Reader, peers)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range readers {
		readers[i] = packet.NewReader(bytes.NewReader([]byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0, 1, 't'}), v5)
		if _, err := readers[i].Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
		t.Errorf("%d peers made us allocate %d bytes", peers, grown)
	}
	runtime.KeepAlive(readers)
}
