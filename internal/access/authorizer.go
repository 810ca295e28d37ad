package access

import (
	"strings"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/acl"
)

// Mode says what becomes of a decision.
type Mode byte

// The modes. What the broker is controlled by is no matter of looking on: there
// every decision holds.
const (
	Enforce Mode = iota // it holds
	Warn                // everything passes; the log tells what would not
	Learn               // everything passes and is noted in the Book
)

// on is the mode for a topic.
func (m Mode) on(topic string) Mode {
	if strings.HasPrefix(topic, "$CONTROL/") {
		return Enforce
	}
	return m
}

// Decider decides before rules do.
type Decider interface {
	// Decide returns why something is denied, nil if it is allowed. Undecided, it
	// leaves that to the rules; where there are none, the error holds.
	Decide(q acl.Question) (denied error, decided bool)
	// DecideUnsubscribe does so for the end of a subscription, of which rules say
	// nothing.
	DecideUnsubscribe(q acl.Question) (denied error, decided bool)
}

// Authorizer decides by rules. It is not changed once it is in use: a reload
// puts another in its place.
type Authorizer struct {
	First   Decider    // is asked before the rules; nil: nobody is
	Rules   *acl.Rules // nil: everything is allowed that First leaves to them
	Mode    Mode
	Denials *Denials // are told of what was denied; nil: nobody is
	Book    *Book    // takes notes if the Mode is Learn
}

var _ broker.UnsubscriptionAuthorizer = (*Authorizer)(nil)

// Authorize decides for a client.
func (z *Authorizer) Authorize(c *broker.Client, a broker.Action, topic string) error {
	q := acl.Question{User: c.User(), Client: c.ID(), Action: acl.Action(a), Topic: topic}
	if z.Mode != Learn {
		return z.tell(q, z.decide(q))
	}
	if z.Mode.on(topic) == Enforce {
		if err := z.tell(q, z.decide(q)); err != nil {
			return err
		}
	}
	z.Book.Note(q)
	return nil
}

// tell tells of what is denied. It returns the error that holds.
func (z *Authorizer) tell(q acl.Question, denied error) error {
	if denied == nil {
		return nil
	}
	mode := z.Mode.on(q.Topic)
	z.Denials.tell(q, denied, mode)
	if mode == Warn {
		return nil
	}
	return denied
}

// decide returns why something is denied.
func (z *Authorizer) decide(q acl.Question) error {
	if z.First != nil {
		if denied, decided := z.First.Decide(q); decided || z.Rules == nil {
			return denied
		}
	}
	if z.Rules == nil {
		return nil
	}
	return z.Rules.Decide(q).Err()
}

// AuthorizeUnsubscribe decides whether a subscription may be ended.
func (z *Authorizer) AuthorizeUnsubscribe(c *broker.Client, filter string) error {
	if z.First == nil || z.Mode.on(filter) == Learn {
		return nil
	}
	q := acl.Question{User: c.User(), Client: c.ID(), Action: acl.Subscribe, Topic: filter}
	denied, decided := z.First.DecideUnsubscribe(q)
	if !decided && z.Rules != nil {
		return nil
	}
	return z.tell(q, denied)
}

// AnyOf decides about clients of which it is not known whose rules are theirs:
// they may what one of the Authorizers allows.
type AnyOf []*Authorizer

var _ broker.Authorizer = AnyOf(nil)

// Authorize decides for a client.
func (all AnyOf) Authorize(c *broker.Client, a broker.Action, topic string) error {
	q := acl.Question{User: c.User(), Client: c.ID(), Action: acl.Action(a), Topic: topic}
	for _, z := range all {
		if z.Mode != Learn && z.decide(q) == nil {
			return nil
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[0].Authorize(c, a, topic)
}
