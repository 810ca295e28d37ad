package topic

import (
	"hash/maphash"
	"iter"
	"strings"
)

// Names maps topic names to values and answers: which names match this filter? The
// zero value is ready to use. Calls that change nothing may run concurrently with each
// other, but not with Set or Delete.
type Names[V any] struct {
	root  node[named[V]]
	seed  maphash.Seed
	count int
}

// named is a value with its whole name, so that Match need not put names together.
type named[V any] struct {
	name  string
	value V
}

// Len returns how many names there are.
func (s *Names[V]) Len() int { return s.count }

// Get returns the value of name, and whether there is one.
func (s *Names[V]) Get(name string) (V, bool) {
	n := &s.root
	for at := 0; at <= len(name) && n != nil; {
		end := levelEnd(name, at)
		n = n.child(s.seed, name[at:end])
		at = end + 1
	}
	if n == nil || !n.set {
		var zero V
		return zero, false
	}
	return n.value.value, true
}

// Match returns the names that match filter, and their values, in no particular order.
// Filters that start with a wildcard do not match names that start with $
// [MQTT-4.7.2-1].
//
// The names are found one by one as the loop asks for them; a loop that breaks off pays
// for no more. A whole loop visits each node at most once, and only nodes below those
// that match a beginning of filter. Do not call Set or Delete before the loop ends: names
// may then be missed or repeated.
func (s *Names[V]) Match(filter string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) { s.walk(filter, startsWild(filter), yield) }
}

// All returns all names, also those that start with $, and their values, in no
// particular order. The loop must not call Set or Delete.
func (s *Names[V]) All() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) { s.walk("#", false, yield) }
}

// Set sets the value of name, which should be valid (see [ValidateName]), and returns
// the value it had, if any. Set keeps no reference to the string.
func (s *Names[V]) Set(name string, v V) (old V, replaced bool) {
	if s.seed == (maphash.Seed{}) {
		s.seed = maphash.MakeSeed()
	}
	n := plant(&s.root, s.seed, name)
	if n.set {
		old, n.value.value = n.value.value, v
		return old, true
	}
	s.count++
	n.set, n.value = true, named[V]{strings.Clone(name), v}
	return old, false
}

// Delete removes name and returns the value it had, if any. The memory returns to the
// garbage collector.
func (s *Names[V]) Delete(name string) (old V, deleted bool) {
	var room [16]*node[named[V]]
	path := trace(room[:0], &s.root, s.seed, name)
	if path == nil || !path[len(path)-1].set {
		return old, false
	}
	n := path[len(path)-1]
	old = n.value.value
	n.set, n.value = false, named[V]{}
	s.count--
	prune(path, s.seed)
	return old, true
}

// An aisle is a node whose children are being visited one after the other. Each of
// them goes on to match the filter at the level that starts at at.
type aisle[V any] struct {
	node *node[named[V]]
	at   int
	next int // index of the next child
}

// walk yields the names that match filter. With hide it skips names that start with $.
func (s *Names[V]) walk(filter string, hide bool, yield func(string, V) bool) {
	var aisles []aisle[V] // the way from the root to n, less the levels named in the filter
	n, at := &s.root, 0
	for {
		var level string
		end := len(filter)
		if at <= len(filter) {
			end = levelEnd(filter, at)
			level = filter[at:end]
		}
		lastHash := level == "#" && end == len(filter)
		if (at > len(filter) || lastHash) && n.set && !yield(n.value.name, n.value.value) {
			return
		}
		var next *node[named[V]]
		switch {
		case at > len(filter) || n.below == nil || level == "#" && !lastHash:
		case lastHash:
			aisles = append(aisles, aisle[V]{node: n, at: at}) // "#" goes on for all levels below
		case level == "+":
			aisles = append(aisles, aisle[V]{node: n, at: end + 1})
		default:
			next, at = n.below.find(s.seed, level), end+1
		}
		for next == nil && len(aisles) > 0 {
			top := &aisles[len(aisles)-1]
			at = top.at
			if next = top.child(hide && top.node == &s.root); next == nil {
				aisles = aisles[:len(aisles)-1]
			}
		}
		if next == nil {
			return
		}
		n = next
	}
}

// child returns the next child, or nil after the last. With hide it leaves out those
// whose level starts with $ [MQTT-4.7.2-1].
func (a *aisle[V]) child(hide bool) *node[named[V]] {
	if a.node.below == nil {
		return nil
	}
	slots := a.node.below.slots
	for a.next < len(slots) {
		n := slots[a.next].node
		a.next++
		if n == nil || hide && isHidden(n.level) {
			continue
		}
		return n
	}
	return nil
}
