package auth

import (
	"context"
	"fmt"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/packet"
)

// Passwords is an Authenticator of users with passwords. It is not changed once
// it is in use: other users are another Passwords.
type Passwords struct {
	Users *Users
	// Verifier does the work; it must not be nil.
	Verifier *Verifier
	// Anonymous lets clients in that give no user name.
	Anonymous bool
}

var (
	_ broker.Authenticator = (*Passwords)(nil)
	_ broker.Reviewer      = (*Passwords)(nil)
)

// Authenticate lets a client in that gives a user name and the password of that
// user: both, whatever either is worth.
func (p *Passwords) Authenticate(ctx context.Context, c *broker.ConnectRequest) error {
	switch {
	case !c.HasUsername && p.Anonymous:
		return nil
	case !c.HasUsername:
		return missing("user name")
	case !c.HasPassword:
		return missing("password")
	}
	hash, known := p.Users.find(c.Username)
	if hash == nil {
		return wrong("there are no users")
	}
	return p.Verifier.verify(ctx, c, hash, known)
}

// Review tells whether a client that was let in may stay: one without a name
// where there are such, a user while the password is the one that was verified.
func (p *Passwords) Review(user string, credential any) error {
	if credential == nil && user == "" && p.Anonymous {
		return nil
	}
	verified, ok := credential.(*password.Hash)
	if !ok {
		return fmt.Errorf("who may connect was decided anew: %w", packet.NotAuthorized)
	}
	switch now, known := p.Users.find(user); {
	case !known:
		return &Refusal{packet.NotAuthorized, "the user was removed", "Who may connect has changed."}
	case now != verified && now.String() != verified.String():
		return &Refusal{packet.NotAuthorized, "the password was changed", "Who may connect has changed: connect again with the new password."}
	}
	return nil
}
