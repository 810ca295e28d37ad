package ws

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// chunk is how much of a frame is copied in order to write it at once with
	// its header, or to mask it.
	chunk = 32 << 10
	// patience is how long the reader may take to write an answer to a control
	// frame.
	patience = 5 * time.Second
	// farewell is how long Close may take to tell the peer, and the reader when
	// patience was in vain.
	farewell = 10 * time.Millisecond
	// lingering is how long a server waits for its client to hang up. Whoever
	// writes to a connection that is closed sees an error, and what the other
	// side wrote last may be lost with it: MQTT.js says goodbye twice.
	lingering = time.Second
)

// Conn is a WebSocket as a net.Conn. Each Write is one binary message; a Read
// returns what has come, whatever the frames.
type Conn struct {
	inner    net.Conn
	remote   net.Addr // nil: that of inner
	protocol string
	listener *Listener // of a server's side
	closed   atomic.Bool
	gone     atomic.Bool // nothing more comes

	reading sync.Mutex // held by Read; guards these
	early   []byte     // what came with the handshake
	in      decoder
	readErr error // what Read returns from now on

	writing sync.Mutex // held by Write; guards out
	out     output
	due     atomic.Pointer[[]byte] // a control frame to be written, if nobody does

	deadline      sync.Mutex // guards the deadlines of inner
	writeDeadline time.Time
}

var _ net.Conn = (*Conn)(nil)

// output is the frame that is being written, and how far that has come.
type output struct {
	masked  bool
	header  []byte // what is left of it
	left    int    // bytes of the payload that are left
	key     [4]byte
	at      int    // of the key
	control []byte // what is left of a control frame
	closed  bool   // a close frame was written, or begun
}

// newConn makes a Conn of a connection after its handshake.
func newConn(inner net.Conn, early []byte, protocol string) *Conn {
	return &Conn{inner: inner, early: early, protocol: protocol}
}

// frames are buffers for a header and a chunk.
var frames = sync.Pool{New: func() any { return new([maxHeader + chunk]byte) }}

// Protocol is the subprotocol that was agreed on: mqtt, or mqttv3.1.
func (c *Conn) Protocol() string { return c.protocol }

// NetConn returns the connection beneath, for example to ask it about TLS.
func (c *Conn) NetConn() net.Conn { return c.inner }

// Read reads what has come. The end of a WebSocket, or of the connection
// beneath, is io.EOF. A peer that breaks the rules is told so, and is a
// *ProtocolError.
func (c *Conn) Read(b []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if len(b) == 0 {
		return 0, nil
	}
	for c.readErr == nil {
		if c.closed.Load() {
			return 0, net.ErrClosed
		}
		n, err := c.readRaw(b)
		k, wrong := c.in.decode(b[:n], c.control)
		if wrong != nil {
			c.readErr = wrong
			c.gone.Store(true)
			var e *ProtocolError
			if errors.As(wrong, &e) {
				c.tell(closeFrame(e.Status))
			}
		}
		switch {
		case k > 0:
			return k, nil
		case wrong != nil: // returned below
		case c.closed.Load(): // goes on above
		case err != nil:
			c.gone.Store(!errors.Is(err, os.ErrDeadlineExceeded))
			return 0, err
		}
	}
	return 0, c.readErr
}

func (c *Conn) readRaw(b []byte) (int, error) {
	if len(c.early) == 0 {
		return c.inner.Read(b)
	}
	n := copy(b, c.early)
	if c.early = c.early[n:]; len(c.early) == 0 {
		c.early = nil
	}
	return n, nil
}

// control handles a control frame.
func (c *Conn) control(opcode byte, payload []byte) error {
	switch opcode {
	case opPing:
		c.tell(controlFrame(opPong, payload))
	case opClose:
		if len(payload) > 2 {
			payload = payload[:2] // the code is enough of an answer
		}
		c.tell(controlFrame(opClose, payload))
		return io.EOF
	}
	return nil
}

// controlFrame is an unmasked control frame.
func controlFrame(opcode byte, payload []byte) []byte {
	return append(appendHeader(nil, opcode, len(payload), nil), payload...)
}

func closeFrame(status uint16) []byte {
	return controlFrame(opClose, binary.BigEndian.AppendUint16(nil, status))
}

// tell has a control frame written: now, or by who is writing. Of two that wait
// the later one stays, as of two pings one need be answered.
func (c *Conn) tell(frame []byte) {
	c.due.Store(&frame)
	c.writeDue(patience)
}

// writeDue writes the control frame that is due, unless somebody is writing, who
// will do it. It gives up when that takes too long, and tries but briefly when
// it has given up before: a peer that sends and does not read is to be read.
func (c *Conn) writeDue(limit time.Duration) {
	for c.due.Load() != nil && c.writing.TryLock() {
		if len(c.out.control) > 0 {
			limit = min(limit, farewell)
		}
		c.limitWrite(limit)
		err := c.writeControl()
		open := c.out.open()
		c.unlimitWrite()
		c.writing.Unlock()
		if err != nil || open {
			return
		}
	}
}

