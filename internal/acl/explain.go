package acl

import (
	"strings"

	"github.com/zancudomq/zancudo/topic"
)

// Explanation is a decision and the way to it.
type Explanation struct {
	Decision
	// Steps are the rules that were looked at, in order, to the one that decided.
	Steps []Step
}

// Step is what one rule has to do with a question.
type Step struct {
	Rule    *Rule
	Outcome Outcome
}

// Outcome is what came of looking at a rule.
type Outcome byte

// The outcomes.
const (
	Other      Outcome = iota // its filter does not match
	OtherWay                  // it matches and allows something else
	PassedOver                // it does not hold for what the client is called
	Denies
	Allows
)

// String is what the rule says of the question.
func (s Step) String() string {
	if s.Outcome == OtherWay {
		return "matches, but allows only " + s.Rule.Access.String()
	}
	return [...]string{Other: "does not match", PassedOver: "does not hold for this client", Denies: "denies", Allows: "allows"}[s.Outcome]
}

// Explain decides as Decide does, rule by rule and slowly.
func (r *Rules) Explain(q Question) Explanation {
	e := Explanation{}
	name, own := q.Topic, r.of(q.User)
	if q.Action == Subscribe {
		_, inner, _, err := topic.SplitShare(name)
		if name = inner; err != nil {
			name = ""
		}
		if !r.strict(own) {
			e.Decision = Decision{Allowed: true, Reason: Unchecked}
			return e
		}
	}
	special := kindOf(q.User) == special || kindOf(q.Client) == special
	q.Topic = name
	switch {
	case name == "":
		e.Decision = r.none(NoRule)
	case own != nil && e.look(own.rules, q):
	case special && len(r.patterns.rules) > 0:
		for _, rule := range r.patterns.rules {
			e.Steps = append(e.Steps, Step{rule, PassedOver})
		}
		e.Decision = r.none(SpecialName)
	case e.look(r.patterns.rules, q):
	default:
		e.Decision = r.none(NoRule)
	}
	return e
}

// look goes through a list, those that deny first. It reports whether one has
// decided.
func (e *Explanation) look(rules []*Rule, q Question) (decided bool) {
	for _, denying := range []bool{true, false} {
		for _, rule := range rules {
			if (rule.Access == Deny) != denying {
				continue
			}
			o := rule.outcome(q)
			e.Steps = append(e.Steps, Step{rule, o})
			switch o {
			case Denies:
				e.Decision = Decision{Rule: rule, denial: &rule.denial}
				return true
			case Allows:
				e.Decision = Decision{Allowed: true, Rule: rule}
				return true
			case Other, OtherWay, PassedOver:
			}
		}
	}
	return false
}

func (r *Rule) outcome(q Question) Outcome {
	switch {
	case !r.concerns(q.User, q.Client), r.Access != Deny && !r.holds(q):
		return PassedOver
	case !r.filled(q.User, q.Client, q.Action, q.Topic):
		return Other
	case r.Access == Deny:
		return Denies
	case r.Access.Allows(q.Action):
		return Allows
	default:
		return OtherWay
	}
}

// holds reports whether a rule that allows holds for what the client is called:
// a name stands for one level, and never for the first of a topic of the broker.
func (r *Rule) holds(q Question) bool {
	if r.uses('c') && strings.Contains(q.Client, "/") || r.uses('u') && strings.Contains(q.User, "/") {
		return false
	}
	return q.Topic[0] != '$' || len(r.levels) == 0 || len(r.levels[0]) == 0 || r.levels[0][0].variable == 0
}
