package bench

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// goroutines is the network for TLS, and for systems without epoll: a goroutine
// for each connection reads, and hands what it read to the engine's goroutine.
type goroutines struct {
	to       events
	dial     func(n int) (net.Conn, error) // the nth connection
	opened   int
	happened chan event
	timer    *time.Timer
	stop     func()
	stopped  <-chan struct{}
	links    map[*link]bool
	running  sync.WaitGroup
}

// link is one Network Connection. A conn may have had others before.
type link struct {
	n      *goroutines
	c      *conn
	nc     net.Conn
	resume chan struct{} // the engine is done with what was read

	mu         sync.Mutex
	out, spare []byte
	writing    bool
	finished   bool
	told       bool // that it is blocked
}

type event struct {
	l    *link
	kind eventKind
	b    []byte
	err  error
}

type eventKind int

const (
	didOpen eventKind = iota
	didRead
	didDrain
	didEnd
)

// backlog is how many bytes wait for a connection before it is called blocked.
const backlog = 256 << 10

func newNetworkOfGoroutines(to events, broker netip.AddrPort, addresses int, config *tls.Config) network {
	ctx, stop := context.WithCancel(context.Background())
	dial := func(n int) (net.Conn, error) {
		var d net.Dialer
		if source, ok := sourceAddress(broker.Addr(), n, addresses); ok {
			d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
		}
		nc, err := d.DialContext(ctx, "tcp", broker.String())
		if err != nil || config == nil {
			return nc, err
		}
		t := tls.Client(nc, config)
		if err := t.HandshakeContext(ctx); err != nil {
			_ = nc.Close()
			return nil, err
		}
		return t, nil
	}
	return &goroutines{
		to: to, dial: dial, stop: stop, stopped: ctx.Done(),
		happened: make(chan event, 256), timer: time.NewTimer(0), links: map[*link]bool{},
	}
}

func (n *goroutines) open(c *conn) {
	n.opened++
	l := &link{n: n, c: c, resume: make(chan struct{}, 1)}
	c.link, c.blocked = l, false
	n.links[l] = true
	number := n.opened
	n.running.Go(func() { l.serve(number) })
}

func (n *goroutines) tell(e event) {
	select {
	case n.happened <- e:
	case <-n.stopped:
	}
}

// serve connects and reads.
func (l *link) serve(number int) {
	nc, err := l.n.dial(number)
	if err != nil {
		l.n.tell(event{l: l, kind: didEnd, err: err})
		return
	}
	defer func() { _ = nc.Close() }()
	l.mu.Lock()
	l.nc = nc
	l.mu.Unlock()
	l.n.tell(event{l: l, kind: didOpen})
	buf := make([]byte, 4<<10)
	for {
		n, err := nc.Read(buf)
		if n > 0 {
			l.n.tell(event{l: l, kind: didRead, b: buf[:n]})
			select {
			case <-l.resume:
			case <-l.n.stopped:
				return
			}
			if n == len(buf) && n < 64<<10 { // it is busy
				buf = make([]byte, 4*n)
			}
		}
		if err != nil {
			l.n.tell(event{l: l, kind: didEnd, err: err})
			return
		}
	}
}

func (n *goroutines) send(c *conn, b []byte) {
	l := c.link
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = append(l.out, b...)
	if len(l.out) > backlog {
		c.blocked, l.told = true, true
	}
	l.start()
}

// start has what waits written. l is locked.
func (l *link) start() {
	if !l.writing && (len(l.out) > 0 || l.finished) {
		l.writing = true
		l.n.running.Go(l.flush)
	}
}

// flush writes until nothing waits. A failure is for the reader to notice.
func (l *link) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.out) > 0 {
		b := l.out
		l.out, l.spare = l.spare[:0], nil
		l.mu.Unlock()
		_, err := l.nc.Write(b)
		l.mu.Lock()
		l.spare = b
		if err != nil {
			l.out = l.out[:0]
		}
	}
	l.writing = false
	if w, ok := l.nc.(interface{ CloseWrite() error }); ok && l.finished {
		_ = w.CloseWrite()
	}
	if l.told {
		l.told = false
		l.n.running.Go(func() { l.n.tell(event{l: l, kind: didDrain}) })
	}
}

func (n *goroutines) finish(c *conn) {
	if l := c.link; l != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.finished = true
		l.start()
	}
}

func (n *goroutines) close(c *conn) {
	l := c.link
	if l == nil {
		return
	}
	c.link, c.blocked = nil, false
	delete(n.links, l)
	l.close()
}

func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.nc != nil {
		_ = l.nc.Close()
	}
}

func (n *goroutines) wait(d time.Duration) {
	n.timer.Reset(max(0, d))
	select {
	case e := <-n.happened:
		n.handle(e)
	case <-n.timer.C:
		return
	}
	for range cap(n.happened) {
		select {
		case e := <-n.happened:
			n.handle(e)
		default:
			return
		}
	}
}

func (n *goroutines) handle(e event) {
	l := e.l
	if l.c.link != l { // closed before this was told
		l.close()
		if e.kind == didRead {
			l.resume <- struct{}{}
		}
		return
	}
	switch e.kind {
	case didOpen:
		n.to.opened(l.c)
	case didRead:
		n.to.receive(l.c, e.b)
		l.resume <- struct{}{}
	case didDrain:
		l.c.blocked = false
		n.to.writable(l.c)
	case didEnd:
		n.close(l.c)
		if e.err == nil {
			e.err = io.EOF
		}
		n.to.gone(l.c, e.err)
	}
}

func (n *goroutines) shutdown() {
	n.stop()
	for l := range n.links {
		l.close()
	}
	n.running.Wait()
}
