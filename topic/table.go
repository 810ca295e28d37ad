package topic

import (
	"hash/maphash"
	"strings"
)

// A table finds nodes by their level. Up to maxScan nodes lie side by side and are
// found by looking at each; more of them form a hash table with linear probing, whose
// length is a power of two. Unlike a map it can be walked by index, which Names needs
// to stream without recursion, it gives memory back, and it is half the size.
// The hash is seeded at random, so no peer can choose levels that collide.
type table[T any] struct {
	slots []slot[T]
	count int
}

// A slot has the key of its node beside it: with many nodes the time of a search is
// that of the memory it touches, and most levels are so short that their key says all.
type slot[T any] struct {
	key  uint64
	node *node[T]
}

const (
	maxScan  = 8
	maxShort = 7
)

// keyOf returns the key of a level: of up to maxShort bytes, the length and the bytes,
// which no other level has; of more, a hash with the highest bit set.
func keyOf(seed maphash.Seed, level string) uint64 {
	if len(level) > maxShort {
		return maphash.String(seed, level) | 1<<63
	}
	key := uint64(len(level))
	for i := range len(level) {
		key = key<<8 | uint64(level[i])
	}
	return key
}

// home returns where in t the search for a level starts.
func (t *table[T]) home(seed maphash.Seed, level string) uint64 {
	return maphash.String(seed, level) & t.mask()
}

func (t *table[T]) mask() uint64 { return uint64(len(t.slots) - 1) }

func (t *table[T]) hashed() bool { return len(t.slots) > maxScan }

// find returns the node for level, or nil.
func (t *table[T]) find(seed maphash.Seed, level string) *node[T] {
	if len(t.slots) == 0 {
		return nil
	}
	key, short := keyOf(seed, level), len(level) <= maxShort
	if !t.hashed() {
		for i := range t.slots {
			if s := &t.slots[i]; s.key == key && (short || s.node.level == level) {
				return s.node
			}
		}
		return nil
	}
	i := key & t.mask() // the home of a long level, whose key is its hash
	if short {
		i = t.home(seed, level)
	}
	for ; t.slots[i].node != nil; i = (i + 1) & t.mask() {
		if s := &t.slots[i]; s.key == key && (short || s.node.level == level) {
			return s.node
		}
	}
	return nil
}

// insert makes a node for level, which must not have one.
func (t *table[T]) insert(seed maphash.Seed, level string) *node[T] {
	s := slot[T]{keyOf(seed, level), &node[T]{level: strings.Clone(level)}}
	t.count++
	switch {
	case !t.hashed() && t.count <= maxScan:
		t.slots = append(t.slots, s)
		return s.node
	case !t.hashed():
		t.rebuild(seed, 2*maxScan)
	case t.count > len(t.slots)/4*3:
		t.rebuild(seed, 2*len(t.slots))
	}
	t.place(seed, s)
	return s.node
}

// place puts s into the first free slot for it of a hashed table that has one.
func (t *table[T]) place(seed maphash.Seed, s slot[T]) {
	i := t.home(seed, s.node.level)
	for t.slots[i].node != nil {
		i = (i + 1) & t.mask()
	}
	t.slots[i] = s
}

// rebuild moves the nodes to a table of the given size, which is hashed if the size is
// more than maxScan.
func (t *table[T]) rebuild(seed maphash.Seed, size int) {
	old := t.slots
	if size <= maxScan {
		t.slots = make([]slot[T], 0, size)
	} else {
		t.slots = make([]slot[T], size)
	}
	for _, s := range old {
		switch {
		case s.node == nil:
		case size <= maxScan:
			t.slots = append(t.slots, s)
		default:
			t.place(seed, s)
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
	i := t.home(seed, n.level)
	for t.slots[i].node != n {
		i = (i + 1) & t.mask()
	}
	t.closeGap(seed, i)
	if t.count <= len(t.slots)/8 {
		t.rebuild(seed, len(t.slots)/4)
	}
}

// closeGap empties slot gap and moves back the nodes that were placed beyond it only
// because it was taken, so that a search may go on to end at an empty slot.
func (t *table[T]) closeGap(seed maphash.Seed, gap uint64) {
	for i := (gap + 1) & t.mask(); t.slots[i].node != nil; i = (i + 1) & t.mask() {
		// The node at i may move if its home is not behind the gap, seen around the ring.
		if home := t.home(seed, t.slots[i].node.level); (i-home)&t.mask() >= (i-gap)&t.mask() {
			t.slots[gap] = t.slots[i]
			gap = i
		}
	}
	t.slots[gap] = slot[T]{}
}
