package ws

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// frame is a frame, masked or not.
func frame(first byte, payload string, key []byte) []byte {
	b := appendHeader(nil, first&0xF, len(payload), key)
	b[0] = first
	from := len(b)
	b = append(b, payload...)
	if key != nil {
		mask(b[from:], [4]byte(key), 0)
	}
	return b
}

var key = []byte{0x12, 0x34, 0x56, 0x78}

func masked(first byte, payload string) []byte { return frame(first, payload, key) }

// stream has every kind of frame that is allowed, and the payload of its data.
func stream() (b []byte, payload string) {
	long, longer := strings.Repeat("l", 126), strings.Repeat("L", 70_000)
	for _, f := range [][]byte{
		masked(0x82, "one"), masked(0x82, ""), masked(0x89, "ping"), masked(0x02, "two"), masked(0x8A, ""),
		masked(0x00, long), masked(0x00, ""), masked(0x80, "end"), masked(0x82, longer),
	} {
		b = append(b, f...)
	}
	return b, "one" + "two" + long + "end" + longer
}

func TestDecodeAnyPieces(t *testing.T) {
	whole, want := stream()
	for _, size := range []int{1, 2, 3, 5, 7, 13, 14, 125, 4096, len(whole)} {
		d := decoder{masked: true}
		var got, controls []byte
		for rest := bytes.Clone(whole); len(rest) > 0; {
			piece := rest[:min(size, len(rest))]
			rest = rest[len(piece):]
			n, err := d.decode(piece, func(opcode byte, p []byte) error {
				controls = append(append(controls, opcode), p...)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, piece[:n]...)
		}
		if string(got) != want || string(controls) != "\x09ping\x0A" {
			t.Errorf("pieces of %d: got %d bytes, want %d; controls %q", size, len(got), len(want), controls)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, test := range []struct {
		name   string
		bytes  []byte
		status uint16
	}{
		{"text", masked(0x81, "x"), statusUnsupported},
		{"reserved bit", masked(0xC2, "x"), statusProtocol},
		{"not masked", frame(0x82, "x", nil), statusProtocol},
		{"unknown opcode", masked(0x83, "x"), statusProtocol},
		{"unknown control", masked(0x8B, "x"), statusProtocol},
		{"nothing to continue", masked(0x80, "x"), statusProtocol},
		{"message in a message", append(masked(0x02, "x"), masked(0x82, "y")...), statusProtocol},
		{"fragmented ping", masked(0x09, "x"), statusProtocol},
		{"long ping", masked(0x89, strings.Repeat("x", 126)), statusProtocol},
		{"negative length", []byte{0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, statusProtocol},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := decoder{masked: true}
			_, err := d.decode(test.bytes, func(byte, []byte) error { return nil })
			var wrong *ProtocolError
			if !errors.As(err, &wrong) || wrong.Status != test.status {
				t.Errorf("got %v, want status %d", err, test.status)
			}
		})
	}
	d := decoder{}
	if _, err := d.decode(masked(0x82, "x"), nil); err == nil {
		t.Error("a masked frame of a server is accepted")
	}
}

// FuzzDecode makes sure that it does not matter where a stream is cut.
func FuzzDecode(f *testing.F) {
	whole, _ := stream()
	f.Add(whole[:400], uint8(3))
	f.Add(masked(0x81, "text"), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		decode := func(size int) (got []byte, controls int, err error) {
			d := decoder{masked: true}
			for rest := bytes.Clone(b); len(rest) > 0 && err == nil; {
				piece := rest[:min(size, len(rest))]
				rest = rest[len(piece):]
				var n int
				n, err = d.decode(piece, func(byte, []byte) error { controls++; return nil })
				got = append(got, piece[:n]...)
			}
			return got, controls, err
		}
		all, allControls, allErr := decode(len(b) + 1)
		some, someControls, someErr := decode(int(size) + 1)
		if !bytes.Equal(all, some) || allControls != someControls || (allErr == nil) != (someErr == nil) {
			t.Errorf("at once %d bytes, %d controls, %v; in pieces %d, %d, %v", len(all), allControls, allErr, len(some), someControls, someErr)
		}
	})
}

func TestMask(t *testing.T) {
	for size := range 40 {
		for at := range 4 {
			b := make([]byte, size)
			next := mask(b, [4]byte(key), at)
			for i := range b {
				if b[i] != key[(at+i)%4] {
					t.Fatalf("size %d, from %d: byte %d is %#x", size, at, i, b[i])
				}
			}
			if next != (at+size)%4 {
				t.Fatalf("size %d, from %d: goes on at %d", size, at, next)
			}
		}
	}
}
