package broker

import (
	"errors"
	"time"

	"github.com/zancudomq/zancudo/internal/fact"
	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// maxPatience bounds how long a will waits for a client that was connected when
// the broker stopped.
const maxPatience = time.Minute

// fact is the session as it is stored. The client is locked.
func (cl *client) fact() *fact.Session {
	f := &fact.Session{
		ID: cl.id, User: cl.owner(), Vacant: cl.ownerless(), Expiry: cl.session.Expiry(), Will: cl.session.Will, Since: cl.since,
	}
	if c := cl.conn; c != nil {
		f.Connected, f.Patience = true, maxPatience
		if c.keepAlive > 0 {
			f.Patience = min(c.patience(), maxPatience)
		}
	}
	if cl.absence != nil {
		f.WillAt = cl.absence.willAt
	}
	return f
}

// misleading reports whether a broker that knows the client only as it was before
// it came back would break what it is promised now: it would publish the will of
// the last connection, or end the session too early. The client is locked.
func (cl *client) misleading() bool {
	return cl.session.Will != nil || cl.session.Expiry() != session.Never
}

// save stores what is known of a session, if it is durable, and what the client
// still owes to the store. It changes while that lasts: then it is stored again.
func (cl *client) save() error {
	for {
		d, err := cl.draft()
		if d == nil || err != nil {
			return err
		}
		err = cl.broker.append(d.facts, d.durability)
		cl.mu.Lock()
		gone, same := cl.over(), cl.epoch == d.epoch
		if err != nil {
			cl.owing, cl.stale = append(d.owing, cl.owing...), true
		}
		cl.mu.Unlock()
		switch {
		case err != nil:
			return err
		case gone:
			cl.broker.erase(cl, &remains{})
			return nil
		case same:
			return nil
		}
	}
}

// draft is what save has to store.
type draft struct {
	batch
	owing []Fact
	epoch uint64
}

// draft takes what has to be stored; nil: nothing.
func (cl *client) draft() (*draft, error) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.over() || cl.sid == 0 && len(cl.owing) == 0 {
		return nil, nil
	}
	d := &draft{batch: batch{durability: Eventually}, epoch: cl.epoch}
	if cl.sid != 0 {
		if err := d.put(fact.Key(nil, fact.SessionLetter, cl.sid), cl.fact().Append); err != nil {
			return nil, err
		}
	}
	if len(cl.owing) > 0 || cl.stale {
		d.mustLast()
	}
	d.owing, cl.owing, cl.stale = cl.owing, nil, false
	d.facts = append(d.facts, d.owing...)
	return d, nil
}

// unsaved reports whether the store has not got what it must have of the session.
func (cl *client) unsaved() bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.stale
}

// indebted reports whether the client may not go on before the store has taken
// what it owes.
func (cl *client) indebted() bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return len(cl.owing) > 0
}

// eraseIfGone is erase for a client whose session ended while facts of it were
// stored.
func (cl *client) eraseIfGone() {
	if cl.sid == 0 {
		return
	}
	cl.mu.Lock()
	gone := cl.over()
	cl.mu.Unlock()
	if gone {
		cl.broker.erase(cl, &remains{})
	}
}

// erase removes an ended session from the store. The messages of shares that
// only the store has go to other members.
func (b *Broker) erase(cl *client, left *remains) {
	j, w := b.journal, &batch{}
	if w.facts = left.owing; cl.sid == 0 || left.unborn {
		if len(w.facts) > 0 {
			j.owe(cl.id, w.facts)
		}
		return
	}
	for _, e := range left.finished {
		w.forgetBody(j, e.Body)
	}
	for _, body := range left.bodies {
		w.forgetBody(j, body)
	}
	if left.paged > 0 {
		b.erasePaged(cl, w, left)
	}
	w.facts = append(w.facts, Fact{Key: fact.Key(nil, fact.SessionLetter, cl.sid)})
	for _, letter := range []byte{fact.SubscriptionLetter, fact.QueuedLetter, fact.ReceivingLetter} {
		w.facts = append(w.facts, Fact{Key: fact.Key(nil, letter, cl.sid), End: fact.Key(nil, letter, cl.sid+1)})
	}
	d := Eventually
	if left.replaced || left.stale { // the client is told that nothing is left
		d = Durable
	}
	if err := b.append(w.facts, d); err != nil {
		j.owe(cl.id, w.facts)
		b.options().Logger.Warn("ended session stays in the store for now", "client", cl.id, "err", err)
	}
}

