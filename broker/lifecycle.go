package broker

import (
	"container/list"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// lifecycle knows every goroutine and connection of a broker, so that Shutdown
// leaves nothing behind. Broker.mu guards it.
type lifecycle struct {
	closed  bool // no connection, goroutine or session is begun any more
	running int  // goroutines, without the clock
	ended   chan struct{}
	conns   map[*conn]struct{}
	// halfOpen are the connections without a CONNECT, the oldest first, and
	// waiting how many of them each address has.
	halfOpen list.List
	waiting  map[netip.Prefix]int
}

// arrival is what is known of a connection until its CONNECT.
type arrival struct {
	at     time.Time
	prefix netip.Prefix
	place  *list.Element // in lifecycle.halfOpen
	heard  bool          // bytes have come; of the reading goroutine
}

// enroll begins to know a connection. It returns false when the broker has been
// closed, or the address has too many connections without a CONNECT.
func (b *Broker) enroll(c *conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.life.closed {
		return false
	}
	a := &arrival{at: now(), prefix: prefixOf(c.net.RemoteAddr())}
	if a.prefix.IsValid() {
		if b.life.waiting[a.prefix] >= b.options().MaxHalfOpenPerAddress {
			b.stats.Crowded.Add(1)
			return false
		}
		b.life.waiting[a.prefix]++
	}
	c.arrival, a.place = a, b.life.halfOpen.PushBack(c)
	b.life.conns[c] = struct{}{}
	b.life.running++
	return true
}

// arrived notes that the CONNECT of c was accepted.
func (b *Broker) arrived(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.life.opened(c)
}

func (l *lifecycle) opened(c *conn) {
	a := c.arrival
	if a == nil {
		return
	}
	c.arrival = nil
	l.halfOpen.Remove(a.place)
	if !a.prefix.IsValid() {
		return
	}
	if l.waiting[a.prefix]--; l.waiting[a.prefix] == 0 {
		delete(l.waiting, a.prefix)
	}
}

// forget ends what enroll began.
func (b *Broker) forget(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.life.opened(c)
	delete(b.life.conns, c)
	b.life.done()
}

func (l *lifecycle) done() {
	if l.running--; l.running == 0 && l.closed {
		close(l.ended)
	}
}

// spawn runs f in a goroutine that Shutdown waits for. It returns false, and
// does not run f, when all has ended.
func (b *Broker) spawn(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.life.closed && b.life.running == 0 {
		return false
	}
	b.life.running++
	go func() {
		defer func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.life.done()
		}()
		f()
	}()
	return true
}

// prefixOf is what counts as one address: an IPv4 address, a /64 of IPv6. It is
// invalid for loopback addresses and for what has no address.
func prefixOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || tcp.IP.IsLoopback() {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	prefix, _ := ip.Prefix(bits)
	return prefix
}

const (
	// crowdedAge is how old a connection without a CONNECT is at least before
	// it is closed to make room.
	crowdedAge = time.Second
	// crowdedPause is how long accepting waits for room at a time.
	crowdedPause = 10 * time.Millisecond
	// acceptPause is how long it waits for files or memory.
	acceptPause = 100 * time.Millisecond
)

// waitForRoom waits while too many connections have sent no CONNECT, and closes
// the oldest if it has had its time: clients that come all at once wait in the
// kernel, connections that stay silent do not keep others out.
func (b *Broker) waitForRoom() {
	for {
		oldest, crowded := b.crowded()
		if !crowded {
			return
		}
		if oldest != nil {
			b.stats.Crowded.Add(1)
			oldest.hangUp()
		}
		if !b.pause(crowdedPause) {
			return
		}
	}
}

func (b *Broker) crowded() (oldest *conn, crowded bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.life.closed || b.life.halfOpen.Len() < b.options().MaxHalfOpen {
		return nil, false
	}
	first := b.life.halfOpen.Front().Value.(*conn)
	if now().Sub(first.arrival.at) < crowdedAge {
		return nil, true
	}
	return first, true
}

// pause waits and reports whether the broker is still open.
func (b *Broker) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-b.context.Done():
		return false
	}
}

// temporary reports whether accepting may work again later: there are no files
// or no memory left.
func temporary(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// shortage tells once that a socket has to wait for files or memory, and once
// that it goes on.
type shortage struct {
	logger   *slog.Logger
	listener string
	last     time.Time // when it was felt; zero: nothing is told
}

// relief is how long accepting must have gone well before it is said to: one
// connection that ends lets one in, and that is no news.
const relief = time.Second

func (s *shortage) felt(err error) {
	if s.last.IsZero() {
		s.logger.Warn("accepting paused", "listener", s.listener, "err", err)
	}
	s.last = now()
}

func (s *shortage) over() {
	if !s.last.IsZero() && now().Sub(s.last) > relief {
		s.last = time.Time{}
		s.logger.Info("accepting resumed", "listener", s.listener)
	}
}

// stop closes the listeners, begins nothing any more and returns the
// connections there are.
func (b *Broker) stop() (conns []*conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.life.closed {
		b.life.closed = true
		if b.life.running == 0 {
			close(b.life.ended)
		}
	}
	b.cancel()
	for socket := range b.listeners {
		_ = (*socket).Close()
	}
	for c := range b.life.conns {
		conns = append(conns, c)
	}
	return conns
}
