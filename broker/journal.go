package broker

import (
	"fmt"
	"sync"
	"time"

	"github.com/zancudomq/zancudo/internal/fact"
	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// journal is the broker's part of its Store: it counts what is numbered there,
// knows how many sessions need a body, and whether the store fails. A broker
// without a Store has none.
type journal struct {
	store Store

	mu      sync.Mutex
	sid     uint64         // of the session that was made last
	bodies  uint64         // of the body that was made last
	needs   map[uint64]int // by body: how many sessions have still to get it
	failed  time.Time      // when Append failed last; zero: it worked after that
	failure error
	unsaved map[string]struct{} // topics whose retained message was not stored
	debts   map[string][]Fact   // by client: what is still to be removed of its sessions that have ended
}

func newJournal(s Store) *journal {
	if s == nil {
		return nil
	}
	return &journal{store: s, needs: make(map[uint64]int), unsaved: make(map[string]struct{}), debts: make(map[string][]Fact)}
}

// nextSession numbers a session.
func (j *journal) nextSession() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sid++
	return j.sid
}

// sawSession notes the number of a session that is there.
func (j *journal) sawSession(sid uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sid = max(j.sid, sid)
}

// sawBody notes the number of a body that is there, and reports whether a session
// needs it.
func (j *journal) sawBody(body uint64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.bodies = max(j.bodies, body)
	return j.needs[body] > 0
}

// nextBody numbers a message that sessions will need, as ref says.
func (j *journal) nextBody() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.bodies++
	return j.bodies
}

// ref notes that one more session needs a body.
func (j *journal) ref(body uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.needs[body]++
}

// body numbers a message that some sessions have still to get.
func (j *journal) body(sessions int) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.bodies++
	j.needs[j.bodies] = sessions
	return j.bodies
}

// unref notes that a session does not need a body any more, and reports whether
// nobody does.
func (j *journal) unref(body uint64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.needs[body]--
	if j.needs[body] > 0 {
		return false
	}
	delete(j.needs, body)
	return true
}

// retryPause is how long a store that has failed is not asked to keep what can
// be refused.
const retryPause = time.Second

// refuses returns the error for what should not even be tried, since the store
// has just failed; nil: it may work.
func (j *journal) refuses(t time.Time) error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failure != nil && t.Sub(j.failed) < retryPause {
		return j.failure
	}
	return nil
}

// append stores facts and notes whether that worked.
func (b *Broker) append(facts []Fact, d Durability) error {
	j := b.journal
	err := j.store.Append(facts, d)
	j.mu.Lock()
	was := j.failure
	if err != nil {
		err = withReason(fmt.Errorf("store: %w", err), packet.ImplementationSpecificError)
		j.failed, j.failure = now(), err
	} else {
		j.failed, j.failure = time.Time{}, nil
	}
	j.mu.Unlock()
	switch {
	case err != nil && was == nil:
		b.options().Logger.Error("storing failed", "err", err)
	case err == nil && was != nil:
		b.options().Logger.Info("storing resumed")
		j.payDebts()
	}
	return err
}

// owe notes what could not be removed of an ended session.
func (j *journal) owe(id string, facts []Fact) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.debts[id] = append(j.debts[id], facts...)
}

// debt takes what is still to be removed of the sessions that a client had.
func (j *journal) debt(id string) []Fact {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	facts := j.debts[id]
	delete(j.debts, id)
	return facts
}

// payDebts removes what could not be removed while the store failed.
func (j *journal) payDebts() {
	j.mu.Lock()
	debts := j.debts
	j.debts = make(map[string][]Fact)
	j.mu.Unlock()
	for id, facts := range debts {
		if err := j.store.Append(facts, Eventually); err != nil {
			j.owe(id, facts)
		}
	}
}

// conclude ends the delivery in s: what sessions hold of it becomes facts.
func (b *Broker) conclude(s *scratch) {
	if w := &s.batch; len(w.obligations) > w.concluded {
		facts, first := len(w.facts), w.concluded
		if err := w.message(b.journal); err != nil { // larger than the store's form of it may be
			w.facts = w.facts[:facts]
			b.fulfil(s, first, err)
		}
	}
	s.delivery.Release()
}

// record appends the batch of s to the store and lets the sessions send what
// they have held back. What depends on it must not leave before.
func (b *Broker) record(s *scratch) error {
	w := &s.batch
	if b.journal == nil || !w.dirty() {
		return nil
	}
	err := b.appendBatch(w)
	w.reset()
	b.fulfil(s, 0, err)
	if w.dirty() { // what ended meanwhile
		_ = b.append(w.facts, Eventually) // at worst it comes again after a restart
		w.reset()
	}
	return err
}

