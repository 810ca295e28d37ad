package packet_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/zancudomq/zancudo/packet"
)

// seed adds every packet of the tables, right and wrong.
func seed(f *testing.F, add func(b []byte, v packet.Version)) {
	f.Helper()
	for _, tt := range valid {
		add(wire(f, tt.wire), tt.version)
	}
	for _, tt := range refused {
		add(wire(f, tt.wire), tt.version)
	}
}

// FuzzDecode: whatever comes from either side, decoding takes a whole packet,
// waits or refuses; and what it accepts is encoded again to the same packet.
func FuzzDecode(f *testing.F) {
	seed(f, func(b []byte, v packet.Version) { f.Add(b, byte(v)) })
	f.Fuzz(func(t *testing.T, b []byte, version byte) {
		d := packet.Decoder{Version: someVersion(version)}
		p, n, err := d.Decode(b[:len(b):len(b)])
		switch {
		case err != nil:
			if code := packet.ReasonCode(0); p != nil || n != 0 || !errors.As(err, &code) || !code.Failed() {
				t.Fatalf("refused with %v, %d bytes, %v", p, n, err)
			}
			return
		case p == nil:
			if n != 0 {
				t.Fatalf("no packet of %d bytes", n)
			}
			return
		case n < 2 || n > len(b):
			t.Fatalf("%v took %d bytes of %d", p, n, len(b))
		}
		again, err := p.Append(nil, d.Version)
		if err != nil {
			t.Fatalf("%v was accepted and is not encoded: %v", p, err)
		}
		second := packet.Decoder{Version: d.Version}
		q, n, err := second.Decode(again)
		if err != nil || n != len(again) {
			t.Fatalf("%v is encoded as % x: %d bytes, %v", p, again, n, err)
		}
		if !reflect.DeepEqual(plain(p), plain(q)) {
			t.Fatalf("%v became %v", p, q)
		}
		third, err := q.Append(nil, d.Version)
		if err != nil || !bytes.Equal(third, again) {
			t.Fatalf("%v is encoded as % x and % x, %v", p, again, third, err)
		}
	})
}

// someVersion is a version that a decoder may have, 0 included.
func someVersion(b byte) packet.Version {
	return []packet.Version{0, packet.V31, packet.V311, packet.V5}[b%4]
}

// plain is p without the differences that mean nothing: what is empty and what
// is absent are the same, but for binary data.
func plain(p packet.Packet) packet.Packet {
	switch p := p.(type) {
	case *packet.Publish:
		c := *p
		c.Properties = plainProperties(p.Properties)
		c.Payload = append([]byte{}, p.Payload...)
		c.SubscriptionIDs = append([]uint32{}, p.SubscriptionIDs...)
		return &c
	case *packet.Connect:
		c := *p
		if p.Will != nil {
			will := *p.Will
			will.Properties = plainProperties(p.Will.Properties)
			c.Will = &will
		}
		return &c
	default:
		return p
	}
}

func plainProperties(p *packet.MessageProperties) *packet.MessageProperties {
	if p == nil {
		p = &packet.MessageProperties{}
	}
	c := *p
	c.UserProperties = append([]packet.UserProperty{}, p.UserProperties...)
	return &c
}

// FuzzStream: a stream cut into pieces anywhere is the same packets, and ends
// the same way.
func FuzzStream(f *testing.F) {
	var all []byte
	seed(f, func(b []byte, v packet.Version) {
		f.Add(b, byte(v), []byte{1})
		if v == packet.V5 {
			all = append(all, b...)
		}
	})
	f.Add(all, byte(3), []byte{1, 2, 3, 200})
	f.Fuzz(func(t *testing.T, b []byte, version byte, cuts []byte) {
		v := someVersion(version)
		want := stream(packet.NewReader(bytes.NewReader(b), v))
		for name, src := range map[string]io.Reader{
			"in pieces":    &pieces{b, cuts},
			"byte by byte": &pieces{b, []byte{0}},
		} {
			got := stream(packet.NewReader(src, v))
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: %q, want %q", name, got, want)
			}
		}
	})
}

// stream reads to the end, and says how that was.
func stream(r *packet.Reader) (texts []string) {
	for {
		p, err := r.Next()
		if code := packet.ReasonCode(0); errors.As(err, &code) {
			return append(texts, code.String())
		} else if err != nil {
			return append(texts, err.Error())
		}
		texts = append(texts, p.String())
	}
}

// pieces is a reader that returns one byte more than each of sizes says, in turn.
type pieces struct {
	b     []byte
	sizes []byte
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := len(p.b)
	if len(p.sizes) > 0 {
		n = min(n, int(p.sizes[0])+1)
		p.sizes = append(p.sizes[1:len(p.sizes):len(p.sizes)], p.sizes[0])
	}
	n = copy(b, p.b[:n])
	p.b = p.b[n:]
	return n, nil
}
