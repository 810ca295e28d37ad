package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

const (
	// maxOutput is how many bytes wait to be written before Publish waits.
	maxOutput = 256 << 10
	// maxSpareOutput bounds the memory that an idle connection keeps.
	maxSpareOutput = 1 << 20
	// farewell is how long the reason of an end may take to be written.
	farewell = time.Second
)

// conn is one Network Connection. All but its reader's own fields are guarded by
// the Client's lock.
type conn struct {
	net.Conn
	client  *Client
	version packet.Version
	connack *packet.Connack
	limits  limits
	window  int           // most messages in flight
	gone    chan struct{} // closed when the reader ended

	given   *aliases          // topic aliases of ours; nil: none are used
	reader  *packet.Reader    // the reader's own
	aliases map[uint16]string // the reader's own: topic aliases of the server
	replies struct {          // the reader's own: memory for what it answers
		puback  packet.Puback
		pubrec  packet.Pubrec
		pubrel  packet.Pubrel
		pubcomp packet.Pubcomp
	}

	wake     sync.Cond // the writer waits for output
	sleeping bool      // it does
	writing  bool      // it writes
	out      []byte    // what it will write next
	last     bool      // nothing may follow out
	err      error     // why the connection ended
	settled  bool      // there may be news for Client.wait
	// authenticating says that Reauthenticate waits for the server.
	authenticating bool

	lastRead, lastWrite, pinged time.Time
}

// open dials, and exchanges CONNECT and CONNACK; again: not for the first time.
func (c *Client) open(ctx context.Context, again bool) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	nc, err := c.options.Dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	n := &conn{Conn: nc, client: c, version: c.options.Connect.Version, gone: make(chan struct{})}
	n.wake.L = &c.mu
	var src io.Reader = (*source)(n)
	if c.options.ReadBuffer > 0 {
		src = bufio.NewReaderSize(src, c.options.ReadBuffer)
	}
	n.reader = packet.NewReader(src, n.version)
	n.reader.MaxPacketSize = c.options.Connect.MaximumPacketSize
	stop := context.AfterFunc(ctx, n.interrupt)
	err = n.handshake(again)
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		n.hangUp()
		return nil, fmt.Errorf("connect: %w", err)
	}
	return n, nil
}

// handshake sends CONNECT and awaits CONNACK.
func (n *conn) handshake(again bool) error {
	c := n.client
	connect := c.options.Connect
	if again && connect.Version == packet.V5 && connect.SessionExpiry > 0 {
		connect.CleanStart = false
	}
	p, err := n.exchange(&connect)
	if err != nil {
		return err
	}
	connack, ok := p.(*packet.Connack)
	if !ok {
		return fmt.Errorf("server answered CONNECT with %v: %w", p.Type(), packet.ProtocolError)
	}
	if connack.ReasonCode != packet.Success {
		return &ConnackError{connack}
	}
	if a := c.options.Authenticator; a != nil {
		if err := a.Finish(connack.AuthenticationData); err != nil {
			return fmt.Errorf("authenticate: %w", err)
		}
	}
	n.connack = connack
	n.limits.set(connack)
	n.window = c.options.MaxInflight
	if connack.ReceiveMaximum > 0 { // [MQTT-3.3.4-9]
		n.window = min(n.window, int(connack.ReceiveMaximum))
	}
	if n.version == packet.V5 {
		n.given = newAliases(min(c.options.MaxTopicAlias, connack.TopicAliasMaximum)) // [MQTT-3.2.2-17]
	}
	n.lastRead, n.lastWrite = time.Now(), time.Now()
	return nil
}

// writeNow writes a packet of the handshake.
func (n *conn) writeNow(p packet.Packet) error {
	b, err := p.Append(nil, n.version)
	if err != nil {
		return err
	}
	n.trace(Sent, p)
	_, err = n.Write(b)
	return err
}

// readNow reads a packet of the handshake.
func (n *conn) readNow() (packet.Packet, error) {
	p, err := n.reader.Next()
	if err == nil {
		n.trace(Received, p)
	}
	return p, err
}

func (n *conn) trace(d Direction, p packet.Packet) {
	if trace := n.client.options.Trace; trace != nil {
		n.client.mu.Lock()
		defer n.client.mu.Unlock()
		trace(d, p)
	}
}

// attach makes n the connection of the Client and resumes the Session on it.
func (c *Client) attach(n *conn) {
	c.mu.Lock()
	if id := n.connack.AssignedClientID; id != "" {
		c.options.Connect.ClientID = id
	}
	// A server that speaks 3.1 does not say whether it has the session.
	present := n.connack.SessionPresent || n.version == packet.V31 && !c.options.Connect.CleanStart
	c.listening = c.listening || present
	refused := n.resume(present)
	c.conn = n
	closed := c.err != nil
	c.changed.Broadcast()
	c.mu.Unlock()
	if closed { // Close did not see n
		n.end(ErrClosed)
	}
	if c.options.OnAck != nil {
		for i := range refused {
			c.options.OnAck(&refused[i])
		}
	}
}

