package simulation

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// client is one client as the specification wants it, whatever happens to its
// connections: the Session State of a client.
type client struct {
	world   *World
	id      string
	version packet.Version
	random  *rand.Rand // of what it does; the reading goroutine has its own
	lazy    int        // percent of acknowledgements that it withholds

	sent int // messages, for their payloads

	mu       sync.Mutex
	line     *line // nil: not connected
	anew     bool  // it wanted a clean start, and has had no answer
	lastID   uint16
	flights  []*flight       // to the broker, in order
	receives map[uint16]bool // QoS 2 from the broker, until PUBREL
	withheld []packet.Packet // acknowledgements, in order
	awake    bool            // withholds nothing any more, and reads at once
}

// flight is a message of QoS 1 or 2 on its way to the broker.
type flight struct {
	publish  packet.Publish
	released bool // PUBREC came
}

// line is a connection.
type line struct {
	net     net.Conn
	welcome chan bool
	over    chan struct{} // closed when nothing more comes
	pause   time.Duration // before each read
	lasting bool          // the session outlives it

	mu     sync.Mutex
	cond   sync.Cond
	unsent []byte
	closed bool
}

func newClient(w *World, id string, seed uint64) *client {
	r := rand.New(rand.NewPCG(seed, 17))
	c := &client{world: w, id: id, version: packet.V311, random: r, receives: map[uint16]bool{}}
	if r.IntN(2) == 0 {
		c.version = packet.V5
	}
	c.lazy = []int{0, 30, 70}[r.IntN(3)]
	return c
}

// connect connects, and goes on with what was under way, if the broker welcomes
// it in time.
func (c *client) connect(p *packet.Connect) {
	inner, err := c.world.dial()
	if err != nil {
		return
	}
	l := &line{net: inner, welcome: make(chan bool, 1), over: make(chan struct{})}
	l.cond.L, l.lasting = &l.mu, p.SessionExpiry > 0
	if c.random.IntN(8) == 0 {
		l.pause = time.Duration(c.random.IntN(300)) * time.Millisecond
	}
	c.mu.Lock()
	if p.CleanStart = p.CleanStart || c.anew; p.CleanStart {
		c.forget()
		c.anew = true
	}
	c.mu.Unlock()
	go c.read(l, p.Version)
	go l.write()
	l.send(p.Version, p)
	select {
	case ok := <-l.welcome:
		if ok {
			return
		}
	case <-l.over:
	case <-time.After(5 * time.Second):
	}
	_ = l.Close()
}

// welcomed takes the CONNACK: from here on the connection is that of the session,
// and what was under way is sent again.
func (c *client) welcomed(l *line, ack *packet.Connack) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.welcome <- ack.ReasonCode == packet.Success
	if ack.ReasonCode != packet.Success {
		return
	}
	if c.anew = false; !ack.SessionPresent {
		c.forget()
	}
	if old := c.line; old != nil { // it was taken over
		_ = old.Close()
	}
	c.line, c.withheld = l, nil
	for _, f := range c.flights {
		if f.released {
			c.write(&packet.Pubrel{Ack: packet.Ack{PacketID: f.publish.PacketID}})
			continue
		}
		again := f.publish
		again.Dup = true
		c.write(&again)
	}
}

// forget drops the session.
func (c *client) forget() { c.flights, c.receives = nil, map[uint16]bool{} }

// write sends packets on the connection that there is. The client is locked.
func (c *client) write(packets ...packet.Packet) {
	if c.line != nil {
		c.line.send(c.version, packets...)
	}
}

