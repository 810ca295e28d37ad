package memnet

import (
	"net"
	"sync"
	"syscall"
)

// backlog is how many connections wait to be accepted; more are refused.
const backlog = 1024

// Listener is a net.Listener that is reached by Dial.
type Listener struct {
	// Buffer is how many bytes each direction of a connection holds before a
	// writer waits; zero: DefaultBuffer. Set it before Dial.
	Buffer int

	queue chan *Conn
	done  chan struct{}
	once  sync.Once

	mu   sync.Mutex
	port int // of the last client
}

var _ net.Listener = (*Listener)(nil)

// Listen returns a Listener. Nobody else can reach it.
func Listen() *Listener {
	return &Listener{queue: make(chan *Conn, backlog), done: make(chan struct{}), port: 50000}
}

// The addresses are from the block that documentation may use.
var (
	serverIP = net.IPv4(192, 0, 2, 1)
	clientIP = net.IPv4(192, 0, 2, 2)
)

// Addr is 192.0.2.1:1883.
func (l *Listener) Addr() net.Addr { return &net.TCPAddr{IP: serverIP, Port: 1883} }

// Dial connects from 192.0.2.2, each time from another port.
func (l *Listener) Dial() (*Conn, error) { return l.DialFrom(clientIP) }

// DialFrom connects from the given address, each time from another port.
func (l *Listener) DialFrom(ip net.IP) (*Conn, error) {
	l.mu.Lock()
	l.port++
	from := &net.TCPAddr{IP: ip, Port: l.port}
	l.mu.Unlock()
	refused := &net.OpError{Op: "dial", Net: "mem", Source: from, Addr: l.Addr(), Err: syscall.ECONNREFUSED}
	select {
	case <-l.done:
		return nil, refused
	default:
	}
	client, server := pair(l.Buffer, from, l.Addr())
	select {
	case l.queue <- server:
		return client, nil
	default:
		return nil, refused
	}
}

// Accept waits for the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, l.closed()
	default:
	}
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, l.closed()
	}
}

func (l *Listener) closed() error {
	return &net.OpError{Op: "accept", Net: "mem", Addr: l.Addr(), Err: net.ErrClosed}
}

// Close stops listening. Connections that nobody accepted are reset; those that
// somebody did live on.
func (l *Listener) Close() error {
	err := l.closed()
	l.once.Do(func() {
		close(l.done)
		err = nil
	})
	for {
		select {
		case c := <-l.queue:
			c.Reset()
		default:
			return err
		}
	}
}
