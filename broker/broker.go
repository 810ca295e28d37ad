package broker

import (
	"context"
	"errors"
	"iter"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zancudomq/zancudo/internal/alarm"
	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// ErrClosed is returned by Serve, Publish and Subscribe after Shutdown or Close.
var ErrClosed = errors.New("broker closed")

// Broker is an MQTT broker. Create it with New.
type Broker struct {
	settings atomic.Pointer[settings]
	started  time.Time
	context  context.Context // ends with the broker; given to plugs
	cancel   context.CancelFunc
	index    index
	retained retainedMessages
	clock    *alarm.Clock
	stats    stats
	journal  *journal // nil: nothing is stored

	mu        sync.Mutex // guards what follows
	clients   map[string]*client
	listeners map[*net.Listener]*Listener // by a pointer: a net.Listener need not be comparable
	entrances map[*Listener]struct{}
	main      *Listener // of Serve and ServeConn
	life      lifecycle
}

// New returns a broker that serves nobody yet.
func New(o Options) *Broker {
	b := &Broker{
		started: now(), clock: alarm.NewClock(),
		clients: make(map[string]*client), listeners: make(map[*net.Listener]*Listener), entrances: make(map[*Listener]struct{}),
	}
	b.settings.Store(newSettings(o))
	b.journal = newJournal(o.Store)
	b.main = b.Listener(ListenerOptions{})
	b.retained.broker = b
	b.retained.alarm.Ring = func(time.Time) { b.spawn(b.retained.expire) } // the clock does not wait for the store
	b.context, b.cancel = context.WithCancel(context.Background())
	b.life.ended = make(chan struct{})
	b.life.conns = make(map[*conn]struct{})
	b.life.waiting = make(map[netip.Prefix]int)
	go b.clock.Run()
	return b
}

// options are the options in force.
func (b *Broker) options() *settings { return b.settings.Load() }

// Change puts other options in the place of those of New, while clients are
// served. Nobody is disconnected: what a client was told in its CONNACK holds
// until it connects again, and what exceeds a limit already stays; the
// Store is that of New.
func (b *Broker) Change(o Options) {
	fresh := newSettings(o)
	b.mu.Lock()
	b.settings.Store(fresh)
	for l := range b.entrances {
		l.rules.Store(fresh.rulesOf(l.options))
	}
	clients := slices.Collect(maps.Values(b.clients))
	b.mu.Unlock()
	for _, cl := range clients {
		cl.mu.Lock()
		cl.session.Limit(&b.options().limits)
		cl.trace()
		away := cl.shorten()
		cl.mu.Unlock()
		if away != nil {
			cl.await(away)
		}
	}
	b.index.generation.Add(1) // MergeOverlapping may have changed
}

// Serve accepts connections until the socket fails or the broker is closed;
// then it returns ErrClosed. It closes the socket. See Listener for sockets
// that differ in what holds for their clients.
//
// A connection that is a *net.TCPConn or *net.UnixConn costs the least: it is
// read without a buffer. One that only adds to such a socket, as an address that
// a proxy has told, gives it away by a method PlainSocket() net.Conn.
func (b *Broker) Serve(socket net.Listener) error { return b.main.Serve(socket) }

// ServeConn serves one connection and returns at once. While too many have sent
// no CONNECT it closes the oldest of them, or, if that is new as well, c.
func (b *Broker) ServeConn(c net.Conn) {
	if oldest, crowded := b.crowded(); crowded {
		b.stats.Crowded.Add(1)
		if oldest == nil {
			_ = c.Close()
			return
		}
		oldest.hangUp()
	}
	b.accept(c, b.main)
}

// accept begins to serve a connection, unless its address has too many that
// have sent no CONNECT.
func (b *Broker) accept(n net.Conn, l *Listener) {
	b.stats.Accepted.Add(1)
	c := &conn{broker: b, listener: l, net: n}
	c.alarm.Ring = c.onAlarm
	if !b.enroll(c) {
		_ = n.Close()
		return
	}
	c.socket.open(c)
	b.clock.Set(&c.alarm, now().Add(b.options().ConnectTimeout))
	go c.begin()
}

// handshaker is a connection that has something to settle before its first byte.
type handshaker interface{ Handshake() error }

// begin serves a connection from its first byte on.
func (c *conn) begin() {
	h, ok := c.net.(handshaker)
	if !ok {
		c.serve()
		return
	}
	if err := h.Handshake(); err != nil {
		c.finish(&handshakeError{err})
		return
	}
	c.greet()
	go c.serve() // the stack has grown
}

// handshakeError is why a connection never came to speak MQTT. It has been told.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "handshake: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// Publish routes a message as if a client had sent it, past authorization and
// interceptors. The message belongs to the broker from now on.
func (b *Broker) Publish(m *packet.Message) error {
	if b.context.Err() != nil {
		return ErrClosed
	}
	if err := b.options().limits.CheckOwn(m); err != nil {
		return err
	}
	return b.publishMessage(m, nil)
}

// Subscribe calls f for each message whose topic matches the filter, until stop
// is called; f may still be running then. Retained messages come first. A
// shared filter, $share/group/…, takes its turn. f must not block, and must not
// change the message.
func (b *Broker) Subscribe(filter string, f func(*packet.Message)) (stop func(), err error) {
	if b.context.Err() != nil {
		return nil, ErrClosed
	}
	cl := &client{broker: b, inline: f}
	sub, err := session.NewSubscription(&packet.Subscription{Filter: filter, QoS: packet.ExactlyOnce, RetainAsPublished: true})
	if err != nil {
		return nil, err
	}
	b.index.replace(cl, nil, sub)
	if sub.Share == "" {
		for _, m := range b.retained.match(filter, 0, b.retained.last()) {
			if b.mayRetain(m) {
				f(m.message)
			}
		}
	}
	return func() { b.index.replace(cl, sub, nil) }, nil
}

// Clients are the clients that have a session, connected or not.
func (b *Broker) Clients() iter.Seq[*Client] {
	b.mu.Lock()
	clients := slices.Collect(maps.Values(b.clients))
	b.mu.Unlock()
	return func(yield func(*Client) bool) {
		for _, cl := range clients {
			if !yield((*Client)(cl)) {
				return
			}
		}
	}
}

// Shutdown stops accepting, tells clients of MQTT 5.0 that the server shuts
// down, and returns when all goroutines have ended. No will is published: a
// planned stop is no failure of the clients. When ctx ends first, connections
// are closed without waiting, and its error is returned.
func (b *Broker) Shutdown(ctx context.Context) error {
	for _, c := range b.stop() {
		c.kick(packet.ServerShuttingDown)
	}
	var err error
	select {
	case <-b.life.ended:
	case <-ctx.Done():
		err = ctx.Err()
	}
	_ = b.Close()
	return err
}

// Close closes all listeners and connections at once and returns when all
// goroutines have ended.
func (b *Broker) Close() error {
	for _, c := range b.stop() {
		c.hangUp()
	}
	b.clock.RingAll() // a last packet waits for nobody any more
	<-b.life.ended
	b.clock.Close()
	return nil
}
