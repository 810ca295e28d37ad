package broker

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/zancudomq/zancudo/internal/fact"
	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// Restore takes up what an earlier broker has left in the Store: sessions with
// their subscriptions and messages, retained messages, wills. It is called once,
// before anything is served; without a Store it does nothing.
func (b *Broker) Restore() error {
	if b.journal == nil {
		return nil
	}
	r := b.restoring()
	err := r.readSessions(func(letter byte) []byte { return []byte{letter} })
	if err == nil {
		err = r.read([]byte{fact.BodyLetter}, r.body) // after all that need one
	}
	if err == nil {
		err = r.read([]byte{fact.RetainedLetter}, r.retained)
	}
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	r.finish()
	return nil
}

func (b *Broker) restoring() *restoring {
	return &restoring{
		broker: b, journal: b.journal, now: now(), told: now(), sessions: make(map[uint64]*client), kept: make(map[string]uint64),
		loaded: make(map[uint64]*packet.Message),
	}
}

// restoring is the work of Restore.
type restoring struct {
	broker   *Broker
	journal  *journal
	now      time.Time
	sessions map[uint64]*client // by sid
	kept     map[string]uint64  // the sid of a client
	loaded   map[uint64]*packet.Message
	zeros    []byte // stand for payloads that stay in the store
	messages []*fact.Retained
	useless  []Fact // what nobody needs
	damaged  int
	damage   error
	facts    int       // that were read
	told     time.Time // when the log had their number
}

// readSessions reads sessions and all that they have, of each letter from a key on.
func (r *restoring) readSessions(from func(letter byte) []byte) error {
	for _, step := range []struct {
		letter byte
		take   func(key, value []byte) error
	}{
		{fact.SessionLetter, r.session},
		{fact.SubscriptionLetter, r.subscription},
		{fact.ReceivingLetter, r.receiving},
		{fact.QueuedLetter, r.queued},
	} {
		if err := r.read(from(step.letter), step.take); err != nil {
			return err
		}
	}
	return nil
}

// read takes the facts of one letter from a key on.
func (r *restoring) read(from []byte, take func(key, value []byte) error) error {
	return r.journal.store.Range(from, []byte{from[0] + 1}, func(key, value []byte) bool {
		r.progress()
		if err := take(key, value); err != nil {
			r.damaged++
			r.damage = fmt.Errorf("fact %q: %w", key, err)
		}
		return true
	})
}

// progress says once a second how far reading has come: who waits for a broker
// shall see that it does something.
func (r *restoring) progress() {
	if r.facts++; r.facts%256 != 0 {
		return
	}
	if t := now(); t.Sub(r.told) >= time.Second {
		r.told = t
		r.broker.options().Logger.Info("store is being read", "facts", r.facts, "sessions", len(r.sessions), "retained", len(r.messages))
	}
}

// owner is the session that a key belongs to; nil: it has ended.
func (r *restoring) owner(key []byte) (*client, []byte, error) {
	sid, rest, err := fact.ID(key)
	if err != nil {
		return nil, nil, err
	}
	r.journal.sawSession(sid)
	cl := r.sessions[sid]
	if cl == nil {
		r.drop(key)
	}
	return cl, rest, nil
}

func (r *restoring) drop(key []byte) {
	r.useless = append(r.useless, Fact{Key: append([]byte(nil), key...)})
}

func (r *restoring) session(key, value []byte) error {
	sid, _, err := fact.ID(key)
	if err != nil {
		return err
	}
	r.journal.sawSession(sid)
	f, err := fact.ReadSession(value)
	if err != nil {
		return err
	}
	if earlier, twice := r.kept[f.ID]; twice {
		delete(r.sessions, earlier)
		r.drop(fact.Key(nil, fact.SessionLetter, earlier))
	}
	b := r.broker
	f.Expiry = b.expiry(f.Expiry) // which may be bounded now
	cl := &client{broker: b, id: f.ID, user: f.User, vacant: f.Vacant, sid: sid, met: true, since: f.Since}
	cl.session = session.New(&b.options().limits)
	cl.session.SetDurable()
	cl.session.SetExpiry(f.Expiry)
	cl.session.Will = f.Will
	cl.obey(b.options())
	cl.absence = absenceOf(f, r.now)
	cl.absence.alarm.Ring = cl.onAlarm
	if f.Connected {
		cl.since = r.now
	}
	r.sessions[sid], r.kept[f.ID] = cl, sid
	return nil
}

