package acl

import (
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Action is what a client wants to do. The numbers are those of package broker.
type Action byte

// The actions.
const (
	Publish   Action = iota // send a message to a topic, also as a will
	Subscribe               // subscribe to a filter
	Receive                 // get a message of a topic
	actions   = 3
)

func (a Action) String() string { return [...]string{"publish", "subscribe", "receive"}[a] }

// Access is a set of actions that a rule allows.
type Access byte

// The words of a rule.
const (
	Deny      Access = 0 // it forbids them all
	Read             = Access(1 << Receive)
	Write            = Access(1 << Publish)
	ReadWrite        = Read | Write
	// Subscriber may subscribe and receive what that brings: see [Rules.Decide].
	Subscriber = Access(1<<Subscribe | 1<<Receive)
)

// Allows reports whether a is in the set.
func (x Access) Allows(a Action) bool { return x&(1<<a) != 0 }

// accessWords are the words, in the order of their mention in an error.
var accessWords = []struct {
	word   string
	access Access
}{
	{"read", Read}, {"write", Write}, {"readwrite", ReadWrite}, {"deny", Deny}, {"subscribe", Subscriber}, {"publish", Write},
}

// String is the word for a set, write rather than publish.
func (x Access) String() string {
	for _, w := range accessWords {
		if w.access == x {
			return w.word
		}
	}
	return "readwrite and subscribe"
}

// Scope says whom a rule is for.
type Scope byte

// The scopes.
const (
	Anonymous Scope = iota // clients without a user name
	User                   // one user
	Everybody              // a pattern
)

// Rule is one line of a file. It is never changed.
type Rule struct {
	File   string
	Line   int
	Text   string // as it was written, without blanks around it
	Scope  Scope
	User   string // if the Scope is User
	Access Access
	Filter string // of a pattern with %c and %u

	levels []level // of a pattern
	denial Denial
}

// Place is where the rule stands: acl:12.
func (r *Rule) Place() string { return r.File + ":" + strconv.Itoa(r.Line) }

// level is one level of a filter in parts: text, and the variables between.
type level []part

// part is text, or a variable if that is not 0.
type part struct {
	text     string
	variable byte // 'c' or 'u'
}

// splitLevel takes a level of a pattern apart.
func splitLevel(s string) level {
	var parts level
	for s != "" {
		at := variableIn(s)
		if at != 0 {
			end := at
			if at < 0 {
				end = len(s)
			}
			parts, s = append(parts, part{text: s[:end]}), s[end:]
			continue
		}
		parts, s = append(parts, part{variable: s[1]}), s[2:]
	}
	return parts
}

// variableIn is where the first %c or %u of s begins; -1: there is none.
func variableIn(s string) int {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '%')
		if i < 0 || from+i+1 == len(s) {
			return -1
		}
		if i += from; s[i+1] == 'c' || s[i+1] == 'u' {
			return i
		}
		from = i + 1
	}
}

// uses reports whether the rule has a variable.
func (r *Rule) uses(variable byte) bool {
	for _, l := range r.levels {
		for _, p := range l {
			if p.variable == variable {
				return true
			}
		}
	}
	return false
}

// variables reports whether the rule has any.
func (r *Rule) variables() bool { return r.uses('c') || r.uses('u') }

// fill puts what a client is called in the place of the variables.
func (r *Rule) fill(user, client string) string {
	if r.Scope != Everybody {
		return r.Filter
	}
	var b strings.Builder
	for i, l := range r.levels {
		if i > 0 {
			b.WriteByte('/')
		}
		for _, p := range l {
			switch p.variable {
			case 'c':
				b.WriteString(client)
			case 'u':
				b.WriteString(user)
			default:
				b.WriteString(p.text)
			}
		}
	}
	return b.String()
}

// Rules are those of one file. They are never changed; the zero value allows
// nothing but to subscribe, which brings nothing.
type Rules struct {
	// File is the name of the file.
	File string
	// Warnings are what the author should know, though nothing is wrong.
	Warnings []*Problem

	anonymous list
	users     map[string]*list
	patterns  list
	// deniedByName are the patterns that deny and have a variable.
	deniedByName []*Rule
	denials      [reasons]Denial
}

// list is rules for the same clients.
type list struct {
	rules  []*Rule
	tree   node
	strict bool // one of them is about subscribing
}

// Len is how many rules there are.
func (r *Rules) Len() int {
	n := len(r.anonymous.rules) + len(r.patterns.rules)
	for _, l := range r.users {
		n += len(l.rules)
	}
	return n
}

// of returns the rules for one user, or for those without a name; nil: none.
func (r *Rules) of(user string) *list {
	if user == "" {
		return &r.anonymous
	}
	return r.users[user]
}

// add puts a rule into its list.
func (r *Rules) add(rule *Rule) {
	rule.denial = Denial{Rule: rule, File: rule.File}
	l := &r.patterns
	switch rule.Scope {
	case Anonymous:
		l = &r.anonymous
	case User:
		l = r.block(rule.User)
	case Everybody:
		if rule.Access == Deny && rule.variables() {
			r.deniedByName = append(r.deniedByName, rule)
		}
	}
	l.rules = append(l.rules, rule)
	l.strict = l.strict || rule.Access.Allows(Subscribe)
	l.tree.plant(rule)
}

// block is the list of a user, which is made if need be.
func (r *Rules) block(user string) *list {
	l := r.users[user]
	if l == nil {
		if r.users == nil {
			r.users = make(map[string]*list)
		}
		l = &list{}
		r.users[user] = l
	}
	return l
}

// All are the rules: those for clients without a name, those of the users by
// their names, and the patterns.
func (r *Rules) All() iter.Seq[*Rule] {
	return func(yield func(*Rule) bool) {
		lists := []*list{&r.anonymous}
		for _, name := range slices.Sorted(maps.Keys(r.users)) {
			lists = append(lists, r.users[name])
		}
		for _, l := range append(lists, &r.patterns) {
			for _, rule := range l.rules {
				if !yield(rule) {
					return
				}
			}
		}
	}
}

// Knows reports whether the file has a block of a user.
func (r *Rules) Knows(user string) bool { return r.users[user] != nil }
