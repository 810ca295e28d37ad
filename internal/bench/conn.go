package bench

import "github.com/zancudomq/zancudo/packet"

// conn is a client: a Network Connection, or one after the other, and its
// session's little state.
type conn struct {
	number int // names the client
	member int // among the publishers or the subscribers
	group  int // of a subscriber: see books
	state  state
	clean  bool
	expiry uint32 // Session Expiry Interval

	began          int64 // when it began to connect
	sessionPresent bool
	receiveMaximum uint32
	packetID       uint16

	topic  []byte // a publisher's
	filter string // a subscriber's

	sent    uint32 // messages published
	settled uint32 // of these: see flow
	unacked uint32 // of these: not yet acknowledged
	part    uint32 // deliveries of the next message to be settled
	quota   uint32 // messages to publish
	waiting bool   // in the flow's ring

	rest []byte // the beginning of a packet whose end has not arrived

	// The rest is the network's.
	blocked    bool // what was sent waits
	fd         int
	connecting bool
	out        []byte
	link       *link
}

type state byte

const (
	closed state = iota
	connecting
	connackAwaited
	up
	leaving
)

func (c *conn) nextPacketID() uint16 {
	if c.packetID++; c.packetID == 0 {
		c.packetID = 1
	}
	return c.packetID
}

func (c *conn) connect(o *Options, run string) *packet.Connect {
	p := &packet.Connect{
		Version:    o.Version,
		CleanStart: c.clean,
		KeepAlive:  uint16(o.KeepAlive.Seconds()),
		ClientID:   clientID(run, c.number),
		Username:   o.Username, HasUsername: o.Username != "",
		Password: []byte(o.Password), HasPassword: o.Password != "",
	}
	if o.Version == packet.V5 {
		p.SessionExpiry = c.expiry
	}
	return p
}
