package broker

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// retained is one retained message.
type retained struct {
	message *packet.Message
	origin  *client // who published it; nil: the program
	// stale is set when another message has taken its place: who waits for
	// this one has got that one live.
	stale atomic.Bool
}

// retainedMessages are all of them. The quotas hold for every way a message
// comes in.
type retainedMessages struct {
	broker *Broker

	mu    sync.RWMutex
	names topic.Names[*retained]
	bytes int
}

// store keeps a retained message in place of that of the same topic; one
// without a payload removes it [MQTT-3.3.1-6].
func (r *retainedMessages) store(m *packet.Message, origin *client) error {
	o := &r.broker.options
	r.mu.Lock()
	defer r.mu.Unlock()
	old, exists := r.names.Get(m.Topic)
	size := 0
	if exists {
		size = len(old.message.Payload)
	}
	if len(m.Payload) > 0 && (!exists && r.names.Len() >= o.MaxRetained || r.bytes-size+len(m.Payload) > o.MaxRetainedBytes) {
		return fmt.Errorf("retained messages have reached their limit: %w", packet.QuotaExceeded)
	}
	r.bytes += len(m.Payload) - size
	if exists {
		old.stale.Store(true)
	}
	if len(m.Payload) == 0 { // [MQTT-3.3.1-7]
		r.names.Delete(m.Topic)
		return nil
	}
	r.names.Set(m.Topic, &retained{message: m, origin: origin})
	return nil
}

// match finds the messages that a new subscription gets. Those that have
// expired are removed on the way.
func (r *retainedMessages) match(sub *session.Subscription) replay {
	found, expired := r.find(sub.Filter)
	if len(expired) > 0 {
		r.removeExpired(expired)
	}
	return replay{sub: sub, messages: found}
}

func (r *retainedMessages) find(filter string) (found, expired []*retained) {
	t := now()
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, m := range r.names.Match(filter) {
		if m.message.Expired(t) {
			expired = append(expired, m)
		} else {
			found = append(found, m)
		}
	}
	return found, expired
}

func (r *retainedMessages) removeExpired(expired []*retained) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range expired {
		if current, ok := r.names.Get(m.message.Topic); ok && current == m {
			r.names.Delete(m.message.Topic)
			r.bytes -= len(m.message.Payload)
		}
	}
}

func (r *retainedMessages) size() (messages, bytes int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.names.Len(), r.bytes
}

// replay is the retained messages that a subscription has still to get. They
// are pulled at the speed of the reader, so that no number of them fills a
// queue.
type replay struct {
	sub      *session.Subscription
	messages []*retained
}

// startReplay begins to send retained messages to the client.
func (c *conn) startReplay(s *scratch, replays []replay) {
	cl := c.client
	if !cl.current(c) {
		return
	}
	cl.replay = append(cl.replay, replays...)
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
		cl.replay = slices.DeleteFunc(cl.replay, func(r replay) bool { return r.sub == old })
	}
	for i := range cl.replay {
		if cl.replay[i].sub == old {
			cl.replay[i].sub = sub
		}
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
		s.delivery.Release()
	}
	if s != nil {
		c.broker.stats.add(&s.counts)
		returnScratch(s)
	}
}

// nextRetained takes the next message to replay, if there is room for it.
func (c *conn) nextRetained() (*retained, *session.Subscription) {
	cl := c.client
	if !cl.current(c) {
		return nil, nil
	}
	defer cl.mu.Unlock()
	if len(cl.replay) == 0 || !cl.session.Room(&c.out) {
		return nil, nil
	}
	r := &cl.replay[0]
	m, sub := r.messages[0], r.sub
	r.messages[0] = nil
	if r.messages = r.messages[1:]; len(r.messages) == 0 {
		cl.replay[0] = replay{}
		if cl.replay = cl.replay[1:]; len(cl.replay) == 0 {
			cl.replay = nil
		}
	}
	return m, sub
}

// mayRetain reports whether the publisher of a retained message may still
// publish it.
func (b *Broker) mayRetain(m *retained) bool {
	auth := b.options.Authorizer
	if auth == nil || m.origin == nil || b.options.KeepRetainedUnchecked {
		return true
	}
	return auth.Authorize((*Client)(m.origin), Publish, m.message.Topic) == nil
}
