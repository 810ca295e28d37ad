package daemon

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/acl"
	"github.com/zancudomq/zancudo/internal/atomicfile"
	"github.com/zancudomq/zancudo/internal/auth"
	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/dynsec"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/packet"
)

// dynamic is dynamic security with its file, which is changed by commands and
// may be changed by hand. It outlives reloads.
type dynamic struct {
	daemon   *daemon
	path     string
	security *dynsec.Security

	mu    sync.Mutex
	text  []byte        // of the file, as it was read or saved last
	leave []func(error) // end the connections of those who must go soon
	timer *time.Timer
}

// expelAfter is how long those stay who must go, so that who has changed his own
// rights gets his answer.
const expelAfter = 100 * time.Millisecond

// addDynamic gives g the dynamic security that its configuration names: the one
// there is, if it has the same file. What the file says now, if it was changed
// by hand, it must make sense.
func (d *daemon) addDynamic(g *guards) error {
	file := dynamicFile(g.config)
	if file == nil {
		return nil
	}
	text, err := d.readDynamic(file)
	if err != nil {
		return file.Problem(fmt.Sprintf("Unable to read the file of dynamic security '%s'.", file.Path), sentenceOf(err))
	}
	if d.guards != nil && d.guards.dynamic != nil && d.guards.dynamic.path == file.Path {
		g.dynamic = d.guards.dynamic
		if g.dynamic.has(text) {
			return nil
		}
		if _, err := dynsec.New(text, dynsec.Options{Passwords: d.logins}); err != nil {
			return wrongDynamic(file, err)
		}
		return nil
	}
	g.dynamic = &dynamic{daemon: d, path: file.Path, text: text}
	g.dynamic.security, err = dynsec.New(text, dynsec.Options{
		Save: g.dynamic.save, Passwords: d.logins, Connections: d.addressesOf, Expel: g.dynamic.expel, Logger: d.logger,
	})
	if err != nil {
		return wrongDynamic(file, err)
	}
	return nil
}

// dynamicFile is the file of dynamic security of a configuration; nil: there is none.
func dynamicFile(c *config.Config) *config.SecurityFile {
	for _, l := range c.Listeners {
		if f := c.DynamicFileOn(l); f != nil && l.Protocol != httpAPI {
			return f
		}
	}
	return nil
}

func wrongDynamic(f *config.SecurityFile, err error) error {
	return f.Problem(fmt.Sprintf("The file of dynamic security '%s' makes no sense: %v.", f.Path, err), "Correct it, or put a copy in its place.")
}

func sentenceOf(err error) string {
	var s sentence
	if errors.As(err, &s) {
		return s.Error()
	}
	return fmt.Sprintf("The reason is: %v.", err)
}

// readDynamic reads the file. Where there is none it makes one, as Mosquitto does.
func (d *daemon) readDynamic(f *config.SecurityFile) ([]byte, error) {
	if _, err := os.Stat(f.Path); !errors.Is(err, fs.ErrNotExist) {
		return read(f.Path)
	}
	secret, told, err := firstPassword(f)
	if err != nil {
		return nil, err
	}
	text, err := dynsec.Begin(secret)
	if err != nil {
		return nil, err
	}
	if err := atomicfile.Write(f.Path, text, atomicfile.Options{Inherit: true}); err != nil {
		return nil, err
	}
	d.logger.Warn("dynamic security begun", "file", f.Path, "user", dynsec.Admin, "text", told)
	return text, nil
}

const (
	passwordVariable = "MOSQUITTO_DYNSEC_PASSWORD"
	shortestPassword = 12
)

