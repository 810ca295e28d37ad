package ws

import (
	"encoding/binary"
	"fmt"
)

// The opcodes of RFC 6455, section 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// Bits of a frame's first two bytes.
const (
	bitFinal    = 0x80
	bitsReserve = 0x70
	bitControl  = 0x08
	bitMasked   = 0x80
)

// Status codes of RFC 6455, section 7.4.
const (
	statusNormal      = 1000
	statusProtocol    = 1002
	statusUnsupported = 1003
)

const (
	maxHeader  = 14  // bytes
	maxControl = 125 // bytes of payload
)

// A ProtocolError is a peer that broke the rules of WebSocket, or of MQTT over
// it.
type ProtocolError struct {
	Status uint16 // what the peer is told
	Text   string
}

// Error returns what the peer did.
func (e *ProtocolError) Error() string { return "websocket: " + e.Text }

func broken(format string, args ...any) error {
	return &ProtocolError{Status: statusProtocol, Text: fmt.Sprintf(format, args...)}
}

// A decoder takes the payload out of a stream of frames, wherever the stream is
// cut.
type decoder struct {
	masked bool // frames must be, and else must not be

	header     [maxHeader]byte
	have       int  // bytes of the header
	open       bool // it is complete, and the payload is not
	opcode     byte
	final      bool
	left       uint64 // bytes of the payload to come
	key        [4]byte
	at         int  // of the key
	fragmented bool // a message has begun and not ended
	control    []byte
}

// decode moves the payload in b to its front and returns how much that is. It
// calls control with each complete control frame. What follows an error is lost.
func (d *decoder) decode(b []byte, control func(opcode byte, payload []byte) error) (n int, err error) {
	for rest := b; len(rest) > 0; {
		if !d.open {
			k := copy(d.header[d.have:d.headerBytes()], rest)
			d.have += k
			rest = rest[k:]
			if d.have < d.headerBytes() {
				continue
			}
			if err := d.begin(); err != nil {
				return n, err
			}
		}
		k := int(min(d.left, uint64(len(rest))))
		if d.masked {
			d.at = mask(rest[:k], d.key, d.at)
		}
		if d.opcode&bitControl != 0 {
			d.control = append(d.control, rest[:k]...)
		} else {
			n += copy(b[n:], rest[:k])
		}
		rest = rest[k:]
		if d.left -= uint64(k); d.left > 0 {
			continue
		}
		d.open, d.have = false, 0
		if d.opcode&bitControl != 0 {
			if err := control(d.opcode, d.control); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// headerBytes is the size of the header, as far as it is known.
func (d *decoder) headerBytes() int {
	n := 2
	if d.have < 2 {
		return n
	}
	switch d.header[1] &^ bitMasked {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if d.header[1]&bitMasked != 0 {
		n += 4
	}
	return n
}

// begin reads a complete header.
func (d *decoder) begin() error {
	first, second := d.header[0], d.header[1]
	d.opcode, d.final, d.open, d.at = first&0xF, first&bitFinal != 0, true, 0
	rest := d.header[2:d.have]
	switch second &^ bitMasked {
	case 126:
		d.left = uint64(binary.BigEndian.Uint16(rest))
		rest = rest[2:]
	case 127:
		d.left = binary.BigEndian.Uint64(rest)
		rest = rest[8:]
	default:
		d.left = uint64(second &^ bitMasked)
	}
	switch masked := second&bitMasked != 0; {
	case first&bitsReserve != 0:
		return broken("a frame has reserved bits, but no extension was agreed on")
	case masked != d.masked && d.masked:
		return broken("a client's frame is not masked")
	case masked != d.masked:
		return broken("a server's frame is masked")
	case d.left>>63 != 0:
		return broken("a frame of %d bytes", d.left)
	}
	copy(d.key[:], rest)
	return d.check()
}

// check examines how the frame follows those before.
func (d *decoder) check() error {
	switch d.opcode {
	case opContinuation:
		if !d.fragmented {
			return broken("a continuation frame continues nothing")
		}
		d.fragmented = !d.final
	case opBinary:
		if d.fragmented {
			return broken("a message begins within another")
		}
		d.fragmented = !d.final
	case opText:
		return &ProtocolError{Status: statusUnsupported, Text: "a text frame; MQTT is binary"} // [MQTT-6.0.0-1]
	case opClose, opPing, opPong:
		if !d.final || d.left > maxControl {
			return broken("a control frame that is fragmented or has more than %d bytes", maxControl)
		}
		d.control = d.control[:0]
	default:
		return broken("a frame with the unknown opcode %d", d.opcode)
	}
	return nil
}

// appendHeader appends the header of an unfragmented frame; key nil: it is not
// masked.
func appendHeader(b []byte, opcode byte, payloadBytes int, key []byte) []byte {
	var masked byte
	if key != nil {
		masked = bitMasked
	}
	b = append(b, bitFinal|opcode)
	switch {
	case payloadBytes <= maxControl:
		b = append(b, masked|byte(payloadBytes))
	case payloadBytes <= 0xFFFF:
		b = binary.BigEndian.AppendUint16(append(b, masked|126), uint16(payloadBytes))
	default:
		b = binary.BigEndian.AppendUint64(append(b, masked|127), uint64(payloadBytes))
	}
	return append(b, key...)
}

// mask masks b, or unmasks it, with the key from its byte at on. It returns
// where in the key the next byte is.
func mask(b []byte, key [4]byte, at int) int {
	var word [8]byte
	for i := range word {
		word[i] = key[(at+i)&3]
	}
	next := (at + len(b)) & 3
	k := binary.LittleEndian.Uint64(word[:])
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^k)
	}
	for i := range b {
		b[i] ^= word[i]
	}
	return next
}
