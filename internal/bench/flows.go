package bench

import (
	"context"
	"fmt"
	"math"
	"strconv"
)

// p2p measures pairs: publisher i to subscriber i. With a rate it is "latency".
func (r *runner) p2p(ctx context.Context) error {
	n := r.o.Publishers
	publishers, subscribers := r.newConns(n), r.newConns(n)
	for i := range n {
		publishers[i].topic = []byte(r.numbered(i))
		subscribers[i].filter = r.numbered(i)
	}
	r.books = pairedBooks(n)
	r.flow.copies = 1
	r.result.Title += fmt.Sprintf(", %d pairs", n) + r.details()
	return r.publishTo(ctx, publishers, subscribers)
}

// fanout measures publishers on one topic and subscribers that all hear it.
func (r *runner) fanout(ctx context.Context) error {
	publishers, subscribers := r.newConns(r.o.Publishers), r.newConns(r.o.Subscribers)
	for _, c := range publishers {
		c.topic = []byte(r.name("all"))
	}
	for i, c := range subscribers {
		c.filter, c.group = r.name("all"), i
	}
	return r.allToAll(ctx, publishers, subscribers)
}

// fanin measures publishers on topics of their own and subscribers by wildcard,
// which may share a subscription.
func (r *runner) fanin(ctx context.Context) error {
	publishers, subscribers := r.newConns(r.o.Publishers), r.newConns(r.o.Subscribers)
	for i, c := range publishers {
		c.topic = []byte(r.numbered(i))
	}
	for i, c := range subscribers {
		c.filter, c.group = r.name("#"), i
		if r.o.Shared {
			c.filter, c.group = "$share/bench/"+c.filter, 0
		}
	}
	return r.allToAll(ctx, publishers, subscribers)
}

func (r *runner) allToAll(ctx context.Context, publishers, subscribers []*conn) error {
	if r.o.Shared {
		r.books = groupBooks(1, len(subscribers), len(publishers))
	} else {
		r.books = crossBooks(len(subscribers), len(publishers))
	}
	r.flow.copies = uint32(r.books.copies())
	r.result.Title += fmt.Sprintf(", %d to %d", len(publishers), len(subscribers)) + r.details()
	return r.publishTo(ctx, publishers, subscribers)
}

func (r *runner) publishTo(ctx context.Context, publishers, subscribers []*conn) error {
	if r.o.Persistent {
		for _, c := range subscribers {
			c.clean, c.expiry = false, outlive
		}
		defer r.forget(ctx, subscribers)
	}
	if err := r.open(ctx, r.conns...); err != nil {
		return err
	}
	if err := r.subscribeAll(ctx, subscribers); err != nil {
		return err
	}
	return r.publishFor(ctx, publishers, r.o.Count)
}

// details ends a title.
func (r *runner) details() string {
	s := fmt.Sprintf(", %d bytes", r.o.PayloadBytes)
	if r.o.Rate > 0 {
		return s + fmt.Sprintf(", %v messages/s", r.o.Rate)
	}
	return s + fmt.Sprintf(", window %d", r.o.Window)
}

// cube is the set of topics RUN/x/y/z with x, y, z below side. Three kinds of
// filters have one wildcard each, so that every topic matches one filter of
// each kind and every filter is different.
type cube struct {
	r    *runner
	side int
}

func (k cube) filters() int { return 3 * k.side * k.side }

// filter is the ith of a kind.
func (k cube) filter(kind, i int) string {
	a, b := strconv.Itoa(i/k.side), strconv.Itoa(i%k.side)
	switch kind {
	case 0:
		return k.r.name(a + "/" + b + "/#")
	case 1:
		return k.r.name(a + "/+/" + b)
	default:
		return k.r.name("+/" + a + "/" + b)
	}
}

// topic is a random topic, the same for the same publisher and sequence.
func (k cube) topic(b []byte, c *conn, sequence uint32) (name []byte, source, inSource uint32) {
	x := uint64(c.member+1)<<32 | uint64(sequence)
	b = append(append(append(b, "bench/"...), k.r.run...), '/')
	for i := range 3 {
		if i > 0 {
			b = append(b, '/')
		}
		x ^= x >> 31 // the finalizer of a 64-bit mixing function, once for each level
		x *= 0x9fb21c651e98df25
		x ^= x >> 28
		b = strconv.AppendUint(b, (x>>8)%uint64(k.side), 10)
	}
	return b, uint32(c.member), sequence
}

// filters measures publishing among Count distinct wildcard filters, which the
// subscribers divide among them.
func (r *runner) filters(ctx context.Context) error {
	members := max(1, (r.o.Subscribers+2)/3) // of each kind
	k := cube{r, max(1, int(math.Ceil(math.Sqrt(float64(r.o.Count)/3))))}
	publishers, subscribers := r.newConns(r.o.Publishers), r.newConns(3*members)
	for i, c := range subscribers {
		c.group = i / members
	}
	if err := r.open(ctx, r.conns...); err != nil {
		return err
	}
	empty := r.resident()
	if err := r.subscribeCube(ctx, k, subscribers, members); err != nil {
		return err
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	r.result.add("filters", "filters", float64(k.filters()), "")
	if r.o.PID > 0 {
		r.result.add("bytes_per_filter", "memory of a filter", float64(r.resident()-empty)/float64(k.filters()), "bytes")
	}
	r.result.Title += fmt.Sprintf(", %d to %d", len(publishers), len(subscribers)) + r.details()
	r.books = groupBooks(3, len(subscribers), len(publishers))
	r.flow.copies, r.flow.topic = 3, k.topic
	return r.publishFor(ctx, publishers, 0)
}

// subscribeCube sends the filters, ten to a SUBSCRIBE.
func (r *runner) subscribeCube(ctx context.Context, k cube, subscribers []*conn, members int) error {
	const batch = 10
	type job struct {
		c       *conn
		filters []string
	}
	var jobs []job
	for at, c := range subscribers {
		var filters []string
		for i := at % members; i < k.side*k.side; i += members {
			if filters = append(filters, k.filter(c.group, i)); len(filters) == batch {
				jobs = append(jobs, job{c, filters})
				filters = nil
			}
		}
		if len(filters) > 0 {
			jobs = append(jobs, job{c, filters})
		}
	}
	return r.each(ctx, "subscribing", len(jobs), &r.subscribed, func(i int) {
		r.subscribe(jobs[i*7919%len(jobs)].c, jobs[i*7919%len(jobs)].filters...)
	})
}
