package mosqdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
)

// DB is all that a persistence file holds.
type DB struct {
	Version       uint32
	CleanShutdown bool
	Clients       []Client
	Subscriptions []Subscription
	Messages      map[uint64]*Message // by the number that Queued and Retained use
	Queued        []Queued            // of each client in order
	Retained      []uint64
	// Marker is the text of a file that Mosquitto has not written, see Marker;
	// empty: it has.
	Marker string
	Left   []broker.Left // what is there and cannot be used
}

// Client is a session.
type Client struct {
	ID             string
	Username       string
	OwnerKnown     bool      // Username tells whose the session is; false before version 6
	ExpiresAt      time.Time // zero when the client was connected, or never expires
	Disconnected   time.Time // zero: not known; only in versions 3 and 4
	ExpiryInterval uint32    // seconds; 0xFFFFFFFF is for ever
	LastPacketID   uint16
	ListenerPort   uint16 // only in version 6
	// Of a will only the database of the plugin knows.
	Will      *packet.Will
	WillAt    time.Time // when the will is due; zero: at once
	WillDelay uint32    // seconds
}

// Subscription is one of a session.
type Subscription struct {
	ClientID string
	packet.Subscription
	Identifier uint32 // 0 is none
}

// Message is a message that is queued, in flight or retained.
type Message struct {
	packet.Message
	SourceID       string
	SourceUsername string
	SourcePort     uint16
	SourcePacketID uint16
}

// Queued is a message on its way to a client, or of QoS 2 from one.
type Queued struct {
	ClientID string
	Message  uint64
	PacketID uint16
	QoS      packet.QoS
	State    State
	Retain   bool
	Dup      bool
	Incoming bool
	IDs      []uint32 // Subscription Identifiers
}

// State is how far a queued message has come.
type State byte

// The states that matter to others.
const (
	ResendPubrel   State = 6
	WaitForPubrel  State = 7 // of an incoming message
	WaitForPubcomp State = 9
	SendPubrec     State = 10
	Waiting        State = 11 // not under way
)

// Released reports whether PUBREC has come for an outgoing message.
func (s State) Released() bool { return s == ResendPubrel || s == WaitForPubcomp }

// Damage is what keeps a file from being read to its end.
type Damage struct {
	Offset int // of the chunk, in bytes
	Reason string
}

func (d *Damage) Error() string { return fmt.Sprintf("byte %d: %s", d.Offset, d.Reason) }

// ErrForeign says that a file is no persistence file of Mosquitto.
var ErrForeign = errors.New("this is no persistence file of Mosquitto")

var magic = []byte("\x00\xb5\x00mosquitto db")

const (
	headerLength = 15 + 4 + 4
	oldest       = 2
	newest       = 6
	mostBytes    = 1 << 31
)

// Is reports whether a file begins as one of Mosquitto does.
func Is(beginning []byte) bool { return bytes.HasPrefix(beginning, magic) }

// Read reads a file to its end. With a *Damage it returns what came before.
func Read(r io.Reader) (*DB, error) {
	b, err := io.ReadAll(io.LimitReader(r, mostBytes+1))
	if err == nil && int64(len(b)) > mostBytes {
		err = errors.New("a file of more than 2 GiB is not read")
	}
	if err != nil {
		return nil, err
	}
	return Parse(b)
}

// Parse reads a file in memory.
func Parse(b []byte) (*DB, error) {
	if len(b) < headerLength || !Is(b) {
		return nil, ErrForeign
	}
	db := &DB{Version: binary.BigEndian.Uint32(b[19:]), Messages: map[uint64]*Message{}}
	if db.Version < oldest || db.Version > newest {
		return nil, fmt.Errorf("the persistence file has version %d; versions %d to %d can be read", db.Version, oldest, newest)
	}
	p := &parser{db: db, order: binary.LittleEndian, wideID: true}
	for at := headerLength; at < len(b); {
		n, err := p.next(b[at:])
		if err != nil {
			return db, &Damage{at, err.Error()}
		}
		at += n
	}
	return db, nil
}