// appendBatch stores the facts of a batch and the retained messages as they are
// now. Another goroutine may have replaced one meanwhile, and its fact may have
// come earlier: then it is stored once more.
func (b *Broker) appendBatch(w *batch) error {
	j := b.journal
	j.mu.Lock()
	for topic := range j.unsaved {
		w.retained = append(w.retained, topic)
	}
	clear(j.unsaved)
	j.mu.Unlock()
	topics := w.retained
	for {
		written := make([]*retained, len(topics))
		for i, topic := range topics {
			written[i] = b.retained.current(topic)
			w.retain(topic, written[i])
		}
		if err := b.append(w.facts, w.durability); err != nil {
			j.mu.Lock()
			for _, topic := range topics {
				j.unsaved[topic] = struct{}{}
			}
			j.mu.Unlock()
			return err
		}
		var again []string
		for i, topic := range topics {
			if b.retained.current(topic) != written[i] {
				again = append(again, topic)
			}
		}
		if len(again) == 0 {
			return nil
		}
		topics, w.facts = again, w.facts[:0]
	}
}

// retain adds the fact of a retained message; nil removes it.
func (w *batch) retain(topic string, r *retained) {
	start := len(w.bytes)
	w.bytes = fact.RetainedKey(w.bytes, topic)
	middle := len(w.bytes)
	if r == nil {
		w.remove(start)
		return
	}
	var err error
	if w.bytes, err = r.fact().Append(w.bytes); err != nil {
		panic(fmt.Errorf("encode a retained message that was accepted: %w", err))
	}
	w.add(start, middle)
}

// fulfil tells the sessions that what they held, from the first obligation on, is
// stored, or that err kept it from being.
func (b *Broker) fulfil(s *scratch, first int, err error) {
	w := &s.batch
	for i := first; i < len(w.obligations); i++ {
		o := &w.obligations[i]
		if err != nil {
			b.dropped(s, o.client, o.Message, refused, err)
		}
		if flush := o.settle(s, b.journal, err == nil); flush != nil {
			s.touched = append(s.touched, flush)
		}
	}
	clear(w.obligations[first:])
	w.obligations, w.concluded = w.obligations[:first], first
	if first == 0 && cap(w.obligations) > 1<<12 {
		w.obligations = nil
	}
}

// settle is the part of fulfil under the client's lock. The connection it
// returns is the caller's to flush.
func (o *obligation) settle(s *scratch, j *journal, stored bool) *conn {
	cl := o.client
	cl.mu.Lock()
	defer cl.mu.Unlock()
	switch {
	case !stored:
		if o.Body != 0 {
			j.unref(o.Body)
		}
		cl.session.Fail(o.Number)
	case cl.over():
		s.batch.forgetQueued(j, cl.sid, []session.Ended{{Number: o.Number, Body: o.Body}})
		return nil
	default:
		cl.session.Settle(o.Number, o.Body)
	}
	c := cl.conn
	if c == nil || cl.over() {
		return nil
	}
	c.feed()
	cl.session.Fill(&c.out, s.now)
	s.batch.forgetQueued(j, cl.sid, cl.session.TakeEnded())
	if c.claim() {
		return c
	}
	return nil
}

// forgetEnded removes from the store what a session need not get any more.
func (cl *client) forgetEnded(ended []session.Ended) {
	if len(ended) == 0 {
		return
	}
	w := batch{durability: Eventually}
	w.forgetQueued(cl.broker.journal, cl.sid, ended)
	_ = cl.broker.append(w.facts, Eventually) // at worst they come again after a restart
}

// noteRetained has the batch store the retained message in s.
func (b *Broker) noteRetained(s *scratch) {
	m := s.delivery.Message()
	if b.journal == nil || reserved(m.Topic) {
		return
	}
	s.batch.retained = append(s.batch.retained, m.Topic)
	if m.QoS > packet.AtMostOnce {
		s.batch.mustLast()
	}
}

// forgetRetained removes retained messages that have expired from the store.
func (b *Broker) forgetRetained(topics []string) {
	if b.journal == nil || len(topics) == 0 {
		return
	}
	w := &batch{}
	for _, topic := range topics {
		if !reserved(topic) {
			w.retain(topic, nil)
		}
	}
	if len(w.facts) > 0 {
		_ = b.append(w.facts, Eventually) // at worst it is removed after a restart
	}
}

// mustRefuse returns the error for a message that has to be stored while the
// store fails: nobody is to get what some cannot.
func (b *Broker) mustRefuse(s *scratch, origin *client, m *packet.Message, targets []target) error {
	if m.QoS == packet.AtMostOnce {
		return nil
	}
	err := b.journal.refuses(s.now)
	if err == nil || m.Retain || m.QoS == packet.ExactlyOnce && origin.sid != 0 {
		return err
	}
	for i := range targets {
		t := &targets[i]
		if t.share == nil {
			if t.client.sid != 0 && t.sub.QoS > packet.AtMostOnce {
				return err
			}
			continue
		}
		for _, member := range *t.share.members.Load() {
			if member.client.sid != 0 && member.sub.QoS > packet.AtMostOnce {
				return err
			}
		}
	}
	return nil
}