// limitWrite bounds a write that the owner of the connection did not ask for.
func (c *Conn) limitWrite(limit time.Duration) {
	c.deadline.Lock()
	defer c.deadline.Unlock()
	t := time.Now().Add(limit)
	if c.writeDeadline.IsZero() || t.Before(c.writeDeadline) {
		_ = c.inner.SetWriteDeadline(t) // of a closed connection it fails, and so will the write
	}
}

func (c *Conn) unlimitWrite() {
	c.deadline.Lock()
	defer c.deadline.Unlock()
	_ = c.inner.SetWriteDeadline(c.writeDeadline) // as above
}

// open reports whether a frame is begun and not ended.
func (o *output) open() bool { return o.left > 0 || len(o.header) > 0 }

// writeControl writes the control frame that is due, if no other frame is open.
func (c *Conn) writeControl() error {
	for !c.out.open() {
		if len(c.out.control) == 0 {
			frame := c.due.Swap(nil)
			if frame == nil || c.out.closed {
				return nil
			}
			c.out.control = c.finish(*frame)
		}
		k, err := c.inner.Write(c.out.control)
		c.out.control = c.out.control[k:]
		if err != nil {
			return err
		}
	}
	return nil
}

// finish masks a control frame where that must be, and notes a close frame:
// nothing may follow it.
func (c *Conn) finish(frame []byte) []byte {
	c.out.closed = frame[0] == bitFinal|opClose
	if !c.out.masked {
		return frame
	}
	var key [4]byte
	_, _ = rand.Read(key[:]) // never fails
	payload := frame[2:]
	masked := append(appendHeader(nil, frame[0]&0xF, len(payload), key[:]), payload...)
	mask(masked[len(masked)-len(payload):], key, 0)
	return masked
}

// Write writes b as one message. When it could write only a part, the next Write
// goes on with the same message; give it the rest.
func (c *Conn) Write(b []byte) (n int, err error) {
	c.writing.Lock()
	defer c.writeDue(patience) // what came to be due meanwhile
	defer c.writing.Unlock()
	for n < len(b) {
		if !c.out.open() {
			if err := c.writeControl(); err != nil {
				return n, err
			}
			if c.out.closed || c.closed.Load() {
				return n, net.ErrClosed
			}
			c.out.begin(len(b) - n)
		}
		k, err := c.writeChunk(b[n:])
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// begin begins a message.
func (o *output) begin(payloadBytes int) {
	var key []byte
	if o.masked {
		_, _ = rand.Read(o.key[:]) // never fails
		key = o.key[:]
	}
	o.header = appendHeader(o.header[:0], opBinary, payloadBytes, key)
	o.left, o.at = payloadBytes, 0
}

// writeChunk writes what is left of the header, and of the payload b, or its
// beginning. It returns how much of b was written.
func (c *Conn) writeChunk(b []byte) (int, error) {
	o := &c.out
	b = b[:min(len(b), o.left)]
	var k int
	var err error
	if !o.masked && len(b) > chunk {
		buffers := net.Buffers{o.header, b}
		var k64 int64
		k64, err = buffers.WriteTo(c.inner)
		k = int(k64)
	} else {
		b = b[:min(len(b), chunk)]
		buffer := frames.Get().(*[maxHeader + chunk]byte)
		frame := append(append(buffer[:0], o.header...), b...)
		if o.masked {
			mask(frame[len(o.header):], o.key, o.at)
		}
		k, err = c.inner.Write(frame)
		frames.Put(buffer)
	}
	h := min(k, len(o.header))
	o.header = o.header[h:]
	k -= h
	o.left -= k
	o.at = (o.at + k) & 3
	return k, err
}

// Close ends the WebSocket and the connection. It does not wait for the peer; a
// Listener does, for a second, and keeps the connection open beneath.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	frame := closeFrame(statusNormal)
	c.due.Store(&frame)
	c.writeDue(farewell)
	if c.listener != nil && !c.gone.Load() && c.listener.linger(c) {
		return nil
	}
	return c.inner.Close()
}

// drain reads to the end of what the peer has to say, but not for long, and then
// closes the connection. It interrupts who reads or writes.
func (c *Conn) drain() {
	c.deadline.Lock()
	_ = c.inner.SetDeadline(time.Unix(1, 0)) // fails on a connection that has ended, as does the rest
	c.deadline.Unlock()
	c.reading.Lock()
	defer c.reading.Unlock()
	_ = c.inner.SetReadDeadline(time.Now().Add(lingering))
	_, _ = io.Copy(io.Discard, c.inner)
	_ = c.inner.Close()
}

// LocalAddr is that of the connection beneath.
func (c *Conn) LocalAddr() net.Addr { return c.inner.LocalAddr() }

// RemoteAddr is that of the peer, or of the client that a proxy speaks for.
func (c *Conn) RemoteAddr() net.Addr {
	if c.remote != nil {
		return c.remote
	}
	return c.inner.RemoteAddr()
}

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline bounds the reads, as net.Conn says.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.deadline.Lock()
	defer c.deadline.Unlock()
	if c.closed.Load() {
		return net.ErrClosed
	}
	return c.inner.SetReadDeadline(t)
}

// SetWriteDeadline bounds the writes, as net.Conn says.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.deadline.Lock()
	defer c.deadline.Unlock()
	if c.closed.Load() {
		return net.ErrClosed
	}
	c.writeDeadline = t
	return c.inner.SetWriteDeadline(t)
}
