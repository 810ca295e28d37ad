package history

import (
	"errors"
	"io"
	"net"
	"sync"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
)

// Conn returns a client's connection that is written down: what is sent, before
// it leaves, what is received, and how it ends. Who the client is its CONNECT says.
func (l *Log) Conn(c net.Conn) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns++
	r := &recorder{Conn: c, log: l, number: l.conns}
	if l.peers == nil {
		l.peers = make(map[string]int)
	}
	l.peers[c.LocalAddr().String()] = l.conns
	r.up.aliases, r.down.aliases = map[uint16]string{}, map[uint16]string{}
	return r
}

// recorder is a client's end of a connection.
type recorder struct {
	net.Conn
	log    *Log
	number int

	mu       sync.Mutex
	up, down flow
	over     bool
}

// flow is one direction of a connection.
type flow struct {
	decoder packet.Decoder
	rest    []byte
	aliases map[uint16]string
	broken  bool // what comes is not MQTT, or nothing is known of it
}

// Write logs the packets that are whole with these bytes, and writes: not once the
// end of the connection is logged, though it may be open for a moment yet.
func (r *recorder) Write(b []byte) (int, error) {
	if !r.note(&r.up, sent, b) {
		return 0, net.ErrClosed
	}
	return r.Conn.Write(b)
}

// Read reads, and logs the packets that are whole with what came.
func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	if n > 0 {
		r.note(&r.down, received, b[:n])
	}
	if errors.Is(err, io.EOF) {
		r.end(closed)
	}
	return n, err
}

// Close ends the connection: the client wants no more of it.
func (r *recorder) Close() error {
	r.end(dropped)
	return r.Conn.Close()
}

// Reset breaks a connection that can be reset.
func (r *recorder) Reset() {
	r.end(dropped)
	if c, ok := r.Conn.(interface{ Reset() }); ok {
		c.Reset()
	}
}

func (r *recorder) end(how kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.over = true
		r.log.add(event{kind: how, conn: r.number})
	}
}

// note logs packets, and reports whether the connection has not ended.
func (r *recorder) note(f *flow, k kind, b []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return false
	}
	f.take(b, func(p packet.Packet) {
		if c, ok := p.(*packet.Connect); ok {
			r.down.decoder.Version = c.Version
		}
		r.log.add(event{kind: k, conn: r.number, packet: p})
	})
	return true
}

// take calls f for each packet that is whole now. It may keep it.
func (f *flow) take(b []byte, found func(packet.Packet)) {
	f.rest = append(f.rest, b...)
	for !f.broken {
		p, n, err := f.decoder.Decode(f.rest)
		if err != nil {
			f.broken = true
			return
		}
		if n == 0 {
			return
		}
		p = own(p)
		f.rest = f.rest[n:]
		if m, ok := p.(*packet.Publish); ok && m.TopicAlias != 0 {
			if m.Topic == "" {
				m.Topic = f.aliases[m.TopicAlias]
			} else if f.aliases != nil {
				f.aliases[m.TopicAlias] = m.Topic
			}
		}
		found(p)
	}
}

// own copies what a Decoder uses again.
func own(p packet.Packet) packet.Packet {
	switch p := p.(type) {
	case *packet.Publish:
		c := *p
		c.Message = *p.Clone()
		return &c
	case *packet.Puback:
		return &packet.Puback{Ack: p.Ack}
	case *packet.Pubrec:
		return &packet.Pubrec{Ack: p.Ack}
	case *packet.Pubrel:
		return &packet.Pubrel{Ack: p.Ack}
	case *packet.Pubcomp:
		return &packet.Pubcomp{Ack: p.Ack}
	default:
		return p
	}
}

// Listener returns a listener whose connections are the broker's ends: the
// answers that leave are logged, for I13. Which client they are for its address
// says: it must be that of a connection that Conn knows.
func (l *Log) Listener(inner net.Listener) net.Listener { return &listener{inner, l} }

type listener struct {
	net.Listener
	log *Log
}

// Accept waits for the next connection.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	s := &served{Conn: c, log: l.log}
	s.in.aliases, s.out.aliases = map[uint16]string{}, map[uint16]string{}
	return s, nil
}

// peer is the number of the connection that comes from an address.
func (l *Log) peer(a net.Addr) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.peers[a.String()]
}

// served is the broker's end of a connection.
type served struct {
	net.Conn
	log *Log

	mu      sync.Mutex
	in, out flow
	number  int // of the client's end; zero: nobody writes it down
}

// Read reads, to know who the client is.
func (s *served) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in.take(b[:n], func(p packet.Packet) {
		if c, ok := p.(*packet.Connect); ok {
			s.number, s.out.decoder.Version = s.log.peer(s.RemoteAddr()), c.Version
			s.in.broken = true // the rest tells nothing
		}
	})
	return n, err
}

// Write logs the answers, and writes.
func (s *served) Write(b []byte) (int, error) {
	s.note(b)
	return s.Conn.Write(b)
}

func (s *served) note(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.take(b, func(p packet.Packet) {
		switch p.(type) {
		case *packet.Puback, *packet.Pubrec, *packet.Suback:
			s.log.add(event{kind: answered, conn: s.number, packet: p})
		}
	})
}

// Store returns a store that logs what has been appended to another, for I13.
func (l *Log) Store(s broker.Store) broker.Store { return &store{s, l} }

type store struct {
	broker.Store
	log *Log
}

// Append appends, and logs that it is done.
func (s *store) Append(facts []broker.Fact, d broker.Durability) error {
	var text []byte
	for i := range facts {
		text = append(append(append(text, facts[i].Key...), facts[i].Value...), 0)
	}
	began := s.log.Len()
	err := s.Store.Append(facts, d)
	if err == nil {
		s.log.add(event{kind: stored, text: string(text), durable: d == broker.Durable, began: began})
	}
	return err
}
