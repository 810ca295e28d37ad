package topic

import "hash/maphash"

// Filters maps topic filters to values and answers: which values have a filter that
// matches this name? The zero value is ready to use. Calls of Match and Len may run
// concurrently with each other, but not with Add or Remove.
//
// Filters without a wildcard, the great majority in most systems, match one name only
// and are looked up by it in a single hash table. The others form a trie of levels.
type Filters[V comparable] struct {
	exact table[values[V]] // nodes whose level is a whole filter without wildcards
	wild  node[values[V]]  // root of the filters with wildcards
	seed  maphash.Seed
	pairs int
}

// Len returns how many pairs of a filter and a value there are.
func (f *Filters[V]) Len() int { return f.pairs }

// Match appends to dst every value that was added with a filter that matches name,
// once for each such filter, and returns the extended slice. The order is the same
// until the next Add or Remove.
//
// It visits no node of the trie twice, and only nodes whose filters match a beginning
// of name: at most as many as exist, and at most 2^n at the n-th level, however many
// +/+/+ there are. It allocates nothing but room in dst, unless a name of more than
// 16 levels has that many ways still to try.
func (f *Filters[V]) Match(dst []V, name string) []V {
	if n := f.exact.find(f.seed, name); n != nil {
		dst = n.value.appendTo(dst)
	}
	if f.wild.idle() {
		return dst
	}

	// A way is a node that matches name up to the level that starts at at.
	type way struct {
		node *node[values[V]]
		at   int
	}
	var room [16]way
	untried := room[:0] // at most one for each level of name

	n, at := &f.wild, 0
	hidden := isHidden(name) // true at the root only
	for {
		var next *node[values[V]]
		if n.hash != nil && n.hash.set && !hidden { // [MQTT-4.7.2-1]
			dst = n.hash.value.appendTo(dst) // "a/#" matches "a" too
		}
		if at <= len(name) {
			end := levelEnd(name, at)
			if n.below != nil {
				next = n.below.find(f.seed, name[at:end])
			}
			at = end + 1
			if n.plus != nil && !hidden { // [MQTT-4.7.2-1]
				untried = append(untried, way{n.plus, at})
			}
		} else if n.set {
			dst = n.value.appendTo(dst)
		}
		hidden = false
		if next == nil {
			last := len(untried) - 1
			if last < 0 {
				return dst
			}
			next, at = untried[last].node, untried[last].at
			untried = untried[:last]
		}
		n = next
	}
}

// Add adds v to the values of filter, which should be valid (see [ValidateFilter]).
// Adding a pair again changes nothing. Add keeps no reference to the string.
func (f *Filters[V]) Add(filter string, v V) {
	if f.seed == (maphash.Seed{}) {
		f.seed = maphash.MakeSeed()
	}
	n := f.plant(filter)
	if !n.set {
		n.set, n.value.one = true, v
		f.pairs++
	} else if n.value.add(v) {
		f.pairs++
	}
}

// plant returns the node of filter, which it makes if need be.
func (f *Filters[V]) plant(filter string) *node[values[V]] {
	if HasWildcard(filter) {
		return plant(&f.wild, f.seed, filter)
	}
	if n := f.exact.find(f.seed, filter); n != nil {
		return n
	}
	return f.exact.insert(f.seed, filter)
}

// Remove removes v from the values of filter and reports whether it was there. The
// memory of a filter that has no values any more returns to the garbage collector.
func (f *Filters[V]) Remove(filter string, v V) bool {
	if !HasWildcard(filter) {
		n := f.exact.find(f.seed, filter)
		if n == nil || !f.removeFrom(n, v) {
			return false
		}
		if !n.set {
			f.exact.remove(f.seed, n)
		}
		return true
	}
	var room [16]*node[values[V]]
	path := trace(room[:0], &f.wild, f.seed, filter)
	if path == nil || !f.removeFrom(path[len(path)-1], v) {
		return false
	}
	prune(path, f.seed)
	return true
}

// removeFrom removes v from the values of n and reports whether it was there.
func (f *Filters[V]) removeFrom(n *node[values[V]], v V) bool {
	if !n.set {
		return false
	}
	removed, empty := n.value.remove(v)
	if removed {
		f.pairs--
	}
	n.set = !empty
	return removed
}
