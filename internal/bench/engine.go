package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// engine drives the connections of a run, from one goroutine.
type engine struct {
	o     *Options
	run   string // names the run in client identifiers and topics
	begin time.Time
	now   int64 // nanoseconds since begin, read once for each read and round
	net   network
	conns []*conn
	dec   packet.Decoder

	scratch []byte // what is being encoded
	replies []byte // to what is being read

	connected, subscribed, acked uint64 // CONNACKs, SUBACKs, publications acknowledged to the end
	ended                        uint64 // connections that ended, and were expected to
	failed                       uint64 // connections that ended before their CONNACK
	live                         int    // sessions that are up

	books *books
	lat   histogram
	flow  flow

	onConnack func(c *conn)
	onGone    func(c *conn, err error) // nil: the run fails
	retained  bool                     // messages must have RETAIN set
	err       error                    // ends the run

	resting  bool // nothing needs to arrive
	pinged   int
	nextPing int64
	progress progress
}

// Errors that end a wait.
var (
	errTime  = errors.New("time is up")
	errStall = errors.New("nothing arrived any more")
)

func (e *engine) tick() { e.now = int64(time.Since(e.begin)) }

func (e *engine) fail(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf(format, args...)
	}
}

// arrived counts everything that shows that the broker is alive.
func (e *engine) arrived() uint64 {
	n := e.connected + e.subscribed + e.acked + e.ended
	if e.books != nil {
		n += e.books.received
	}
	return n
}

// until runs the engine until reached says so. It returns errTime when limit
// has passed (zero: none), errStall when nothing arrives, the engine's failure,
// or ctx's error.
func (e *engine) until(ctx context.Context, limit time.Duration, reached func() bool) error {
	e.tick()
	start, moved, seen := e.now, e.now, e.arrived()
	for !reached() {
		switch n := e.arrived(); {
		case e.err != nil:
			return e.err
		case ctx.Err() != nil:
			return ctx.Err()
		case limit > 0 && e.now-start >= int64(limit):
			return errTime
		case n != seen || e.resting || e.flow.idle():
			seen, moved = n, e.now
		case e.now-moved > int64(e.o.Stall):
			return fmt.Errorf("%w for %v", errStall, e.o.Stall)
		}
		e.round(start, limit)
	}
	return e.err
}

// round waits once, handles what happened and publishes what may be published.
func (e *engine) round(start int64, limit time.Duration) {
	wake := e.now + int64(100*time.Millisecond)
	if limit > 0 {
		wake = min(wake, start+int64(limit))
	}
	if e.flow.running && e.flow.rate > 0 {
		wake = min(wake, e.flow.due)
	}
	e.net.wait(time.Duration(max(0, wake-e.now)))
	e.tick()
	e.ping()
	e.flow.feed(e)
	e.report()
}

// rest lets time pass.
func (e *engine) rest(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	e.resting = true
	defer func() { e.resting = false }()
	err := e.until(ctx, d, func() bool { return false })
	if errors.Is(err, errTime) {
		return nil
	}
	return err
}

// each calls step for 0 to n-1 and waits for an answer to each, as count tells;
// no more than Concurrency answers are awaited at a time.
func (e *engine) each(ctx context.Context, phase string, n int, count *uint64, step func(i int)) error {
	e.phase(phase)
	base := *count
	for i := range n {
		if uint64(i) >= *count-base+uint64(e.o.Concurrency) {
			room := func() bool { return uint64(i) < *count-base+uint64(e.o.Concurrency) }
			if err := e.until(ctx, 0, room); err != nil {
				return fmt.Errorf("%s: %d of %d done: %w", phase, *count-base, n, err)
			}
		}
		step(i)
	}
	if err := e.until(ctx, 0, func() bool { return *count-base >= uint64(n) }); err != nil {
		return fmt.Errorf("%s: %d of %d done: %w", phase, *count-base, n, err)
	}
	return nil
}

// newConns makes n clients, which have not connected yet.
func (e *engine) newConns(n int) []*conn {
	all := make([]conn, n)
	made := make([]*conn, n)
	for i := range all {
		all[i] = conn{number: len(e.conns) + i, member: i, clean: true, fd: -1, receiveMaximum: MaxWindow}
		made[i] = &all[i]
	}
	e.conns = append(e.conns, made...)
	return made
}

func (e *engine) dial(c *conn) {
	e.tick()
	c.began, c.state = e.now, connecting
	c.rest, c.unacked = nil, 0
	e.net.open(c)
}

func (e *engine) opened(c *conn) {
	c.state = connackAwaited
	e.sendPacket(c, c.connect(e.o, e.run))
}

func (e *engine) sendPacket(c *conn, p packet.Packet) {
	b, err := p.Append(e.scratch[:0], e.o.Version)
	if err != nil {
		e.fail("%w", err)
		return
	}
	e.scratch = b
	e.net.send(c, b)
}

func (e *engine) subscribe(c *conn, filters ...string) {
	p := &packet.Subscribe{PacketID: c.nextPacketID()}
	for _, f := range filters {
		p.Subscriptions = append(p.Subscriptions, packet.Subscription{Filter: f, QoS: e.o.QoS})
	}
	e.sendPacket(c, p)
}

// disconnect says good-bye; the broker closes.
func (e *engine) disconnect(c *conn) {
	c.state = leaving
	e.live--
	e.sendPacket(c, &packet.Disconnect{})
	e.net.finish(c)
}

func (e *engine) gone(c *conn, err error) {
	was := c.state
	c.state = closed
	switch was {
	case up:
		e.live--
	case leaving:
		e.ended++
	default:
		e.failed++
	}
	if e.onGone != nil {
		e.onGone(c, err)
		return
	}
	if was == leaving {
		return
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("closed by the broker")
	}
	e.fail("connection of client %s: %w", clientID(e.run, c.number), err)
}

// ping keeps sessions alive that have nothing else to say: every client sends
// PINGREQ twice in its Keep Alive, one after the other.
func (e *engine) ping() {
	if len(e.conns) == 0 {
		return
	}
	step := int64(e.o.KeepAlive) / 2 / int64(len(e.conns))
	if e.nextPing == 0 {
		e.nextPing = e.now + step
	}
	for e.now >= e.nextPing && step > 0 {
		e.nextPing += step
		e.pinged++
		if c := e.conns[e.pinged%len(e.conns)]; c.state == up {
			e.sendPacket(c, &packet.Pingreq{})
		}
	}
}

// clientID is short enough for MQTT 3.1, which allows 23 bytes.
func clientID(run string, number int) string { return "zb" + run + "-" + strconv.Itoa(number) }