// firstPassword is the password of the first client, and a sentence on where it
// is from. One that is made up is written beside the file.
func firstPassword(f *config.SecurityFile) (secret, told string, err error) {
	if f.InitFile != "" {
		text, err := read(f.InitFile)
		if err != nil {
			return "", "", fmt.Errorf("read plugin_opt_password_init_file %s: %w", f.InitFile, err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		if secret = strings.TrimRight(line, "\r"); secret == "" {
			return "", "", fmt.Errorf("plugin_opt_password_init_file %s begins with an empty line", f.InitFile)
		}
		return secret, "The password is the first line of " + f.InitFile + ".", nil
	}
	if secret = os.Getenv(passwordVariable); secret != "" {
		if len(secret) < shortestPassword {
			return "", "", fmt.Errorf("the password in %s has less than %d bytes", passwordVariable, shortestPassword)
		}
		return secret, "The password is that in " + passwordVariable + ".", nil
	}
	secret = rand.Text()
	path := f.Path + ".pw"
	if err := atomicfile.Write(path, []byte(dynsec.Admin+" "+secret+"\n"), atomicfile.Options{Inherit: true}); err != nil {
		return "", "", err
	}
	return secret, "The password is in " + path + "; keep it elsewhere and remove the file.", nil
}

// logins is an Authenticator of users with these hashes.
func (d *daemon) logins(hashes map[string]*password.Hash) broker.Authenticator {
	return &auth.Passwords{Users: auth.NewUsers(hashes), Verifier: d.verifier}
}

// addressesOf are the addresses from which a user is connected.
func (d *daemon) addressesOf(user string) (all []string) {
	for c := range d.broker.Clients() {
		if c.User() != user {
			continue
		}
		if a := c.RemoteAddr(); a != nil {
			all = append(all, a.String())
		}
	}
	return all
}

// save puts another text into the file.
func (s *dynamic) save(text []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := atomicfile.Write(s.path, text, atomicfile.Options{Inherit: true}); err != nil {
		return err
	}
	s.text = text
	return nil
}

// has reports whether this is the text that is in force already.
func (s *dynamic) has(text []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Equal(s.text, text)
}

// reread has what was written by hand into the file in force, if anything was.
func (s *dynamic) reread() {
	err := s.security.Reload(func() ([]byte, error) {
		text, err := read(s.path)
		s.mu.Lock()
		defer s.mu.Unlock()
		if err != nil || bytes.Equal(s.text, text) {
			return nil, err
		}
		s.text = text
		return text, nil
	})
	if err != nil { // it made sense a moment ago
		s.mu.Lock()
		s.text = nil // what is there is not in force
		s.mu.Unlock()
		s.daemon.logger.Error("dynamic security not reloaded", "file", s.path, "err", err)
	}
}

// expel disconnects users a moment later. Who comes meanwhile has the new rights
// already.
func (s *dynamic) expel(users map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := len(s.leave) > 0
	for c := range s.daemon.broker.Clients() {
		if disconnect := c.Disconnecter(); disconnect != nil && users[c.User()] {
			s.leave = append(s.leave, disconnect)
		}
	}
	if !waiting && len(s.leave) > 0 {
		s.timer = time.AfterFunc(expelAfter, s.disconnect)
	}
}

func (s *dynamic) disconnect() {
	s.mu.Lock()
	leave := s.leave
	s.leave = nil
	s.mu.Unlock()
	for _, disconnect := range leave {
		disconnect(fmt.Errorf("the rights of the client were changed: %w", packet.AdministrativeAction))
	}
}

// stop has nobody disconnected any more; a nil one has nobody to.
func (s *dynamic) stop() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
}

// dynamicLogin is an Authenticator of the clients of dynamic security, and of
// those of a password file whom that does not know.
type dynamicLogin struct {
	security  *dynsec.Security
	others    *auth.Passwords // nil: there are none
	anonymous bool
}

var (
	_ broker.Reviewer              = (*dynamicLogin)(nil)
	_ broker.EnhancedAuthenticator = (*dynamicLogin)(nil)
)

func (a *dynamicLogin) Authenticate(ctx context.Context, c *broker.ConnectRequest) error {
	switch {
	case !c.HasUsername && a.anonymous:
		return nil
	case a.others != nil && !a.security.Knows(c.Username):
		return a.others.Authenticate(ctx, c)
	default:
		return a.security.Authenticate(ctx, c)
	}
}

// Begin lets users of the password file authenticate by other methods; dynamic
// security has none.
func (a *dynamicLogin) Begin(ctx context.Context, c *broker.ConnectRequest, method string) (broker.AuthExchange, error) {
	if a.others == nil {
		return nil, fmt.Errorf("dynamic security has passwords only: %w", packet.BadAuthenticationMethod)
	}
	x, err := a.others.Begin(ctx, c, method)
	if err != nil {
		return nil, err
	}
	return &otherExchange{x, a.security, c}, nil
}

// otherExchange is an exchange of a user of the password file, who must not be
// one of dynamic security.
type otherExchange struct {
	broker.AuthExchange
	security *dynsec.Security
	request  *broker.ConnectRequest
}

func (x *otherExchange) Next(ctx context.Context, data []byte) (answer []byte, done bool, err error) {
	answer, done, err = x.AuthExchange.Next(ctx, data)
	if err == nil && done && x.security.Knows(x.request.Username) {
		return nil, false, fmt.Errorf("the user has another password in dynamic security: %w", packet.NotAuthorized)
	}
	return answer, done, err
}

func (a *dynamicLogin) Review(user string, credential any) error {
	switch {
	case user == "" && credential == nil && a.anonymous:
		return nil
	case a.others != nil && !a.security.Knows(user):
		return a.others.Review(user, credential)
	default:
		return a.security.Review(user, credential)
	}
}

// barred keeps requests to dynamic security from those who have come by a
// listener without it, where nothing says who is who.
type barred struct{ alone bool }

func (s barred) Decide(q acl.Question) (denied error, decided bool) {
	if strings.HasPrefix(q.Topic, dynsec.Topic) {
		return errBarred, true
	}
	return nil, s.alone
}

func (s barred) DecideUnsubscribe(acl.Question) (denied error, decided bool) { return nil, true }

var errBarred = fmt.Errorf("this listener has no dynamic security: %w", packet.NotAuthorized)

// dynamicAPI is an Interceptor that takes the requests.
type dynamicAPI struct {
	daemon   *daemon
	security *dynsec.Security
}

var _ broker.Interceptor = dynamicAPI{}

// Intercept takes a request. Everybody who has subscribed, and may, gets the
// response.
func (a dynamicAPI) Intercept(c *broker.Client, m *packet.Message) (*packet.Message, error) {
	if m.Topic != dynsec.Topic {
		return m, nil
	}
	answer := a.security.Answer(dynsec.Request{ID: c.ID(), User: c.User(), Payload: m.Payload})
	return nil, a.daemon.broker.Publish(&packet.Message{Topic: dynsec.Topic + "/response", Payload: answer})
}
