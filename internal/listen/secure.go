package listen

import (
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// SecureOptions say how TLS is spoken with the clients of a listener.
type SecureOptions struct {
	// Server returns the server's end of TLS over a connection. It is asked for
	// each of them, so what it goes by may change.
	Server func(net.Conn) Session
	// Turns bounds how many handshakes compute at a time, also those of other
	// listeners; nil: nothing does.
	Turns *Turns
	// Negotiated is told of each connection when its first bytes are read after
	// the handshake; nil: nobody is. Rejected is told of those whose handshake
	// has failed. An error that is io.EOF is a connection that was closed without
	// a byte.
	Negotiated func(*Secured)
	Rejected   func(source net.Addr, err error)
	// Silent says after which errors the client is not sent the alert that crypto/tls
	// has for it, because it would say something else; nil: none.
	Silent func(error) bool
}

// Session is the end of a connection that is protected: a *tls.Conn of the
// standard library, or one like it.
type Session interface {
	net.Conn
	Handshake() error
}

// Turns is a number of handshakes that may compute at a time. While one waits
// for its client it does not count, so nobody holds up others by being slow.
type Turns struct{ taken chan struct{} }

// NewTurns returns n turns.
func NewTurns(n int) *Turns { return &Turns{make(chan struct{}, n)} }

// Secure returns a listener whose connections are *Secured. Their handshake is
// done by who serves them, not while others wait to be accepted.
func Secure(l net.Listener, o SecureOptions) net.Listener { return &securing{l, &o} }

type securing struct {
	net.Listener
	options *SecureOptions
}

func (l *securing) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newSecured(c, l.options), nil
}

const (
	// maxHandshake is how many bytes a client may send in a handshake. It is room
	// for a certificate of 16 kB, with those that lead to its authority.
	maxHandshake = 20 << 10
	// farewell is how long Close waits for a client that reads nothing.
	farewell = 10 * time.Millisecond
	// lingering is how long a client that was refused may take to read why, and
	// maxLingering how much it may send meanwhile.
	lingering    = time.Second
	maxLingering = 256 << 10
)

var errLongHandshake = fmt.Errorf("the handshake has more than %d bytes", maxHandshake)

// Secured is a connection that is protected by TLS.
type Secured struct {
	Session
	wire    *wire
	options *SecureOptions
	told    atomic.Bool // of what was negotiated
	open    atomic.Bool // the handshake is done, and well

	mu   sync.Mutex // held while the handshake is done
	done bool
	err  error // of the handshake
}

func newSecured(c net.Conn, o *SecureOptions) *Secured {
	w := &wire{Conn: c, turns: o.Turns, left: maxHandshake}
	w.shaking.Store(true)
	return &Secured{Session: o.Server(w), wire: w, options: o}
}

// Handshake does the handshake if it has not been done. The first Read or Write
// does it otherwise. When it fails, the client has been told why if it reads.
func (c *Secured) Handshake() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done {
		return c.err
	}
	c.done = true
	if c.err = c.shake(); c.err == nil {
		c.open.Store(true)
		return nil
	}
	if c.options.Rejected != nil {
		c.options.Rejected(c.RemoteAddr(), c.err)
	}
	return c.err
}

// shake does the handshake.
func (c *Secured) shake() (err error) {
	w := c.wire
	defer func() {
		if r := recover(); r != nil { // a bug of the library costs this connection only
			err = fmt.Errorf("the handshake panicked: %v\n%s", r, debug.Stack())
		}
		w.yield()
	}()
	err = c.Session.Handshake()
	if err == nil {
		err = w.flush()
	}
	if err == nil {
		w.last = nil
		w.shaking.Store(false)
		return nil
	}
	if c.options.Silent == nil || !c.options.Silent(err) {
		_ = w.flush() // the alert; there is an error already
	}
	w.yield()
	w.linger()
	if alert, ok := plainAlert(w.last); ok {
		err = alert
	}
	return explain(err, w.left < maxHandshake)
}

