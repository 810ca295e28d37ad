package bench

import (
	"math"
	"time"
)

// flow publishes: as fast as the windows of the publishers let it, or at a
// steady rate.
type flow struct {
	publishers []*conn
	pub        publication
	window     uint32
	rate       float64
	running    bool
	copies     uint32 // deliveries by which a message is settled; zero: its acknowledgement settles it
	last       uint64 // messages to publish in all

	// topic, if not nil, says what comes next from a publisher that has no
	// topic of its own: it appends the topic name to b.
	topic func(b []byte, c *conn, sequence uint32) (name []byte, source, inSource uint32)

	ring       []*conn // publishers that have room
	head, size int
	sent       uint64
	settled    uint64
	due        int64 // when the next message is due, at a rate
	turn       int   // whose turn it is, at a rate
	lag        histogram

	batch, name []byte
}

// batchBytes is how much is gathered for a write, about.
const batchBytes = 64 << 10

// start begins to publish total messages; zero: until it is stopped.
func (f *flow) start(e *engine, publishers []*conn, total int) {
	f.publishers, f.running, f.last = publishers, true, uint64(total)
	f.window, f.rate = uint32(e.o.Window), e.o.Rate
	f.sent, f.settled, f.head, f.size = 0, 0, 0, 0
	if len(f.ring) < len(publishers) {
		f.ring = make([]*conn, len(publishers))
	}
	e.tick()
	f.due, f.turn = e.now, 0
	for i, c := range publishers {
		c.sent, c.settled, c.part, c.waiting = 0, 0, 0, false
		c.quota = math.MaxUint32
		if total > 0 {
			c.quota = uint32(total / len(publishers))
			if i < total%len(publishers) {
				c.quota++
			}
		}
		f.offer(c)
	}
	if total == 0 {
		f.last = math.MaxUint64
	}
}

func (f *flow) stop() {
	f.running, f.size = false, 0
}

// idle reports whether nothing is under way because nothing is due.
func (f *flow) idle() bool { return f.running && f.rate > 0 && f.sent == f.settled }

// room reports whether c may publish.
func (f *flow) room(c *conn) bool {
	w := f.window
	if f.pub.qos > 0 {
		w = min(w, c.receiveMaximum)
	}
	return c.sent < c.quota && c.sent-c.settled < w && c.unacked < w && !c.blocked
}

// offer puts c into the ring if it has room.
func (f *flow) offer(c *conn) {
	if !f.running || f.rate > 0 || c.waiting || !f.room(c) {
		return
	}
	c.waiting = true
	f.ring[(f.head+f.size)%len(f.ring)] = c
	f.size++
}

// delivered notes that deliveries of a source's messages were received, or
// given up.
func (f *flow) delivered(source, deliveries uint32) {
	if f.copies == 0 {
		return
	}
	c := f.publishers[int(source)%len(f.publishers)]
	c.part += deliveries
	for c.part >= f.copies {
		c.part -= f.copies
		c.settled++
		f.settled++
	}
	f.offer(c)
}

// acknowledged notes that a message of c was acknowledged.
func (f *flow) acknowledged(c *conn) {
	if f.copies == 0 {
		c.settled++
		f.settled++
	}
	f.offer(c)
}

// feed publishes what may be published now.
func (f *flow) feed(e *engine) {
	if !f.running {
		return
	}
	if f.rate > 0 {
		f.pace(e)
		return
	}
	for f.size > 0 {
		c := f.ring[f.head]
		f.head = (f.head + 1) % len(f.ring)
		f.size--
		c.waiting = false
		f.batch = f.batch[:0]
		for len(f.batch) < batchBytes && f.room(c) {
			f.one(e, c)
		}
		if len(f.batch) > 0 && c.state == up {
			e.net.send(c, f.batch)
		}
		f.offer(c)
	}
}

// pace publishes what is due, one message to a write, the publishers in turn. A
// publisher without room is passed over: a broker that is too slow shows in lag.
func (f *flow) pace(e *engine) {
	step := int64(1e9 / f.rate)
	for e.now >= f.due && f.sent < f.last {
		c := f.next()
		if c == nil {
			f.due = e.now + int64(time.Millisecond)
			return
		}
		f.lag.add(e.now - f.due)
		f.due += step
		f.batch = f.batch[:0]
		f.one(e, c)
		e.net.send(c, f.batch)
		e.tick()
	}
	if f.sent >= f.last {
		f.due = math.MaxInt64
	}
}

// next is the publisher whose turn it is, nil if none has room.
func (f *flow) next() *conn {
	for range f.publishers {
		c := f.publishers[f.turn%len(f.publishers)]
		f.turn++
		if f.room(c) && c.state == up {
			return c
		}
	}
	return nil
}

// one appends c's next message to the batch.
func (f *flow) one(e *engine, c *conn) {
	name, s := c.topic, stamp{source: uint32(c.member), sequence: c.sent, sent: e.now}
	if f.topic != nil {
		f.name, s.source, s.sequence = f.topic(f.name[:0], c, c.sent)
		name = f.name
	}
	c.sent++
	f.sent++
	var id uint16
	if f.pub.qos > 0 {
		id = c.nextPacketID()
		c.unacked++
	}
	e.books.publish(s.source)
	f.batch = f.pub.append(f.batch, name, id, s)
}
