package mqtttest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// arrival is a packet that the server sent.
type arrival struct {
	packet  packet.Packet // of its own memory
	raw     []byte        // as it came
	version packet.Version
}

func (a arrival) String() string { return a.packet.String() }

// peer is a client's end of a connection. It reads all the time, and writes
// without waiting for the server, so that a script never gets stuck.
type peer struct {
	conn    net.Conn
	timeout time.Duration // zero: in a bubble

	mu      sync.Mutex
	cond    sync.Cond
	version packet.Version
	inbox   []arrival
	end     error // why nothing more will come; nil: it may
	out     []byte
	paused  bool
	stopped bool
	news    chan struct{} // something came; outside of a bubble only

	held    []byte // waits for the next send
	goodbye bool   // a DISCONNECT was sent
	done    sync.WaitGroup
}

func newPeer(conn net.Conn, v packet.Version) *peer {
	p := &peer{conn: conn, version: v, news: make(chan struct{}, 1)}
	p.cond.L = &p.mu
	p.done.Go(p.read)
	p.done.Go(p.write)
	return p
}

// read fills the inbox.
func (p *peer) read() {
	var unread []byte
	chunk := make([]byte, 32<<10)
	for p.mayRead() {
		n, err := p.conn.Read(chunk)
		unread = append(unread, chunk[:n]...)
		rest, broken := p.decode(unread)
		unread = rest
		switch {
		case broken != nil:
			p.finish(broken)
			return
		case errors.Is(err, os.ErrDeadlineExceeded): // paused
		case err != nil:
			if len(unread) > 0 {
				err = fmt.Errorf("%w: % x", io.ErrUnexpectedEOF, unread[:min(len(unread), 32)])
			}
			p.finish(err)
			return
		}
	}
}

// decode takes the packets at the start of b and returns what is left.
func (p *peer) decode(b []byte) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		d := packet.Decoder{Version: p.version, MaxUserProperties: 1 << 20}
		_, n, err := d.Decode(b)
		if err != nil {
			return nil, fmt.Errorf("malformed: %w: % x", err, b[:min(len(b), 32)])
		}
		if n == 0 {
			return b, nil
		}
		raw := append([]byte{}, b[:n]...)
		again := packet.Decoder{Version: p.version, MaxUserProperties: 1 << 20}
		own, _, err := again.Decode(raw)
		if err != nil {
			return nil, err
		}
		p.inbox = append(p.inbox, arrival{own, raw, p.version})
		b = b[n:]
		p.notify()
	}
}

func (p *peer) notify() {
	select {
	case p.news <- struct{}{}:
	default:
	}
}

func (p *peer) finish(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end = err
	p.notify()
}

func (p *peer) mayRead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.paused && !p.stopped {
		p.cond.Wait()
	}
	return !p.stopped
}

// write empties the outbox.
func (p *peer) write() {
	for {
		p.mu.Lock()
		for len(p.out) == 0 && !p.stopped {
			p.cond.Wait()
		}
		b := p.out
		p.out = nil
		stopped := p.stopped
		p.mu.Unlock()
		if stopped {
			return
		}
		if _, err := p.conn.Write(b); err != nil {
			return // the reader sees it too
		}
	}
}

// send writes what is held back, then b, at once.
func (p *peer) send(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = append(append(p.out, p.held...), b...)
	p.held = nil
	p.cond.Broadcast()
}

// encode encodes a packet for this connection. A CONNECT makes its version that
// of the connection.
func (p *peer) encode(q packet.Packet) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch q := q.(type) {
	case *packet.Connect:
		if q.Version == packet.V31 || q.Version == packet.V311 || q.Version == packet.V5 {
			p.version = q.Version
		}
	case *packet.Disconnect:
		p.goodbye = true
	}
	return q.Append(nil, p.version)
}

// next takes the next packet out of the inbox. Without one it says why.
func (p *peer) next() (arrival, error) {
	p.settle(func() bool { return len(p.inbox) > 0 || p.end != nil })
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.inbox) == 0 {
		return arrival{}, p.nothing()
	}
	a := p.inbox[0]
	p.inbox = p.inbox[1:]
	return a, nil
}

var errNothing = errors.New("nothing came")

// nothing says why the inbox is empty.
func (p *peer) nothing() error {
	switch {
	case p.end == nil:
		return errNothing
	case errors.Is(p.end, io.EOF):
		return errors.New("the server closed the connection")
	case errors.Is(p.end, syscall.ECONNRESET):
		return errors.New("the server broke the connection")
	default:
		return fmt.Errorf("the server sent something else: %w", p.end)
	}
}

// waiting is what came and was not read.
func (p *peer) waiting() []arrival {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]arrival{}, p.inbox...)
}

// ended is why nothing more will come; nil: it may.
func (p *peer) ended() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end
}

// closed reports whether the server ended the connection, and in no odd way.
func (p *peer) closed() error {
	p.settle(func() bool { return p.end != nil })
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case len(p.inbox) > 0:
		return fmt.Errorf("came first: %v", p.inbox[0])
	case p.end == nil:
		return errors.New("the connection is open")
	case !errors.Is(p.end, io.EOF) && !errors.Is(p.end, syscall.ECONNRESET):
		return p.nothing()
	}
	return nil
}

// settle waits: in a bubble until nobody has anything left to do, outside until
// the condition holds or time is up.
func (p *peer) settle(ready func() bool) {
	if p.timeout == 0 {
		synctest.Wait()
		return
	}
	late := time.After(p.timeout)
	for {
		p.mu.Lock()
		ok := ready()
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-p.news:
		case <-late:
			return
		}
	}
}

// pause stops reading, so that the server cannot write when the buffer between
// is full.
func (p *peer) pause() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = true
	return p.conn.SetReadDeadline(time.Unix(1, 0))
}

func (p *peer) resume() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = false
	p.cond.Broadcast()
	return p.conn.SetReadDeadline(time.Time{})
}

// hangUp closes the connection without a DISCONNECT.
func (p *peer) hangUp() {
	p.stop()
	_ = p.conn.Close()
	p.done.Wait()
}

// drop breaks the connection.
func (p *peer) drop() {
	p.stop()
	switch c := p.conn.(type) {
	case interface{ Reset() }:
		c.Reset()
	case *net.TCPConn:
		_ = c.SetLinger(0)
	}
	_ = p.conn.Close()
	p.done.Wait()
}

func (p *peer) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	p.cond.Broadcast()
}