func (l *line) send(v packet.Version, packets ...packet.Packet) {
	var b []byte
	for _, p := range packets {
		var err error
		if b, err = p.Append(b, v); err != nil {
			panic(fmt.Errorf("encode %v: %w", p, err))
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unsent = append(l.unsent, b...)
	l.cond.Signal()
}

// write sends what there is to send, so that nobody else has to wait for it.
func (l *line) write() {
	for {
		l.mu.Lock()
		for len(l.unsent) == 0 && !l.closed {
			l.cond.Wait()
		}
		b, closed := l.unsent, l.closed
		l.unsent = nil
		l.mu.Unlock()
		if closed {
			return
		}
		_, _ = l.net.Write(b) // the reader sees it too
	}
}

// Close lets go of the connection.
func (l *line) Close() error {
	l.mu.Lock()
	l.closed = true
	l.cond.Signal()
	l.mu.Unlock()
	return l.net.Close()
}

// read takes what the broker sends, until the connection ends.
func (c *client) read(l *line, v packet.Version) {
	defer func() {
		c.mu.Lock()
		if c.line == l {
			c.line = nil
		}
		c.mu.Unlock()
		close(l.over)
		_ = l.Close()
	}()
	r := packet.NewReader(l.net, v)
	random := rand.New(rand.NewPCG(uint64(c.lazy), 3))
	for {
		if !c.wideAwake() {
			time.Sleep(l.pause)
		}
		p, err := r.Next()
		if err != nil {
			return
		}
		if ack, ok := p.(*packet.Connack); ok {
			c.welcomed(l, ack)
			continue
		}
		if answer := c.take(p); answer != nil {
			c.answer(l, answer, random.IntN(100) < c.lazy)
		}
	}
}

func (c *client) wideAwake() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.awake
}

// take notes a packet of the broker and returns the answer to it.
func (c *client) take(p packet.Packet) packet.Packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch p := p.(type) {
	case *packet.Publish:
		ack := packet.Ack{PacketID: p.PacketID}
		switch p.QoS {
		case packet.AtLeastOnce:
			return &packet.Puback{Ack: ack}
		case packet.ExactlyOnce:
			c.receives[p.PacketID] = true
			return &packet.Pubrec{Ack: ack}
		case packet.AtMostOnce:
		}
	case *packet.Pubrel:
		delete(c.receives, p.PacketID)
		return &packet.Pubcomp{Ack: packet.Ack{PacketID: p.PacketID}}
	case *packet.Puback:
		c.landed(p.PacketID)
	case *packet.Pubcomp:
		c.landed(p.PacketID)
	case *packet.Pubrec:
		for _, f := range c.flights {
			if f.publish.PacketID != p.PacketID || f.publish.QoS != packet.ExactlyOnce {
				continue
			}
			if p.ReasonCode.Failed() {
				c.landed(p.PacketID)
				return nil
			}
			f.released = true
			return &packet.Pubrel{Ack: packet.Ack{PacketID: p.PacketID}}
		}
	default:
	}
	return nil
}

// landed ends a flight. The client is locked.
func (c *client) landed(id uint16) {
	for i, f := range c.flights {
		if f.publish.PacketID == id {
			c.flights = append(c.flights[:i:i], c.flights[i+1:]...)
			return
		}
	}
}

// answer sends an acknowledgement, or withholds it: then it leaves behind those
// that wait already.
func (c *client) answer(l *line, p packet.Packet, late bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line != l {
		return // it was taken over
	}
	c.withheld = append(c.withheld, p)
	if late && !c.awake {
		return
	}
	c.catchUp()
}

// catchUp sends what was withheld. The client is locked.
func (c *client) catchUp() {
	if len(c.withheld) > 0 {
		c.write(c.withheld...)
		c.withheld = nil
	}
}

// publish sends a message with a payload of its own. QoS 1 and 2 wait while three
// are under way.
func (c *client) publish(m packet.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line == nil || m.QoS > packet.AtMostOnce && len(c.flights) >= 3 {
		return
	}
	p := packet.Publish{Message: m}
	if m.QoS > packet.AtMostOnce {
		p.PacketID = c.nextID()
		c.flights = append(c.flights, &flight{publish: p})
	}
	c.write(&p)
}

// nextID is an identifier that is not in use. The client is locked.
func (c *client) nextID() uint16 {
	for {
		c.lastID = c.lastID%20 + 1 // few, so that they meet again
		used := false
		for _, f := range c.flights {
			used = used || f.publish.PacketID == c.lastID
		}
		if !used {
			return c.lastID
		}
	}
}

// payload is one that no other message has.
func (c *client) payload() []byte {
	c.sent++
	return fmt.Appendf(nil, "%s.%d.%0*d", c.id, c.sent, []int{1, 30, 300}[c.random.IntN(3)], 0)
}
