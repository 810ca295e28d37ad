package store

import (
	"bytes"
	"maps"
	"slices"

	"github.com/zancudomq/zancudo/broker"
)

// pending holds facts that were appended Eventually and are not in the engine
// yet. Of a key it holds only the last, so that a sensor that speaks ten times a
// second is written once. The zero value is empty.
type pending struct {
	ranges []span            // removed before values apply
	values map[string][]byte // nil is a removal
	bytes  int
}

type span struct{ from, to []byte }

func (p *pending) empty() bool { return len(p.values) == 0 && len(p.ranges) == 0 }

// add copies facts behind those that are there.
func (p *pending) add(facts []broker.Fact) {
	for i := range facts {
		f := &facts[i]
		if f.End != nil {
			p.addRange(f.Key, f.End)
			continue
		}
		if p.values == nil {
			p.values = map[string][]byte{}
		}
		if old, found := p.values[string(f.Key)]; found {
			p.bytes -= len(f.Key) + len(old)
		}
		p.values[string(f.Key)] = clone(f.Value)
		p.bytes += len(f.Key) + len(f.Value)
	}
}

// addRange forgets the values that it removes, so that every range may go
// before every value.
func (p *pending) addRange(from, to []byte) {
	for key, value := range p.values {
		if key >= string(from) && key < string(to) {
			delete(p.values, key)
			p.bytes -= len(key) + len(value)
		}
	}
	p.ranges = append(p.ranges, span{bytes.Clone(from), bytes.Clone(to)})
	p.bytes += len(from) + len(to)
}

// clone copies a value and keeps nil and empty apart.
func clone(value []byte) []byte {
	if value == nil {
		return nil
	}
	return append([]byte{}, value...)
}

// facts returns what must be appended, in order.
func (p *pending) facts() []broker.Fact {
	facts := make([]broker.Fact, 0, len(p.ranges)+len(p.values))
	for _, r := range p.ranges {
		facts = append(facts, broker.Fact{Key: r.from, End: r.to})
	}
	for _, key := range slices.Sorted(maps.Keys(p.values)) {
		facts = append(facts, broker.Fact{Key: []byte(key), Value: p.values[key]})
	}
	return facts
}

// touches reports whether a range would look different with the pending facts.
func (p *pending) touches(from, to []byte) bool {
	for _, r := range p.ranges {
		if (to == nil || bytes.Compare(r.from, to) < 0) && bytes.Compare(r.to, from) > 0 {
			return true
		}
	}
	for key := range p.values {
		if key >= string(from) && (to == nil || key < string(to)) {
			return true
		}
	}
	return false
}

// hides reports whether a key of the engine is no longer there, or has another value.
func (p *pending) hides(key []byte) bool {
	if _, found := p.values[string(key)]; found {
		return true
	}
	return slices.ContainsFunc(p.ranges, func(r span) bool {
		return bytes.Compare(r.from, key) <= 0 && bytes.Compare(key, r.to) < 0
	})
}

// between returns the values of a range in the order of their keys.
func (p *pending) between(from, to []byte) []broker.Fact {
	var facts []broker.Fact
	for key, value := range p.values {
		if value != nil && key >= string(from) && (to == nil || key < string(to)) {
			facts = append(facts, broker.Fact{Key: []byte(key), Value: value})
		}
	}
	slices.SortFunc(facts, func(a, b broker.Fact) int { return bytes.Compare(a.Key, b.Key) })
	return facts
}