// resume sends again what the server has not acknowledged [MQTT-4.4.0-1]; it
// returns the messages that this server does not take any more.
func (n *conn) resume(sessionPresent bool) (refused []packet.Ack) {
	c := n.client
	if !sessionPresent {
		clear(c.received)
		// The server had the messages that were released, and a PUBLISH must
		// not be sent again after its PUBREL [MQTT-4.3.3-6].
		for f := c.flights.releases.head; f != nil; f = c.flights.releases.head {
			refused = append(refused, packet.Ack{PacketID: f.id})
			c.flights.settle(f)
		}
	}
	c.flights.restart()
	for f := c.flights.messages.head; f != nil; {
		next := f.next
		if err := n.limits.check(f.packet); err != nil {
			code := packet.UnspecifiedError
			errors.As(err, &code)
			refused = append(refused, packet.Ack{PacketID: f.id, ReasonCode: code})
			c.flights.settle(f)
		}
		f = next
	}
	for f := c.flights.releases.head; f != nil; f = f.next {
		n.say(&packet.Pubrel{Ack: packet.Ack{PacketID: f.id}})
	}
	n.pump()
	return refused
}

// pump appends the messages for which the window has a place.
func (n *conn) pump() {
	for f := n.client.flights.next(n.window); f != nil; f = n.client.flights.next(n.window) {
		from := len(n.out)
		n.out = append(n.out, f.packet...)
		n.shortenFlight(from, f.packet)
		n.traceSent(from)
	}
}

// append appends a packet to the output.
func (n *conn) append(p packet.Packet) error {
	if n.last {
		return nil
	}
	from := len(n.out)
	b, err := p.Append(n.out, n.version)
	n.out = b
	n.traceSent(from)
	return err
}

// say appends a packet of our own making, which fits its wire format.
func (n *conn) say(p packet.Packet) { _ = n.append(p) }

// traceSent shows what was appended to the output.
func (n *conn) traceSent(from int) {
	if n.client.options.Trace == nil {
		return
	}
	d := packet.Decoder{Version: n.version}
	if p, _, err := d.Decode(n.out[from:]); err == nil && p != nil {
		n.client.options.Trace(Sent, p)
	}
}

// flush has the output written.
func (n *conn) flush() {
	if n.sleeping {
		n.sleeping = false
		n.wake.Signal()
	}
}

// written reports whether all of the output was handed to the network.
func (n *conn) written() bool { return len(n.out) == 0 && !n.writing }

// write is the writer: it writes all there is, until the connection ends.
func (n *conn) write() {
	c := n.client
	c.mu.Lock()
	defer c.mu.Unlock()
	var spare []byte // memory for the output
	for {
		for len(n.out) == 0 && !n.last {
			n.sleeping = true
			n.wake.Wait()
		}
		if len(n.out) == 0 {
			break
		}
		b := n.out
		n.out, n.writing = spare[:0], true
		if len(b) >= maxOutput {
			c.notify() // Publish of QoS 0 may go on
		}
		c.mu.Unlock()
		_, err := n.Write(b)
		c.mu.Lock()
		n.writing, n.lastWrite = false, time.Now()
		if spare = b; cap(b) > maxSpareOutput {
			spare = nil
		}
		if err != nil {
			n.last, n.out = true, nil
			if n.err == nil {
				n.err = err
			}
			break
		}
		if len(n.out) == 0 && (c.flights.len() == 0 || n.last) {
			c.notify() // Wait or Disconnect may go on
		}
	}
	if n.err != nil {
		c.mu.Unlock()
		n.hangUp()
		c.mu.Lock()
	}
	c.notify()
}

// end ends the connection because of err. If the server broke the rules, it is
// told so first.
func (n *conn) end(err error) {
	n.client.mu.Lock()
	var code packet.ReasonCode
	var told *DisconnectError
	protocol := errors.As(err, &code) && !errors.As(err, &told) && n.version == packet.V5
	if protocol && !n.last {
		n.say(&packet.Disconnect{ReasonCode: code})
	} else {
		protocol = false
	}
	if n.err == nil {
		n.err = err
	}
	n.last = true
	n.flush()
	n.client.mu.Unlock()
	if !protocol || n.SetWriteDeadline(time.Now().Add(farewell)) != nil {
		n.hangUp()
	}
}

// hangUp closes the connection, of which nothing more is wanted.
func (n *conn) hangUp() { _ = n.Close() }

// interrupt makes whoever reads or writes return.
func (n *conn) interrupt() { _ = n.SetDeadline(time.Unix(1, 0)) }