func (b *Broker) erasePaged(cl *client, w *batch, left *remains) {
	n := left.paged
	err := b.journal.eachQueued(cl.sid, left.pagedFrom, func(q *fact.Queued, err error) bool {
		if err == nil && q.Share != "" {
			if m, err := b.journal.load(q); err == nil {
				b.adopt([]session.Orphan{{Message: m, Share: q.Share}})
			}
		}
		w.forgetBody(b.journal, q.Body)
		n--
		return n > 0
	})
	if err != nil {
		b.options().Logger.Warn("queue cannot be read", "client", cl.id, "err", err)
	}
}

// eachQueued calls f for the stored messages of a session from a number on, with
// an error for one that is damaged.
func (j *journal) eachQueued(sid, from uint64, f func(q *fact.Queued, err error) bool) error {
	return j.store.Range(fact.QueuedKey(nil, sid, from), fact.Key(nil, fact.QueuedLetter, sid+1), func(key, value []byte) bool {
		q, err := fact.ReadQueued(key, value)
		return f(&q, err)
	})
}

// load reads the message of a queued fact, wherever it is.
func (j *journal) load(q *fact.Queued) (m *packet.Message, err error) {
	if q.Body == 0 {
		return q.ReadMessage()
	}
	damage := fact.ErrDamaged // if there is none
	err = j.store.Range(fact.Key(nil, fact.BodyLetter, q.Body), fact.Key(nil, fact.BodyLetter, q.Body+1), func(_, value []byte) bool {
		m, damage = fact.ReadBody(value)
		return false
	})
	if err == nil {
		err = damage
	}
	return m, err
}

// page reads the next part of a long queue from the store. It reports whether
// there was one, and whether it cannot be had.
func (c *conn) page() (more, failed bool) {
	cl := c.client
	from, n := c.missing()
	if n == 0 {
		return false, false
	}
	records := make([]session.Record, 0, n)
	left := n
	var unread error
	err := cl.broker.journal.eachQueued(cl.sid, from, func(q *fact.Queued, err error) bool {
		if err == nil {
			q.Message, err = cl.broker.journal.load(q)
		}
		if err == nil {
			records = append(records, q.Record)
		} else if !errors.Is(err, fact.ErrDamaged) {
			unread = err
			return false
		}
		left--
		return left > 0
	})
	if err = errors.Join(err, unread); err != nil { // what is there is not lost
		n -= left
	}
	if err != nil && n == 0 {
		cl.broker.options().Logger.Error("queue cannot be read", "client", cl.id, "err", err)
		return false, true
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn != c {
		return false, false
	}
	if lost := cl.session.Page(from, n, records); lost > 0 {
		cl.broker.options().Logger.Error("queued messages are lost", "client", cl.id, "count", lost, "err", err)
	}
	return true, false
}

// missing fills the output and tells what of the queue is to be read.
func (c *conn) missing() (from uint64, n int) {
	cl := c.client
	if !cl.current(c) {
		return 0, 0
	}
	if cl.session.Waiting() {
		c.feed()
		cl.session.Fill(&c.out, now())
	}
	from, n = cl.session.Missing()
	ended := cl.session.TakeEnded()
	cl.mu.Unlock()
	cl.forgetEnded(ended)
	return from, n
}
