package memnet

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// Conn is one end of a connection.
type Conn struct {
	in, out       *stream
	local, remote net.Addr
}

var _ net.Conn = (*Conn)(nil)

// Pipe returns the two ends of a connection that no Listener knows. Each
// direction holds buffer bytes; zero: DefaultBuffer.
func Pipe(buffer int) (client, server *Conn) {
	return pair(buffer, &net.TCPAddr{IP: clientIP, Port: 50000}, &net.TCPAddr{IP: serverIP, Port: 1883})
}

func pair(buffer int, from, to net.Addr) (client, server *Conn) {
	up, down := newStream(buffer), newStream(buffer)
	return &Conn{in: down, out: up, local: from, remote: to}, &Conn{in: up, out: down, local: to, remote: from}
}

// Read reads what is there; if nothing is, it waits.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.in.read(b)
	return n, c.wrap("read", err)
}

// Write returns when the last byte found room in the buffer.
func (c *Conn) Write(b []byte) (int, error) {
	n, err := c.out.write(b)
	return n, c.wrap("write", err)
}

func (c *Conn) wrap(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: "mem", Source: c.local, Addr: c.remote, Err: err}
}

// Close ends both directions. The peer reads what was written before, then
// io.EOF; its writes fail.
func (c *Conn) Close() error {
	c.in.endRead(net.ErrClosed, syscall.EPIPE)
	return c.wrap("close", c.out.endWrite(net.ErrClosed))
}

// CloseWrite ends this direction only: the peer reads the rest and io.EOF, and
// may go on writing.
func (c *Conn) CloseWrite() error {
	return c.wrap("close", c.out.endWrite(syscall.EPIPE))
}

// CloseRead ends the other direction only: the peer's writes fail.
func (c *Conn) CloseRead() error {
	c.in.endRead(io.EOF, syscall.EPIPE)
	return nil
}

// Reset breaks the connection: what was on its way is lost, and the peer's
// reads and writes fail with ECONNRESET.
func (c *Conn) Reset() {
	c.in.reset(net.ErrClosed, syscall.ECONNRESET)
	c.out.reset(syscall.ECONNRESET, net.ErrClosed)
}

// LocalAddr is the address of this end, a *net.TCPAddr.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the address of the other end, a *net.TCPAddr.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// Buffered is how many bytes wait to be read at this end.
func (c *Conn) Buffered() int { return c.in.buffered() }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.readDeadline, t)
	c.out.setDeadline(&c.out.writeDeadline, t)
	return nil
}

// SetReadDeadline makes reads fail from t on; the zero time: never.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.readDeadline, t)
	return nil
}

// SetWriteDeadline makes writes fail from t on; the zero time: never.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.writeDeadline, t)
	return nil
}
