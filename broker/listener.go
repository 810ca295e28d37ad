package broker

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net"
	"sync/atomic"
	"syscall"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// ListenerOptions say what holds for the clients that come by a listener. What
// is zero is as the Options of the broker say.
type ListenerOptions struct {
	// Authenticator decides who may connect.
	Authenticator Authenticator
	// Authorizer decides who may do what. Another one decides at once about those
	// that are connected, too, and about what their sessions hold.
	Authorizer Authorizer
	// MaxConnections is how many clients may be connected by the listener; zero
	// or negative: no limit of its own.
	MaxConnections int
	// MaxTopicAlias is how many topic aliases a client may use; negative: none.
	MaxTopicAlias int
	// MaxSendTopicAlias is how many are used towards a client; negative: none.
	MaxSendTopicAlias int
	// MaxQoS is the highest QoS clients may publish with.
	MaxQoS *packet.QoS
	// Versions are the protocol versions served.
	Versions []packet.Version
	// AutoIDPrefix begins assigned client identifiers.
	AutoIDPrefix string
	// RefuseEmptyClientID refuses clients that want an identifier assigned, as
	// the option of the broker does for all.
	RefuseEmptyClientID bool
	// MountPoint is put before every topic that a client names and taken away
	// from those it is told; it gets no others. It usually ends with a slash.
	MountPoint string
	// UsernameAsClientID has the user name stand for the client identifier;
	// clients without one are refused.
	UsernameAsClientID bool
}

// Listener is a way in: any number of sockets, and what holds for the clients
// that come by them. Create it with Broker.Listener.
type Listener struct {
	broker    *Broker
	connected atomic.Int64 // clients that have come by it
	rules     atomic.Pointer[rules]

	closed  atomic.Bool     // it is for nobody to come by any more
	options ListenerOptions // Broker.mu guards it
}

// rules are what holds for a connection from its CONNECT on. They are never
// changed: a Listener gets others.
type rules struct {
	ListenerOptions
	terms         session.Terms
	maxPacketSize uint32
}

// Listener returns a new way in.
func (b *Broker) Listener(o ListenerOptions) *Listener {
	l := &Listener{broker: b}
	b.mu.Lock()
	defer b.mu.Unlock()
	l.options = o
	l.rules.Store(b.options().rulesOf(o))
	b.entrances[l] = struct{}{}
	return l
}

// Change puts other options in place. They hold for clients that connect from
// now on, those that are connected keep what they were told; but the Authorizer
// holds for all.
func (l *Listener) Change(o ListenerOptions) {
	b := l.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	l.options = o
	l.rules.Store(b.options().rulesOf(o))
}

// Connected is how many clients are connected that have come by it.
func (l *Listener) Connected() int { return int(l.connected.Load()) }

// Serve accepts connections until the socket fails, or the Listener or the
// broker is closed; then it returns ErrClosed. It closes the socket.
func (l *Listener) Serve(socket net.Listener) error {
	b := l.broker
	defer func() { _ = socket.Close() }()
	if !b.track(&socket, l) {
		return ErrClosed
	}
	defer b.untrack(&socket)
	short := shortage{logger: b.options().Logger, listener: socket.Addr().String()}
	for {
		b.waitForRoom()
		c, err := socket.Accept()
		switch {
		case err == nil:
			short.over()
			b.accept(c, l)
		case b.shut(l):
			return ErrClosed
		case errors.Is(err, syscall.ECONNABORTED): // it did not wait
		case temporary(err):
			short.felt(err)
			b.pause(acceptPause)
		default:
			return err
		}
	}
}

// Disconnect ends the connections that have come by the listener, as Close does.
func (l *Listener) Disconnect(why error) {
	b := l.broker
	b.mu.Lock()
	conns := b.life.by(l)
	b.mu.Unlock()
	kickAll(conns, why)
}

