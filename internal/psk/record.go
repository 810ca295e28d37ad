package psk

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"sync"
)

// recordType is the content type of a record.
type recordType uint8

const (
	recordChangeCipherSpec recordType = 20
	recordAlert            recordType = 21
	recordHandshake        recordType = 22
	recordData             recordType = 23
)

const (
	version12         = 0x0303
	recordHeaderBytes = 5
	maxPlain          = 1 << 14         // bytes in a record (RFC 5246, section 6.2.1)
	maxFragment       = maxPlain + 2048 // as protected
	maxUseless        = 16              // records in a row that bring nothing
	readAhead         = 1024            // bytes; a record that fits takes one read
	keptBytes         = 2048            // of a buffer that small records do not give back
)

// inbound is the reading half of a connection.
type inbound struct {
	mu         sync.Mutex
	peer       string // the client or the server, for sentences
	reader     *bufio.Reader
	header     [recordHeaderBytes]byte
	body       []byte
	have       int // bytes of header and body that have come: a deadline may pass in between
	sequence   uint64
	protection protection // nil: none yet
	next       protection // after the peer's ChangeCipherSpec
	negotiated bool       // every record must say TLS 1.2 now
	begun      bool       // a record has come, so the peer does speak TLS
	useless    int
	handshake  []byte // of a message that has not come whole
	data       []byte // received, not read; in body
	err        error  // why nothing more comes
}

// outbound is the writing half.
type outbound struct {
	mu         sync.Mutex
	conn       net.Conn
	buffer     []byte
	sequence   uint64
	protection protection
	next       protection // after our ChangeCipherSpec
	maxPlain   int        // bytes in a record, if the peer asked for less
	err        error      // why nothing more goes
}

// record reads the next record and removes its protection. What it returns is
// valid until the next call. An error that is no failure is the connection's; if
// it is a timeout the call may be repeated.
func (in *inbound) record() (recordType, []byte, error) {
	if err := in.fill(); err != nil {
		return 0, nil, err
	}
	kind, fragment := recordType(in.header[0]), in.body
	in.have = 0
	in.begun = true
	if in.protection != nil {
		if in.sequence == math.MaxUint64 {
			return 0, nil, fail(InternalError, "the sequence numbers of the connection are used up")
		}
		plain, ok := in.protection.open(in.sequence, kind, fragment)
		if !ok {
			return 0, nil, fail(BadRecordMAC, "a record is not what the peer sent, or was sealed with another key")
		}
		in.sequence++
		fragment = plain
	}
	if len(fragment) > maxPlain {
		return 0, nil, fail(RecordOverflow, "a record has %d bytes, at most %d are allowed", len(fragment), maxPlain)
	}
	if len(fragment) == 0 && kind != recordData {
		return 0, nil, fail(UnexpectedMessage, "a record is empty")
	}
	return kind, fragment, nil
}

// fill reads header and body of a record.
func (in *inbound) fill() error {
	for in.have < recordHeaderBytes {
		n, err := in.reader.Read(in.header[in.have:])
		in.have += n
		if err != nil && n == 0 {
			return in.lost(err)
		}
	}
	length := int(binary.BigEndian.Uint16(in.header[3:]))
	if in.have == recordHeaderBytes {
		if err := in.checkHeader(length); err != nil {
			return err
		}
		if cap(in.body) < length || cap(in.body) > keptBytes && length <= keptBytes {
			in.body = make([]byte, max(length, min(keptBytes, 2*length)))
		}
	}
	in.body = in.body[:length]
	for in.have < recordHeaderBytes+length {
		n, err := in.reader.Read(in.body[in.have-recordHeaderBytes:])
		in.have += n
		if err != nil && n == 0 {
			return in.lost(err)
		}
	}
	return nil
}

// lost is a failed read. An end without close_notify could be anybody's doing.
func (in *inbound) lost(err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	if !in.begun && in.have == 0 {
		return fmt.Errorf("the %s closed the connection without a word: %w", in.peer, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("the connection ended without close_notify: %w", io.ErrUnexpectedEOF)
}

func (in *inbound) checkHeader(length int) error {
	kind := recordType(in.header[0])
	if !in.begun && (kind != recordHandshake && kind != recordAlert || in.header[1] != 3) {
		return fail(ProtocolVersion, "the %s %s", in.peer, speaks(in.header))
	}
	version := binary.BigEndian.Uint16(in.header[1:])
	switch {
	case kind < recordChangeCipherSpec || kind > recordData:
		return fail(UnexpectedMessage, "there is no record of type %d", kind)
	case in.negotiated && version != version12, version>>8 != 3:
		return fail(ProtocolVersion, "a record is of version 0x%04x, want TLS 1.2", version)
	case length > maxFragment, in.protection == nil && length > maxPlain:
		return fail(RecordOverflow, "a record has %d bytes, more than are allowed", length)
	}
	return nil
}

// speaks says what a peer that does not begin with a TLS record seems to speak.
func speaks(header [recordHeaderBytes]byte) string {
	switch text := string(header[:4]); {
	case header[0] == 0x10, header[0] == 0x20:
		return "speaks MQTT without TLS"
	case text == "GET " || text == "HTTP" || text == "POST" || text == "HEAD":
		return "speaks HTTP without TLS"
	case header[0]&0x80 != 0 && header[2] == 1:
		return "speaks SSL 2, which is not secure"
	default:
		return fmt.Sprintf("does not speak TLS: it began with the bytes % x", header)
	}
}

// changeCipherSpec turns the agreed protection on for what comes.
func (in *inbound) changeCipherSpec() {
	in.protection, in.next = in.next, nil
	in.sequence = 0
}

// append adds records with b to the output.
func (out *outbound) append(kind recordType, b []byte) error {
	if out.err != nil {
		return out.err
	}
	for first := true; first || len(b) > 0; first = false {
		n := min(len(b), out.maxPlain)
		if out.sequence == math.MaxUint64 {
			return errors.New("the sequence numbers of the connection are used up")
		}
		from := len(out.buffer)
		out.buffer = append(out.buffer, byte(kind), version12>>8, version12&0xff, 0, 0)
		if out.protection == nil {
			out.buffer = append(out.buffer, b[:n]...)
		} else {
			out.buffer = out.protection.seal(out.buffer, out.sequence, kind, b[:n])
			out.sequence++
		}
		binary.BigEndian.PutUint16(out.buffer[from+3:], uint16(len(out.buffer)-from-recordHeaderBytes))
		b = b[n:]
	}
	return nil
}

// changeCipherSpec says that protection begins, and begins it.
func (out *outbound) changeCipherSpec() error {
	err := out.append(recordChangeCipherSpec, []byte{1})
	out.protection, out.next = out.next, nil
	out.sequence = 0
	return err
}

// flush writes the output. A write that fails leaves half a record on the wire,
// so it is the last.
func (out *outbound) flush() error {
	if out.err != nil {
		return out.err
	}
	if len(out.buffer) == 0 {
		return nil
	}
	_, err := out.conn.Write(out.buffer)
	if cap(out.buffer) > keptBytes && len(out.buffer) <= keptBytes {
		out.buffer = nil
	}
	out.buffer = out.buffer[:0]
	out.err = err
	return err
}

// alert sends an alert and, if it is fatal or says goodbye, nothing after it.
func (out *outbound) alert(level byte, alert Alert) error {
	if err := out.append(recordAlert, []byte{level, byte(alert)}); err != nil {
		return err
	}
	err := out.flush()
	if level == levelFatal || alert == CloseNotify {
		out.err = net.ErrClosed
	}
	return err
}