// Open reports whether the handshake has been done, and has succeeded.
func (c *Secured) Open() bool { return c.open.Load() }

// Read reads what the client has written.
func (c *Secured) Read(b []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	n, err := c.Session.Read(b)
	if n > 0 && !c.told.Load() {
		c.tell()
	}
	return n, err
}

func (c *Secured) tell() {
	if !c.told.Swap(true) && c.options.Negotiated != nil {
		c.options.Negotiated(c)
	}
}

// Write writes to the client.
func (c *Secured) Write(b []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	return c.Session.Write(b)
}

// Close says goodbye to a client that reads, and closes the connection.
func (c *Secured) Close() error {
	if c.wire.closing.Swap(true) {
		return net.ErrClosed
	}
	return c.Session.Close()
}

// NetConn is the connection that is protected. Who reads or writes it breaks
// this one.
func (c *Secured) NetConn() net.Conn { return c.wire.Conn }

// Socket is the socket at the bottom, to wait at.
func (c *Secured) Socket() net.Conn {
	n := c.wire.Conn
	if wrapped, ok := n.(interface{ PlainSocket() net.Conn }); ok {
		n = wrapped.PlainSocket()
	}
	return n
}

// wire is what a Session reads and writes: a connection that knows whether a
// handshake goes on, and lets others have their turn while it waits.
type wire struct {
	net.Conn
	closing atomic.Bool
	turns   *Turns

	// Of the handshake.
	shaking atomic.Bool
	holding bool   // a turn
	left    int    // bytes that may still come
	out     []byte // to be sent when the next are awaited
	last    []byte // that have come together

	// held is the descriptor of the socket while somebody holds it, plus one; zero:
	// nobody does. It is of who reads.
	held int
}

func (w *wire) Read(b []byte) (int, error) {
	if !w.shaking.Load() {
		if w.held != 0 {
			return readNow(w.held-1, b)
		}
		return w.Conn.Read(b)
	}
	if err := w.flush(); err != nil {
		return 0, err
	}
	if w.left == 0 {
		return 0, errLongHandshake
	}
	w.yield()
	n, err := w.Conn.Read(b[:min(len(b), w.left)])
	w.left -= n
	w.last = append(w.last[:0], b[max(0, n-alertBytes):n]...)
	w.take()
	return n, err
}

func (w *wire) Write(b []byte) (int, error) {
	switch {
	case !w.shaking.Load():
		return w.Conn.Write(b)
	case w.closing.Load(): // the goodbye of Close, while another goroutine does the handshake
		return len(b), nil
	}
	w.out = append(w.out, b...)
	return len(b), nil
}

// flush sends what the handshake has to say.
func (w *wire) flush() error {
	if len(w.out) == 0 {
		return nil
	}
	w.yield()
	defer w.take()
	_, err := w.Conn.Write(w.out)
	w.out = nil
	return err
}

// take waits for a turn, and yield gives it back.
func (w *wire) take() {
	if w.turns != nil && !w.holding {
		w.turns.taken <- struct{}{}
		w.holding = true
	}
}

func (w *wire) yield() {
	if w.holding {
		<-w.turns.taken
		w.holding = false
	}
}

// linger lets a client that was refused hang up first: who writes to a socket
// that is closed gets an error in the place of the alert.
func (w *wire) linger() {
	half, ok := w.Conn.(interface{ CloseWrite() error })
	if wrapped, is := w.Conn.(interface{ PlainSocket() net.Conn }); is {
		half, ok = wrapped.PlainSocket().(interface{ CloseWrite() error })
	}
	if !ok || half.CloseWrite() != nil {
		return
	}
	if w.SetReadDeadline(time.Now().Add(lingering)) == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(w.Conn, maxLingering)) // it is of no interest
	}
}

// SetWriteDeadline is shortened for the goodbye.
func (w *wire) SetWriteDeadline(t time.Time) error {
	if soon := time.Now().Add(farewell); w.closing.Load() && (t.IsZero() || t.After(soon)) {
		t = soon
	}
	return w.Conn.SetWriteDeadline(t)
}
