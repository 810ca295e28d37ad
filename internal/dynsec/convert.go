package dynsec

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zancudomq/zancudo/internal/acl"
	"github.com/zancudomq/zancudo/internal/password"
)

// Names of what FromFiles makes.
const (
	everybody   = "everybody"    // the role of patterns
	unnamed     = "anonymous"    // role and group of clients without a user name
	ownRole     = "user "        // begins the role of a user
	denyFirst   = 1              // priority of rules that deny: in a file of rules they win
	patternLast = noPriority - 1 // priority of the role of patterns
)

// FromFiles makes a file of dynamic security of users with their passwords and of
// access rules; nil rules allow everything. Notes are sentences on what it says
// otherwise than they do.
func FromFiles(users map[string]*password.Hash, rules *acl.Rules) (text []byte, notes []string, err error) {
	b := newBook()
	for name, h := range users {
		if err := checkName(name); err != nil {
			return nil, nil, fmt.Errorf("user %q: %w", name, err)
		}
		b.clients[name] = &client{name: name, hash: h, roles: ranks{}}
	}
	if rules == nil {
		b.defaults = Defaults{true, true, true, true}
	} else {
		b.defaults = Defaults{Subscribe: true, Unsubscribe: true}
		notes = b.takeRules(rules)
	}
	text, err = b.append()
	return text, notes, err
}

// takeRules makes roles of rules: one for each user, one for clients without a
// name, and one of the patterns that everybody has.
func (b *book) takeRules(rules *acl.Rules) (notes []string) {
	for r := range rules.All() {
		name := everybody
		switch r.Scope {
		case acl.Everybody:
		case acl.Anonymous:
			name = unnamed
		case acl.User:
			name = ownRole + r.User
			if b.clients[r.User] == nil {
				b.clients[r.User] = &client{name: r.User, roles: ranks{}}
				notes = append(notes, fmt.Sprintf("%s: user %s has no password, and cannot log in with one.", r.Place(), r.User))
			}
		}
		if r.Scope != acl.Everybody && (strings.Contains(r.Filter, "%c") || strings.Contains(r.Filter, "%u")) {
			notes = append(notes, r.Place()+": %c and %u stood for themselves there, and stand for names now.")
		}
		if b.roles[name] == nil {
			b.roles[name] = &role{name: name, wildcards: true}
		}
		b.roles[name].take(r)
	}
	for _, c := range b.clients {
		if b.roles[ownRole+c.name] != nil {
			c.roles[ownRole+c.name] = noPriority
		}
		if b.roles[everybody] != nil {
			c.roles[everybody] = patternLast
		}
	}
	g := &group{name: unnamed, roles: ranks{}, members: ranks{}}
	for name, priority := range map[string]int{unnamed: noPriority, everybody: patternLast} {
		if b.roles[name] != nil {
			g.roles[name] = priority
		}
	}
	b.groups[unnamed], b.anonymous = g, unnamed
	return notes
}

// take adds what a rule of a file says.
func (r *role) take(from *acl.Rule) {
	add := func(k kind, topic string, allow bool, priority int) {
		fresh := rule{kind: k, topic: topic, allow: allow, priority: priority}
		switch i := r.index(fresh); {
		case i < 0:
			r.rules = append(r.rules, fresh)
		case !allow && priority >= r.rules[i].priority:
			r.rules[i] = fresh
		}
	}
	if from.Access == acl.Deny {
		add(send, from.Filter, false, denyFirst)
		add(receive, from.Filter, false, denyFirst)
		return
	}
	if from.Access.Allows(acl.Publish) {
		add(send, from.Filter, true, 0)
	}
	if from.Access.Allows(acl.Receive) {
		add(receive, from.Filter, true, 0)
	}
	if from.Access.Allows(acl.Subscribe) { // all that is not allowed is denied from now on
		add(subscribePattern, from.Filter, true, 0)
		add(subscribePattern, "#", false, noPriority)
	}
}

// ToFiles makes a password file and a file of access rules of a file of dynamic
// security. Rules are fewer rather than more where the two cannot say the same,
// and notes are sentences on what is lost.
func ToFiles(text []byte) (passwords, rules []byte, notes []string, err error) {
	b, err := parse(text)
	if err != nil {
		return nil, nil, nil, err
	}
	users, err := password.ParseFile(nil)
	if err != nil {
		return nil, nil, nil, err
	}
	var out bytes.Buffer
	if g := b.groups[b.anonymous]; g != nil || b.defaults != (Defaults{}) {
		out.WriteString("# Clients without a user name.\n")
		notes = append(notes, b.writeRules(&out, "")...)
	}
	for _, name := range slices.Sorted(maps.Keys(b.clients)) {
		c := b.clients[name]
		switch {
		case c.disabled:
			notes = append(notes, fmt.Sprintf("Client %s is disabled, and is left out.", name))
			continue
		case c.hash == nil:
			notes = append(notes, fmt.Sprintf("Client %s has no password: only a certificate can let it in.", name))
		case password.CheckUser(name) != nil:
			notes = append(notes, fmt.Sprintf("Client %s cannot be named in a password file, and is left out.", name))
			continue
		default:
			users.Set(name, c.hash)
		}
		if c.id != "" {
			notes = append(notes, fmt.Sprintf("Client %s may have any client identifier, not only %s.", name, c.id))
		}
		fmt.Fprintf(&out, "\nuser %s\n", name)
		notes = append(notes, b.writeRules(&out, name)...)
	}
	return users.Append(nil), out.Bytes(), notes, nil
}

