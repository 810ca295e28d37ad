package ws

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Defaults of Options.
const (
	DefaultHeaderBytes      = 8 << 10
	DefaultHandshakeTimeout = 10 * time.Second
	DefaultMaxHandshakes    = 256
)

// Options say which WebSockets a Listener takes. The zero value takes all.
type Options struct {
	// Origins are what the Origin header may be, as in https://example.org;
	// none: anything, also nothing.
	Origins []string
	// Proxies are whose X-Forwarded-For says where a client is. Those on this
	// machine need not be named; everybody else could say anything.
	Proxies []netip.Prefix
	// HeaderBytes bounds a request; zero: 8 kB.
	HeaderBytes int
	// HandshakeTimeout bounds the time that a client may take from its TCP
	// connection to a WebSocket, a handshake of TLS included; zero: 10 s.
	HandshakeTimeout time.Duration
	// MaxHandshakes bounds the clients that have no WebSocket yet; zero: 256.
	// When one more comes, the one who has been at it for the longest is shown
	// the door.
	MaxHandshakes int
	// Rejected is told of connections that did not become a WebSocket; nil:
	// nobody is. It is called by many goroutines at once.
	Rejected func(remote net.Addr, err error)
}

func (o *Options) withDefaults() Options {
	d := *o
	if d.HeaderBytes == 0 {
		d.HeaderBytes = DefaultHeaderBytes
	}
	if d.HandshakeTimeout == 0 {
		d.HandshakeTimeout = DefaultHandshakeTimeout
	}
	if d.MaxHandshakes == 0 {
		d.MaxHandshakes = DefaultMaxHandshakes
	}
	return d
}

// Listener is a net.Listener whose connections are WebSockets.
type Listener struct {
	inner   net.Listener
	options Options
	ready   chan result
	slots   chan struct{} // taken by who has no WebSocket yet, or waits for Accept
	done    chan struct{} // closed by Close
	close   sync.Once
	owned   sync.WaitGroup

	mu      sync.Mutex
	pending []net.Conn // those at the handshake, the oldest first
	leaving []net.Conn // those that are closed, but for the socket beneath
}

var _ net.Listener = (*Listener)(nil)

// result is what Accept returns.
type result struct {
	conn *Conn
	err  error
}

// NewListener returns a Listener on top of inner, which it closes. It accepts at
// once, before the first call of Accept.
func NewListener(inner net.Listener, o Options) *Listener {
	o = o.withDefaults()
	l := &Listener{
		inner: inner, options: o,
		ready: make(chan result), slots: make(chan struct{}, o.MaxHandshakes), done: make(chan struct{}),
	}
	l.owned.Go(l.accept)
	return l
}

// Accept returns the next WebSocket, a *Conn. After Close the error is
// net.ErrClosed; others are those of the listener beneath, and Accept may be
// called again.
func (l *Listener) Accept() (net.Conn, error) {
	if l.closed() {
		return nil, net.ErrClosed
	}
	select {
	case r := <-l.ready:
		if r.err != nil {
			return nil, r.err
		}
		return r.conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close closes the listener beneath and all connections that Accept has not
// returned, or that were closed already. It waits for the goroutines.
func (l *Listener) Close() error {
	var err error
	l.close.Do(func() {
		close(l.done)
		err = l.inner.Close()
		l.mu.Lock()
		for _, conn := range append(l.pending, l.leaving...) {
			_ = conn.Close() // its goroutine finds it closed
		}
		l.mu.Unlock()
		l.owned.Wait()
	})
	return err
}

func (l *Listener) closed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// Addr is that of the listener beneath.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// accept takes connections until the listener beneath ends.
func (l *Listener) accept() {
	for {
		conn, err := l.inner.Accept()
		if err != nil {
			if !l.hand(result{err: err}) || errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		if !l.admit() {
			_ = conn.Close() // nobody waits for it
			return
		}
		l.mu.Lock()
		l.pending = append(l.pending, conn)
		l.mu.Unlock()
		if l.closed() { // and Close has not seen it
			_ = conn.Close()
		}
		l.owned.Go(func() {
			l.handshake(conn)
			<-l.slots
		})
	}
}

// admit waits for a place among those without a WebSocket, and makes one if it
// must. It returns false when the Listener is closed.
func (l *Listener) admit() bool {
	select {
	case l.slots <- struct{}{}:
		return true
	default:
	}
	l.mu.Lock()
	if len(l.pending) > 0 {
		_ = l.pending[0].Close() // its goroutine finds it closed
	}
	l.mu.Unlock()
	select {
	case l.slots <- struct{}{}:
		return true
	case <-l.done:
		return false
	}
}

// hand gives something to Accept. It returns false when the Listener is closed.
func (l *Listener) hand(r result) bool {
	select {
	case l.ready <- r:
		return true
	case <-l.done:
		return false
	}
}

// handshake makes a WebSocket of a connection.
func (l *Listener) handshake(inner net.Conn) {
	conn, err := l.upgrade(inner)
	l.mu.Lock()
	l.pending = slices.DeleteFunc(l.pending, func(c net.Conn) bool { return c == inner })
	l.mu.Unlock()
	if err == nil && !l.hand(result{conn: conn}) {
		err = net.ErrClosed
	}
	if err == nil {
		return
	}
	if l.options.Rejected != nil {
		l.options.Rejected(inner.RemoteAddr(), err)
	}
	_ = inner.Close() // there is an error already
}

func (l *Listener) upgrade(inner net.Conn) (*Conn, error) {
	if err := inner.SetDeadline(time.Now().Add(l.options.HandshakeTimeout)); err != nil {
		return nil, err
	}
	conn, err := l.options.upgrade(inner)
	if err != nil {
		return nil, err
	}
	conn.listener = l
	return conn, inner.SetDeadline(time.Time{})
}

// linger lets the client of a closed WebSocket hang up first. It returns false
// when there is no time for that, or too many clients make use of it.
func (l *Listener) linger(c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed() || len(l.leaving) >= l.options.MaxHandshakes {
		return false
	}
	l.leaving = append(l.leaving, c.inner)
	l.owned.Go(func() {
		c.drain()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.leaving = slices.DeleteFunc(l.leaving, func(inner net.Conn) bool { return inner == c.inner })
	})
	return true
}
