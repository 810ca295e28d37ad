package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// Client is an MQTT client with its Session. Its methods may be called by many
// goroutines at once.
type Client struct {
	options Options
	cancel  context.CancelFunc // ends run's dialling and waiting; nil: run was not started
	done    chan struct{}      // closed when run ended
	ending  atomic.Bool        // the owner wants no other connection
	deaf    atomic.Bool        // messages are ignored
	// handling says that the reader is with a message. It is set before deaf is
	// looked at.
	handling atomic.Bool

	mu        sync.Mutex
	changed   sync.Cond // what wait waits for
	waiters   int       // how many do
	conn      *conn     // nil: none
	err       error     // why the client ended
	flights   flights
	lastID    uint16
	listening bool                          // the server may be sending messages
	requests  map[uint16]chan packet.Packet // SUBSCRIBE and UNSUBSCRIBE without an answer
	received  map[uint16]struct{}           // QoS 2 messages received, not released; the reader's own
}

// New returns a Client that is not connected.
func New(o Options) *Client {
	c := &Client{
		options:  o.withDefaults(),
		done:     make(chan struct{}),
		requests: make(map[uint16]chan packet.Packet),
		received: make(map[uint16]struct{}),
	}
	c.flights.byID = make(map[uint16]*flight)
	c.changed.L = &c.mu
	return c
}

// Connect makes the first connection. From then on the Client keeps it up, if
// Options.Reconnect says so, until Disconnect or Close. After an error Connect
// may be called again, one call at a time; a refused connection is a *ConnackError.
func (c *Client) Connect(ctx context.Context) (*packet.Connack, error) {
	c.mu.Lock()
	started, err := c.cancel != nil, c.err
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if started {
		return nil, errors.New("connect: connected before")
	}
	n, err := c.open(ctx, false)
	if err != nil {
		return nil, err
	}
	life, cancel := context.WithCancel(context.Background())
	c.mu.Lock()
	c.cancel = cancel
	c.mu.Unlock()
	c.attach(n)
	go func() {
		defer close(c.done)
		defer cancel()
		c.run(life, n)
	}()
	return n.connack, nil
}

// Done is closed when the Client has ended: by Disconnect or Close, or because
// a lost connection is not renewed.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err is why the Client has ended; nil: it has not.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Publish sends a message, or leaves it to be sent. It waits while there is no
// place for it: for one of QoS 0, in the output of a connection; for one of QoS
// 1 or 2, among MaxInflight and MaxQueued, connected or not; if all of those are
// taken, it waits until half of them are free. It sets p.PacketID, which OnAck
// will name, and keeps nothing of p. If ctx is done Publish does not wait. The
// error carries a packet.ReasonCode if the server would refuse p.
func (c *Client) Publish(ctx context.Context, p *packet.Publish) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.QoS == packet.AtMostOnce {
		return c.publishAtMostOnce(ctx, p)
	}
	room := func() bool { return c.flights.len() < c.maxFlights() }
	if err := c.wait(ctx, room); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if p.Topic == "" || p.QoS > packet.ExactlyOnce {
		return fmt.Errorf("publish: no topic name, or no QoS: %w", packet.ProtocolError)
	}
	p.PacketID, p.Dup = c.newID(), false
	f := c.flights.add(p.PacketID, p.QoS)
	alias := p.TopicAlias // not of the message: it holds on one connection only
	p.TopicAlias = 0
	var err error
	f.packet, err = p.Append(f.packet, c.options.Connect.Version)
	p.TopicAlias = alias
	if err == nil && c.conn != nil {
		err = c.conn.limits.check(f.packet)
	}
	if err != nil {
		c.flights.settle(f)
		return fmt.Errorf("publish: %w", err)
	}
	if c.conn != nil {
		c.conn.pump()
		c.conn.flush()
	}
	return nil
}

// maxFlights bounds the messages of QoS 1 and 2 that are not settled.
func (c *Client) maxFlights() int { return c.options.MaxInflight + c.options.MaxQueued }

func (c *Client) publishAtMostOnce(ctx context.Context, p *packet.Publish) error {
	room := func() bool { return c.conn != nil && len(c.conn.out) < maxOutput }
	if err := c.wait(ctx, room); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	p.PacketID, p.Dup = 0, false
	n := c.conn
	from := len(n.out)
	b, err := p.Append(n.out, n.version)
	if err == nil {
		err = n.limits.check(b[from:])
	}
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	n.out = b
	n.shorten(from, p)
	n.traceSent(from)
	n.flush()
	return nil
}

// Subscribe sends p, whose PacketID it sets, and returns the server's answer,
// which has a reason code for each filter.
func (c *Client) Subscribe(ctx context.Context, p *packet.Subscribe) (*packet.Suback, error) {
	answer, err := c.request(ctx, p, &p.PacketID)
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	suback, ok := answer.(*packet.Suback)
	if !ok {
		return nil, fmt.Errorf("subscribe: answered by %v: %w", answer.Type(), packet.ProtocolError)
	}
	return suback, nil
}

