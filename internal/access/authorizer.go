package access

import (
	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/acl"
)

// Mode says what becomes of a decision.
type Mode byte

// The modes.
const (
	Enforce Mode = iota // it holds
	Warn                // everything passes; the log tells what would not
	Learn               // everything passes and is noted in the Book
)

// Authorizer decides by rules. It is not changed once it is in use: a reload
// puts another in its place.
type Authorizer struct {
	Rules   *acl.Rules // nil: everything is allowed
	Mode    Mode
	Denials *Denials // are told of what was denied; nil: nobody is
	Book    *Book    // takes notes if the Mode is Learn
}

var _ broker.Authorizer = (*Authorizer)(nil)

// Authorize decides for a client.
func (z *Authorizer) Authorize(c *broker.Client, a broker.Action, topic string) error {
	q := acl.Question{User: c.User(), Client: c.ID(), Action: acl.Action(a), Topic: topic}
	if z.Mode == Learn {
		z.Book.Note(q)
		return nil
	}
	if z.Rules == nil {
		return nil
	}
	d := z.Rules.Decide(q)
	if d.Allowed {
		return nil
	}
	z.Denials.tell(q, d, z.Mode)
	if z.Mode == Warn {
		return nil
	}
	return d.Err()
}

// AnyOf decides about clients of which it is not known whose rules are theirs:
// they may what one of the Authorizers allows.
type AnyOf []*Authorizer

var _ broker.Authorizer = AnyOf(nil)

// Authorize decides for a client.
func (all AnyOf) Authorize(c *broker.Client, a broker.Action, topic string) error {
	q := acl.Question{User: c.User(), Client: c.ID(), Action: acl.Action(a), Topic: topic}
	for _, z := range all {
		if z.Mode != Learn && (z.Rules == nil || z.Rules.Decide(q).Allowed) {
			return nil
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[0].Authorize(c, a, topic)
}
