package daemon

import (
	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/config"
)

// guards are who decides what clients may do, as one configuration says. They
// are made in the first half of a reload, where all that can fail is read and
// checked; once made they do not change.
type guards struct {
	config *config.Config
}

// newGuards reads what the words of c about users and rights name. It refuses
// what could be served half-protected only.
func newGuards(c *config.Config) (*guards, error) {
	if err := Check(c); err != nil {
		return nil, err
	}
	return &guards{config: c}, nil
}

// authenticator decides who may connect by l; nil: everybody.
func (g *guards) authenticator(l *config.Listener) broker.Authenticator {
	switch {
	case l.EnableProxyProtocol == 2 && l.TLS.UseIdentityAsUsername:
		return certified{}
	case closed(g.config, l):
		return nobody{}
	}
	return nil
}

// closed reports whether nobody can connect by l.
func closed(c *config.Config, l *config.Listener) bool {
	return !c.AnonymousOn(l) && (l.EnableProxyProtocol != 2 || !l.TLS.UseIdentityAsUsername)
}

// authorizer decides what the clients that have come by l may do; nil:
// everything.
func (g *guards) authorizer(*config.Listener) broker.Authorizer { return nil }

// general decides about clients that have not come by any listener since the
// start, such as those of sessions that were restored; nil: they may everything.
func (g *guards) general() broker.Authorizer { return nil }
