package store

import (
	"bytes"
	"maps"

	"github.com/cockroachdb/pebble/v2"

	"github.com/zancudomq/zancudo/broker"
)

// A view is what one Range sees: a snapshot of an engine and, while there is
// none to write to, what waits to be written.
type view struct {
	engine  *engine
	facts   *pebble.Iterator
	waiting []broker.Fact // in the order of their keys
	pending pending
}

// view returns a snapshot of a range. Facts in it that wait are written first,
// so that the snapshot is of one moment.
func (s *Store) view(from, to []byte) (*view, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine != nil && (s.pending.touches(from, to) || s.flushing.touches(from, to)) {
		r := &request{batch: new(pebble.Batch), done: make(chan error, 1)}
		s.queue = append(s.queue, r)
		s.mu.Unlock()
		s.wake()
		err := <-r.done
		s.mu.Lock()
		if err != nil && s.engine != nil {
			return nil, err
		}
	}
	if s.reader == nil {
		return nil, s.refusal(true)
	}
	v := &view{engine: s.reader}
	if s.engine == nil {
		v.waiting = s.pending.between(from, to)
		v.pending.ranges = append(v.pending.ranges, s.pending.ranges...)
		v.pending.values = maps.Clone(s.pending.values)
	}
	var err error
	v.facts, err = v.engine.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return nil, s.readFailure(err)
	}
	return v, nil
}

// yield calls yield for the facts of the view. After an error, next is where
// to go on; nil is the beginning.
func (v *view) yield(yield func(key, value []byte) bool) (next []byte, err error) {
	for ok := v.facts.First(); ok; ok = v.facts.Next() {
		value, err := v.facts.ValueAndErr()
		if err != nil {
			_ = v.facts.Close()
			return next, err
		}
		key := v.facts.Key()
		for len(v.waiting) > 0 && bytes.Compare(v.waiting[0].Key, key) <= 0 {
			if !yield(v.waiting[0].Key, v.waiting[0].Value) {
				return nil, v.facts.Close()
			}
			v.waiting = v.waiting[1:]
		}
		next = append(append(next[:0], key...), 0)
		if !v.pending.hides(key) && !yield(key, value) {
			return nil, v.facts.Close()
		}
	}
	if err := v.facts.Error(); err != nil {
		_ = v.facts.Close()
		return next, err
	}
	for _, f := range v.waiting {
		if !yield(f.Key, f.Value) {
			break
		}
	}
	return nil, v.facts.Close()
}
