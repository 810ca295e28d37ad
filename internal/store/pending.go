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
	ranges  []span            // removed before values apply
	values  map[string][]byte // nil is a removal
	shelves map[string]extent // of values, by what their keys begin with
	bytes   int
}

type span struct{ from, to []byte }

// extent is where the keys of a shelf lie. It may be wider than they are.
type extent struct{ low, high string }

// shelfBytes is what the keys of a shelf have in common: a letter and the number
// of a session. So whoever reads one session need not look at all that waits.
const shelfBytes = 9

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
		key := string(f.Key)
		if old, found := p.values[key]; found {
			p.bytes -= len(key) + len(old)
		} else {
			p.shelve(key)
		}
		p.values[key] = clone(f.Value)
		p.bytes += len(key) + len(f.Value)
	}
}

func (p *pending) shelve(key string) {
	if len(key) <= shelfBytes {
		return
	}
	if p.shelves == nil {
		p.shelves = map[string]extent{}
	}
	shelf := key[:shelfBytes]
	e, found := p.shelves[shelf]
	switch {
	case !found:
		e = extent{key, key}
	case key < e.low:
		e.low = key
	case key > e.high:
		e.high = key
	default:
		return
	}
	p.shelves[shelf] = e
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

// touches reports whether a range might look different with the pending facts.
func (p *pending) touches(from, to []byte) bool {
	for _, r := range p.ranges {
		if (to == nil || bytes.Compare(r.from, to) < 0) && bytes.Compare(r.to, from) > 0 {
			return true
		}
	}
	if onShelf(from, to) {
		_, first := p.values[string(from)]
		e, found := p.shelves[string(from[:shelfBytes])]
		return first || found && e.high >= string(from) && e.low < string(to)
	}
	for key := range p.values {
		if key >= string(from) && (to == nil || key < string(to)) {
			return true
		}
	}
	return false
}

// onShelf reports whether all keys of a range but from itself are on one shelf.
func onShelf(from, to []byte) bool {
	if len(from) < shelfBytes || to == nil {
		return false
	}
	next := bytes.Clone(from[:shelfBytes])
	for i := len(next) - 1; i >= 0; i-- {
		if next[i]++; next[i] != 0 {
			return bytes.Compare(to, next[:i+1]) <= 0
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
