package acl

import "strings"

// node is one level of the filters of a list, and holds what ends there. Where
// several rules say the same the first is kept: it is the one to be named.
type node struct {
	level        string
	below        table // the levels below without a wildcard or variable
	plus         *node
	client, user *node   // %c or %u, and nothing else
	mixed        []mixed // text and variables
	here         verdict // of filters that end here
	all          verdict // of filters that end here with #
}

// mixed is a level of text and variables.
type mixed struct {
	level level
	node  *node
}

// verdict is the first rules of a filter that say something.
type verdict struct {
	deny  *Rule
	allow [actions]*Rule
}

// table finds nodes by their level: a few side by side, many in a map.
type table struct {
	few  []*node
	many map[string]*node
}

const fewNodes = 8

func (t *table) find(level string) *node {
	if t.many != nil {
		return t.many[level]
	}
	for _, n := range t.few {
		if n.level == level {
			return n
		}
	}
	return nil
}

func (t *table) grow(level string) *node {
	if n := t.find(level); n != nil {
		return n
	}
	n := &node{level: level}
	switch {
	case t.many == nil && len(t.few) < fewNodes:
		t.few = append(t.few, n)
		return n
	case t.many == nil:
		t.many = make(map[string]*node, 2*fewNodes)
		for _, one := range t.few {
			t.many[one.level] = one
		}
		t.few = nil
	}
	t.many[level] = n
	return n
}

// plant puts a rule where its filter ends.
func (n *node) plant(r *Rule) {
	levels := r.levels
	if r.Scope != Everybody {
		for text := range strings.SplitSeq(r.Filter, "/") {
			levels = append(levels, level{{text: text}})
		}
	}
	for _, l := range levels {
		if len(l) == 1 && l[0].text == "#" {
			n.all.take(r)
			return
		}
		n = n.grow(l)
	}
	n.here.take(r)
}

// grow returns the node below n for a level, which it makes if need be.
func (n *node) grow(l level) *node {
	sole := func(at **node) *node {
		if *at == nil {
			*at = &node{}
		}
		return *at
	}
	switch {
	case len(l) == 0:
		return n.below.grow("")
	case len(l) > 1:
		m := mixed{l, &node{}}
		n.mixed = append(n.mixed, m)
		return m.node
	case l[0].variable == 'c':
		return sole(&n.client)
	case l[0].variable == 'u':
		return sole(&n.user)
	case l[0].text == "+":
		return sole(&n.plus)
	default:
		return n.below.grow(l[0].text)
	}
}

func (v *verdict) take(r *Rule) {
	if r.Access == Deny {
		if v.deny == nil {
			v.deny = r
		}
		return
	}
	for a := range Action(actions) {
		if r.Access.Allows(a) && v.allow[a] == nil {
			v.allow[a] = r
		}
	}
}

// walk looks for the rules that match a topic: of those that deny and of those
// that allow an action the first in the file. A filter is matched by the rules
// that cover it.
type walk struct {
	user, client string
	topic        string
	filter       bool // topic is one
	action       Action
	deny, allow  *Rule
}

// visit walks below n; the level that starts at at is the next. Beyond the end
// of the topic there is none. A topic has at most 201 levels, and a list a few
// ways for each of its rules, which its author has written.
func (w *walk) visit(n *node, at int) {
	hidden := at == 0 && w.topic[0] == '$' // [MQTT-4.7.2-1]
	if !hidden {
		w.weigh(&n.all)
	}
	if at > len(w.topic) {
		w.weigh(&n.here)
		return
	}
	end := len(w.topic)
	if i := strings.IndexByte(w.topic[at:], '/'); i >= 0 {
		end = at + i
	}
	text := w.topic[at:end]
	if w.filter && text == "#" {
		if at == 0 && n.plus != nil { // there is no topic without a first level
			w.weigh(&n.plus.all)
		}
		return
	}
	if next := n.below.find(text); next != nil {
		w.visit(next, end+1)
	}
	if n.plus != nil && !hidden {
		w.visit(n.plus, end+1)
	}
	w.named(n, text, end+1, hidden)
}

// named walks on where a level is made of what the client is called.
func (w *walk) named(n *node, text string, at int, hidden bool) {
	if n.client != nil && text == w.client && text != "" && !hidden {
		w.visit(n.client, at)
	}
	if n.user != nil && text == w.user && text != "" && !hidden {
		w.visit(n.user, at)
	}
	for i := range n.mixed {
		m := &n.mixed[i]
		if (!hidden || m.level[0].variable == 0) && m.level.matches(text, w.user, w.client) {
			w.visit(m.node, at)
		}
	}
}

// matches reports whether a level is text. A variable without a value matches
// nothing.
func (l level) matches(text, user, client string) bool {
	for _, p := range l {
		want := p.text
		switch p.variable {
		case 'c':
			want = client
		case 'u':
			want = user
		}
		if want == "" || !strings.HasPrefix(text, want) {
			return false
		}
		text = text[len(want):]
	}
	return text == ""
}

// weigh takes what rules say that match.
func (w *walk) weigh(v *verdict) {
	if r := v.deny; r != nil && (w.deny == nil || r.Line < w.deny.Line) {
		w.deny = r
	}
	if r := v.allow[w.action]; r != nil && (w.allow == nil || r.Line < w.allow.Line) {
		w.allow = r
	}
}