// Unsubscribe sends p, whose PacketID it sets, and returns the server's answer.
// It has no reason codes in MQTT 3.x.
func (c *Client) Unsubscribe(ctx context.Context, p *packet.Unsubscribe) (*packet.Unsuback, error) {
	answer, err := c.request(ctx, p, &p.PacketID)
	if err != nil {
		return nil, fmt.Errorf("unsubscribe: %w", err)
	}
	unsuback, ok := answer.(*packet.Unsuback)
	if !ok {
		return nil, fmt.Errorf("unsubscribe: answered by %v: %w", answer.Type(), packet.ProtocolError)
	}
	return unsuback, nil
}

// request sends a packet and waits for the one that answers its identifier.
func (c *Client) request(ctx context.Context, p packet.Packet, id *uint16) (packet.Packet, error) {
	c.mu.Lock()
	if err := c.wait(ctx, func() bool { return c.conn != nil }); err != nil {
		c.mu.Unlock()
		return nil, err
	}
	*id = c.newID()
	c.listening = true
	if err := c.conn.append(p); err != nil {
		c.mu.Unlock()
		return nil, err
	}
	c.conn.flush()
	answer := make(chan packet.Packet, 1) // the identifier is taken until the answer comes, wanted or not
	c.requests[*id] = answer
	c.mu.Unlock()
	select {
	case a, ok := <-answer:
		if !ok {
			return nil, errors.New("connection lost before the answer")
		}
		return a, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Wait returns when all that was published has been written and, with QoS 1 and
// 2, acknowledged.
func (c *Client) Wait(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wait(ctx, func() bool {
		return c.flights.len() == 0 && (c.conn == nil || c.conn.written())
	})
}

// StopReceiving makes the Client ignore what comes from now on: messages are
// neither handled nor acknowledged, and so stay with a server that keeps the
// session. OnMessage may call it; what it was called with is still acknowledged.
func (c *Client) StopReceiving() { c.deaf.Store(true) }

// linger is how long Disconnect waits for the server to close the connection,
// if it may be sending messages. Closing first, with packets unread, would reset
// the connection, and what was just written could be lost.
const linger = time.Second

// Disconnect sends p behind all that was published and ends the Client, one with
// subscriptions when the server has closed the connection. When ctx is done it
// closes at once. Messages without acknowledgement are given up; see Wait.
func (c *Client) Disconnect(ctx context.Context, p *packet.Disconnect) error {
	c.ending.Store(true)
	c.StopReceiving()
	c.mu.Lock()
	n := c.conn
	var err error
	if n != nil && !n.last {
		err = c.wait(ctx, func() bool { return !c.handling.Load() }) // what was printed is acknowledged first
	}
	if n != nil && !n.last && err == nil {
		err = n.append(p)
		n.last = true
		n.flush()
		if err == nil {
			err = c.wait(ctx, func() bool { return n.written() || c.conn != n })
		}
	}
	listening := c.listening
	c.mu.Unlock()
	if n != nil && err == nil && listening {
		select {
		case <-n.gone:
		case <-time.After(linger):
		case <-ctx.Done():
		}
	}
	if err != nil && !errors.Is(err, ErrClosed) {
		err = fmt.Errorf("disconnect: %w", err)
	} else {
		err = nil
	}
	return errors.Join(err, c.Close())
}

// Close ends the Client at once, without a DISCONNECT: the server will publish
// its will. It returns when its goroutines have ended, and so must not be called
// by one of the functions of Options other than in a goroutine of its own.
func (c *Client) Close() error {
	c.ending.Store(true)
	c.StopReceiving()
	c.mu.Lock()
	if c.err == nil {
		c.err = ErrClosed
	}
	n, cancel := c.conn, c.cancel
	c.changed.Broadcast()
	c.mu.Unlock()
	if cancel == nil {
		return nil
	}
	cancel()
	if n != nil {
		n.end(ErrClosed)
	}
	<-c.done
	return nil
}

// wait waits, with c.mu held, until ok, the end of the Client, or ctx is done.
func (c *Client) wait(ctx context.Context, ok func() bool) error {
	if c.err != nil {
		return c.err
	}
	if ok() {
		return nil
	}
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		c.changed.Broadcast()
		c.mu.Unlock()
	})
	defer stop()
	c.waiters++
	defer func() { c.waiters-- }()
	for {
		switch {
		case c.err != nil:
			return c.err
		case ok():
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		c.changed.Wait()
	}
}

// notify wakes those who wait; c.mu is held.
func (c *Client) notify() {
	if c.waiters > 0 {
		c.changed.Broadcast()
	}
}

// newID returns a packet identifier that is not in use; c.mu is held. There are
// fewer flights and requests than identifiers.
func (c *Client) newID() uint16 {
	for {
		c.lastID++
		if c.lastID == 0 {
			continue // [MQTT-2.2.1-3]
		}
		if _, used := c.flights.byID[c.lastID]; used {
			continue
		}
		if _, used := c.requests[c.lastID]; used {
			continue
		}
		return c.lastID
	}
}