// Expel ends those of the connections that have come by the listener for which f
// returns an error, as Close does with each.
func (l *Listener) Expel(f func(net.Conn) error) {
	b := l.broker
	b.mu.Lock()
	conns := b.life.by(l)
	b.mu.Unlock()
	for _, c := range conns {
		if why := f(c.net); why != nil {
			kickAll([]*conn{c}, why)
		}
	}
}

func kickAll(conns []*conn, why error) {
	if why == nil {
		why = packet.AdministrativeAction
	}
	for _, c := range conns {
		c.kick(withReason(why, packet.AdministrativeAction))
	}
}

// Close closes the sockets and ends the connections that have come by them;
// clients of MQTT 5.0 are told why, packet.AdministrativeAction unless why has
// another reason code. Their sessions live on as after any lost connection.
func (l *Listener) Close(why error) {
	kickAll(l.broker.dismantle(l), why)
}

// dismantle closes the sockets of l and returns its connections.
func (b *Broker) dismantle(l *Listener) []*conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	l.closed.Store(true)
	delete(b.entrances, l)
	for socket, of := range b.listeners {
		if of == l {
			_ = (*socket).Close()
		}
	}
	return b.life.by(l)
}

// by are the connections that have come by a listener.
func (life *lifecycle) by(l *Listener) (conns []*conn) {
	for c := range life.conns {
		if c.listener == l {
			conns = append(conns, c)
		}
	}
	return conns
}

// track begins to know a socket, unless the broker or its listener is closed.
func (b *Broker) track(socket *net.Listener, l *Listener) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.life.closed || l.closed.Load() {
		return false
	}
	b.listeners[socket] = l
	return true
}

func (b *Broker) untrack(socket *net.Listener) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.listeners, socket)
}

func (b *Broker) shut(l *Listener) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.life.closed || l.closed.Load()
}

// rulesOf are the rules of a listener with these options.
func (s *settings) rulesOf(o ListenerOptions) *rules {
	o.MaxTopicAlias = max(cmp.Or(o.MaxTopicAlias, s.MaxTopicAlias), 0)
	o.MaxSendTopicAlias = max(cmp.Or(o.MaxSendTopicAlias, s.MaxSendTopicAlias), 0)
	o.AutoIDPrefix = cmp.Or(o.AutoIDPrefix, s.AutoIDPrefix)
	o.MaxQoS = cmp.Or(o.MaxQoS, s.MaxQoS)
	if o.MaxConnections <= 0 {
		o.MaxConnections = math.MaxInt
	}
	if o.Authenticator == nil {
		o.Authenticator = s.Authenticator
	}
	if o.Authorizer == nil {
		o.Authorizer = s.Authorizer
	}
	if len(o.Versions) == 0 {
		o.Versions = s.Versions
	}
	return &rules{
		ListenerOptions: o,
		terms: session.Terms{
			ReceiveMaximum:   uint16(min(s.MaxInflight, 65535)),
			TopicAliases:     uint16(min(o.MaxTopicAlias, 65535)),
			SendTopicAliases: uint16(min(o.MaxSendTopicAlias, 65535)),
			MountPoint:       o.MountPoint,
		},
		maxPacketSize: uint32(min(s.MaxPacketSize, packet.MaxRemainingLength)),
	}
}

// enter counts a client in, unless there are too many already. One that takes
// the place of its own earlier connection does not make them more.
func (b *Broker) enter(c *conn, replaces bool) error {
	all, here := b.stats.Connected.Add(1), c.listener.connected.Add(1)
	var err error
	switch limit := b.options().MaxConnections; {
	case replaces:
	case all > int64(limit):
		err = fmt.Errorf("more than %d connections: %w", limit, packet.QuotaExceeded)
	case here > int64(c.rules.MaxConnections):
		err = fmt.Errorf("more than %d connections by this listener: %w", c.rules.MaxConnections, packet.QuotaExceeded)
	}
	if err != nil {
		b.left(c)
		return err
	}
	b.stats.most(all)
	return nil
}

// left counts a client out.
func (b *Broker) left(c *conn) {
	b.stats.Connected.Add(-1)
	c.listener.connected.Add(-1)
}
