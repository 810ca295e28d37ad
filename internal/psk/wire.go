package psk

import "encoding/binary"

// parser reads a message from its front. After the first thing that is missing
// everything is, and done is false.
type parser struct {
	b    []byte
	fail bool
}

func (p *parser) bytes(n int) []byte {
	if p.fail || len(p.b) < n {
		p.fail = true
		return nil
	}
	b := p.b[:n:n]
	p.b = p.b[n:]
	return b
}

func (p *parser) uint8() uint8 {
	if b := p.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (p *parser) uint16() uint16 {
	if b := p.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// vector8 and vector16 read a vector behind its length in bytes.
func (p *parser) vector8() []byte  { return p.bytes(int(p.uint8())) }
func (p *parser) vector16() []byte { return p.bytes(int(p.uint16())) }

// done reports whether everything was there and nothing is left.
func (p *parser) done() bool { return !p.fail && len(p.b) == 0 }

// uint16s reads all of b as numbers; ok is false if half a one is left.
func uint16s[T ~uint16](b []byte) (numbers []T, ok bool) {
	if len(b)%2 != 0 {
		return nil, false
	}
	for ; len(b) > 0; b = b[2:] {
		numbers = append(numbers, T(binary.BigEndian.Uint16(b)))
	}
	return numbers, true
}

func appendUint16s[T ~uint16](b []byte, numbers ...T) []byte {
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	}
	return b
}

func appendVector8(b, vector []byte) []byte {
	return append(append(b, byte(len(vector))), vector...)
}

func appendVector16(b, vector []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(vector))), vector...)
}
