package mosqdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// DB is all that a persistence file holds.
type DB struct {
	Version       uint32
	CleanShutdown bool
	Clients       []Client
	Subscriptions []Subscription
	Messages      map[uint64]Message // by the number that Queued and Retained use
	Queued        []Queued           // of each client in order
	Retained      []uint64
}

// Client is a session.
type Client struct {
	ID             string
	Username       string    // only in version 6
	ExpiresAt      time.Time // zero when the client was connected, or never expires
	ExpiryInterval uint32    // seconds; 0xFFFFFFFF is for ever
	LastPacketID   uint16
	ListenerPort   uint16 // only in version 6
}

// Subscription is one of a session.
type Subscription struct {
	ClientID   string
	Filter     string // as the client wrote it, with $share/group/
	Identifier uint32 // 0 is none
	QoS        byte
	Options    byte // the other bits of the Subscription Options of MQTT 5.0
}

// Message is a message that is queued, in flight or retained.
type Message struct {
	Topic          string
	Payload        []byte
	Properties     []byte // as on the wire, without their length
	QoS            byte
	Retain         bool
	ExpiresAt      time.Time // zero is never
	SourceID       string
	SourceUsername string
	SourcePort     uint16
	SourcePacketID uint16
}

// Queued is a message on its way to a client, or of QoS 2 from one.
type Queued struct {
	ClientID   string
	Message    uint64
	PacketID   uint16 // 0 while it waits
	QoS        byte
	State      byte // Mosquitto's number: 11 waits, others are in flight
	Retain     bool
	Dup        bool
	Incoming   bool
	Properties []byte
}

var magic = []byte("\x00\xb5\x00mosquitto db")

const (
	headerLength = 15 + 4 + 4
	oldest       = 5
	newest       = 6
	mostBytes    = 1 << 31
)

// The chunks of a file.
const (
	chunkConfig       = 1
	chunkMessage      = 2
	chunkQueued       = 3
	chunkRetained     = 4
	chunkSubscription = 5
	chunkClient       = 6
)

// Read reads a file to its end. With an error it returns what came before.
func Read(r io.Reader) (*DB, error) {
	b, err := io.ReadAll(io.LimitReader(r, mostBytes))
	if err != nil {
		return nil, err
	}
	return Parse(b)
}

// Parse reads a file in memory.
func Parse(b []byte) (*DB, error) {
	if len(b) < headerLength || !bytes.Equal(b[:len(magic)], magic) {
		return nil, errors.New("this is no persistence file of Mosquitto")
	}
	db := &DB{Version: binary.BigEndian.Uint32(b[19:]), Messages: map[uint64]Message{}}
	if db.Version < oldest || db.Version > newest {
		return nil, fmt.Errorf("the persistence file has version %d; versions %d and %d can be read", db.Version, oldest, newest)
	}
	p := parser{db: db}
	for at := headerLength; at < len(b); {
		if len(b)-at < 8 {
			return db, fmt.Errorf("byte %d: the file ends in a chunk header", at)
		}
		kind, length := binary.BigEndian.Uint32(b[at:]), binary.BigEndian.Uint32(b[at+4:])
		begin := at + 8
		if uint64(length) > uint64(len(b)-begin) {
			return db, fmt.Errorf("byte %d: a chunk of %d bytes, and the file has %d more", at, length, len(b)-begin)
		}
		chunk := &reader{b: b[begin : begin+int(length)], order: p.order}
		if err := p.chunk(kind, chunk); err != nil {
			return db, fmt.Errorf("byte %d: %w", at, err)
		}
		at = begin + int(length)
	}
	return db, nil
}

type parser struct {
	db    *DB
	order binary.ByteOrder // of numbers with 64 bits: that of the machine that wrote them
}

