package packet_test

import (
	"testing"

	"github.com/zancudomq/zancudo/packet"
)

// A message of 64 bytes, as a small sensor sends it.
func message(qos packet.QoS) *packet.Publish {
	return &packet.Publish{
		Message:  packet.Message{Topic: "house/kitchen/temperature", Payload: make([]byte, 64), QoS: qos},
		PacketID: uint16(qos),
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		b.Run("version="+v.String(), func(b *testing.B) {
			wire, err := message(packet.AtMostOnce).Append(nil, v)
			if err != nil {
				b.Fatal(err)
			}
			d := packet.Decoder{Version: v}
			b.SetBytes(int64(len(wire)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := d.Decode(wire); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		b.Run("version="+v.String(), func(b *testing.B) {
			p := message(packet.AtLeastOnce)
			buf, err := p.Append(nil, v)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				if buf, err = p.Append(buf[:0], v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodePuback(b *testing.B) {
	d := packet.Decoder{Version: packet.V5}
	ack := []byte{0x40, 2, 0, 7}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := d.Decode(ack); err != nil {
			b.Fatal(err)
		}
	}
}
