package store

import (
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/zancudomq/zancudo/broker"
)

// A request is one durable Append on its way through the committer.
type request struct {
	batch *pebble.Batch // an empty one asks only for what waits
	grows bool          // not only removals
	done  chan error
}

// enqueue hands a request to the committer and waits for it.
func (s *Store) enqueue(r *request) error {
	r.done = make(chan error, 1)
	s.mu.Lock()
	if err := s.refusal(r.grows); err != nil {
		s.mu.Unlock()
		return err
	}
	s.queue = append(s.queue, r)
	s.mu.Unlock()
	s.wake()
	return <-r.done
}

// wake tells the committer that there is work.
func (s *Store) wake() {
	select {
	case s.work <- struct{}{}:
	default:
	}
}

// hold keeps facts until the next commit, or a second.
func (s *Store) hold(facts []broker.Fact, grows bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refusal(grows); err != nil {
		return err
	}
	s.pending.add(facts)
	if s.pending.bytes > pendingLimit {
		s.flushNow = true
		s.wake()
	} else if !s.timing {
		s.timing = true
		s.timer = time.AfterFunc(EventuallyWithin, s.flushLate)
	}
	return nil
}

func (s *Store) flushLate() {
	s.mu.Lock()
	s.timing, s.flushNow = false, true
	s.mu.Unlock()
	s.wake()
}

// commitLoop is the goroutine that alone changes the engine: everything that is
// appended while it writes one group is the next group, with one write of the
// log and one sync. It ends with the engine.
func (s *Store) commitLoop(e *engine, ended chan<- struct{}) {
	defer close(ended)
	for {
		select {
		case <-e.dead:
			return
		case <-s.stopCommits:
			return
		case <-s.work:
		}
		for s.commitGroup(e) {
		}
	}
}

// commitGroup takes what waits and writes it. It reports whether there may be more.
func (s *Store) commitGroup(e *engine) bool {
	s.mu.Lock()
	if e != s.engine || len(s.queue) == 0 && !s.flushNow {
		s.mu.Unlock()
		return false
	}
	n, size := 0, 0
	for n < len(s.queue) && (n == 0 || size < groupLimit) {
		size += s.queue[n].batch.Len()
		n++
	}
	group := s.queue[:n:n]
	s.queue = s.queue[n:]
	s.flushing, s.pending, s.flushNow = s.pending, pending{}, false
	s.mu.Unlock()

	flushing := s.flushing.facts()
	err := e.do(func() error { return s.write(e, flushing, group) })
	if err != nil {
		e.fail(err)
	}
	s.settle(group, err)
	return err == nil
}

// write puts a group into one batch of the engine.
func (s *Store) write(e *engine, flushing []broker.Fact, group []*request) error {
	batch := e.db.NewBatch()
	if len(flushing) == 0 && len(group) == 1 {
		batch = group[0].batch
	} else {
		if err := addFacts(batch, flushing); err != nil {
			return err
		}
		for _, r := range group {
			if err := batch.Apply(r.batch, nil); err != nil {
				return err
			}
		}
	}
	if batch.Empty() {
		return nil
	}
	s.groups.Add(1)
	return e.db.Apply(batch, pebble.Sync)
}

// settle answers the group. Pending facts that were not written wait on, before
// those that have come since.
func (s *Store) settle(group []*request, err error) {
	s.mu.Lock()
	if err != nil {
		newer := s.pending
		s.pending = s.flushing
		s.pending.add(newer.facts())
		err = s.failure(err)
	}
	s.flushing = pending{}
	s.mu.Unlock()
	for _, r := range group {
		r.done <- err
	}
}

// addFacts encodes facts; they are valid.
func addFacts(b *pebble.Batch, facts []broker.Fact) error {
	for i := range facts {
		var err error
		switch f := &facts[i]; {
		case f.End != nil:
			err = b.DeleteRange(f.Key, f.End, nil)
		case f.Value != nil:
			err = b.Set(f.Key, f.Value, nil)
		default:
			err = b.Delete(f.Key, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
