package broker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zancudomq/zancudo/internal/alarm"
	"github.com/zancudomq/zancudo/internal/fact"
	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// retained is one retained message.
type retained struct {
	message *packet.Message
	origin  *client // who published it; nil: the program
	order   uint64  // of storing
	// stale is set when another message has taken its place: who waits for
	// this one has got that one live.
	stale atomic.Bool
}

// fact is the message as it is stored.
func (r *retained) fact() *fact.Retained {
	f := &fact.Retained{Message: r.message, Order: r.order}
	if r.origin != nil {
		f.Origin = &fact.Origin{ID: r.origin.id, User: r.origin.owner()}
	}
	return f
}

// quota is what counts against the limits, or does not.
type quota struct{ messages, bytes int }

// count adds a message, n times its payload; n is 1 or -1.
func (r *retainedMessages) count(m *packet.Message, n int) {
	r.bytes += n * len(m.Payload)
	if reserved(m.Topic) {
		r.own.messages += n
		r.own.bytes += n * len(m.Payload)
	}
}

// reserved reports whether only the program publishes to a topic: what it says
// of itself is bounded by what it is, and takes no room from others.
func reserved(topic string) bool { return strings.HasPrefix(topic, "$SYS/") }

// retainedMessages are all of them. The quotas hold for every way a message of
// others comes in.
type retainedMessages struct {
	broker *Broker

	mu    sync.RWMutex
	names topic.Names[*retained]
	bytes int
	own   quota     // of those, what the broker says of itself
	order uint64    // of the message that was stored last
	swept time.Time // when sweep looked last

	alarm   alarm.Alarm // for what will expire
	waiting atomic.Bool // it is set
}

// store keeps a retained message in place of that of the same topic; one
// without a payload removes it [MQTT-3.3.1-6].
func (r *retainedMessages) store(m *packet.Message, origin *client) error {
	err := r.put(m, origin)
	if err == nil && !m.Expires.IsZero() && len(m.Payload) > 0 {
		r.await()
	}
	return err
}

// await has what expires removed some time later.
func (r *retainedMessages) await() {
	if !r.waiting.Swap(true) {
		r.broker.clock.Set(&r.alarm, now().Add(r.broker.options().RetainSweep))
	}
}

// expire removes what has expired, and comes again while something will.
func (r *retainedMessages) expire() {
	r.waiting.Store(false)
	r.mu.Lock()
	r.swept = time.Time{}
	r.sweep(nil)
	more := false
	for _, m := range r.names.All() {
		more = more || !m.message.Expires.IsZero()
	}
	r.mu.Unlock()
	if more {
		r.await()
	}
}

func (r *retainedMessages) put(m *packet.Message, origin *client) error {
	o := r.broker.options()
	r.mu.Lock()
	defer r.mu.Unlock()
	old, exists := r.names.Get(m.Topic)
	size := 0
	if exists {
		size = len(old.message.Payload)
	}
	full := func() bool {
		return !exists && r.names.Len()-r.own.messages >= o.MaxRetained || r.bytes-r.own.bytes-size+len(m.Payload) > o.MaxRetainedBytes
	}
	if len(m.Payload) > 0 && !reserved(m.Topic) && full() && (!r.sweep(old) || full()) {
		return fmt.Errorf("retained messages have reached their limit: %w", packet.QuotaExceeded)
	}
	if exists {
		r.count(old.message, -1)
		old.stale.Store(true)
	}
	if len(m.Payload) == 0 { // [MQTT-3.3.1-7]
		r.names.Delete(m.Topic)
		return nil
	}
	r.order++
	r.count(m, 1)
	r.names.Set(m.Topic, &retained{message: m, origin: origin, order: r.order})
	return nil
}

// sweep removes what has expired, but for one message, to make room. It looks
// once a second at most. The lock is held.
func (r *retainedMessages) sweep(but *retained) bool {
	t := now()
	if t.Sub(r.swept) < time.Second {
		return false
	}
	r.swept = t
	var expired []*retained
	for _, m := range r.names.All() {
		if m != but && m.message.Expired(t) {
			expired = append(expired, m)
		}
	}
	r.remove(expired)
	return true
}

// remove removes messages that have not been replaced. The lock is held.
func (r *retainedMessages) remove(expired []*retained) {
	var gone []string
	for _, m := range expired {
		if current, ok := r.names.Get(m.message.Topic); ok && current == m {
			r.names.Delete(m.message.Topic)
			r.count(m.message, -1)
			gone = append(gone, m.message.Topic)
		}
	}
	r.broker.forgetRetained(gone)
}

// match finds the messages that match a filter and were stored after one and up
// to another, in that order. Those that have expired are removed on the way.
func (r *retainedMessages) match(filter string, after, upTo uint64) []*retained {
	found, expired := r.find(filter, after, upTo)
	if len(expired) > 0 {
		r.mu.Lock()
		r.remove(expired)
		r.mu.Unlock()
	}
	slices.SortFunc(found, func(a, b *retained) int { return cmp.Compare(a.order, b.order) })
	return found
}

func (r *retainedMessages) find(filter string, after, upTo uint64) (found, expired []*retained) {
	t := now()
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, m := range r.names.Match(filter) {
		switch {
		case m.message.Expired(t):
			expired = append(expired, m)
		case m.order > after && m.order <= upTo:
			found = append(found, m)
		}
	}
	return found, expired
}

