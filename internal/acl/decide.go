package acl

import (
	"strings"

	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// Question is what is to be decided.
type Question struct {
	User   string // empty: none
	Client string // its identifier
	Action Action
	Topic  string // of Subscribe, the filter as the client wrote it, with $share/group/
}

// Decision is the answer.
type Decision struct {
	Allowed bool
	Rule    *Rule  // that decided; nil: none did
	Reason  Reason // what did instead
	denial  *Denial
}

// Reason is what decides without a rule.
type Reason byte

// The reasons. Only Unchecked allows.
const (
	ByRule      Reason = iota // a rule decided
	NoRule                    // no rule lets the client do it
	SpecialName               // patterns do not hold for names with + or #, and nothing else lets it
	Unchecked                 // no rule is about subscribing: what is received is checked
	reasons
)

func (r Reason) String() string {
	return [...]string{
		"a rule decides",
		"no rule allows it",
		"no pattern holds for a client whose identifier or user name has a +, a # or a null character, and no other rule allows it",
		"no rule for this client says 'subscribe': every subscription is accepted, and each message is checked",
	}[r]
}

// Err is nil if the client may, else a *Denial.
func (d Decision) Err() error {
	if d.Allowed {
		return nil
	}
	return d.denial
}

// Denial is the error of a client that may not. There is one for each rule, so
// that denying costs nothing.
type Denial struct {
	File   string // of the rules
	Rule   *Rule  // nil: no rule decided
	Reason Reason
}

func (d *Denial) Error() string {
	if d.Rule == nil {
		return d.File + ": " + d.Reason.String()
	}
	return d.Rule.Place() + " says '" + d.Rule.Text + "'"
}

// ReasonString is what the client may know: not the rules.
func (d *Denial) ReasonString() string { return "the access rules do not allow this topic" }

// Unwrap returns what the client is told.
func (d *Denial) Unwrap() error { return packet.NotAuthorized }

// Decide answers a question. First come the rules of the user, or those for
// clients without a name, then the patterns. In each list one that denies wins
// over those that allow.
//
// To subscribe is checked for those clients whose list, or the patterns, have a
// rule that says so: one of them must cover the filter, and of a shared
// subscription that without $share/group/. All others may subscribe to
// everything. Either way they receive only what they may receive.
func (r *Rules) Decide(q Question) Decision {
	name, own := q.Topic, r.of(q.User)
	if q.Action == Subscribe {
		if !r.strict(own) {
			return Decision{Allowed: true, Reason: Unchecked}
		}
		_, inner, _, err := topic.SplitShare(name)
		if name = inner; err != nil {
			return r.none(NoRule)
		}
	}
	if name == "" {
		return r.none(NoRule)
	}
	w := walk{user: q.User, client: q.Client, topic: name, filter: q.Action == Subscribe, action: q.Action}
	if own != nil {
		w.visit(&own.tree, 0)
	}
	if w.deny == nil && w.allow == nil && len(r.patterns.rules) > 0 {
		switch user, client := kindOf(q.User), kindOf(q.Client); {
		case user == special || client == special:
			return r.none(SpecialName)
		case user == odd || client == odd:
			r.denyByName(&w)
		}
		w.visit(&r.patterns.tree, 0)
	}
	switch {
	case w.deny != nil:
		return Decision{Rule: w.deny, denial: &w.deny.denial}
	case w.allow != nil:
		return Decision{Allowed: true, Rule: w.allow}
	}
	return r.none(NoRule)
}

// strict reports whether to subscribe is checked for a client with these rules.
func (r *Rules) strict(own *list) bool { return r.patterns.strict || own != nil && own.strict }

// none is the decision if no rule has made one.
func (r *Rules) none(why Reason) Decision {
	d := &r.denials[why]
	if d.Reason != why {
		d = &Denial{Reason: why} // of the zero value
	}
	return Decision{Reason: why, denial: d}
}

// denyByName has patterns that deny hold for a client whose name has more than
// one level, or begins with a $. Those that allow do not hold for it.
func (r *Rules) denyByName(w *walk) {
	for _, rule := range r.deniedByName {
		if (w.deny == nil || rule.Line < w.deny.Line) && rule.concerns(w.user, w.client) && rule.filled(w.user, w.client, w.action, w.topic) {
			w.deny = rule
		}
	}
}

// concerns reports whether the client has what the rule's variables stand for.
func (r *Rule) concerns(user, client string) bool {
	return (user != "" || !r.uses('u')) && (client != "" || !r.uses('c'))
}

// filled reports whether the rule matches, whatever its variables become.
func (r *Rule) filled(user, client string, a Action, name string) bool {
	filter := r.fill(user, client)
	if a == Subscribe {
		return Covers(filter, name)
	}
	return topic.Match(filter, name)
}

// kind says how a user name or client identifier fits into a pattern.
type kind byte

const (
	plain   kind = iota
	odd          // it has several levels or could be taken for a topic of the broker
	special      // it could be taken for a wildcard
)

func kindOf(name string) kind {
	k := plain
	for i := range len(name) {
		switch name[i] {
		case '+', '#', 0:
			return special
		case '/':
			k = odd
		case '$':
			if i == 0 {
				k = odd
			}
		}
	}
	return k
}

// Covers reports whether every topic that one filter matches is matched by
// another, the wider. Both are valid and without $share/group/.
func Covers(wider, filter string) bool {
	if filter == "#" && wider == "+/#" { // there is no topic without a first level
		return true
	}
	if filter != "" && filter[0] == '$' && (wider == "" || wider[0] != '$') { // [MQTT-4.7.2-1]
		return false
	}
	for {
		w, moreWide, wideEnds := cut(wider)
		f, more, ends := cut(filter)
		switch {
		case w == "#":
			return true
		case f == "#", w != "+" && w != f:
			return false
		case ends:
			return wideEnds || moreWide == "#"
		case wideEnds:
			return false
		}
		wider, filter = moreWide, more
	}
}

// cut takes the first level off a filter.
func cut(filter string) (level, more string, last bool) {
	level, more, found := strings.Cut(filter, "/")
	return level, more, !found
}
