package mqtttest

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// Client is a client for Go tests that sends what it is told to, right or
// wrong. Its methods end the test when something else happens than they say.
type Client struct {
	// Timeout is how long Read, Expect and Closed wait outside of a synctest
	// bubble. Zero: the client lives in a bubble and waits until everybody is
	// idle, without letting time pass. Set it before the first call.
	Timeout time.Duration

	t    testing.TB
	peer *peer
}

// NewClient returns a client on conn, which it closes at the end of the test.
// The version is that of the packets until a CONNECT says another.
func NewClient(tb testing.TB, conn net.Conn, v packet.Version) *Client {
	tb.Helper()
	c := &Client{t: tb, peer: newPeer(conn, v)}
	tb.Cleanup(c.Close)
	return c
}

// Send sends packets, in one write.
func (c *Client) Send(packets ...packet.Packet) {
	c.t.Helper()
	var b []byte
	for _, p := range packets {
		one, err := c.peer.encode(p)
		if err != nil {
			c.t.Fatalf("send %v: %v", p, err)
		}
		b = append(b, one...)
	}
	c.SendBytes(b)
}

// SendText sends packets in the notation, in one write.
func (c *Client) SendText(texts ...string) {
	c.t.Helper()
	var packets []packet.Packet
	for _, text := range texts {
		p, err := Parse(text)
		if err != nil {
			c.t.Fatalf("send %s: %v", text, err)
		}
		packets = append(packets, p)
	}
	c.Send(packets...)
}

// SendBytes sends bytes as they are.
func (c *Client) SendBytes(b []byte) { c.peer.send(b) }

// Read returns the next packet from the server, which the caller may keep.
func (c *Client) Read() packet.Packet {
	c.t.Helper()
	c.peer.timeout = c.Timeout
	a, err := c.peer.next()
	if err != nil {
		c.t.Fatalf("read a packet: %v", err)
	}
	return a.packet
}

// Next returns the next packet from the server, if one has come.
func (c *Client) Next() (packet.Packet, bool) {
	c.peer.timeout = c.Timeout
	a, err := c.peer.next()
	return a.packet, err == nil
}

// Expect reads the next packets and compares each with the notation, in which
// * and … stand for anything as in a dialogue.
func (c *Client) Expect(texts ...string) {
	c.t.Helper()
	c.peer.timeout = c.Timeout
	for _, text := range texts {
		want, err := newExpectation(text)
		if err != nil {
			c.t.Fatalf("expect %s: %v", text, err)
		}
		got, err := c.peer.next()
		if err != nil {
			c.t.Fatalf("want %s: %v", text, err)
		}
		if err := want.check(got); err != nil {
			c.t.Fatalf("want %s: %v", text, err)
		}
	}
}

// Silent checks that nothing is there to be read and the connection is open.
// It is for a bubble; outside it waits for the whole Timeout.
func (c *Client) Silent() {
	c.t.Helper()
	c.peer.timeout = c.Timeout
	if a, err := c.peer.next(); err == nil {
		c.t.Fatalf("want silence: came %v", a)
	} else if !errors.Is(err, errNothing) {
		c.t.Fatalf("want silence: %v", err)
	}
}

// Closed checks that the server closed the connection and sent nothing more.
func (c *Client) Closed() {
	c.t.Helper()
	c.peer.timeout = c.Timeout
	if err := c.peer.closed(); err != nil {
		c.t.Fatalf("want a closed connection: %v", err)
	}
}

// Pause stops reading; Resume goes on.
func (c *Client) Pause() {
	c.t.Helper()
	if err := c.peer.pause(); err != nil {
		c.t.Fatal(err)
	}
}

// Resume reads again.
func (c *Client) Resume() {
	c.t.Helper()
	if err := c.peer.resume(); err != nil {
		c.t.Fatal(err)
	}
}

// Drop breaks the connection rudely.
func (c *Client) Drop() { c.peer.drop() }

// Close closes the connection without a DISCONNECT.
func (c *Client) Close() { c.peer.hangUp() }
