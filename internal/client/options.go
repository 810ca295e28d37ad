package client

import (
	"context"
	"math/rand/v2"
	"net"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// Defaults of Options.
const (
	DefaultTimeout     = 30 * time.Second
	DefaultMaxInflight = 20
	DefaultMaxQueued   = 1000
)

// maxFlights leaves packet identifiers for other uses.
const maxFlights = 60_000

// Options say how a Client connects and whom it tells what. The functions are
// called one at a time unless they say otherwise.
type Options struct {
	// Address is the host and port to dial over TCP, unless Dial is set.
	Address string
	// Dial opens a Network Connection: TLS, WebSocket, a test's own.
	Dial func(ctx context.Context) (net.Conn, error)
	// Timeout bounds each attempt to connect, CONNACK included; zero: 30 s.
	Timeout time.Duration
	// Connect is the CONNECT packet to send; Version zero: 3.1.1. When it
	// reconnects, an MQTT 5.0 client whose session outlives the connection
	// does not ask for a clean start again, and a client identifier that the
	// server assigned is kept.
	Connect packet.Connect

	// Authenticator does the enhanced authentication by the method of
	// Connect.AuthenticationMethod; nil: what Connect says is all.
	Authenticator Authenticator

	// MaxInflight bounds the unacknowledged messages of QoS 1 and 2, as does
	// the server's Receive Maximum; zero: 20.
	MaxInflight int
	// MaxQueued bounds the messages of QoS 1 and 2 that wait for a place in
	// flight; Publish waits beyond. Zero: 1,000; both together: at most 60,000.
	MaxQueued int
	// MaxTopicAlias bounds the topic aliases that Publish gives by itself, as
	// does the server's Topic Alias Maximum. Of more topics those keep one that
	// were used last. Zero: it gives none, and sends the TopicAlias of a message
	// of QoS 0 as it is.
	MaxTopicAlias uint16
	// ReadBuffer is the size of the read buffer in bytes; what receives
	// streams of small messages is faster with 64 kB. Zero: 4 kB.
	ReadBuffer int

	// Reconnect is asked, after a connection was lost or the given attempt to
	// renew it failed with err, how long to wait for the next one, the attempt
	// following 0, and whether to try at all. Nil: never. See Backoff.
	Reconnect func(attempt int, err error) (wait time.Duration, again bool)

	// OnConnect is called in a goroutine of its own when a connection is up.
	// It may use the Client, and ends when ctx does: at the latest with the
	// connection.
	OnConnect func(ctx context.Context, connack *packet.Connack)
	// OnMessage is called for each message received; p is valid until it
	// returns, and only then is the message acknowledged. The connection's
	// reader calls it: it must not wait for this Client, which includes
	// Subscribe and Disconnect; Publish does not wait if its context is done.
	OnMessage func(p *packet.Publish)
	// OnIdle is called when everything received was handled, before the reader
	// waits for more: the time to flush what OnMessage wrote. The rules of
	// OnMessage bind it.
	OnIdle func()
	// OnAck is called when a message of QoS 1 or 2 is settled: acknowledged,
	// or refused with a failing code. The rules of OnMessage bind it.
	OnAck func(a *packet.Ack)
	// Trace sees every packet in the order of the wire, CONNECT and CONNACK
	// included. It is called with locks held and must not use the Client, but
	// for StopReceiving: the messages behind a packet are then ignored.
	Trace func(d Direction, p packet.Packet)
}

// Direction says where a packet goes.
type Direction byte

// The directions, as seen from the client.
const (
	Sent Direction = iota
	Received
)

// Backoff returns a function for Options.Reconnect that never gives up. It
// waits for least, and twice as long after each failure up to most; a random
// part of up to half is taken away, so that the clients of a server which comes
// back do not all arrive at once.
func Backoff(least, most time.Duration) func(attempt int, err error) (time.Duration, bool) {
	return func(attempt int, _ error) (time.Duration, bool) {
		wait := least
		for range attempt {
			if wait *= 2; wait >= most {
				break
			}
		}
		wait = min(wait, most)
		return wait - time.Duration(rand.Int64N(int64(wait)/2+1)), true
	}
}

// withDefaults fills in what zero values stand for.
func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxInflight == 0 {
		o.MaxInflight = DefaultMaxInflight
	}
	if o.MaxQueued == 0 {
		o.MaxQueued = DefaultMaxQueued
	}
	o.MaxInflight = min(o.MaxInflight, maxFlights)
	o.MaxQueued = min(o.MaxQueued, maxFlights-o.MaxInflight)
	if o.Connect.Version == 0 {
		o.Connect.Version = packet.V311
	}
	if o.Dial == nil {
		address := o.Address
		o.Dial = func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		}
	}
	return o
}
