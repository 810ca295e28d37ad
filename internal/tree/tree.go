package tree

import (
	"math"
	"slices"
	"strings"
	"time"
)

// Limits of what is kept, whatever is published.
const (
	DefaultMaxNodes = 20_000
	maxDepth        = 32  // levels of a topic; what follows stands in the last
	maxValue        = 512 // bytes of a payload
)

// Options say how a Tree looks. The zero value is a tree without a title, in
// colour.
type Options struct {
	Title string
	// NoColour leaves colours away; bold and reverse remain.
	NoColour bool
	// MaxNodes bounds the levels of topics that are kept; zero: 20,000.
	MaxNodes int
}

// A Message is what the tree keeps of a message.
type Message struct {
	Topic    string
	Payload  []byte // only read
	Retained bool   // it was published before, and says nothing on the rate
}

// A Tree is a tree of topics with their last messages, and how it is looked at.
type Tree struct {
	options Options
	root    node
	nodes   int // without the root
	topics  int
	refused int // messages on topics for which there was no place

	cursor    *node
	top       int // the first row that is shown
	page      int // rows that were shown last
	nameWidth int // of the column of names
	width     int // the column was made for
	filter    string
	editing   bool // keys are typed into the filter
	paused    bool
	pausedAt  time.Time
	notice    string // stands in the last line
}

// A node is a level of a topic.
type node struct {
	parent   *node
	name     string
	path     string  // the topic up to here
	children []*node // in the order of their names
	byName   map[string]*node
	folded   bool
	matches  bool // the filter lets it through, or something below it
	late     bool // it came while the tree is paused

	state
	frozen *state // what is shown while the tree is paused; nil: state
}

// state is what messages change in a node.
type state struct {
	isTopic bool
	value   []byte // of the last message, at most maxValue bytes
	size    int    // of its payload
	count   int    // messages here and below
	topics  int    // topics here and below
	first   time.Time
	last    time.Time
	pulse   float64 // decays with window; see rate
	pulses  int     // messages in it
}

// New returns an empty tree.
func New(o Options) *Tree {
	if o.MaxNodes == 0 {
		o.MaxNodes = DefaultMaxNodes
	}
	t := &Tree{options: o}
	t.root.matches = true
	return t
}

// Add puts a message into the tree, received at now.
func (t *Tree) Add(m Message, now time.Time) {
	n := t.node(m.Topic)
	if n == nil {
		t.refused++
		return
	}
	isNew := !n.isTopic
	if isNew {
		t.topics++
	}
	for up := n; up != nil; up = up.parent {
		if t.paused && up.frozen == nil {
			before := up.state
			before.value = slices.Clone(up.value)
			up.frozen = &before
		}
		up.received(now, m.Retained)
		if isNew {
			up.topics++
		}
	}
	n.isTopic = true
	n.value = append(n.value[:0], m.Payload[:min(len(m.Payload), maxValue)]...)
	n.size = len(m.Payload)
}

// node returns the node of a topic, which it makes if there is a place.
func (t *Tree) node(topic string) *node {
	n := &t.root
	for start, depth := 0, 0; ; depth++ {
		end := len(topic)
		if i := strings.IndexByte(topic[start:], '/'); i >= 0 && depth < maxDepth-1 {
			end = start + i
		}
		child := n.byName[topic[start:end]]
		if child == nil {
			if t.nodes >= t.options.MaxNodes {
				return nil
			}
			child = t.grow(n, topic[start:end], topic[:end])
		}
		if n = child; end == len(topic) {
			return n
		}
		start = end + 1
	}
}

// grow adds a child in its place.
func (t *Tree) grow(parent *node, name, path string) *node {
	n := &node{parent: parent, name: name, path: path, late: t.paused}
	t.nodes++
	if parent.byName == nil {
		parent.byName = map[string]*node{}
	}
	parent.byName[name] = n
	i, _ := slices.BinarySearchFunc(parent.children, name, func(c *node, name string) int { return strings.Compare(c.name, name) })
	parent.children = slices.Insert(parent.children, i, n)
	if n.matches = contains(path, t.filter); n.matches {
		for up := parent; up != nil && !up.matches; up = up.parent {
			up.matches = true
		}
	}
	return n
}

// contains reports whether a topic has a text in it, whatever the case.
func contains(topic, text string) bool {
	return text == "" || strings.Contains(strings.ToLower(topic), strings.ToLower(text))
}

// search applies another filter.
func (t *Tree) search(filter string) {
	t.filter = filter
	t.root.search(filter)
	t.root.matches = true
	t.top = 0
}

func (n *node) search(filter string) bool {
	n.matches = contains(n.path, filter)
	for _, c := range n.children {
		if c.search(filter) {
			n.matches = true
		}
	}
	return n.matches
}

// pause stops what is shown from changing, or lets it change again. Messages are
// taken in all the time.
func (t *Tree) pause(now time.Time) {
	t.paused, t.pausedAt = !t.paused, now
	if !t.paused {
		t.root.thaw()
	}
}

func (n *node) thaw() {
	n.frozen, n.late = nil, false
	for _, c := range n.children {
		c.thaw()
	}
}

// shown is the state that is shown.
func (n *node) shown() *state {
	if n.frozen != nil {
		return n.frozen
	}
	return &n.state
}

// window is the time over which rates are taken.
const window = 10 * time.Second

// received counts a message.
func (s *state) received(now time.Time, retained bool) {
	s.count++
	if s.first.IsZero() {
		s.first = now
	}
	if !retained {
		s.pulse = s.pulse*decay(now.Sub(s.last)) + 1
		s.pulses++
	} else {
		s.pulse *= decay(now.Sub(s.last))
	}
	s.last = now
}

func decay(d time.Duration) float64 { return math.Exp(-max(0, d.Seconds()) / window.Seconds()) }

// rate is how many messages come in a second, of late. Each message is a pulse
// that decays; their sum is divided by what it would be at a rate of one since
// the first. A single message has no rate.
func (s *state) rate(now time.Time) float64 {
	if s.pulses < 2 {
		return 0
	}
	seen := max(now.Sub(s.first), time.Second)
	return s.pulse * decay(now.Sub(s.last)) / (window.Seconds() * (1 - decay(seen)))
}

// Notice shows a sentence in the last line, in the place of the keys; empty: the
// keys again.
func (t *Tree) Notice(text string) { t.notice = text }