func (p *parser) chunk(kind uint32, r *reader) error {
	if r.order == nil {
		r.order = plausible(r.b)
		p.order = r.order
	}
	switch kind {
	case chunkConfig:
		r.number64()
		p.db.CleanShutdown = r.number8() != 0
	case chunkMessage:
		p.message(r)
	case chunkQueued:
		p.queued(r)
	case chunkRetained:
		p.db.Retained = append(p.db.Retained, r.number64())
	case chunkSubscription:
		p.subscription(r)
	case chunkClient:
		p.client(r)
	default:
		return fmt.Errorf("a chunk of unknown kind %d", kind)
	}
	if r.short {
		return fmt.Errorf("a chunk of kind %d is shorter than what it should hold", kind)
	}
	return nil
}

// plausible guesses the order of the first number with 64 bits, a count: the one
// that makes it smaller.
func plausible(b []byte) binary.ByteOrder {
	if len(b) >= 8 && binary.BigEndian.Uint64(b) < binary.LittleEndian.Uint64(b) {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func (p *parser) message(r *reader) {
	id := r.number64()
	m := Message{ExpiresAt: seconds(r.number64())}
	payload := int(r.number32())
	m.SourcePacketID = r.number16()
	sourceID, username, topic := int(r.number16()), int(r.number16()), int(r.number16())
	m.SourcePort = r.number16()
	m.QoS, m.Retain = r.number8(), r.number8() != 0
	m.SourceID, m.SourceUsername, m.Topic = string(r.take(sourceID)), string(r.take(username)), string(r.take(topic))
	m.Payload = bytes.Clone(r.take(payload))
	m.Properties = r.properties()
	if !r.short {
		p.db.Messages[id] = m
	}
}

func (p *parser) queued(r *reader) {
	q := Queued{Message: r.number64(), PacketID: r.number16()}
	id := int(r.number16())
	q.QoS, q.State = r.number8(), r.number8()
	flags := r.number8()
	q.Retain, q.Dup = flags&0xF0 != 0, flags&0x0F != 0
	q.Incoming = r.number8() == 0
	q.ClientID = string(r.take(id))
	q.Properties = r.properties()
	if !r.short {
		p.db.Queued = append(p.db.Queued, q)
	}
}

func (p *parser) subscription(r *reader) {
	s := Subscription{Identifier: r.number32()}
	id, filter := int(r.number16()), int(r.number16())
	s.QoS, s.Options = r.number8(), r.number8()
	r.take(2) // padding
	s.ClientID, s.Filter = string(r.take(id)), string(r.take(filter))
	if !r.short {
		p.db.Subscriptions = append(p.db.Subscriptions, s)
	}
}

func (p *parser) client(r *reader) {
	c := Client{ExpiresAt: seconds(r.number64()), ExpiryInterval: r.number32(), LastPacketID: r.number16()}
	id, username := int(r.number16()), 0
	if p.db.Version >= 6 {
		c.ListenerPort, username = r.number16(), int(r.number16())
		r.take(4) // padding
	}
	c.ID, c.Username = string(r.take(id)), string(r.take(username))
	if !r.short {
		p.db.Clients = append(p.db.Clients, c)
	}
}

// seconds is a time of the system's clock; 0 is none.
func seconds(n uint64) time.Time {
	if n == 0 || n > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(n), 0).UTC()
}

// reader takes numbers and strings from a chunk. Where there are too few bytes
// it gives zeros and says that it was short.
type reader struct {
	b     []byte
	order binary.ByteOrder
	short bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) { // negative where an int has 32 bits
		r.short, r.b = true, nil
		return nil
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) number8() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) number16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) number32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) number64() uint64 {
	if b := r.take(8); b != nil {
		return r.order.Uint64(b)
	}
	return 0
}

// properties takes what follows, if anything: a length and as many bytes.
func (r *reader) properties() []byte {
	if len(r.b) == 0 {
		return nil
	}
	n, width := binary.Uvarint(r.b) // as MQTT writes it, within four bytes
	if width <= 0 || width > 4 || n > uint64(len(r.b)-width) {
		r.short = true
		return nil
	}
	r.take(width)
	return bytes.Clone(r.take(int(n)))
}
