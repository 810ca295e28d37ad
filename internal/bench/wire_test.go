package bench

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/zancudomq/zancudo/packet"
)

// What the hot path writes is what package packet writes, and it reads what that
// package writes.
func TestPublicationIsWhatPacketSays(t *testing.T) {
	t.Parallel()
	for _, version := range []packet.Version{packet.V31, packet.V311, packet.V5} {
		for qos := range packet.QoS(3) {
			for _, size := range []int{MinPayload, 64, 100, 127, 128, 16_300, 16_384, 3 << 20} {
				t.Run(fmt.Sprintf("%v QoS %d, %d bytes", version, qos, size), func(t *testing.T) {
					t.Parallel()
					testPublication(t, version, qos, size)
				})
			}
		}
	}
}

func testPublication(t *testing.T, version packet.Version, qos packet.QoS, size int) {
	t.Helper()
	p := newPublication(&Options{Version: version, QoS: qos, PayloadBytes: size}, size%2 == 0)
	id := uint16(0)
	if qos > 0 {
		id = 0x1234
	}
	want := stamp{source: 7, sequence: 1 << 31, sent: 1 << 40}
	got := p.append(nil, []byte("bench/a/b"), id, want)

	decoder := packet.Decoder{Version: version}
	decoded, n, err := decoder.Decode(got)
	if err != nil || n != len(got) {
		t.Fatalf("packet decodes %d of %d bytes: %v", n, len(got), err)
	}
	publish := decoded.(*packet.Publish)
	if publish.Topic != "bench/a/b" || publish.QoS != qos || publish.PacketID != id || publish.Retain != (size%2 == 0) || len(publish.Payload) != size {
		t.Errorf("packet decodes %v", publish)
	}
	if version == packet.V5 {
		publish.SubscriptionIDs = []uint32{200}
		publish.Properties = &packet.MessageProperties{ContentType: string(make([]byte, 0, 9)) + "text"}
	}
	b, err := publish.Append(nil, version)
	if err != nil {
		t.Fatal(err)
	}
	if version != packet.V5 && !bytes.Equal(b, got) {
		t.Error("packet encodes the same message to other bytes")
	}
	whole, header := frame(b)
	if whole != len(b) {
		t.Fatalf("frame says %d of %d bytes", whole, len(b))
	}
	gotID, payload, ok := parsePublish(b[header:], byte(qos), version == packet.V5)
	if !ok || gotID != id || len(payload) != size || parseStamp(payload) != want {
		t.Errorf("parsePublish: packet identifier %d, %d bytes, %v", gotID, len(payload), ok)
	}
}

func TestEmptyPublicationRemovesRetained(t *testing.T) {
	t.Parallel()
	p := publication{first: 0x33, qos: 1, empty: true}
	got := p.append(nil, []byte("a"), 9, stamp{})
	want, _ := (&packet.Publish{Message: packet.Message{Topic: "a", QoS: 1, Retain: true}, PacketID: 9}).Append(nil, packet.V311)
	if !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
}

func TestFrame(t *testing.T) {
	t.Parallel()
	tests := []struct {
		b            []byte
		size, header int
	}{
		{nil, 0, 0},
		{[]byte{0x30}, 0, 0},
		{[]byte{0xd0, 0}, 2, 2},
		{[]byte{0x30, 0x80}, 0, 0},
		{[]byte{0x30, 0x80, 1}, 131, 3},
		{[]byte{0x30, 0xff, 0xff, 0xff, 0x7f}, 268_435_460, 5},
		{[]byte{0x30, 0xff, 0xff, 0xff, 0xff}, -1, 0},
	}
	for _, test := range tests {
		if size, header := frame(test.b); size != test.size || header != test.header {
			t.Errorf("frame(% x) = %d, %d, want %d, %d", test.b, size, header, test.size, test.header)
		}
	}
}

func TestParsePublishRefusesWhatIsCutShort(t *testing.T) {
	t.Parallel()
	p := newPublication(&Options{Version: packet.V5, QoS: 1, PayloadBytes: MinPayload}, false)
	b := p.append(nil, []byte("topic"), 1, stamp{})
	_, header := frame(b)
	for n := range 2 + len("topic") + 2 {
		if _, _, ok := parsePublish(b[header:header+n], 1, true); ok {
			t.Errorf("%d bytes of a PUBLISH are accepted", n)
		}
	}
	if _, _, ok := parsePublish([]byte{0, 1, 'a', 0xff, 0xff, 0xff, 0x7f}, 0, true); ok {
		t.Error("properties longer than the packet are accepted")
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	p := newPublication(&Options{Version: packet.V311, QoS: 1, PayloadBytes: 64}, false)
	books := pairedBooks(1)
	c, b := &conn{}, make([]byte, 0, 200)
	var h histogram
	sequence := uint32(0)
	got := testing.AllocsPerRun(100, func() {
		books.publish(0)
		b = p.append(b[:0], []byte("bench/a"), 1, stamp{sequence: sequence})
		_, header := frame(b)
		_, payload, _ := parsePublish(b[header:], 1, false)
		s := parseStamp(payload)
		h.add(s.sent)
		books.receive(c, s.source, s.sequence)
		sequence++
	})
	if got != 0 || books.lost() != 0 {
		t.Errorf("%v allocations a message, %d messages lost", got, books.lost())
	}
}

// The two ways to take a PUBLISH apart, from a thousand publishers as in fanin.
func BenchmarkParse(b *testing.B) {
	p := newPublication(&Options{Version: packet.V311, PayloadBytes: 64}, false)
	var packets [1000][]byte
	for i := range packets {
		packets[i] = p.append(nil, fmt.Appendf(nil, "bench/abcdef/%d", i), 0, stamp{})
	}
	b.Run("bytes", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			packet := packets[i%len(packets)]
			_, header := frame(packet)
			if _, _, ok := parsePublish(packet[header:], 0, false); !ok {
				b.Fatal("malformed")
			}
		}
	})
	b.Run("packet", func(b *testing.B) {
		decoder := packet.Decoder{Version: packet.V311}
		for i := 0; b.Loop(); i++ {
			if _, _, err := decoder.Decode(packets[i%len(packets)]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
