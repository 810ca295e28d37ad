package broker

import (
	"errors"

	"github.com/zancudomq/zancudo/internal/fact"
	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// adopting is the work of Adopt.
type adopting struct {
	broker   *Broker
	journal  *journal
	state    *Adopted
	first    uint64 // the sid of the first session
	batch    batch
	sessions batch // what makes sessions of all that is in the store by then
	uses     map[*packet.Message]int
	bodies   map[*packet.Message]uint64
	received []received
	done     Adoption
}

// received is what a session had not passed on.
type received struct {
	sid     uint64
	message *packet.Message
}

const adoptBatch = 1 << 20 // bytes that are stored at a time

func (a *adopting) leave(err error, what, name string) {
	a.done.Left = append(a.done.Left, Left{what, name, err})
}

// errThere says that something of the same name is there.
var errThere = errors.New("there is one already")

// retain stores the retained messages.
func (a *adopting) retain() error {
	b, w := a.broker, &a.batch
	for i := range a.state.Retained {
		r := &a.state.Retained[i]
		m := r.Message
		err := b.options().limits.CheckMessage(m)
		switch {
		case err != nil:
		case len(m.Payload) == 0:
			err = errors.New("it has no payload")
		case !a.state.Replace && b.retained.current(m.Topic) != nil:
			err = errThere
		default:
			err = b.retained.store(m, &client{broker: b, id: r.ClientID, user: r.User})
		}
		if err != nil {
			a.leave(err, "retained message of", m.Topic)
			continue
		}
		a.done.Retained++
		w.retain(m.Topic, b.retained.current(m.Topic))
		if err := a.flush(w, adoptBatch, Eventually); err != nil {
			return err
		}
	}
	return nil
}

// write stores all that the sessions have, and then the sessions.
func (a *adopting) write() error {
	for i := range a.state.Sessions {
		for k := range a.state.Sessions[i].Queued {
			a.uses[a.state.Sessions[i].Queued[k].Message]++
		}
	}
	seen := make(map[string]bool)
	sid := a.first
	for i := range a.state.Sessions {
		s := &a.state.Sessions[i]
		if s.ClientID == "" || seen[s.ClientID] || !a.makeWay(s.ClientID) {
			a.leave(errThere, "session of", s.ClientID)
			continue
		}
		seen[s.ClientID] = true
		if err := a.session(s, sid); err != nil {
			return err
		}
		sid = a.journal.nextSession()
	}
	if err := a.flush(&a.batch, 0, Eventually); err != nil {
		return err
	}
	return a.flush(&a.sessions, 0, Durable)
}

// makeWay ends a session that is there, if it is to be replaced, and reports
// whether there is none.
func (a *adopting) makeWay(id string) bool {
	b := a.broker
	b.mu.Lock()
	cl := b.clients[id]
	b.mu.Unlock()
	if cl == nil || !a.state.Replace {
		return cl == nil
	}
	if left := cl.yield(); left != nil {
		b.bury(cl, nil, left)
	}
	<-cl.ended
	return true
}

// yield ends the session without its will, since the client has not gone; nil: it
// has ended already.
func (cl *client) yield() *remains {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.over() {
		return nil
	}
	cl.session.Will = nil
	left := cl.end()
	left.replaced = true
	return left
}

// session stores what a session has, and notes the session itself.
func (a *adopting) session(s *AdoptedSession, sid uint64) error {
	w := &a.batch
	for i := range s.Subscriptions {
		sub, err := session.NewSubscription(&s.Subscriptions[i].Subscription)
		if err != nil {
			a.leave(err, "subscription of", s.ClientID)
			continue
		}
		if id := s.Subscriptions[i].ID; id != 0 {
			sub.IDs = []uint32{id}
		}
		_ = w.put(fact.SubscriptionKey(nil, sid, sub.Filter), func(b []byte) ([]byte, error) { return fact.AppendSubscription(b, sub), nil })
		a.done.Subscriptions++
	}
	for _, r := range s.Received {
		if r.PacketID == 0 {
			a.leave(errors.New("it has no packet identifier"), "message from", s.ClientID)
			continue
		}
		w.receive(sid, r.PacketID)
		a.done.Received++
		if r.Message != nil {
			a.received = append(a.received, received{sid, r.Message})
		}
	}
	number := uint64(0)
	for i := range s.Queued {
		if err := a.queued(s, sid, &s.Queued[i], &number); err != nil {
			return err
		}
	}
	if err := a.flush(w, adoptBatch, Eventually); err != nil {
		return err
	}
	f := &fact.Session{
		ID: s.ClientID, User: s.User, Vacant: s.Vacant, Expiry: a.broker.expiry(s.Expiry), Since: s.Disconnected, Will: s.Will, WillAt: s.WillAt,
	}
	if f.Since.IsZero() {
		f.Since = now()
	}
	if err := a.sessions.put(fact.Key(nil, fact.SessionLetter, sid), f.Append); err != nil {
		a.leave(err, "session of", s.ClientID)
		return nil
	}
	a.done.Sessions++
	return nil
}

// queued stores a message for a session. number is that of the one before, and
// becomes its own: the next that gives the packet identifier it has.
func (a *adopting) queued(s *AdoptedSession, sid uint64, q *AdoptedMessage, number *uint64) error {
	var err error
	switch {
	case q.QoS != packet.AtLeastOnce && q.QoS != packet.ExactlyOnce:
		err = errors.New("only messages of QoS 1 and 2 are stored")
	case q.Released && (q.PacketID == 0 || q.QoS != packet.ExactlyOnce):
		err = errors.New("it is released, and never was under way")
	case !q.Released:
		err = a.broker.options().limits.CheckOwn(q.Message)
	}
	if err != nil {
		a.leave(err, "message for", s.ClientID)
		return nil
	}
	next := session.NextNumber(*number, q.PacketID)
	w := &a.batch
	if q.Released {
		w.release(sid, next)
		*number = next
		a.done.Queued++
		return nil
	}
	record := session.Record{Number: next, QoS: q.QoS, Retain: q.Retain, IDs: q.IDs}
	if record.Body, err = a.body(q.Message); err == nil {
		err = w.put(fact.QueuedKey(nil, sid, next), func(b []byte) ([]byte, error) { return fact.AppendQueued(b, &record, q.Message) })
	}
	if err != nil {
		a.leave(err, "message for", s.ClientID)
		return nil
	}
	*number = next
	a.done.Queued++
	return a.flush(w, adoptBatch, Eventually)
}

// body stores a message apart, if several sessions have to get it; zero: it is
// not worth it.
func (a *adopting) body(m *packet.Message) (number uint64, err error) {
	if a.uses[m] < 2 || len(m.Payload) < sharedPayload {
		return 0, nil
	}
	if number = a.bodies[m]; number != 0 {
		return number, nil
	}
	number = a.journal.nextBody()
	a.bodies[m] = number
	return number, a.batch.put(fact.Key(nil, fact.BodyLetter, number), func(b []byte) ([]byte, error) { return fact.AppendBody(b, m) })
}

// flush stores a batch that has more than so many bytes.
func (a *adopting) flush(w *batch, size int, d Durability) error {
	if len(w.bytes) <= size {
		return nil
	}
	err := a.broker.append(w.facts, d)
	w.reset()
	return err
}

// passOn routes what the clients had sent and the other broker not passed on.
func (a *adopting) passOn(r *restoring) {
	for _, m := range a.received {
		cl := r.sessions[m.sid]
		if m.message.Expired(r.now) || cl == nil {
			continue
		}
		if err := a.broker.publishMessage(m.message, cl); err != nil {
			a.leave(err, "message from", cl.id)
		}
	}
}
