package fact

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// An Audit looks at all facts of a store, whether each can be read, and whether
// they fit together. It is shown all of them twice: Meet looks for sessions, Add
// for what is wrong. Its zero value is ready.
type Audit struct {
	Describer Describer // names what is wrong
	Count     Count     // of what can be read

	sids     map[string]uint64 // of the session that counts, by client
	sessions map[uint64]bool   // that count
	owners   map[uint64]*Count // by session, of what belongs to it
	bodies   map[uint64]bool   // whether somebody needs it
	bad      map[string]bool   // keys
	problems []string
	more     int // problems that are not in problems
}

// Count says how many facts of each kind there are.
type Count struct{ Sessions, Subscriptions, Queued, Receiving, Retained, Bodies int }

func (c *Count) String() string {
	var w words
	for _, kind := range []struct {
		n         int
		one, many string
	}{
		{c.Sessions, "session", "sessions"},
		{c.Subscriptions, "subscription", "subscriptions"},
		{c.Queued, "queued message", "queued messages"},
		{c.Receiving, "message half received", "messages half received"},
		{c.Retained, "retained message", "retained messages"},
	} {
		switch kind.n {
		case 0:
		case 1:
			w.add("1 %s", kind.one)
		default:
			w.add("%d %s", kind.n, kind.many)
		}
	}
	if len(w) == 0 {
		return "nothing"
	}
	return w.String()
}

const mostProblems = 100

func (a *Audit) begin() {
	if a.sids == nil {
		a.sids, a.sessions, a.owners = map[string]uint64{}, map[uint64]bool{}, map[uint64]*Count{}
		a.bodies, a.bad = map[uint64]bool{}, map[string]bool{}
	}
}

// Meet takes the next fact of the first time. Of two sessions of one client the
// later one counts, as it does when a broker starts.
func (a *Audit) Meet(key, value []byte) {
	a.begin()
	a.Describer.Meet(key, value)
	if len(key) == 0 || key[0] != SessionLetter {
		return
	}
	sid, _, err := ID(key)
	f, bad := ReadSession(value)
	if err != nil || bad != nil {
		return
	}
	if earlier, twice := a.sids[f.ID]; twice {
		delete(a.sessions, earlier)
	}
	a.sids[f.ID], a.sessions[sid] = sid, true
}

// Add takes the next fact of the second time. They come in the order of their
// keys.
func (a *Audit) Add(key, value []byte) {
	a.begin()
	if err := a.add(key, value); err != nil {
		a.bad[string(key)] = true
		a.problem("%s: %v", a.Describer.Key(key), err)
	}
}

func (a *Audit) problem(format string, args ...any) {
	if len(a.problems) == mostProblems {
		a.more++
		return
	}
	a.problems = append(a.problems, fmt.Sprintf(format, args...))
}

func (a *Audit) add(key, value []byte) error {
	if _, err := a.Describer.value(key, value); err != nil {
		return err
	}
	if key[0] == RetainedLetter {
		return a.retained(key, value)
	}
	id, rest, err := ID(key)
	if err != nil {
		return err
	}
	switch key[0] {
	case BodyLetter:
		a.bodies[id] = false
		a.Count.Bodies++
	case SessionLetter:
		if !a.sessions[id] {
			return errors.New("the client has a later session, which counts")
		}
		a.Count.Sessions++
	case SubscriptionLetter:
		a.of(id).Subscriptions++
	case ReceivingLetter:
		if _, err := PacketID(rest); err != nil {
			return err
		}
		a.of(id).Receiving++
	case QueuedLetter:
		return a.queued(id, key, value)
	}
	return nil
}

func (a *Audit) retained(key, value []byte) error {
	f, err := ReadRetained(value)
	if err == nil && f.Message.Topic != string(key[1:]) {
		err = fmt.Errorf("its message has the topic %q", f.Message.Topic)
	}
	if err == nil {
		a.Count.Retained++
	}
	return err
}

// of counts what a session holds.
func (a *Audit) of(sid uint64) *Count {
	h := a.owners[sid]
	if h == nil {
		h = &Count{}
		a.owners[sid] = h
	}
	return h
}

func (a *Audit) queued(sid uint64, key, value []byte) error {
	q, err := ReadQueued(key, value)
	if err != nil {
		return err
	}
	if q.Body != 0 {
		if _, there := a.bodies[q.Body]; !there {
			return fmt.Errorf("body %d, which holds what it says, is not there", q.Body)
		}
		a.bodies[q.Body] = a.bodies[q.Body] || a.sessions[sid]
	}
	a.of(sid).Queued++
	return nil
}

// Problems ends the audit and says what is wrong, a sentence for each; none: all
// is well.
func (a *Audit) Problems() []string {
	for _, sid := range slices.Sorted(maps.Keys(a.owners)) {
		h := a.owners[sid]
		if !a.sessions[sid] {
			a.problem("session %d is not there, but %s of it", sid, h)
			continue
		}
		a.Count.Subscriptions += h.Subscriptions
		a.Count.Queued += h.Queued
		a.Count.Receiving += h.Receiving
	}
	for _, body := range slices.Sorted(maps.Keys(a.bodies)) {
		if !a.bodies[body] {
			a.problem("body %d is there, but no message that needs it", body)
		}
	}
	problems := a.problems
	if a.more > 0 {
		problems = append(problems, fmt.Sprintf("and %d more", a.more))
	}
	return problems
}

// Useless reports whether nothing can be made of the fact of a key: it cannot be
// read, or what it belongs to is not there. It may be called after Problems.
func (a *Audit) Useless(key []byte) bool {
	if a.bad[string(key)] {
		return true
	}
	id, _, err := ID(key)
	if err != nil {
		return false // a retained message, or it is among the bad
	}
	switch key[0] {
	case SubscriptionLetter, ReceivingLetter, QueuedLetter:
		return !a.sessions[id]
	case BodyLetter:
		return !a.bodies[id]
	}
	return false
}
