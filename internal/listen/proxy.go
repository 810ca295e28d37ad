package listen

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// ProxyOptions say what a proxy in front must tell of each connection.
type ProxyOptions struct {
	// Version is that of the PROXY header without which no connection is
	// served: 1 or 2; 0: there is no proxy.
	Version int
	// RequireTLS refuses clients that have not come to the proxy by TLS, and
	// RequireCertificate those without a certificate that it has verified.
	RequireTLS         bool
	RequireCertificate bool
	// Rejected is told of each connection that is not served; nil: nobody. The
	// source is the proxy's where the header does not tell. An error that is
	// io.EOF is a connection that was closed without a byte.
	Rejected func(source net.Addr, err error)
}

// ErrNoTLS and ErrNoCertificate are why a client behind a proxy is refused.
var (
	ErrNoTLS         = errors.New("client did not connect using TLS")
	ErrNoCertificate = errors.New("client did not provide a certificate")
)

// Proxied is a connection that came through a proxy. Its bytes are those of its
// socket, without the header.
type Proxied struct {
	net.Conn        // the socket
	Header   Header // what the proxy has said
}

// RemoteAddr is whom the proxy speaks for, or the proxy if it does not tell.
func (c *Proxied) RemoteAddr() net.Addr {
	if c.Header.Source != nil {
		return c.Header.Source
	}
	return c.Conn.RemoteAddr()
}

// PlainSocket is the socket, which may be read and written in place of the
// connection.
func (c *Proxied) PlainSocket() net.Conn { return c.Conn }

const (
	// headerLimit is how long a header may take.
	headerLimit = 2 * time.Second
	// maxPending is how many connections may be without their header; when
	// there are more, others wait in the kernel.
	maxPending = 256
)

// proxying is a listener whose connections begin with a PROXY header. Each is
// read by a goroutine of its own, so that a slow one delays nobody.
type proxying struct {
	net.Listener
	options ProxyOptions
	ready   chan accepted
	slots   chan struct{} // one for each pending connection
	closing chan struct{}
	running sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	pending map[net.Conn]struct{}
}

type accepted struct {
	conn net.Conn
	err  error
}

func newProxying(l net.Listener, o ProxyOptions) *proxying {
	p := &proxying{
		Listener: l, options: o, ready: make(chan accepted), slots: make(chan struct{}, maxPending),
		closing: make(chan struct{}), pending: make(map[net.Conn]struct{}),
	}
	p.running.Go(p.acceptAll)
	return p
}

// Accept returns the next connection whose header has come.
func (p *proxying) Accept() (net.Conn, error) {
	select {
	case a := <-p.ready:
		return a.conn, a.err
	case <-p.closing:
		return nil, fmt.Errorf("accept on %v: %w", p.Addr(), net.ErrClosed)
	}
}

// Close closes the listener and the connections that have not been accepted,
// and returns when nothing is left of them.
func (p *proxying) Close() error {
	p.mu.Lock()
	first := !p.closed
	p.closed = true
	for c := range p.pending {
		_ = c.Close() // it has not been served
	}
	p.mu.Unlock()
	if first {
		close(p.closing)
	}
	err := p.Listener.Close()
	p.running.Wait()
	return err
}

func (p *proxying) acceptAll() {
	for {
		select {
		case p.slots <- struct{}{}:
		case <-p.closing:
			return
		}
		c, err := p.Listener.Accept()
		switch {
		case err != nil: // who accepts decides what becomes of it
			<-p.slots
			if !p.hand(accepted{err: err}) {
				return
			}
		case p.begin(c):
			p.running.Go(func() { p.settle(c) })
		default:
			return
		}
	}
}

// begin notes a connection whose header has not come. It returns false, and
// closes the connection, when the listener is closed.
func (p *proxying) begin(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close() // it has not been served
		return false
	}
	p.pending[c] = struct{}{}
	return true
}

// settle reads the header of a connection and hands it on.
func (p *proxying) settle(c net.Conn) {
	defer func() {
		p.mu.Lock()
		delete(p.pending, c)
		p.mu.Unlock()
		<-p.slots
	}()
	proxied := &Proxied{Conn: c}
	if err := p.read(proxied); err != nil {
		if f := p.options.Rejected; f != nil && !errors.Is(err, net.ErrClosed) {
			f(proxied.RemoteAddr(), err)
		}
		_ = c.Close() // the reason is told
		return
	}
	if !p.hand(accepted{conn: proxied}) {
		_ = c.Close() // there is nobody to serve it
	}
}

// read reads the header and checks whether the client is welcome.
func (p *proxying) read(c *Proxied) (err error) {
	if err := c.SetReadDeadline(time.Now().Add(headerLimit)); err != nil {
		return err
	}
	c.Header, err = readHeader(c.Conn, p.options.Version)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("no PROXY header within %v: %w", headerLimit, err)
	case err != nil:
		return err
	case p.options.RequireTLS && !c.Header.TLS:
		return unlessLocal(c, ErrNoTLS)
	case p.options.RequireCertificate && !c.Header.Certificate:
		return unlessLocal(c, ErrNoCertificate)
	}
	return c.SetReadDeadline(time.Time{})
}

// unlessLocal is the error of a client that is refused. A proxy that speaks for
// itself wants to know whether somebody is there: that is answered, and it
// sends nothing.
func unlessLocal(c *Proxied, err error) error {
	if c.Header.Source == nil {
		return io.EOF
	}
	return err
}

// hand passes a connection or an error to who accepts. It returns false when
// the listener is closed.
func (p *proxying) hand(a accepted) bool {
	select {
	case p.ready <- a:
		return true
	case <-p.closing:
		return false
	}
}
