package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// settle lets the broker come to rest before its memory is read.
func (r *runner) settle(ctx context.Context) error {
	r.phase("settling")
	return r.rest(ctx, r.o.Settle)
}

// connect measures CONNECT, CONNACK, DISCONNECT and the broker's closing, on
// Concurrency connections at a time; every time it is another client.
func (r *runner) connect(ctx context.Context) error {
	var cycles uint64
	stopping := false
	clients := r.newConns(r.o.Concurrency)
	next := len(clients)
	again := func(c *conn) {
		if stopping || r.o.Count > 0 && next >= r.o.Count+len(clients) {
			return
		}
		c.number = next
		next++
		r.dial(c)
	}
	r.onConnack = func(c *conn) {
		r.lat.add(r.now - c.began)
		r.disconnect(c)
	}
	r.onGone = func(c *conn, err error) {
		if r.failed > 0 {
			r.fail("connect: %w", err)
			return
		}
		cycles++
		again(c)
	}
	r.result.Title += fmt.Sprintf(", %d at a time", len(clients))
	r.phase("warming up")
	for _, c := range clients {
		again(c)
	}
	if r.o.Count == 0 && r.o.Warmup > 0 {
		if err := r.until(ctx, r.o.Warmup, never); !errors.Is(err, errTime) {
			return err
		}
	}
	r.phase("measuring")
	r.measured = true
	r.lat = histogram{}
	before, from := r.snap(), cycles
	limit, goal := r.o.Duration, func() bool { return false }
	if r.o.Count > 0 {
		limit, goal = 0, func() bool { return cycles-from >= uint64(r.o.Count) }
	}
	err := r.until(ctx, limit, goal)
	if errors.Is(err, errTime) {
		err = nil
	}
	after := r.snap()
	before.in, after.in = from, cycles
	stopping = true
	r.result.addUsage(r.o, before, after)
	r.result.addTimes("conn", "CONNECT to CONNACK", &r.lat)
	r.result.add("failed", "failed", float64(r.failed), "")
	return err
}

// idle holds Count connections with a subscription each, and looks at the
// broker's memory. Then every subscription must get a message.
func (r *runner) idle(ctx context.Context) error {
	n := r.o.Count
	publishers, clients := r.newConns(1), r.newConns(n)
	for i, c := range clients {
		c.filter = r.numbered(i)
	}
	r.result.Title += fmt.Sprintf(", %d connections", n)
	empty := r.resident()
	r.tick()
	start := r.now
	if err := r.open(ctx, r.conns...); err != nil {
		return err
	}
	r.tick()
	connected, secs := r.resident(), float64(r.now-start)/1e9
	if err := r.subscribeAll(ctx, clients); err != nil {
		return err
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	full, before := r.resident(), r.snap()
	r.phase("idling")
	err := r.rest(ctx, r.o.Duration)
	r.result.addUsage(r.o, before, r.snap())
	r.measured = true
	r.result.add("connect_rate", "connected", float64(n)/secs, "/s")
	if r.o.PID > 0 {
		r.result.add("rss_before_kb", "", float64(empty>>10), "kB")
		r.result.add("rss_connected_kb", "", float64(connected>>10), "kB")
		r.result.add("rss_idle_kb", "", float64(full>>10), "kB")
		r.result.add("bytes_per_conn", "memory of a connection", float64(full-empty)/float64(n), "bytes")
	}
	if err != nil {
		return err
	}
	r.phase("publishing")
	r.books = pairedBooks(n)
	r.flow.copies, r.flow.topic = 1, r.sourcePerMessage(1)
	r.flow.pub = newPublication(r.o, false)
	r.flow.start(r.engine, publishers, n)
	err = r.until(ctx, 0, func() bool { return r.flow.settled >= uint64(n) })
	if err == nil {
		err = r.drain(ctx)
	}
	r.result.add("rss_after_traffic_kb", "", float64(r.resident()>>10), "kB")
	r.result.count(r.books)
	return err
}

// sourcePerMessage makes every message one of another source, on a topic of its
// own, divided among the given number of publishers.
func (r *runner) sourcePerMessage(publishers int) func(b []byte, c *conn, sequence uint32) ([]byte, uint32, uint32) {
	return func(b []byte, c *conn, sequence uint32) ([]byte, uint32, uint32) {
		source := uint32(c.member) + uint32(publishers)*sequence
		return r.appendNumbered(b, source), source, 0
	}
}

func (r *runner) appendNumbered(b []byte, i uint32) []byte {
	b = append(append(append(b, "bench/"...), r.run...), '/')
	return strconv.AppendUint(b, uint64(i), 10)
}
