package daemon

import (
	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/access"
	"github.com/zancudomq/zancudo/internal/auth"
	"github.com/zancudomq/zancudo/internal/config"
)

// guards are who decides what clients may do, as one configuration says. They
// are made in the first half of a reload, where all that can fail is read and
// checked; once made they do not change.
type guards struct {
	config   *config.Config
	watch    *watch              // nil: nobody is told anything
	acl      map[string]*aclFile // by their names
	users    *userFiles
	verifier *auth.Verifier // of their passwords
	dynamic  *dynamic       // is added before they are used; nil: there is none
}

// newGuards reads what the words of c about users and rights name. It refuses
// what could be served half-protected only.
func newGuards(c *config.Config, w *watch, v *auth.Verifier) (*guards, error) {
	if err := Check(c); err != nil {
		return nil, err
	}
	files, problems := readRules(c)
	if len(problems) > 0 {
		return nil, problems
	}
	users, err := readUsers(c)
	if err != nil {
		return nil, err
	}
	return &guards{config: c, watch: w, acl: files, users: users, verifier: v}, nil
}

// authenticator decides who may connect by l; nil: everybody.
func (g *guards) authenticator(l *config.Listener) broker.Authenticator {
	switch {
	case identifies(l):
		return identified{l.TLS.UseSubjectAsUsername}
	case g.config.DynamicFileOn(l) != nil && g.dynamic != nil:
		return g.dynamicLogin(l)
	case g.users.on[l] != nil:
		return &auth.Passwords{Users: g.users.on[l], Verifier: g.verifier, Anonymous: g.config.AnonymousOn(l)}
	case closed(g.config, l):
		return nobody{}
	case g.rulesOn(l) != nil || g.config.ACLMode == "learn":
		return claimed{}
	}
	return nil
}

// prove reports whether there is a listener by which clients prove who they are.
// Without one a name is what anybody says, and owns nothing.
func (g *guards) prove() bool {
	for _, l := range g.config.Listeners {
		switch g.authenticator(l).(type) {
		case nil, claimed, nobody:
		default:
			return true
		}
	}
	return false
}

// dynamicLogin decides who may connect by a listener with dynamic security.
func (g *guards) dynamicLogin(l *config.Listener) broker.Authenticator {
	a := &dynamicLogin{security: g.dynamic.security, anonymous: g.config.AnonymousOn(l)}
	if users := g.users.on[l]; users != nil {
		a.others = &auth.Passwords{Users: users, Verifier: g.verifier}
	}
	return a
}

// first decides before the rules about the clients of l; nil: nobody does.
func (g *guards) first(l *config.Listener) access.Decider {
	switch {
	case g.dynamic == nil:
		return nil
	case g.config.DynamicFileOn(l) != nil:
		return g.dynamic.security
	default:
		return barred{alone: g.rulesOn(l) == nil}
	}
}

// closed reports whether nobody can connect by l.
func closed(c *config.Config, l *config.Listener) bool {
	return !c.AnonymousOn(l) && len(c.PasswordFilesOn(l)) == 0 && c.DynamicFileOn(l) == nil && !identifies(l)
}
