package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/zancudomq/zancudo/internal/alarm"
	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// conn is one Network Connection. A goroutine of its own reads it; whoever has
// claimed it writes (see flush.go).
type conn struct {
	broker   *Broker
	listener *Listener
	net      net.Conn
	client   *client      // set once, by attach, before attached
	alarm    alarm.Alarm  // CONNECT deadline, then keep alive
	active   atomic.Int64 // when bytes came last, as time since the broker's start
	// attached tells other goroutines that client is set, detached the reading
	// one that its client has gone on without it.
	attached, detached atomic.Bool
	handling           atomic.Bool // bytes read from a socket are being handled
	// undecided ends what an Authenticator does for the client; nil: nothing.
	undecided atomic.Pointer[context.CancelFunc]

	// Of the reading goroutine.
	rules     *rules // nil until the CONNECT
	version   packet.Version
	bridge    bool       // the client is a bridge of MQTT 3.x
	molt      bool       // to go on in a new goroutine
	taking    bool       // something was taken that the store has not got
	overdue   bool       // too many answers wait for the client to read them
	sizeLimit uint32     // the client's Maximum Packet Size; zero: none
	partial   []byte     // a packet that has not arrived whole
	publisher *publisher // nil until the first PUBLISH
	scratch   *scratch   // while there are bytes to handle
	exchange  *exchange
	keepAlive time.Duration

	arrival *arrival // while there was no CONNECT; Broker.mu guards it

	// Guarded by client.mu.
	out     session.Output
	feeder  *client       // whose message claimed the output last
	heavy   bool          // more was written at once than a small buffer holds
	writing bool          // somebody has claimed the output
	closing bool          // to be closed when all is written
	broken  bool          // it cannot be written
	owed    int           // bytes of answers in out
	relief  chan struct{} // closed when they have been taken from it; nil: nobody waits
	// credential is what the client was let in with.
	credential any

	socket socket
}

// publisher is what a connection remembers of the messages it sends.
type publisher struct {
	names  packet.Names
	routes routes
	doubts []uint16 // identifiers of messages of QoS 2 that were taken back
	denied struct { // the lines on what it may not publish
		since time.Time
		lines int
	}
}

// errDisconnected ends a connection whose client has sent DISCONNECT.
var errDisconnected = errors.New("client disconnected")

// longPacket is how much of a packet must have come before its further bytes
// count as life: a large one may take longer than the keep alive.
const longPacket = 1000

// maxControlPacket is the largest packet accepted that is not a PUBLISH, and
// maxConnectPacket the largest of a client that is not welcome yet.
const (
	maxControlPacket = 256 << 10
	maxConnectPacket = 100_000
)

// serve reads packets and handles them until the connection ends. It must stay
// shallow: an idle connection waits here with the smallest stack. What makes the
// stack grow, and is rare, is followed by a molt: a new goroutine goes on.
func (c *conn) serve() {
	var err error
	for err == nil {
		var in []byte
		if in, err = c.read(); err == nil {
			err = c.process(in)
		}
		if c.molt && err == nil {
			c.molt = false
			go c.serve()
			return
		}
	}
	c.finish(err)
}

// read waits for bytes and returns all that are there, beginning with those of
// a packet that has not arrived whole. It borrows a scratch when they have come.
func (c *conn) read() (in []byte, err error) {
	if len(c.partial) > 0 && len(c.partial) == cap(c.partial) {
		c.partial = slices.Grow(c.partial, len(c.partial)) // with what arrived, never with what is claimed
	}
	if c.socket.raw == nil {
		return c.readStream()
	}
	n, err := c.socket.read(c)
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, io.EOF
	case len(c.partial) > 0:
		c.partial = c.partial[:len(c.partial)+n]
		return c.partial, nil
	default:
		return c.scratch.buf[:n], nil
	}
}

// space is where the next bytes go.
func (c *conn) space() []byte {
	if n := len(c.partial); n > 0 {
		return c.partial[n:cap(c.partial)]
	}
	if c.scratch == nil {
		c.scratch = borrowScratch()
	}
	return c.scratch.buf
}

