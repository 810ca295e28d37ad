package packet

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// MaxRemainingLength is the largest Remaining Length a fixed header can say.
const MaxRemainingLength = 268_435_455

// cursor reads the fields of one packet. The first error sticks; later reads
// return zero values.
type cursor struct {
	b    []byte
	rest []byte // what follows a property list, within it
	err  error
}

func (c *cursor) fail(code ReasonCode, what string) {
	if c.err == nil {
		c.err = fmt.Errorf("%s: %w", what, code)
		c.b = nil
	}
}

// take returns the next n bytes, borrowed.
func (c *cursor) take(n int, what string) []byte {
	if n > len(c.b) {
		c.fail(MalformedPacket, what+" is cut short")
		return nil
	}
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) byte(what string) byte {
	if b := c.take(1, what); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint16(what string) uint16 {
	if b := c.take(2, what); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) uint32(what string) uint32 {
	if b := c.take(4, what); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// varint reads a Variable Byte Integer in its shortest form [MQTT-1.5.5-1].
func (c *cursor) varint(what string) uint32 {
	v, n := varint(c.b)
	if n <= 0 {
		c.fail(MalformedPacket, what+" is not a variable byte integer")
		return 0
	}
	c.b = c.b[n:]
	return v
}

// binary reads Binary Data, borrowed.
func (c *cursor) binary(what string) []byte {
	return c.take(int(c.uint16(what)), what)
}

// text reads a UTF-8 Encoded String.
func (c *cursor) text(what string) string {
	b := c.binary(what)
	if !validText(b) {
		c.fail(MalformedPacket, what+" is not valid UTF-8")
		return ""
	}
	return string(b)
}

// packetID reads a Packet Identifier, which is never zero [MQTT-2.2.1-3].
func (c *cursor) packetID() uint16 {
	id := c.uint16("packet identifier")
	if id == 0 {
		c.fail(ProtocolError, "packet identifier is zero")
	}
	return id
}

// end fails if bytes are left over.
func (c *cursor) end() error {
	if len(c.b) > 0 {
		c.fail(MalformedPacket, "bytes after the end")
	}
	return c.err
}

// varint decodes a Variable Byte Integer at the start of b: its value and the
// bytes it takes, 0 if b ends within it, -1 if it is malformed.
func varint(b []byte) (v uint32, n int) {
	for i := range 4 {
		if i == len(b) {
			return 0, 0
		}
		v |= uint32(b[i]&0x7F) << (7 * i)
		if b[i] < 0x80 {
			if i > 0 && b[i] == 0 {
				return 0, -1
			}
			return v, i + 1
		}
	}
	return 0, -1
}

func appendVarint(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func varintSize(v int) int {
	switch {
	case v < 1<<7:
		return 1
	case v < 1<<14:
		return 2
	case v < 1<<21:
		return 3
	default:
		return 4
	}
}

// validText reports whether b is a well-formed UTF-8 Encoded String: no
// surrogates [MQTT-1.5.4-1], no U+0000 [MQTT-1.5.4-2]. Control characters and
// non-characters, which a receiver may refuse, are refused as well, so that
// nothing is passed on that ends the connection of a stricter client.
func validText(b []byte) bool {
	for i, x := range b {
		if x >= utf8.RuneSelf {
			return validRunes(b[i:])
		}
		if x < ' ' || x == 0x7F {
			return false
		}
	}
	return true
}

func validRunes(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1, r < ' ', r >= 0x7F && r <= 0x9F,
			r >= 0xFDD0 && r <= 0xFDEF, r&0xFFFE == 0xFFFE:
			return false
		}
		b = b[n:]
	}
	return true
}

// ValidString reports whether s may be sent as a UTF-8 Encoded String: well
// formed, without U+0000, of at most 65,535 bytes.
func ValidString(s string) bool {
	return len(s) <= 65535 && validText([]byte(s))
}

// writer appends the fields of one packet. The first error sticks.
type writer struct {
	b     []byte
	start int // where the packet begins in b
	err   error
}

// begin starts a packet: first is its first byte.
func begin(b []byte, first byte) writer {
	return writer{b: append(b, first, 0), start: len(b)}
}

// end puts the Remaining Length into place and returns the bytes.
func (w *writer) end() ([]byte, error) {
	body := w.start + 2
	length := len(w.b) - body
	if length > MaxRemainingLength {
		w.fail("packet of %d bytes is too large", length)
	}
	if w.err != nil {
		return w.b[:w.start], w.err
	}
	if extra := varintSize(length) - 1; extra > 0 {
		w.b = append(w.b, make([]byte, extra)...)
		copy(w.b[body+extra:], w.b[body:body+length])
	}
	appendVarint(w.b[:w.start+1], uint32(length))
	return w.b, nil
}

func (w *writer) fail(format string, arg any) {
	if w.err == nil {
		w.err = fmt.Errorf("encode: "+format+": %w", arg, PacketTooLarge)
	}
}

func (w *writer) byte(v byte)     { w.b = append(w.b, v) }
func (w *writer) uint16(v uint16) { w.b = binary.BigEndian.AppendUint16(w.b, v) }
func (w *writer) uint32(v uint32) { w.b = binary.BigEndian.AppendUint32(w.b, v) }
func (w *writer) raw(v []byte)    { w.b = append(w.b, v...) }

func (w *writer) varint(v uint32) {
	if v > MaxRemainingLength {
		w.fail("%d does not fit a variable byte integer", v)
		return
	}
	w.b = appendVarint(w.b, v)
}

func (w *writer) text(s string) {
	if len(s) > 65535 {
		w.fail("string of %d bytes exceeds 65535", len(s))
		return
	}
	w.uint16(uint16(len(s)))
	w.b = append(w.b, s...)
}

func (w *writer) binary(v []byte) {
	if len(v) > 65535 {
		w.fail("binary data of %d bytes exceeds 65535", len(v))
		return
	}
	w.uint16(uint16(len(v)))
	w.b = append(w.b, v...)
}

// properties appends a property list with its length; fill appends the
// properties themselves. MQTT 3.x has none.
func (w *writer) properties(v Version, fill func(w *writer)) {
	if v != V5 {
		return
	}
	at := len(w.b)
	w.byte(0) // no properties is said by a length of zero [MQTT-2.2.2-1]
	fill(w)
	length := len(w.b) - at - 1
	if extra := varintSize(length) - 1; extra > 0 {
		w.b = append(w.b, make([]byte, extra)...)
		copy(w.b[at+1+extra:], w.b[at+1:at+1+length])
	}
	appendVarint(w.b[:at], uint32(length))
}
