package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
)

// Memory is a medium that never fails: what was appended to it is there until
// it is collected. The zero value is empty.
type Memory struct {
	mu      sync.Mutex
	entries []entry // in the order of their keys
}

type entry struct{ key, value []byte }

// Open returns a Store on the medium, with all that earlier ones appended.
func (m *Memory) Open() (broker.Store, error) { return &memoryStore{medium: m}, nil }

type memoryStore struct {
	medium *Memory
	closed bool // guarded by medium.mu
}

var _ broker.Store = (*memoryStore)(nil)

var errClosed = fmt.Errorf("the store is closed: %w", packet.ImplementationSpecificError)

func (s *memoryStore) Append(facts []broker.Fact, _ broker.Durability) error {
	for i := range facts {
		if err := facts[i].Validate(); err != nil {
			return fmt.Errorf("append: %w: %w", err, packet.ImplementationSpecificError)
		}
	}
	s.medium.mu.Lock()
	defer s.medium.mu.Unlock()
	if s.closed {
		return errClosed
	}
	for i := range facts {
		s.medium.apply(&facts[i])
	}
	return nil
}

func (m *Memory) apply(f *broker.Fact) {
	first, found := m.find(f.Key)
	switch {
	case f.End != nil:
		last, _ := m.find(f.End)
		m.entries = slices.Delete(m.entries, first, last)
	case f.Value != nil && found:
		m.entries[first].value = slices.Clone(f.Value)
	case f.Value != nil:
		m.entries = slices.Insert(m.entries, first, entry{slices.Clone(f.Key), slices.Clone(f.Value)})
	case found:
		m.entries = slices.Delete(m.entries, first, first+1)
	}
}

// find returns the place of a key, and whether it is there.
func (m *Memory) find(key []byte) (int, bool) {
	return slices.BinarySearchFunc(m.entries, key, func(e entry, key []byte) int { return bytes.Compare(e.key, key) })
}

// Range yields from a copy of the entries; keys and values never change in place.
func (s *memoryStore) Range(from, to []byte, yield func(key, value []byte) bool) error {
	entries, err := s.between(from, to)
	for _, e := range entries {
		if !yield(e.key, e.value) {
			break
		}
	}
	return err
}

func (s *memoryStore) between(from, to []byte) ([]entry, error) {
	s.medium.mu.Lock()
	defer s.medium.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	first, _ := s.medium.find(from)
	last := len(s.medium.entries)
	if to != nil {
		last, _ = s.medium.find(to)
	}
	return slices.Clone(s.medium.entries[first:max(first, last)]), nil
}

func (s *memoryStore) Close() error {
	s.medium.mu.Lock()
	defer s.medium.mu.Unlock()
	s.closed = true
	return nil
}