// right is what a client may do with a topic, or may not.
type right struct {
	filter string
	allow  bool
}

// rights are those of some kinds of rules, in the order in which they are asked;
// the last are the default.
func (s *subject) rights(otherwise bool, kinds ...kind) (all []right) {
	for i := range s.roles {
		for _, k := range kinds {
			all = append(all, s.roles[i].rights(k)...)
		}
	}
	return append(all, right{"#", otherwise}, right{"$SYS/#", otherwise})
}

func (g *granted) rights(k kind) (all []right) {
	own := g.own[k]
	for at := range g.rules[k] {
		a := &g.rules[k][at]
		if a.variable() {
			if len(own) == 0 || own[0].at != at {
				continue
			}
			a, own = &own[0].rule, own[1:]
		}
		all = append(all, right{a.topic, a.allow})
	}
	return all
}

// writeRules writes the rules of a client. In such a file a denial is of sending
// and receiving alike, and goes before everything that is allowed.
func (b *book) writeRules(out *bytes.Buffer, user string) (notes []string) {
	v := &view{book: b, roles: map[string]*compiled{}}
	for name, r := range b.roles {
		v.roles[name] = compile(r)
	}
	s := v.compile(identity{user: user})
	who := "Clients without a user name"
	if user != "" {
		who = "Client " + user
	}
	writes, lostWrites := settled(s.rights(b.defaults.Send, send))
	received, lostReads := settled(s.rights(b.defaults.Receive, receive))
	subscribed, lostSubscriptions := settled(s.rights(b.defaults.Subscribe, subscribeLiteral, subscribePattern))
	reads, lostBoth := both(received, subscribed) // in a file of rules whoever may read may subscribe
	for _, filter := range writes {
		access := "write"
		if slices.Contains(reads, filter) {
			access = "readwrite"
		}
		fmt.Fprintf(out, "topic %s %s\n", access, filter)
	}
	for _, filter := range reads {
		if !slices.Contains(writes, filter) {
			fmt.Fprintf(out, "topic read %s\n", filter)
		}
	}
	for _, lost := range [][]string{lostWrites, lostReads, lostSubscriptions, lostBoth} {
		for _, filter := range lost {
			notes = append(notes, fmt.Sprintf("%s may no longer use %s: another rule denies a part of that.", who, filter))
		}
	}
	for i := range s.roles {
		for _, a := range slices.Concat(s.roles[i].rules[:]...) {
			if a.allow && a.variable() && strings.Contains(a.topic, "%c") {
				notes = append(notes, fmt.Sprintf("%s has lost a rule about %s: only a pattern for everybody could say %%c.", who, a.topic))
			}
		}
	}
	return notes
}

// settled are the filters that are allowed whatever else is said, and those that
// are lost because something before them denies a part of what they match.
func settled(rights []right) (allowed, lost []string) {
	var denied []string
	for _, r := range rights {
		switch {
		case !r.allow:
			denied = append(denied, r.filter)
		case strings.HasPrefix(r.filter, "$share/"), slices.Contains(allowed, r.filter):
		case slices.ContainsFunc(denied, func(d string) bool { return acl.Covers(d, r.filter) }): // it never was allowed
		case slices.ContainsFunc(denied, func(d string) bool { return overlap(d, r.filter) }):
			lost = append(lost, r.filter)
		default:
			allowed = append(allowed, r.filter)
		}
	}
	return allowed, lost
}

// both are filters that match only what a filter of each list matches.
func both(a, b []string) (all, lost []string) {
	for _, x := range a {
		for _, y := range b {
			narrow := x
			switch {
			case acl.Covers(x, y):
				narrow = y
			case acl.Covers(y, x):
			case overlap(x, y):
				lost = append(lost, y)
				continue
			default:
				continue
			}
			if !slices.Contains(all, narrow) {
				all = append(all, narrow)
			}
		}
	}
	return all, slices.DeleteFunc(lost, func(filter string) bool { return slices.Contains(all, filter) })
}

// overlap reports whether some topic matches both filters.
func overlap(a, b string) bool {
	if a == "" || b == "" || (a[0] == '$') != (b[0] == '$') {
		return a == b
	}
	for {
		x, moreA, deeperA := strings.Cut(a, "/")
		y, moreB, deeperB := strings.Cut(b, "/")
		switch {
		case x == "#" || y == "#":
			return true
		case x != "+" && y != "+" && x != y:
			return false
		case !deeperA && !deeperB:
			return true
		case !deeperA:
			return moreB == "#"
		case !deeperB:
			return moreA == "#"
		}
		a, b = moreA, moreB
	}
}
