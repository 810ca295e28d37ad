package broker

import (
	"errors"
	"net"
	"os"
	"runtime/debug"
	"time"
)

// A connection's output is written by whoever claimed it: deliver claims a
// connection when it appends the first byte, and the goroutine it runs in
// flushes it when its own work is done. So a message costs no goroutine and
// no waking, and one write takes all that has come together. What the socket
// does not take at once is left to a goroutine that lives until all is written.

// maxOwed is how many bytes of answers may wait for a client. With more of them
// it is read again when it has read them, or not at all.
const maxOwed = 64 << 10

// owe counts bytes of answers that were put into the output. The client is
// locked.
func (c *conn) owe(n int) {
	c.owed += n
	c.overdue = c.owed > maxOwed
}

// waitForRelief waits until the answers have been taken from the output. It
// must have been flushed.
func (c *conn) waitForRelief() {
	c.overdue = false
	c.client.mu.Lock()
	if c.owed <= maxOwed || c.broken {
		c.client.mu.Unlock()
		return
	}
	relief := make(chan struct{})
	c.relief = relief
	c.client.mu.Unlock()
	<-relief
}

// relieve notes that no answers wait any more. The client is locked.
func (c *conn) relieve() {
	c.owed = 0
	if c.relief != nil {
		close(c.relief)
		c.relief = nil
	}
}

// claim takes the right to write if there is something to write and nobody has
// it. The client is locked.
func (c *conn) claim() bool {
	if c.writing {
		return false
	}
	if c.out.Len() == 0 {
		_, buf := c.out.Take()
		returnBuffer(buf)
		return false
	}
	c.writing = true
	return true
}

const (
	// flushRounds is how often a flush looks for more before it leaves a
	// connection that others keep filling.
	flushRounds = 4
	// flushAlone is how many connections one goroutine flushes.
	flushAlone = 64
)

// flushAll flushes claimed connections, with helpers if there are many.
func flushAll(conns []*conn) {
	for len(conns) > flushAlone {
		part := append([]*conn(nil), conns[:flushAlone]...)
		conns = conns[flushAlone:]
		if !part[0].broker.spawn(func() { flushAll(part) }) {
			flushAll(part)
		}
	}
	for _, c := range conns {
		c.flush()
	}
}

// flush writes what waits without blocking. The caller has claimed c.
func (c *conn) flush() {
	defer c.rescue()
	if !c.socket.plain() {
		c.leave(nil, nil)
		return
	}
	for range flushRounds {
		shared, buf, ok := c.take()
		if !ok {
			return
		}
		if len(shared) > 0 {
			c.leave(shared, buf)
			return
		}
		n, err := c.socket.write(buf)
		if err != nil {
			c.abort(buf)
			return
		}
		if n < len(buf) {
			c.leave([][]byte{buf[n:]}, nil)
			return
		}
		returnBuffer(buf)
	}
	c.leave(nil, nil)
}

// leave has a goroutine write the rest.
func (c *conn) leave(shared [][]byte, buf []byte) {
	if !c.broker.spawn(func() { c.drain(shared, buf) }) {
		c.abort(buf)
	}
}

// take removes what waits in order to write it. When nothing is left it gives
// the claim back and returns false.
func (c *conn) take() (shared [][]byte, buf []byte, ok bool) {
	cl := c.client
	c.pump()
	unread := false
	if cl.sid != 0 {
		for more := true; more; {
			more, unread = c.page()
		}
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn == c && cl.session.Waiting() {
		c.feed()
		cl.session.Fill(&c.out, now())
	}
	if c.out.Len() > 0 {
		tally, bytes := c.out.Tally(), c.out.Len()
		shared, buf = c.out.Take()
		c.broker.stats.written(tally, bytes)
		c.relieve()
		c.heavy = len(buf) > smallBuffer
		return shared, buf, true
	}
	_, buf = c.out.Take()
	returnBuffer(buf)
	if cl.conn == c && len(cl.replay) > 0 && cl.session.Room(&c.out) {
		return nil, nil, true // the next retained message has come between
	}
	if _, missing := cl.session.Missing(); missing > 0 && cl.conn == c && !unread {
		return nil, nil, true // more has been sent meanwhile
	}
	c.writing = false
	if c.closing {
		c.hangUp()
	}
	return nil, nil, false
}

// drain writes until nothing waits. It is the slow path: it may block, for as
// long as the client goes on reading.
func (c *conn) drain(shared [][]byte, buf []byte) {
	defer c.rescue()
	for {
		if len(shared) > 0 || len(buf) > 0 {
			bufs := net.Buffers(shared)
			if len(buf) > 0 { // a net.Conn may make a message of each write
				bufs = append(bufs, buf)
			}
			if err := c.writeAll(bufs); err != nil {
				c.abort(buf)
				return
			}
			returnBuffer(buf)
		}
		var ok bool
		if shared, buf, ok = c.take(); !ok {
			return
		}
	}
}

// writeAll writes bufs. It gives up when not a byte was taken for the write
// timeout.
func (c *conn) writeAll(bufs net.Buffers) error {
	for len(bufs) > 0 {
		if err := c.net.SetWriteDeadline(time.Now().Add(c.broker.options().WriteTimeout)); err != nil {
			return err
		}
		n, err := bufs.WriteTo(c.net)
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return err
		}
	}
	return c.net.SetWriteDeadline(time.Time{})
}

// abort closes a connection that cannot be written. The claim is kept, so that
// nobody tries again; the reading goroutine finds it closed and ends it.
func (c *conn) abort(buf []byte) {
	returnBuffer(buf)
	c.hangUp()
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	c.broken = true
	c.relieve()
}

// rescue is deferred where no packet is handled: a bug of ours costs this
// connection only.
func (c *conn) rescue() {
	if r := recover(); r != nil {
		c.broker.options().Logger.Error("connection panicked", "client", c.id(), "err", r, "stack", string(debug.Stack()))
		if c.attached.Load() {
			c.abort(nil)
		}
		c.hangUp()
	}
}
