package dynsec

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/acl"
	"github.com/zancudomq/zancudo/internal/control"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/packet"
)

// Topic takes requests; their answers go to the topic below it, "response".
const Topic = "$CONTROL/dynamic-security/v1"

// Options say what a Security works with. Save and Passwords must be given.
type Options struct {
	// Save puts text in the place of the file, all of it or nothing.
	Save func(text []byte) error
	// Passwords is an Authenticator of users with these hashes.
	Passwords func(hashes map[string]*password.Hash) broker.Authenticator
	// Connections are the addresses from which a user is connected; nil: they
	// are not told.
	Connections func(user string) []string
	// Expel disconnects clients whose rights may have changed, by their users;
	// without waiting. "" are those without a name. Nil: they stay.
	Expel func(users map[string]bool)
	// Logger is told of every command; nil: nothing is logged.
	Logger *slog.Logger
}

// Security is dynamic security in use. Its methods may be called at once.
type Security struct {
	options Options

	mu   sync.Mutex // one request at a time
	view atomic.Pointer[view]
}

var _ broker.Reviewer = (*Security)(nil)

// New reads the text of a file.
func New(text []byte, o Options) (*Security, error) {
	b, err := parse(text)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Security{options: o}
	s.use(b)
	return s, nil
}

// Reload reads the file again, between two requests; read returns nil if it is as
// it was. After an error all is as it was.
func (s *Security) Reload(read func() ([]byte, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err := read()
	if err != nil || text == nil {
		return err
	}
	b, err := parse(text)
	if err != nil {
		return err
	}
	s.use(b)
	return nil
}

// use decides by a book from now on.
func (s *Security) use(b *book) {
	hashes := map[string]*password.Hash{}
	for _, c := range b.clients {
		if c.hash != nil {
			hashes[c.name] = c.hash
		}
	}
	v := &view{book: b, login: s.options.Passwords(hashes), roles: map[string]*compiled{}}
	for name, r := range b.roles {
		v.roles[name] = compile(r)
	}
	s.view.Store(v)
}

// Knows reports whether there is a client of this name.
func (s *Security) Knows(user string) bool { return s.view.Load().book.clients[user] != nil }

// Authenticate lets a client in that has the password, and the identifier if
// one is set for it.
func (s *Security) Authenticate(ctx context.Context, c *broker.ConnectRequest) error {
	v := s.view.Load()
	if err := v.login.Authenticate(ctx, c); err != nil {
		return err
	}
	return v.admits(c.Username, c.ClientID)
}

// admits refuses those who are disabled or somebody else.
func (v *view) admits(user, id string) error {
	switch c := v.book.clients[user]; {
	case c == nil:
		return nil
	case c.disabled:
		return fmt.Errorf("dynamic security: the client is disabled: %w", packet.NotAuthorized)
	case c.id != "" && c.id != id:
		return fmt.Errorf("dynamic security: the client identifier is not %q: %w", c.id, packet.NotAuthorized)
	}
	return nil
}

// Review tells whether a client that was let in may stay.
func (s *Security) Review(user string, credential any) error {
	v := s.view.Load()
	if r, ok := v.login.(broker.Reviewer); ok {
		if err := r.Review(user, credential); err != nil {
			return err
		}
	}
	if c := v.book.clients[user]; c != nil && c.disabled {
		return v.admits(user, c.id)
	}
	return nil
}

// Decide decides by the roles of a client: nil, or why not. About a client that
// it does not know it is undecided.
func (s *Security) Decide(q acl.Question) (denied error, decided bool) {
	v, who := s.view.Load(), identity{q.User, q.Client}
	var err error
	switch q.Action {
	case acl.Publish:
		err = v.message(who, send, q.Topic, v.book.defaults.Send)
	case acl.Receive:
		err = v.message(who, receive, q.Topic, v.book.defaults.Receive)
	case acl.Subscribe:
		err = v.filter(who, subscribeLiteral, subscribePattern, q.Topic, v.book.defaults.Subscribe)
	}
	return err, !errors.Is(err, errUnknown)
}

// DecideUnsubscribe decides whether a client may end a subscription.
func (s *Security) DecideUnsubscribe(q acl.Question) (denied error, decided bool) {
	v := s.view.Load()
	err := v.filter(identity{q.User, q.Client}, unsubscribeLiteral, unsubscribePattern, q.Topic, v.book.defaults.Unsubscribe)
	return err, !errors.Is(err, errUnknown)
}

// Request is what a client asks for.
type Request struct {
	ID, User string // of the client
	Payload  []byte
}

// Answer does the commands of a request and saves what they have changed. If that
// fails, nothing has changed, and the answer says so.
func (s *Security) Answer(r Request) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.view.Load().book.clone()
	answer := control.Answer(r.Payload, s.handlers(b, &r))
	if !b.changed {
		return answer
	}
	b.changes++
	text, err := b.append()
	if err == nil {
		err = s.options.Save(text)
	}
	if err != nil {
		s.options.Logger.Error("dynamic security not saved", "client", r.ID, "user", r.User, "err", err)
		return control.Answer(r.Payload, s.failing())
	}
	s.use(b)
	if len(b.affected) > 0 && s.options.Expel != nil {
		s.options.Expel(b.affected)
	}
	return answer
}

// failing are the commands where nothing can be saved.
func (s *Security) failing() map[string]control.Handler {
	all := map[string]control.Handler{}
	for name := range s.commands() {
		all[name] = func(control.Command) (any, error) { return nil, problem("Internal error: the file cannot be saved") }
	}
	return all
}

// audit logs a command, but no password.
func (s *Security) audit(r *Request, c control.Command, err error) {
	args := []any{"client", r.ID, "user", r.User, "command", c.Name}
	for _, field := range []string{"username", "groupname", "rolename", "acltype", "topic", "allow", "priority", "clientid"} {
		if v, given := c.Fields[field]; given {
			args = append(args, field, strings.Trim(string(v), `"`))
		}
	}
	if _, given := c.Fields["password"]; given {
		args = append(args, "password", "*****")
	}
	if err != nil {
		args = append(args, "err", err)
	}
	s.options.Logger.Info("dynamic security command", args...)
}
