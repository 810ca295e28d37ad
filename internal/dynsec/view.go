package dynsec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/acl"
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// view is a book ready for decisions. It does not change, but for what it
// remembers.
type view struct {
	book  *book
	login broker.Authenticator // of those with passwords
	roles map[string]*compiled

	mu       sync.RWMutex
	subjects map[identity]*subject
}

// compiled is a role ready for decisions: its rules in the order in which they
// are asked, and those about messages that are the same for all found by topic.
type compiled struct {
	*role
	rules [len(kindNames)][]rule
	plain [receive + 1]topic.Filters[int] // places in rules
}

func compile(r *role) *compiled {
	c := &compiled{role: r}
	for _, a := range r.rules {
		c.rules[a.kind] = append(c.rules[a.kind], a)
	}
	for k := range c.rules {
		slices.SortStableFunc(c.rules[k], func(a, b rule) int { return cmp.Compare(b.priority, a.priority) })
	}
	for k := range c.plain {
		for at := range c.rules[k] {
			if a := &c.rules[k][at]; !a.variable() {
				c.plain[k].Add(a.topic, at)
			}
		}
	}
	return c
}

// identity is what decisions about a client follow from.
type identity struct{ user, id string }

// maxSubjects bounds what is remembered; then it is forgotten.
const maxSubjects = 20_000

// subject is what holds for one client: its roles in the order in which they are
// asked.
type subject struct {
	known bool // there is such a client, or it has no name
	roles []granted
}

// granted is a role as one client has it.
type granted struct {
	*compiled
	group string // by which it has it; empty: itself
	// own are the rules with %c or %u, with the client's names in their place.
	own [len(kindNames)][]placed
}

// placed is a rule and its place in the order.
type placed struct {
	rule
	at int
}

func (v *view) subject(who identity) *subject {
	v.mu.RLock()
	s := v.subjects[who]
	v.mu.RUnlock()
	if s != nil {
		return s
	}
	s = v.compile(who)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.subjects == nil || len(v.subjects) >= maxSubjects {
		v.subjects = map[identity]*subject{}
	}
	v.subjects[who] = s
	return s
}

// compile finds what holds for a client.
func (v *view) compile(who identity) *subject {
	b, s := v.book, &subject{known: who.user == ""}
	if who.user == "" {
		if g := b.groups[b.anonymous]; g != nil {
			s.grant(v, g.roles, g.name, who)
		}
		return s
	}
	c := b.clients[who.user]
	if c == nil {
		return s
	}
	s.known = true
	s.grant(v, c.roles, "", who)
	for _, name := range b.groupsOf(who.user).ordered() {
		s.grant(v, b.groups[name].roles, name, who)
	}
	return s
}

func (s *subject) grant(v *view, roles ranks, group string, who identity) {
	for _, name := range roles.ordered() {
		g := granted{compiled: v.roles[name], group: group}
		for k := range g.rules {
			for at, a := range g.rules[k] {
				if a.variable() && a.fill(who) {
					g.own[k] = append(g.own[k], placed{a, at})
				}
			}
		}
		s.roles = append(s.roles, g)
	}
}

// variable reports whether names take the place of something in the topic.
func (a *rule) variable() bool {
	return a.kind != subscribeLiteral && a.kind != unsubscribeLiteral && (strings.Contains(a.topic, "%c") || strings.Contains(a.topic, "%u"))
}

// fill puts the names of a client in the place of %c and %u. A name never widens
// what a rule allows: with wildcards or a level separator in it, or none at all,
// the rule does not hold, nor if the name would make a topic of the broker of it.
func (a *rule) fill(who identity) bool {
	for _, part := range []struct{ variable, name string }{{"%c", who.id}, {"%u", who.user}} {
		if !strings.Contains(a.topic, part.variable) {
			continue
		}
		if a.allow && (part.name == "" || strings.ContainsAny(part.name, "+#/\x00")) {
			return false
		}
		own := strings.HasPrefix(a.topic, "$")
		a.topic = strings.ReplaceAll(a.topic, part.variable, part.name)
		if a.allow && !own && strings.HasPrefix(a.topic, "$") {
			return false
		}
	}
	return true
}

// denial is why something is denied. Those by the same rule are equal.
type denial struct {
	role, group string // role is empty: the defaults deny
	what        string
	unknown     bool
}

func (d denial) Error() string {
	switch {
	case d.unknown:
		return "dynamic security: there is no such client"
	case d.role == "":
		return fmt.Sprintf("dynamic security: no role allows %s, and the default is to deny", d.what)
	case d.group != "":
		return fmt.Sprintf("dynamic security: role %q of group %q denies %s", d.role, d.group, d.what)
	default:
		return fmt.Sprintf("dynamic security: role %q denies %s", d.role, d.what)
	}
}

func (d denial) Unwrap() error { return packet.NotAuthorized }

// errUnknown is the error about a client that dynamic security does not know.
var errUnknown error = denial{unknown: true}

// message decides about a message from or to a client.
func (v *view) message(who identity, k kind, name string, otherwise bool) error {
	s := v.subject(who)
	if !s.known {
		return errUnknown
	}
	for i := range s.roles {
		if a := s.roles[i].about(k, name); a != nil {
			return a.verdict(&s.roles[i])
		}
	}
	return usual(otherwise, kindNames[k], name)
}

// about is the first rule about a message of a topic; nil: there is none.
func (g *granted) about(k kind, name string) *rule {
	first := len(g.rules[k])
	var room [16]int
	for _, at := range g.plain[k].Match(room[:0], name) {
		first = min(first, at)
	}
	for i := range g.own[k] {
		if a := &g.own[k][i]; a.at < first && topic.Match(a.topic, name) {
			return &a.rule
		}
	}
	if first == len(g.rules[k]) {
		return nil
	}
	return &g.rules[k][first]
}

// filter decides about a subscription, or its end.
func (v *view) filter(who identity, literal, pattern kind, filter string, otherwise bool) error {
	s := v.subject(who)
	if !s.known {
		return errUnknown
	}
	for i := range s.roles {
		g := &s.roles[i]
		if literal == subscribeLiteral && !g.wildcards && strings.ContainsAny(filter, "+#") {
			return denial{role: g.name, group: g.group, what: "subscriptions with wildcards"}
		}
		a := g.exactly(literal, filter)
		if a == nil {
			a = g.covering(pattern, filter)
		}
		if a != nil {
			return a.verdict(g)
		}
	}
	return usual(otherwise, strings.TrimSuffix(literal.String(), "Literal"), filter)
}

func (g *granted) exactly(k kind, filter string) *rule {
	for i := range g.rules[k] {
		if a := &g.rules[k][i]; a.topic == filter {
			return a
		}
	}
	return nil
}

func (g *granted) covering(k kind, filter string) *rule {
	own := g.own[k]
	for at := range g.rules[k] {
		if len(own) > 0 && own[0].at == at {
			if acl.Covers(own[0].topic, filter) {
				return &own[0].rule
			}
			own = own[1:]
		} else if a := &g.rules[k][at]; !a.variable() && acl.Covers(a.topic, filter) {
			return a
		}
	}
	return nil
}

func (a *rule) verdict(g *granted) error {
	if a.allow {
		return nil
	}
	return denial{role: g.name, group: g.group, what: fmt.Sprintf("%v %q", a.kind, a.topic)}
}

// usual is the default, which never opens what the broker is controlled by.
func usual(allow bool, action, name string) error {
	if allow && !strings.HasPrefix(name, "$CONTROL") {
		return nil
	}
	return denial{what: action}
}