// current is the retained message of a topic; nil: there is none.
func (r *retainedMessages) current(topic string) *retained {
	r.mu.RLock()
	defer r.mu.RUnlock()
	m, _ := r.names.Get(topic)
	return m
}

// last is the order of the message that was stored last; zero: there is none.
func (r *retainedMessages) last() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.names.Len() == 0 {
		return 0
	}
	return r.order
}

func (r *retainedMessages) size() (messages, bytes int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.names.Len(), r.bytes
}

// replay is the retained messages that a subscription has still to get. They
// are pulled at the speed of the reader, so that no number of them fills a
// queue, and looked for when their turn comes, so that no number of
// subscriptions fills the memory.
type replay struct {
	sub         *session.Subscription
	after, upTo uint64      // the order of those that are left; newer ones come live
	messages    []*retained // nil: to be looked for
}

// maxReplays is how many replays may wait for a client before the earlier ones
// of the same filter are dropped.
const maxReplays = 10_000

// startReplay begins to send retained messages to the client.
func (c *conn) startReplay(s *scratch, replays []*replay) {
	cl := c.client
	if !cl.current(c) {
		return
	}
	if cl.replay = append(cl.replay, replays...); len(cl.replay) > maxReplays {
		latest := make(map[string]*replay)
		for _, r := range cl.replay {
			latest[r.sub.Filter] = r
		}
		cl.replay = slices.DeleteFunc(cl.replay, func(r *replay) bool { return latest[r.sub.Filter] != r })
	}
	claimed := !c.writing
	c.writing = true
	cl.mu.Unlock()
	if claimed {
		s.touched = append(s.touched, c)
	}
}

// stopReplay lets go of the retained messages that old has still to get, or
// leaves them to sub. The client is locked; old may be nil.
func (cl *client) stopReplay(old, sub *session.Subscription) {
	if old == nil || len(cl.replay) == 0 {
		return
	}
	if sub == nil {
		cl.replay = slices.DeleteFunc(cl.replay, func(r *replay) bool { return r.sub == old })
	}
	for _, r := range cl.replay {
		if r.sub == old {
			r.sub = sub
		}
	}
}

// pauseReplay gives back the memory of what a client that goes has still to
// get. The client is locked.
func (cl *client) pauseReplay() {
	for _, r := range cl.replay {
		r.messages = nil
	}
}

// pump moves retained messages into the output while there is room. The caller
// has claimed c.
func (c *conn) pump() {
	if !c.attached.Load() {
		return
	}
	var s *scratch
	for {
		m, sub := c.nextRetained()
		if m == nil {
			break
		}
		if s == nil {
			s = borrowScratch()
			s.now = now()
		}
		if m.stale.Load() || m.message.Expired(s.now) || !c.broker.mayRetain(m) ||
			sub.NoLocal && m.origin != nil && m.origin.id == c.client.id { // [MQTT-3.8.3-3]
			continue
		}
		s.delivery.Own(m.message, 1)
		c.client.deliver(s, sub, nil, true)
		c.broker.conclude(s)
	}
	if s != nil {
		_ = c.broker.settle(s) // a connection that took over meanwhile
		returnScratch(s)
	}
}

// nextRetained takes the next message to replay, if there is room for it.
func (c *conn) nextRetained() (*retained, *session.Subscription) {
	for {
		m, r := c.pull()
		if m != nil || r.sub == nil {
			return m, r.sub
		}
		c.found(r, c.broker.retained.match(r.sub.Filter, r.after, r.upTo))
	}
}

// pull takes the next message of the first replay; nil: it has to be looked
// for, if there is one.
func (c *conn) pull() (m *retained, of replay) {
	cl := c.client
	if !cl.current(c) {
		return nil, replay{}
	}
	defer cl.mu.Unlock()
	if len(cl.replay) == 0 || !cl.session.Room(&c.out) {
		return nil, replay{}
	}
	r := cl.replay[0]
	of = *r
	if r.messages == nil {
		return nil, of
	}
	m = r.messages[0]
	r.messages[0] = nil
	r.after = m.order
	if r.messages = r.messages[1:]; len(r.messages) == 0 {
		cl.nextReplay()
	}
	return m, of
}

// nextReplay drops the first replay. The client is locked.
func (cl *client) nextReplay() {
	cl.replay[0] = nil
	if cl.replay = cl.replay[1:]; len(cl.replay) == 0 {
		cl.replay = nil
	}
}

// found gives the first replay, if it still is the same, its messages.
func (c *conn) found(look replay, messages []*retained) {
	cl := c.client
	if !cl.current(c) {
		return
	}
	defer cl.mu.Unlock()
	if len(cl.replay) == 0 || cl.replay[0].sub != look.sub || cl.replay[0].upTo != look.upTo {
		return
	}
	if cl.replay[0].messages = messages; len(messages) == 0 {
		cl.nextReplay()
	}
}

// mayRetain reports whether the publisher of a retained message may still
// publish it.
func (b *Broker) mayRetain(m *retained) bool {
	return m.origin == nil || b.options().KeepRetainedUnchecked || m.origin.authorize(Publish, m.message.Topic) == nil
}
