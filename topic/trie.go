package topic

import (
	"hash/maphash"
	"strings"
)

// A node is one level of a trie of topics, and holds a value if a topic ends there.
// It is small because a broker has as many as it has filters: 48 bytes on a 64-bit
// machine when T is 16 bytes. What only inner nodes need is in branch.
type node[T any] struct {
	level string     // never shares memory with the string of a caller
	below *branch[T] // nil for a leaf
	value T          // meaningful if set
	set   bool
}

// A branch is the levels below a node. The wildcards have places of their own, so that
// a step of matching searches only once. A trie of names leaves them nil.
type branch[T any] struct {
	children table[T] // by level
	plus     *node[T] // the level "+"
	hash     *node[T] // the level "#"
}

func (b *branch[T]) empty() bool {
	return b.children.count == 0 && b.plus == nil && b.hash == nil
}

// child returns the node below n for a level of a filter, or nil.
func (n *node[T]) child(seed maphash.Seed, level string) *node[T] {
	if n.below == nil {
		return nil
	}
	switch level {
	case "+":
		return n.below.plus
	case "#":
		return n.below.hash
	}
	return n.below.children.find(seed, level)
}

// grow returns the node below n for a level of a filter, which it makes if need be.
func (n *node[T]) grow(seed maphash.Seed, level string) *node[T] {
	if n.below == nil {
		n.below = new(branch[T])
	}
	b := n.below
	switch level {
	case "+":
		if b.plus == nil {
			b.plus = &node[T]{level: "+"}
		}
		return b.plus
	case "#":
		if b.hash == nil {
			b.hash = &node[T]{level: "#"}
		}
		return b.hash
	}
	c := b.children.find(seed, level)
	if c == nil {
		c = &node[T]{level: strings.Clone(level)}
		b.children.insert(seed, c)
	}
	return c
}

// plant returns the node of a topic in the trie under root, which it makes if need be.
func plant[T any](root *node[T], seed maphash.Seed, topic string) *node[T] {
	n := root
	for at := 0; at <= len(topic); {
		end := levelEnd(topic, at)
		n = n.grow(seed, topic[at:end])
		at = end + 1
	}
	return n
}

// trace returns the nodes from root to that of a topic, appended to path, or nil if
// the topic has no node.
func trace[T any](path []*node[T], root *node[T], seed maphash.Seed, topic string) []*node[T] {
	n := root
	path = append(path, n)
	for at := 0; at <= len(topic); {
		end := levelEnd(topic, at)
		if n = n.child(seed, topic[at:end]); n == nil {
			return nil
		}
		path = append(path, n)
		at = end + 1
	}
	return path
}

// prune unlinks, from the end of path upwards, the nodes that serve nobody any more.
// The root, path[0], stays.
func prune[T any](path []*node[T], seed maphash.Seed) {
	for i := len(path) - 1; i > 0; i-- {
		n, b := path[i], path[i-1].below
		if n.set || n.below != nil {
			return
		}
		switch n {
		case b.plus:
			b.plus = nil
		case b.hash:
			b.hash = nil
		default:
			b.children.remove(seed, n)
		}
		if b.empty() {
			path[i-1].below = nil
		}
	}
}

// A table finds nodes by their level. Up to maxScan nodes lie side by side and are
// found by looking at each; more of them form a hash table with linear probing, whose
// length is a power of two. Unlike a map it can be walked by index, which Names needs
// to stream without recursion, it gives memory back, and it is half the size.
// The hash is seeded at random, so no peer can choose levels that collide.
type table[T any] struct {
	slots []slot[T]
	count int
}

type slot[T any] struct {
	hash uint64 // of the node's level; 0 while the table is small
	node *node[T]
}

const maxScan = 8

func (t *table[T]) hashed() bool { return len(t.slots) > maxScan }

// find returns the node for level, or nil.
func (t *table[T]) find(seed maphash.Seed, level string) *node[T] {
	if !t.hashed() {
		for i := range t.slots {
			if n := t.slots[i].node; n.level == level {
				return n
			}
		}
		return nil
	}
	hash := maphash.String(seed, level)
	mask := uint64(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.node == nil {
			return nil
		}
		if s.hash == hash && s.node.level == level {
			return s.node
		}
	}
}

// insert adds n, whose level must not be in the table.
func (t *table[T]) insert(seed maphash.Seed, n *node[T]) {
	t.count++
	switch {
	case t.count <= maxScan && !t.hashed():
		t.slots = append(t.slots, slot[T]{node: n})
		return
	case !t.hashed():
		t.rebuild(seed, 2*maxScan)
	case t.count > len(t.slots)/4*3:
		t.rebuild(seed, 2*len(t.slots))
	}
	t.place(maphash.String(seed, n.level), n)
}

// place puts n into the first free slot of a hashed table that has one.
func (t *table[T]) place(hash uint64, n *node[T]) {
	mask := uint64(len(t.slots) - 1)
	i := hash & mask
	for t.slots[i].node != nil {
		i = (i + 1) & mask
	}
	t.slots[i] = slot[T]{hash, n}
}

// rebuild moves the nodes to a table of the given size, which is hashed if the size is
// more than maxScan.
func (t *table[T]) rebuild(seed maphash.Seed, size int) {
	old := t.slots
	wasHashed := t.hashed()
	if size <= maxScan {
		t.slots = make([]slot[T], 0, size)
	} else {
		t.slots = make([]slot[T], size)
	}
	for _, s := range old {
		switch {
		case s.node == nil:
		case size <= maxScan:
			t.slots = append(t.slots, slot[T]{node: s.node})
		case wasHashed:
			t.place(s.hash, s.node)
		default:
			t.place(maphash.String(seed, s.node.level), s.node)
		}
	}
}

// remove removes n, which must be in the table.
func (t *table[T]) remove(seed maphash.Seed, n *node[T]) {
	t.count--
	if !t.hashed() {
		i := 0
		for t.slots[i].node != n {
			i++
		}
		last := len(t.slots) - 1
		t.slots[i] = t.slots[last]
		t.slots[last] = slot[T]{}
		t.slots = t.slots[:last]
		return
	}
	mask := uint64(len(t.slots) - 1)
	i := maphash.String(seed, n.level) & mask
	for t.slots[i].node != n {
		i = (i + 1) & mask
	}
	t.closeGap(i)
	if t.count <= len(t.slots)/8 {
		t.rebuild(seed, len(t.slots)/4)
	}
}

// closeGap empties slot gap and moves back the nodes that were placed beyond it only
// because it was taken, so that probing may go on to stop at an empty slot.
func (t *table[T]) closeGap(gap uint64) {
	mask := uint64(len(t.slots) - 1)
	for i := (gap + 1) & mask; t.slots[i].node != nil; i = (i + 1) & mask {
		// The node at i may move if its home is not behind the gap, seen around the ring.
		if (i-t.slots[i].hash)&mask >= (i-gap)&mask {
			t.slots[gap] = t.slots[i]
			gap = i
		}
	}
	t.slots[gap] = slot[T]{}
}