type parser struct {
	db     *DB
	order  binary.ByteOrder // of the machine that wrote it
	wideID bool             // numbers of messages have 64 bits
	begun  bool             // order is known
}

// The chunks of a file.
const (
	chunkConfig       = 1
	chunkMessage      = 2
	chunkQueued       = 3
	chunkRetained     = 4
	chunkSubscription = 5
	chunkClient       = 6
	chunkMarker       = 'Z'<<24 | 'A'<<16 | 'N'<<8 | 'C' // not of Mosquitto, which passes over it
)

// next reads the chunk that b begins with and returns its length.
func (p *parser) next(b []byte) (n int, err error) {
	header := 8
	if p.old() {
		header = 6
	}
	if len(b) < header {
		return 0, errors.New("the file ends in a chunk header")
	}
	kind, length := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[header-4:])
	if p.old() {
		kind = uint32(binary.BigEndian.Uint16(b))
	}
	b = b[header:]
	if uint64(length) > uint64(len(b)) {
		return 0, fmt.Errorf("a chunk of %d bytes, and the file has %d more", length, len(b))
	}
	r := &reader{b: b[:length], order: p.order}
	if p.old() && kind == chunkMessage && p.db.Version == 4 {
		r.b = b // whether the user name counts is left open: what is there decides
	}
	before := len(r.b)
	if !p.begun {
		p.begin(kind, r)
	}
	if err := p.chunk(kind, r); err != nil {
		return 0, err
	}
	if len(r.b) > 0 && before == int(length) {
		return 0, fmt.Errorf("a chunk of kind %d is longer than what it should hold", kind)
	}
	return header + before - len(r.b), nil
}

// begin learns from the first chunk in which order the machine had its bytes.
func (p *parser) begin(kind uint32, r *reader) {
	first := r.b
	if p.old() && kind == chunkConfig && len(first) > 2 {
		first = first[2:]
	}
	p.order, p.begun = plausible(first), true
	r.order = p.order
}

// old reports whether the file has the chunks of before version 5.
func (p *parser) old() bool { return p.db.Version < 5 }

func (p *parser) chunk(kind uint32, r *reader) error {
	known := true
	var err error
	switch kind {
	case chunkConfig:
		p.config(r)
	case chunkMessage:
		err = p.message(r)
	case chunkQueued:
		err = p.queued(r)
	case chunkRetained:
		p.db.Retained = append(p.db.Retained, p.id(r))
	case chunkSubscription:
		err = p.subscription(r)
	case chunkClient:
		p.client(r)
	case chunkMarker:
		p.db.Marker = string(r.take(len(r.b)))
	default:
		known = false
	}
	switch {
	case !known:
		return fmt.Errorf("a chunk of unknown kind %d", kind)
	case r.short:
		return fmt.Errorf("a chunk of kind %d is shorter than what it should hold", kind)
	}
	return err
}

// id reads the number of a message.
func (p *parser) id(r *reader) uint64 {
	if p.wideID {
		return r.number64()
	}
	return uint64(r.host32())
}

// plausible guesses the order of the first number with 64 bits, a count: the one
// that makes it smaller.
func plausible(b []byte) binary.ByteOrder {
	if len(b) >= 8 && binary.BigEndian.Uint64(b) < binary.LittleEndian.Uint64(b) {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// Marker is a file that Mosquitto takes for one without anything in it, and
// which says a sentence to people.
func Marker(text string) []byte {
	b := append(bytes.Clone(magic), 0, 0, 0, 0) // no checksum
	b = binary.BigEndian.AppendUint32(b, 5)
	b = append(b, 0, 0, 0, chunkConfig, 0, 0, 0, 16)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0, 0, 0) // no message yet, a clean end, numbers of 8 bytes
	b = binary.BigEndian.AppendUint32(b, chunkMarker)
	b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
	return append(b, text...)
}
