package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// house is a broker with a listener in memory. The tests beside it see its
// inside: they count what is left.
type house struct {
	*testing.T
	*Broker
	listener *memnet.Listener
	served   chan error
	log      *logbook
}

// inHouse runs f with a broker in a bubble, and checks afterwards that nothing
// is left of it.
func inHouse(t *testing.T, o Options, f func(h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := openHouse(t, o)
		f(h)
	})
}

func openHouse(t *testing.T, o Options) *house {
	t.Helper()
	h := &house{T: t, listener: memnet.Listen(), served: make(chan error, 1), log: &logbook{}}
	if o.Logger == nil {
		o.Logger = slog.New(h.log)
	}
	h.Broker = New(o)
	go func() { h.served <- h.Serve(h.listener) }()
	t.Cleanup(h.close)
	return h
}

// close shuts the broker down and checks that nothing runs any more.
func (h *house) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		h.Errorf("shut down: %v", err)
	}
	if err := <-h.served; !errors.Is(err, ErrClosed) {
		h.Errorf("Serve returned %v", err)
	}
	left := h.inventory()
	left.sessions, left.subscriptions, left.shared, left.shares, left.retained, left.retainedBytes, left.alarms = 0, 0, 0, 0, 0, 0, 0
	if left != (inventory{}) {
		h.Errorf("left after Shutdown: %+v", left)
	}
	if panics := h.log.with("panicked"); len(panics) > 0 {
		h.Errorf("panics: %s", strings.Join(panics, "\n"))
	}
}

// inventory is everything a broker holds, counted.
type inventory struct {
	connected, sessions, conns, running, halfOpen, addresses int
	subscriptions, shared, shares                            int
	retained, retainedBytes                                  int
	alarms                                                   int
}

func (b *Broker) inventory() (i inventory) {
	st := b.Stats()
	i.connected, i.sessions, i.halfOpen = st.Connected, st.Sessions, st.HalfOpen
	i.subscriptions, i.shared = st.Subscriptions, st.SharedSubscriptions
	i.retained, i.retainedBytes = st.Retained, st.RetainedBytes
	b.mu.Lock()
	i.conns, i.running, i.addresses = len(b.life.conns), b.life.running, len(b.life.waiting)
	b.mu.Unlock()
	b.index.mu.RLock()
	i.shares = len(b.index.shares)
	b.index.mu.RUnlock()
	i.alarms = b.clock.Len()
	return i
}

// same checks that the broker holds what it held before.
func (h *house) same(before inventory) {
	h.Helper()
	synctest.Wait()
	if after := h.inventory(); after != before {
		h.Errorf("left behind:\n  now %+v\nbefore %+v", after, before)
	}
}

// dial connects, without a CONNECT.
func (h *house) dial() *mqtttest.Client {
	h.Helper()
	return h.dialFrom(net.IPv4(127, 0, 0, 1)) // no limit per address
}

func (h *house) dialFrom(ip net.IP) *mqtttest.Client {
	h.Helper()
	c, err := h.listener.DialFrom(ip)
	if err != nil {
		h.Fatal(err)
	}
	return mqtttest.NewClient(h.T, c, packet.V311)
}

// connect connects with the words of a CONNECT and expects to be welcome.
func (h *house) connect(words string) *mqtttest.Client {
	h.Helper()
	c := h.dial()
	c.SendText("CONNECT " + words)
	c.Expect("CONNACK ...")
	return c
}

// subscriber is a client that has subscribed.
func (h *house) subscriber(words, filters string) *mqtttest.Client {
	h.Helper()
	c := h.connect(words)
	c.SendText("SUBSCRIBE 1 " + filters)
	c.Expect("SUBACK 1 ...")
	return c
}

// alive checks that an honest client is served.
func (h *house) alive() {
	h.Helper()
	c := h.subscriber("id=honest clean", "honest")
	c.SendText("PUBLISH 7 honest qos=1 still")
	c.Expect("PUBLISH honest still", "PUBACK 7")
	c.SendText("DISCONNECT")
	c.Closed()
	synctest.Wait()
}

// logbook is what a broker has logged.
type logbook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logbook) Enabled(context.Context, slog.Level) bool { return true }
func (l *logbook) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logbook) WithGroup(string) slog.Handler            { return l }

func (l *logbook) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) < 10_000 {
		l.lines = append(l.lines, b.String())
	}
	return nil
}

// with returns the lines that contain the text, and forgets them.
func (l *logbook) with(text string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := l.lines[:0]
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			found = append(found, line)
		} else {
			kept = append(kept, line)
		}
	}
	l.lines = kept
	return found
}

// denials is an Authorizer whose denials can change at any time.
type denials struct {
	mu     sync.Mutex
	denied map[string]bool // "user action filter", * for any user
}

func (r *denials) deny(rule string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.denied == nil {
		r.denied = map[string]bool{}
	}
	r.denied[rule] = true
}

func (r *denials) Authorize(c *Client, a Action, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for rule := range r.denied {
		words := strings.Fields(rule)
		if (words[0] == c.ID() || words[0] == "*") && words[1] == a.String() && (words[2] == name || topic.Match(words[2], name)) {
			return fmt.Errorf("rule %q: %w", rule, packet.NotAuthorized)
		}
	}
	return nil
}

// passwords is an Authenticator: everybody has the same one.
type passwords struct{}

func (passwords) Authenticate(_ context.Context, c *ConnectRequest) error {
	if c.Username == "" || string(c.Password) != "secret" {
		return packet.BadUserNameOrPassword
	}
	return nil
}

// interceptor is an Interceptor that is a function.
type interceptor func(c *Client, m *packet.Message) (*packet.Message, error)

func (f interceptor) Intercept(c *Client, m *packet.Message) (*packet.Message, error) { return f(c, m) }