// readStream is read for a connection that is not a plain socket. It waits with
// a buffer of its own, so that a scratch is borrowed for handling only.
func (c *conn) readStream() ([]byte, error) {
	if c.partial == nil {
		c.partial = make([]byte, 0, 2048)
	}
	n, err := c.net.Read(c.partial[len(c.partial):cap(c.partial)])
	c.partial = c.partial[:len(c.partial)+n]
	if n > 0 {
		return c.partial, nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return nil, err
}

// process handles all whole packets of in and keeps the rest. What they led to
// is sent at the end, in as few writes as can be: the commit point.
func (c *conn) process(in []byte) (err error) {
	if c.detached.Load() {
		return packet.SessionTakenOver // or another reason that the client was given
	}
	if c.scratch == nil {
		c.scratch = borrowScratch()
	}
	c.greet()
	s := c.scratch
	s.now = now()
	d := &s.decoder
	d.Version, d.Names, d.MaxUserProperties = c.version, nil, c.broker.options().MaxUserProperties
	if c.publisher != nil {
		d.Names = &c.publisher.names
	}
	d.MaxPacketSize, d.MaxControlSize = c.packetLimit(), maxControlPacket
	rest := in
	for err == nil {
		p, n, failed := d.Decode(rest)
		if failed != nil {
			err = failed
			break
		}
		if n == 0 {
			break
		}
		rest = rest[n:]
		s.counts.received[p.Type()]++
		if f := c.broker.options().Trace.Packet; f != nil && c.client != nil {
			f((*Client)(c.client), Received, p)
		}
		err = c.guard(s, p)
	}
	if c.client == nil { // who takes over reads it
		c.version = d.Version
	}
	if len(rest) < len(in) || len(rest) > longPacket { // [MQTT-3.1.2-22]
		c.active.Store(int64(s.now.Sub(c.broker.started)))
	}
	s.counts.bytes += uint64(len(in) - len(rest))
	if failed := c.commit(s); err == nil {
		err = failed
	}
	c.keep(rest)
	if c.overdue {
		c.waitForRelief()
	}
	return err
}

// guard handles one packet; a bug of ours costs this connection only.
func (c *conn) guard(s *scratch, p packet.Packet) (err error) {
	defer func() {
		if r := recover(); r != nil {
			c.broker.options().Logger.Error("packet handler panicked", "client", c.id(), "packet", p.Type().String(),
				"err", r, "stack", string(debug.Stack()))
			c.broker.conclude(s) // some may have got the message
			err = fmt.Errorf("internal error: %w", packet.UnspecifiedError)
		}
	}()
	return c.handle(s, p)
}

// packetLimit is the largest packet that is accepted now.
func (c *conn) packetLimit() uint32 {
	if c.client == nil {
		return uint32(min(c.broker.options().MaxPacketSize, maxConnectPacket))
	}
	return c.rules.maxPacketSize
}

// keep saves the beginning of a packet until more has arrived, and gives the
// scratch back.
func (c *conn) keep(rest []byte) {
	switch {
	case len(rest) == 0 && (c.socket.raw != nil || cap(c.partial) > 2048):
		c.partial = nil
	case len(c.partial) > 0:
		c.partial = c.partial[:copy(c.partial, rest)]
	case len(rest) > 0:
		c.partial = append(make([]byte, 0, 2*len(rest)+64), rest...)
	}
	returnScratch(c.scratch)
	c.scratch = nil
}

// handle is the table of what a client may send.
func (c *conn) handle(s *scratch, p packet.Packet) error {
	if connect, ok := p.(*packet.Connect); ok {
		return c.handleConnect(s, connect)
	}
	if c.client == nil {
		return c.handleBeforeConnack(s, p)
	}
	switch p := p.(type) {
	case *packet.Publish:
		return c.handlePublish(s, p)
	case *packet.Puback, *packet.Pubrec, *packet.Pubcomp:
		return c.handleAck(s, p)
	case *packet.Pubrel:
		return c.handlePubrel(s, p)
	case *packet.Subscribe:
		return c.handleSubscribe(s, p)
	case *packet.Unsubscribe:
		return c.handleUnsubscribe(s, p)
	case *packet.Pingreq:
		c.reply(s, &packet.Pingresp{}) // [MQTT-3.12.4-1]
		return nil
	case *packet.Disconnect:
		return c.handleDisconnect(p)
	case *packet.Auth:
		return c.handleAuth(s, p)
	default:
		return fmt.Errorf("%v is not for a client to send: %w", p.Type(), packet.ProtocolError)
	}
}

// reply adds a packet to what is sent at the commit point.
func (c *conn) reply(s *scratch, p packet.Packet) {
	mark := len(s.replies)
	b, err := p.Append(s.replies, c.version)
	if limit := c.sizeLimit; err != nil || limit > 0 && len(b)-mark > int(limit) {
		return
	}
	s.replies = b
	s.counts.sent[p.Type()]++
	if f := c.broker.options().Trace.Packet; f != nil {
		f((*Client)(c.client), Sent, p)
	}
}

// commit is the commit point: what the packets of one read depend on is
// settled, so their answers leave, and the messages they carried are flushed.
// The error ends the connection.
func (c *conn) commit(s *scratch) error {
	err := c.commitReplies(s)
	s.answered = 0
	_ = c.broker.settle(s)
	return err
}

func (c *conn) commitReplies(s *scratch) (err error) {
	_ = c.store(s)
	if err = s.indebted; err != nil {
		s.indebted = nil
	}
	if len(s.replies) == 0 {
		return err
	}
	if c.client.current(c) {
		c.feed()
		c.out.Append(s.replies)
		c.owe(len(s.replies))
		claimed := c.claim()
		c.client.mu.Unlock()
		if claimed {
			s.touched = append(s.touched, c)
		}
	}
	s.replies = s.replies[:0]
	return err
}

// store appends what was collected to the store. If that fails the answers that
// depend on it are taken back.
func (c *conn) store(s *scratch) error {
	doubts := c.clearDoubts(s)
	wrote := s.batch.dirty()
	failure := c.broker.record(s)
	if failure == nil && doubts > 0 {
		c.publisher.doubts = nil
	}
	if wrote && c.client != nil {
		c.client.eraseIfGone() // its facts may have come after their removal
	}
	if failure != nil && c.client != nil {
		if err := c.retract(s, failure); err != nil {
			s.indebted = err
		}
	}
	s.batch.dependents = s.batch.dependents[:0]
	c.settled()
	return failure
}

// replyIfStored is reply for an answer that depends on the store.
func (c *conn) replyIfStored(s *scratch, p packet.Packet, id uint16, number uint64) {
	from := len(s.replies)
	c.reply(s, p)
	s.batch.dependents = append(s.batch.dependents, dependent{from: from, to: len(s.replies), kind: p.Type(), id: id, number: number})
}

// retract takes back the answers that depend on what was not stored. A client of
// MQTT 5.0 is told that its message is refused, others send it again one day.
// What could not be stored of a message of QoS 2 on its way has to be before
// the client goes on: that ends the connection.
func (c *conn) retract(s *scratch, failure error) (err error) {
	replies, at := append([]byte(nil), s.replies...), 0
	s.replies = s.replies[:0]
	cl := c.client
	for _, d := range s.batch.dependents {
		s.replies = append(s.replies, replies[at:d.from]...)
		at = d.to
		ack := packet.Ack{PacketID: d.id, ReasonCode: reasonOf(failure).In(d.kind)}
		switch d.kind {
		case packet.PUBREL, packet.PUBCOMP:
			cl.owe(&d)
			err = failure
			continue
		case packet.PUBREC:
			cl.mu.Lock()
			cl.session.Forget(d.id)
			cl.mu.Unlock()
			c.doubt(d.id)
		default:
		}
		if c.version != packet.V5 {
			continue
		}
		if d.kind == packet.PUBREC {
			c.reply(s, &packet.Pubrec{Ack: ack})
		} else {
			c.reply(s, &packet.Puback{Ack: ack})
		}
	}
	s.replies = append(s.replies, replies[at:]...)
	return err
}

// doubt notes that a message of QoS 2 was taken back, which the store may yet
// have in spite of its error: after a restart a new message with the same
// identifier would be taken for a duplicate.
func (c *conn) doubt(id uint16) {
	if c.client.sid != 0 && !slices.Contains(c.publisher.doubts, id) {
		c.publisher.doubts = append(c.publisher.doubts, id)
	}
}

// clearDoubts begins the batch with the removal of what there are doubts about,
// and returns how many that are. Where nothing else is to be stored it waits for a
// store that may work.
func (c *conn) clearDoubts(s *scratch) int {
	if c.publisher == nil || len(c.publisher.doubts) == 0 || !s.batch.dirty() && c.broker.journal.refuses(now()) != nil {
		return 0
	}
	s.batch.facts = slices.Insert(s.batch.facts, 0, c.disclaimed()...)
	s.batch.mustLast()
	return len(c.publisher.doubts)
}

// disclaimed are the facts that remove what there are doubts about.
func (c *conn) disclaimed() []Fact {
	var w batch
	for _, id := range c.publisher.doubts {
		w.received(c.client.sid, id)
	}
	return w.facts
}

// leaveDoubts has the client owe what the connection could not clear.
func (c *conn) leaveDoubts() {
	if c.publisher == nil || len(c.publisher.doubts) == 0 || !c.client.current(c) {
		return
	}
	c.client.owing = append(c.client.owing, c.disclaimed()...)
	c.client.mu.Unlock()
}

// owe notes what the store must have before the client goes on.
func (cl *client) owe(d *dependent) {
	var w batch
	if d.kind == packet.PUBREL {
		w.release(cl.sid, d.number)
	} else {
		w.received(cl.sid, d.id)
	}
	cl.mu.Lock()
	cl.owing = append(cl.owing, w.facts...)
	cl.mu.Unlock()
}

// hangUp closes the connection. There is nobody to tell that it failed, and
// nobody any more to decide about.
func (c *conn) hangUp() {
	_ = c.net.Close()
	if cancel := c.undecided.Load(); cancel != nil {
		(*cancel)()
	}
}

// deciding is the context of what decides about the client. It ends when the
// connection is closed from here, at the latest after authTimeout; the caller
// calls decided.
func (c *conn) deciding() (ctx context.Context, decided func()) {
	ctx, cancel := context.WithTimeout(c.broker.context, authTimeout)
	c.undecided.Store(&cancel)
	return ctx, func() {
		c.undecided.Store(nil)
		cancel()
	}
}

// id names the client in logs; empty before the CONNECT.
func (c *conn) id() string {
	if c.client == nil {
		return ""
	}
	return c.client.id
}

// gone reports whether err is only the other side's way of going.
func gone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrClosedPipe)
}
