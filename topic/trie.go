package topic

import "hash/maphash"

// A node is one level of a trie of topics, and holds a value if a topic ends there.
// The wildcards below it have places of their own, so that a step of matching searches
// only once; a trie of names leaves them nil. A broker has as many nodes as it has
// filters: on a 64-bit machine a node with a value of 16 bytes is one cache line.
type node[T any] struct {
	level string    // never shares memory with the string of a caller
	below *table[T] // the levels below it without wildcards, nil if there are none
	plus  *node[T]  // the level "+" below it
	hash  *node[T]  // the level "#" below it
	value T         // meaningful if set
	set   bool
}

// idle reports whether n serves neither a topic of its own nor one below it.
func (n *node[T]) idle() bool {
	return !n.set && n.below == nil && n.plus == nil && n.hash == nil
}

// child returns the node below n for a level of a filter, or nil.
func (n *node[T]) child(seed maphash.Seed, level string) *node[T] {
	switch {
	case level == "+":
		return n.plus
	case level == "#":
		return n.hash
	case n.below == nil:
		return nil
	}
	return n.below.find(seed, level)
}

// grow returns the node below n for a level of a filter, which it makes if need be.
func (n *node[T]) grow(seed maphash.Seed, level string) *node[T] {
	if c := n.child(seed, level); c != nil {
		return c
	}
	switch level {
	case "+":
		n.plus = &node[T]{level: "+"}
		return n.plus
	case "#":
		n.hash = &node[T]{level: "#"}
		return n.hash
	}
	if n.below == nil {
		n.below = new(table[T])
	}
	return n.below.insert(seed, level)
}

// cut unlinks the child c from n.
func (n *node[T]) cut(seed maphash.Seed, c *node[T]) {
	switch c {
	case n.plus:
		n.plus = nil
	case n.hash:
		n.hash = nil
	default:
		if n.below.remove(seed, c); n.below.count == 0 {
			n.below = nil
		}
	}
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
	for i := len(path) - 1; i > 0 && path[i].idle(); i-- {
		path[i-1].cut(seed, path[i])
	}
}
