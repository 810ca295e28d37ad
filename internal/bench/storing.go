package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// store publishes total messages that are settled by their acknowledgement
// alone, and adds what a stored message cost. r.o.QoS must not be 0.
func (r *runner) store(ctx context.Context, publishers []*conn, total int, retain bool) error {
	f := &r.flow
	f.copies, f.pub = 0, newPublication(r.o, retain)
	empty := r.resident()
	r.phase("storing")
	r.measured = true
	before := r.snap()
	f.start(r.engine, publishers, total)
	err := r.until(ctx, 0, func() bool { return f.settled >= f.last })
	r.result.addUsage(r.o, before, r.snap())
	f.stop()
	if err != nil {
		return fmt.Errorf("storing: %d of %d done: %w", f.settled, total, err)
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	if full := r.resident(); full > 0 {
		r.result.add("rss_stored_kb", "", float64(full>>10), "kB")
		r.result.add("bytes_per_stored", "memory of a message", float64(full-empty)/float64(total), "bytes")
	}
	return nil
}

// fetch runs begin, waits for total messages, and adds what one cost.
func (r *runner) fetch(ctx context.Context, key, label string, total int, begin func() error) error {
	before := r.snap()
	r.phase(label)
	err := begin()
	if err == nil {
		err = r.until(ctx, 0, func() bool { return r.books.received >= uint64(total) })
	}
	after := r.snap()
	secs, n := after.at.Sub(before.at).Seconds(), float64(r.books.received)
	r.result.add(key+"_secs", "", secs, "s")
	r.result.add(key+"_rate", label, n/secs, "/s")
	if r.o.PID > 0 && n > 0 {
		r.result.add(key+"_cpu_us", label+", broker CPU each", (after.broker-before.broker).Seconds()/n*1e6, "µs")
	}
	if err == nil {
		err = r.rest(ctx, 50*time.Millisecond)
	}
	return err
}

// retained stores Count retained messages; then new subscribers fetch them all
// by a wildcard.
func (r *runner) retained(ctx context.Context) error {
	n, qos := r.o.Count, r.o.QoS
	publishers, subscribers := r.newConns(r.o.Publishers), r.newConns(r.o.Subscribers)
	for i, c := range subscribers {
		c.filter, c.group = r.name("#"), i
	}
	r.result.Title += fmt.Sprintf(", %d messages to %d", n, len(subscribers)) + r.details()
	if err := r.open(ctx, r.conns...); err != nil {
		return err
	}
	r.books = crossBooks(len(subscribers), n)
	r.flow.topic = r.sourcePerMessage(len(publishers))
	r.o.QoS = max(qos, packet.AtLeastOnce) // stored with a receipt, fetched as asked
	err := r.store(ctx, publishers, n, true)
	r.o.QoS = qos
	if err == nil {
		r.engine.retained = true
		err = r.fetch(ctx, "fetch", "replayed", n*len(subscribers), func() error {
			for _, c := range subscribers {
				r.subscribe(c, c.filter)
			}
			return nil
		})
		r.result.count(r.books)
	}
	r.clear(ctx, publishers, subscribers, n)
	return err
}

// cleaning bounds what it takes to leave the broker as it was.
const cleaning = 30 * time.Second

// clear removes the retained messages. When that fails, the broker has worse
// problems, and the result tells them.
func (r *runner) clear(ctx context.Context, publishers, subscribers []*conn, n int) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
	defer cancel()
	f := &r.flow
	for _, c := range subscribers {
		r.disconnect(c)
	}
	r.books = pairedBooks(n)
	f.copies, f.pub = 0, publication{first: 0x33, qos: 1, v5: r.o.Version == packet.V5, empty: true}
	r.phase("removing")
	f.start(r.engine, publishers, n)
	_ = r.until(ctx, 0, func() bool { return f.settled >= f.last })
	f.stop()
}

// queue sends every subscriber Count messages while it is offline; then all of
// them come back.
func (r *runner) queue(ctx context.Context) error {
	n, total := r.o.Count, r.o.Count*r.o.Subscribers
	publishers, subscribers := r.newConns(r.o.Publishers), r.newConns(r.o.Subscribers)
	for i, c := range subscribers {
		c.filter, c.clean, c.expiry = r.numbered(i), false, outlive
	}
	r.result.Title += fmt.Sprintf(", %d messages for each of %d", n, len(subscribers)) + r.details()
	r.books = pairedBooks(len(subscribers))
	if r.o.Part == DrainOnly {
		r.books.left(uint32(n))
		if resident := r.resident(); resident > 0 {
			r.result.add("start_rss_kb", "broker memory before", float64(resident>>10), "kB")
		}
		return r.drainQueues(ctx, subscribers, total)
	}
	if err := r.queueAll(ctx, publishers, subscribers, total); err != nil || r.o.Part == StoreOnly {
		return err
	}
	return r.drainQueues(ctx, subscribers, total)
}

// outlive is how long sessions outlive their connections, in seconds.
const outlive = 3600

// queueAll stores total messages for subscribers that are not there.
func (r *runner) queueAll(ctx context.Context, publishers, subscribers []*conn, total int) error {
	if err := r.open(ctx, r.conns...); err != nil {
		return err
	}
	if err := r.subscribeAll(ctx, subscribers); err != nil {
		return err
	}
	if err := r.each(ctx, "disconnecting", len(subscribers), &r.ended, func(i int) { r.disconnect(subscribers[i]) }); err != nil {
		return err
	}
	each := len(subscribers) / len(publishers)
	r.flow.topic = func(b []byte, c *conn, sequence uint32) ([]byte, uint32, uint32) {
		source := uint32(c.member + len(publishers)*(int(sequence)%each))
		return r.appendNumbered(b, source), source, sequence / uint32(each)
	}
	if err := r.store(ctx, publishers, total, false); err != nil {
		return err
	}
	if r.books.received > 0 {
		return fmt.Errorf("%d messages came before their subscribers did", r.books.received)
	}
	return nil
}

// drainQueues has the subscribers come and get their messages.
func (r *runner) drainQueues(ctx context.Context, subscribers []*conn, total int) error {
	r.measured = true
	err := r.fetch(ctx, "drain", "drained", total, func() error { return r.open(ctx, subscribers...) })
	r.result.count(r.books)
	for _, c := range subscribers {
		if err == nil && !c.sessionPresent {
			err = fmt.Errorf("client %s came back and found no session", clientID(r.run, c.number))
		}
	}
	r.forget(ctx, subscribers)
	return err
}

// forget ends the sessions of clients.
func (r *runner) forget(ctx context.Context, clients []*conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
	defer cancel()
	r.onGone = func(*conn, error) {}
	leave := func(i int) {
		if clients[i].state == up {
			r.disconnect(clients[i])
		} else {
			r.ended++
		}
	}
	if err := r.each(ctx, "removing", len(clients), &r.ended, leave); err != nil {
		return
	}
	for _, c := range clients {
		c.clean, c.expiry = true, 0
	}
	if err := r.open(ctx, clients...); err == nil {
		_ = r.each(ctx, "removing", len(clients), &r.ended, leave)
	}
}
