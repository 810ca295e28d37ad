package dynsec

import (
	"fmt"
	"strings"

	"github.com/zancudomq/zancudo/internal/acl"
	"github.com/zancudomq/zancudo/topic"
)

// Explanation is a decision and the way to it.
type Explanation struct {
	Allowed bool
	Reason  string // a clause, in the words of the log if it is denied
	Steps   []Step // the ACLs that were looked at; the last one has decided, unless it matches nothing
	Rule    *Rule  // that decided; nil: none did
}

// Rule is an ACL as the file has it, and how the client comes by it.
type Rule struct {
	Role, Group string // Group is empty if the client itself has the role
	Text        string // of the ACL
}

// String names the role, and the group if there is one.
func (r Rule) String() string {
	if r.Group != "" {
		return fmt.Sprintf("role %q of group %q", r.Role, r.Group)
	}
	return fmt.Sprintf("role %q", r.Role)
}

// Step is an ACL that was looked at.
type Step struct {
	Rule
	Outcome string // what came of it
	Matches bool   // it is about what was asked
}

// Explain decides as Decide does, ACL by ACL and slowly. About a client that it
// does not know it is undecided.
func (s *Security) Explain(q acl.Question) (e Explanation, decided bool) {
	v, who := s.view.Load(), identity{q.User, q.Client}
	of := v.subject(who)
	if !of.known {
		return Explanation{Reason: errUnknown.Error()}, false
	}
	defaults, sorts := v.book.defaults, []kind(nil)
	allow := false
	switch q.Action {
	case acl.Publish:
		sorts, allow = []kind{send}, defaults.Send
	case acl.Receive:
		sorts, allow = []kind{receive}, defaults.Receive
	case acl.Subscribe:
		sorts, allow = []kind{subscribeLiteral, subscribePattern}, defaults.Subscribe
	}
	for i := range of.roles {
		g := &of.roles[i]
		if q.Action == acl.Subscribe && !g.wildcards && strings.ContainsAny(q.Topic, "+#") {
			e.decide(Rule{g.name, g.group, "allowwildcardsubs false"}, denial{role: g.name, group: g.group, what: "subscriptions with wildcards"})
			return e, true
		}
		for _, k := range sorts {
			if e.look(g, k, q.Topic) {
				return e, true
			}
		}
	}
	what := strings.TrimSuffix(sorts[0].String(), "Literal")
	err := usual(allow, what, q.Topic)
	if e.Allowed = err == nil; e.Allowed {
		e.Reason = "dynamic security: no role says anything of it, and the default access allows " + what
		return e, true
	}
	e.Reason = err.Error()
	return e, true
}

// look looks at the ACLs of a kind in one role, and reports whether one decides.
func (e *Explanation) look(g *granted, k kind, asked string) bool {
	for at := range g.rules[k] {
		written := &g.rules[k][at]
		r, holds := g.placed(k, at)
		rule := Rule{g.name, g.group, written.text()}
		switch {
		case !holds:
			e.Steps = append(e.Steps, Step{rule, "does not hold for this client", true})
		case r.matches(asked):
			e.decide(rule, r.verdict(g))
			return true
		default:
			e.Steps = append(e.Steps, Step{rule, "does not match", false})
		}
	}
	return false
}

// decide notes the ACL that decides; denied is nil if it allows.
func (e *Explanation) decide(r Rule, denied error) {
	outcome := "denies"
	if denied == nil {
		outcome = "allows"
		e.Allowed, e.Reason = true, fmt.Sprintf("dynamic security: %s allows it", r)
	} else {
		e.Reason = denied.Error()
	}
	e.Rule = &r
	e.Steps = append(e.Steps, Step{r, outcome, true})
}

// placed is a rule with the client's names in it; holds is false if they would
// widen it.
func (g *granted) placed(k kind, at int) (r *rule, holds bool) {
	if !g.rules[k][at].variable() {
		return &g.rules[k][at], true
	}
	for i := range g.own[k] {
		if g.own[k][i].at == at {
			return &g.own[k][i].rule, true
		}
	}
	return nil, false
}

// matches reports whether a rule is about what was asked: a topic of a message,
// or a filter.
func (a *rule) matches(asked string) bool {
	switch a.kind {
	case send, receive:
		return topic.Match(a.topic, asked)
	case subscribePattern, unsubscribePattern:
		return acl.Covers(a.topic, asked)
	default:
		return a.topic == asked
	}
}

// text is a rule as people read it.
func (a *rule) text() string {
	word := "deny"
	if a.allow {
		word = "allow"
	}
	text := fmt.Sprintf("%s %v %s", word, a.kind, a.topic)
	if a.priority != 0 {
		text += fmt.Sprintf(" (priority %d)", a.priority)
	}
	return text
}
