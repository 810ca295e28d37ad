package broker

import (
	"cmp"
	"log/slog"
	"math"
	"time"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// Options say how a Broker works. The zero value is an open broker with the
// defaults that suit a small machine. Of a number or time, zero means the default
// given in brackets and a negative one no limit.
type Options struct {
	// Authenticator decides who may connect; nil: everybody.
	Authenticator Authenticator
	// Authorizer decides who may do what; nil: everybody may do everything.
	Authorizer Authorizer
	// Interceptors see each message of a client, in order.
	Interceptors []Interceptor
	// Store keeps sessions and retained messages through restarts; nil: they end
	// with the broker. It is to be empty, or read by Restore first. Whoever opened
	// it closes it, after the broker.
	Store Store
	// Trace is told what happens; nil: nobody.
	Trace *Trace
	// Logger takes what an operator wants to know; nil: nothing is logged.
	Logger *slog.Logger

	// MaxPacketSize is the largest packet in bytes a client may send (2,000,000).
	MaxPacketSize int
	// MaxPayload is the largest payload in bytes that is taken (none): a message
	// with a larger one is acknowledged and goes nowhere, as clients of MQTT 5.0
	// are told.
	MaxPayload int
	// MaxInflight is how many messages of QoS 1 and 2 may be under way to a
	// client, and from one of MQTT 5.0 (20).
	MaxInflight int
	// MaxInflightBytes bounds the payload bytes of those to a client (none).
	MaxInflightBytes int
	// MaxQueued is how many messages may wait for a client (1,000).
	MaxQueued int
	// MaxQueuedBytes bounds their payload bytes (16 MiB).
	MaxQueuedBytes int
	// MaxLoaded is how many of those of a session in the Store are in memory too
	// (256); the rest is read when its turn comes.
	MaxLoaded int
	// MaxLoadedBytes bounds their payload bytes (512 KiB).
	MaxLoadedBytes int
	// MaxPendingBytes is how much may wait for the socket of a client that
	// reads slowly before it loses messages of QoS 0 (1 MiB).
	MaxPendingBytes int
	// MaxRetained is how many retained messages are kept (100,000).
	MaxRetained int
	// MaxRetainedBytes bounds their payload bytes (256 MiB).
	MaxRetainedBytes int
	// RetainSweep is how often those that have expired are removed; they are not
	// delivered anyway (an hour).
	RetainSweep time.Duration
	// MaxSubscriptions is how many subscriptions a client may have (10,000).
	MaxSubscriptions int
	// MaxConnections is how many clients may be connected (none).
	MaxConnections int
	// MaxSessions is how many sessions there may be, of absent clients too (20,000).
	MaxSessions int
	// MaxHalfOpen is how many connections may be without a CONNECT (256). When
	// there are more, accepting waits, and the oldest is closed.
	MaxHalfOpen int
	// MaxHalfOpenPerAddress bounds those of one address, of one /64 for IPv6
	// (64). Loopback addresses and unix sockets are exempt.
	MaxHalfOpenPerAddress int
	// MaxUserProperties is how many user properties a packet may have (64).
	MaxUserProperties int
	// MaxClientIDBytes bounds client identifiers and user names (1,024).
	MaxClientIDBytes int
	// MaxTopicAlias is how many topic aliases a client may use (10); negative:
	// none.
	MaxTopicAlias int
	// MaxSendTopicAlias is how many topic aliases are used towards a client
	// (10); negative: none.
	MaxSendTopicAlias int
	// MaxKeepAlive is the longest Keep Alive accepted: clients of MQTT 5.0 are
	// told to use it, others that ask for more are refused (none).
	MaxKeepAlive time.Duration
	// MaxSessionExpiry bounds how long a session outlives its connection (none).
	MaxSessionExpiry time.Duration
	// ConnectTimeout is how long a connection may take until its CONNECT is
	// complete (10 s).
	ConnectTimeout time.Duration
	// WriteTimeout is how long a client may accept no byte before its
	// connection is closed (20 s).
	WriteTimeout time.Duration

	// MaxQoS is the highest QoS clients may publish with; nil: 2.
	MaxQoS *packet.QoS
	// Versions are the protocol versions served; none: all three.
	Versions []packet.Version
	// RetainUnavailable refuses messages with RETAIN.
	RetainUnavailable bool
	// RefuseEmptyClientID refuses clients that want an identifier assigned.
	RefuseEmptyClientID bool
	// ClientIDPrefix begins the identifiers of the clients that are let in;
	// empty: all are.
	ClientIDPrefix string
	// AutoIDPrefix begins assigned client identifiers ("auto-").
	AutoIDPrefix string
	// QueueQoS0 has messages of QoS 0 wait for absent clients as well.
	QueueQoS0 bool
	// UpgradeQoS delivers with the QoS of the subscription, even if the message
	// was published with less.
	UpgradeQoS bool
	// MergeOverlapping delivers one copy of a message to a client with several
	// matching subscriptions, not one for each.
	MergeOverlapping bool
	// ValidatePayload refuses payloads that are said to be UTF-8 and are not.
	ValidatePayload bool
	// ShareOwners lets a client take over the session of another user, which is
	// then its own.
	ShareOwners bool
	// KeepRetainedUnchecked hands out retained messages of publishers that are
	// not allowed to publish them any more.
	KeepRetainedUnchecked bool
	// ResponseInformation is what a client that asks gets to build response
	// topics from; nil: nothing.
	ResponseInformation func(c *ConnectRequest) string
}

// settings are the options in force. They are never changed: Change puts others
// in their place.
type settings struct {
	Options
	limits session.Limits
}

func newSettings(o Options) *settings {
	o.setDefaults()
	return &settings{Options: o, limits: o.sessionLimits()}
}

// number gives a number of Options its default; math.MaxInt stands for no limit.
func number(n, otherwise int) int {
	switch {
	case n == 0:
		return otherwise
	case n < 0:
		return math.MaxInt
	default:
		return n
	}
}

// timeout is number for a time; a hundred years stand for no limit.
func timeout(d, otherwise time.Duration) time.Duration {
	switch {
	case d == 0:
		return otherwise
	case d < 0:
		return 100 * 365 * 24 * time.Hour
	default:
		return d
	}
}

func (o *Options) setDefaults() {
	for _, n := range []struct {
		option    *int
		otherwise int
	}{
		{&o.MaxPacketSize, 2_000_000},
		{&o.MaxPayload, math.MaxInt},
		{&o.MaxInflight, 20},
		{&o.MaxInflightBytes, math.MaxInt},
		{&o.MaxQueued, 1000},
		{&o.MaxQueuedBytes, 16 << 20},
		{&o.MaxLoaded, 256},
		{&o.MaxLoadedBytes, 512 << 10},
		{&o.MaxPendingBytes, 1 << 20},
		{&o.MaxRetained, 100_000},
		{&o.MaxRetainedBytes, 256 << 20},
		{&o.MaxSubscriptions, 10_000},
		{&o.MaxConnections, math.MaxInt},
		{&o.MaxSessions, 20_000},
		{&o.MaxHalfOpen, 256},
		{&o.MaxHalfOpenPerAddress, 64},
		{&o.MaxUserProperties, packet.DefaultMaxUserProperties},
		{&o.MaxClientIDBytes, 1024},
	} {
		*n.option = number(*n.option, n.otherwise)
	}
	o.MaxTopicAlias = max(cmp.Or(o.MaxTopicAlias, 10), 0)
	o.MaxSendTopicAlias = max(cmp.Or(o.MaxSendTopicAlias, 10), 0)
	o.ConnectTimeout = timeout(o.ConnectTimeout, 10*time.Second)
	o.WriteTimeout = timeout(o.WriteTimeout, 20*time.Second)
	o.RetainSweep = timeout(o.RetainSweep, time.Hour)
	if o.MaxQoS == nil {
		o.MaxQoS = new(packet.ExactlyOnce)
	}
	if o.AutoIDPrefix == "" {
		o.AutoIDPrefix = "auto-"
	}
	if len(o.Versions) == 0 {
		o.Versions = []packet.Version{packet.V31, packet.V311, packet.V5}
	}
	if o.Trace == nil {
		o.Trace = &Trace{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// sessionLimits are the limits of each session; there zero means none.
func (o *Options) sessionLimits() session.Limits {
	none := func(n int) int {
		if n == math.MaxInt {
			return 0
		}
		return n
	}
	return session.Limits{
		MaxInflight:      uint16(min(o.MaxInflight, 65535)),
		MaxInflightBytes: none(o.MaxInflightBytes),
		MaxQueued:        none(o.MaxQueued),
		MaxQueuedBytes:   none(o.MaxQueuedBytes),
		MaxLoaded:        o.MaxLoaded,
		MaxLoadedBytes:   o.MaxLoadedBytes,
		MaxPending:       none(o.MaxPendingBytes),
		QueueQoS0:        o.QueueQoS0,
		UpgradeQoS:       o.UpgradeQoS,
		ValidatePayload:  o.ValidatePayload,
	}
}
