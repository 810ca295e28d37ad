package psk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is one end of a connection. It is a net.Conn: Read, Write, Close and the
// deadlines may be called by different goroutines at once.
type Conn struct {
	conn   net.Conn
	config Config
	run    func(*handshake) error // the client's part or the server's

	handshaking sync.Mutex // held while the handshake is done
	failed      error      // why it could not be; guarded by handshaking
	done        atomic.Bool
	closed      atomic.Bool
	state       State // written before done

	in  inbound
	out outbound
}

var _ net.Conn = (*Conn)(nil)

// goodbye is how long Close waits for a peer that reads nothing.
const goodbye = time.Second

// Handshake does the handshake if it has not been done.
func (c *Conn) Handshake() error { return c.HandshakeContext(context.Background()) }

// HandshakeContext does the handshake if it has not been done. If ctx is done
// before it, the connection is closed. A handshake that failed is not repeated.
func (c *Conn) HandshakeContext(ctx context.Context) error {
	if c.done.Load() {
		return nil
	}
	c.handshaking.Lock()
	defer c.handshaking.Unlock()
	if c.failed != nil || c.done.Load() {
		return c.failed
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.Close() }) // what it interrupts has the error
	err := c.handshake()
	if !stop() && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		c.failed = fmt.Errorf("handshake of TLS with a pre-shared key: %w", err)
		return c.failed
	}
	c.done.Store(true)
	return nil
}

func (c *Conn) handshake() error {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	h := &handshake{Conn: c}
	err := c.run(h)
	c.in.handshake = nil
	if err == nil {
		return nil
	}
	if alert, ok := alertFor(err); ok {
		c.sendAlert(levelFatal, alert)
	}
	return err
}

// sendAlert sends an alert unless a Write is in the way.
func (c *Conn) sendAlert(level byte, alert Alert) {
	if !c.out.mu.TryLock() {
		return
	}
	defer c.out.mu.Unlock()
	if level == levelFatal || alert == CloseNotify { // nothing is written after it
		if err := c.conn.SetWriteDeadline(time.Now().Add(goodbye)); err != nil {
			return
		}
	}
	_ = c.out.alert(level, alert) // the connection ends anyway, or the next write tells
}

// State is what the handshake has agreed on; zero before its end.
func (c *Conn) State() State {
	if !c.done.Load() {
		return State{}
	}
	return c.state
}

// Read reads what the peer has written. It returns io.EOF when the peer said
// goodbye, and an error that wraps io.ErrUnexpectedEOF when the connection ended
// without.
func (c *Conn) Read(b []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	if len(b) == 0 {
		return 0, nil
	}
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	for len(c.in.data) == 0 {
		if c.in.err != nil {
			return 0, c.in.err
		}
		if err := c.readRecord(); err != nil {
			if isTimeout(err) {
				return 0, err
			}
			c.in.err = err
			if alert, ok := alertFor(err); ok {
				c.sendAlert(levelFatal, alert)
			}
		}
	}
	n := copy(b, c.in.data)
	c.in.data = c.in.data[n:]
	return n, nil
}

// readRecord handles a record after the handshake.
func (c *Conn) readRecord() error {
	kind, fragment, err := c.in.record()
	if err != nil {
		return err
	}
	switch kind {
	case recordData:
		if len(fragment) > 0 {
			c.in.data, c.in.useless = fragment, 0
			return nil
		}
		return c.useless()
	case recordAlert:
		err := c.readAlert(fragment)
		if errors.Is(err, CloseNotify) {
			return io.EOF
		}
		return err
	case recordHandshake:
		return c.refuseRenegotiation(messageType(fragment[0]))
	default:
		return fail(UnexpectedMessage, "a record of type %d came after the handshake", kind)
	}
}

// refuseRenegotiation answers a wish for another handshake, which is not granted.
func (c *Conn) refuseRenegotiation(kind messageType) error {
	if kind != messageHelloRequest && kind != messageClientHello {
		return fail(UnexpectedMessage, "got %v after the handshake", kind)
	}
	c.sendAlert(levelWarning, NoRenegotiation)
	return c.useless()
}

// readAlert returns the error that an alert is; nil if it is only a warning.
func (c *Conn) readAlert(fragment []byte) error {
	if len(fragment) != 2 {
		return fail(DecodeError, "an alert has %d bytes, want 2", len(fragment))
	}
	level, alert := fragment[0], Alert(fragment[1])
	switch {
	case alert == CloseNotify:
		return CloseNotify
	case level == levelFatal:
		return received(c.in.peer, alert)
	case level == levelWarning:
		return c.useless()
	default:
		return fail(IllegalParameter, "an alert has the level %d", level)
	}
}

// useless counts what a peer sends instead of data.
func (c *Conn) useless() error {
	if c.in.useless++; c.in.useless > maxUseless {
		return fail(UnexpectedMessage, "%d records in a row brought nothing", c.in.useless)
	}
	return nil
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// Write writes b. After an error, a timeout too, nothing more can be written:
// half a record may be on its way.
func (c *Conn) Write(b []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	written := 0
	for len(b) > written {
		chunk := b[written:min(len(b), written+c.out.maxPlain)]
		if err := c.out.append(recordData, chunk); err != nil {
			return written, err
		}
		if err := c.out.flush(); err != nil {
			return written, err
		}
		written += len(chunk)
	}
	return written, c.out.err
}

// Close says goodbye, unless a Write is in the way, and closes the connection.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	if c.done.Load() {
		c.sendAlert(levelWarning, CloseNotify)
	}
	return c.conn.Close()
}

// CloseWrite says goodbye and leaves the connection open for what the peer still
// has to say. The handshake must have been done.
func (c *Conn) CloseWrite() error {
	if !c.done.Load() {
		return errors.New("close for writing: the handshake has not been done")
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.alert(levelWarning, CloseNotify)
}

// NetConn is the connection below. Who uses it breaks this one.
func (c *Conn) NetConn() net.Conn { return c.conn }

// LocalAddr is that of the connection below.
func (c *Conn) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// RemoteAddr is that of the connection below.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// SetDeadline is for Read, Write and the handshake.
func (c *Conn) SetDeadline(t time.Time) error { return c.conn.SetDeadline(t) }

// SetReadDeadline is for Read. After a timeout it may be moved, and Read goes on.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

// SetWriteDeadline is for Write. After a timeout nothing more can be written.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.conn.SetWriteDeadline(t) }