// absence is what a client that is not there any more leaves to be done. A
// clock that was set back makes nothing last longer.
func absenceOf(f *fact.Session, t time.Time) *absence {
	a, since := &absence{}, f.Since
	if f.Connected || since.After(t) {
		since = t
	}
	if f.Expiry != session.Never {
		life := time.Duration(f.Expiry) * time.Second
		if f.Connected {
			life = max(life, f.Patience)
		}
		a.endAt = since.Add(life)
	}
	if f.Will == nil {
		return a
	}
	delay := time.Duration(f.Will.DelayInterval) * time.Second
	if f.Connected {
		a.willAt = t.Add(max(delay, f.Patience))
	} else if a.willAt = f.WillAt; a.willAt.IsZero() || a.willAt.After(t.Add(max(delay, maxPatience))) {
		a.willAt = t.Add(delay)
	}
	return a
}

func (r *restoring) subscription(key, value []byte) error {
	cl, filter, err := r.owner(key)
	if cl == nil {
		return err
	}
	sub, err := fact.ReadSubscription(string(filter), value)
	if err != nil {
		return err
	}
	r.broker.index.replace(cl, cl.session.Subscribe(sub), sub)
	return nil
}

func (r *restoring) receiving(key, _ []byte) error {
	cl, id, err := r.owner(key)
	if cl == nil {
		return err
	}
	packetID, err := fact.PacketID(id)
	if err == nil {
		cl.session.RestoreReceiving(packetID)
	}
	return err
}

// queued takes a message that a session has still to get. Of one that does not
// fit into the memory of the queue only the size counts.
func (r *restoring) queued(key, value []byte) error {
	cl, _, err := r.owner(key)
	if cl == nil {
		return err
	}
	q, err := fact.ReadQueued(key, value)
	if err != nil {
		return err
	}
	_, paged := cl.session.Paged()
	switch {
	case q.Released:
		if err := r.loadPaged(cl); err != nil {
			return err
		}
	case paged > 0:
		if q.Size > len(r.zeros) {
			r.zeros = make([]byte, 2*q.Size)
		}
		q.Message = &packet.Message{Payload: r.zeros[:q.Size]}
	case q.Body != 0 && r.loaded[q.Body] != nil:
		q.Message = r.loaded[q.Body]
	default:
		if q.Message, err = r.journal.load(&q); err != nil {
			return err
		}
		if q.Body != 0 {
			r.loaded[q.Body] = q.Message
		}
	}
	if q.Body != 0 {
		r.journal.ref(q.Body)
	}
	cl.session.Restore(q.Record)
	return nil
}

// loadPaged reads what a session has left in the store so far.
func (r *restoring) loadPaged(cl *client) error {
	from, n := cl.session.Paged()
	if n == 0 {
		return nil
	}
	records, left := make([]session.Record, 0, n), n
	err := r.journal.eachQueued(cl.sid, from, func(q *fact.Queued, err error) bool {
		if err != nil { // it was not counted either
			return true
		}
		if q.Message, err = r.journal.load(q); err == nil {
			records = append(records, q.Record)
		}
		left--
		return left > 0
	})
	if err == nil {
		cl.session.Page(from, n, records)
	}
	return err
}

func (r *restoring) body(key, _ []byte) error {
	body, _, err := fact.ID(key)
	if err != nil {
		return err
	}
	if !r.journal.sawBody(body) {
		r.drop(key)
	}
	return nil
}

func (r *restoring) retained(key, value []byte) error {
	f, err := fact.ReadRetained(value)
	if err != nil {
		return err
	}
	if f.Message.Expired(r.now) {
		r.drop(key)
		return nil
	}
	r.messages = append(r.messages, f)
	return nil
}

// retain takes the retained messages in the order in which they were stored.
func (r *restoring) retain() {
	slices.SortFunc(r.messages, func(a, b *fact.Retained) int { return cmp.Compare(a.Order, b.Order) })
	for _, m := range r.messages {
		var origin *client
		if m.Origin != nil {
			origin = &client{broker: r.broker, id: m.Origin.ID, user: m.Origin.User}
		}
		r.broker.retained.order = max(m.Order, 1) - 1
		if err := r.broker.retained.store(m.Message, origin); err != nil {
			r.broker.options().Logger.Warn("retained message was not restored", "topic", m.Message.Topic, "err", err)
		}
	}
}

// finish lets the sessions be found, sets their alarms and writes down what has
// changed by the restart.
func (r *restoring) finish() {
	b := r.broker
	if r.damaged > 0 {
		b.options().Logger.Error("facts of the store cannot be used", "count", r.damaged, "err", r.damage)
	}
	// A store that takes nothing now says so. What is not written here follows from
	// what is there, and will again.
	if len(r.useless) > 0 {
		_ = b.append(r.useless, Eventually)
	}
	r.retain()
	b.mu.Lock()
	for _, cl := range r.sessions {
		b.clients[cl.id] = cl
	}
	b.mu.Unlock()
	for _, cl := range r.sessions {
		if due := cl.absence.next(); !due.IsZero() && !due.After(r.now) {
			cl.ring(r.now)
			continue
		}
		_ = cl.save()
		cl.await(cl.absence)
	}
}
