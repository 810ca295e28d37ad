package broker

import (
	"maps"
	"slices"
	"sync/atomic"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// counts are what one goroutine has counted and not added up yet.
type counts struct {
	received, sent [packetTypes]uint32 // packets by type; PUBLISH and PUBREL are counted where they are sent
	bytes          uint64              // received
	payloads       uint64              // bytes of them, received
	dropped        [causes]uint32      // messages by why
}

// refused is why a message was dropped that nobody was allowed to send or get,
// beside the outcomes of a session. causes is how many there are.
const (
	refused = session.Outcome(len(dropReasons))
	causes  = int(refused) + 1
)

// packetTypes is how many types of packets there are, with the reserved one.
const packetTypes = int(packet.AUTH) + 1

// stats are the counters of a broker.
type stats struct {
	Connected  atomic.Int64  // clients
	mostEver   atomic.Int64  // clients at a time
	Accepted   atomic.Uint64 // connections
	Refused    atomic.Uint64 // by CONNACK or without
	Unfinished atomic.Uint64 // that went before their CONNECT was complete
	Silent     atomic.Uint64 // that went without a byte
	Crowded    atomic.Uint64 // closed because too many had sent no CONNECT
	Expired    atomic.Uint64 // sessions

	received, sent                           [packetTypes]atomic.Uint64 // packets by type
	dropped                                  [causes]atomic.Uint64
	bytes, payloads, sentBytes, sentPayloads atomic.Uint64
}

// add adds up c and empties it.
func (s *stats) add(c *counts) {
	if *c == (counts{}) {
		return
	}
	for t := range packetTypes {
		if n := c.received[t]; n > 0 {
			s.received[t].Add(uint64(n))
		}
		if n := c.sent[t]; n > 0 {
			s.sent[t].Add(uint64(n))
		}
	}
	s.bytes.Add(c.bytes)
	s.payloads.Add(c.payloads)
	for cause, n := range c.dropped {
		if n > 0 {
			s.dropped[cause].Add(uint64(n))
		}
	}
	*c = counts{}
}

// written counts what leaves for a socket.
func (s *stats) written(t session.Tally, bytes int) {
	s.sentBytes.Add(uint64(bytes))
	if t.Publishes > 0 {
		s.sent[packet.PUBLISH].Add(uint64(t.Publishes))
		s.sentPayloads.Add(t.PayloadBytes)
	}
	if t.Pubrels > 0 {
		s.sent[packet.PUBREL].Add(uint64(t.Pubrels))
	}
}

// most notes that n clients are connected.
func (s *stats) most(n int64) {
	for {
		before := s.mostEver.Load()
		if n <= before || s.mostEver.CompareAndSwap(before, n) {
			return
		}
	}
}

// Stats are the figures of a broker at one moment. Counters begin at New.
type Stats struct {
	Connected           int // clients
	MostConnected       int // clients at a time since New
	Sessions            int // of connected and of absent clients
	Sockets             int // connections, with those that have sent no CONNECT
	HalfOpen            int // connections without a CONNECT
	Subscriptions       int // the members of shared ones each
	SharedSubscriptions int
	Retained            int
	RetainedBytes       int // of the payloads
	Held                int // messages under way to clients or waiting for them
	HeldBytes           int // of the payloads
	Pending             int // PUBLISH and PUBREL packets that wait for a socket
	PendingBytes        int // bytes that do

	ConnectionsAccepted   uint64
	ConnectionsRefused    uint64
	ConnectionsUnfinished uint64 // gone before their CONNECT was complete
	ConnectionsSilent     uint64 // gone without a byte, as those that only look whether somebody listens
	ConnectionsCrowdedOut uint64 // closed because too many had sent no CONNECT
	SessionsExpired       uint64
	BytesReceived         uint64
	BytesSent             uint64
	MessageBytesReceived  uint64 // of the payloads
	MessageBytesSent      uint64 // of the payloads
	MessagesDropped       uint64 // for one of the four reasons that follow
	DroppedSlow           uint64 // QoS 0, for a client that reads too slowly
	DroppedQueueFull      uint64 // for a client whose queue is full
	DroppedTooLarge       uint64 // larger than the client's Maximum Packet Size
	DroppedRefused        uint64 // that the client may not publish, or not get
	// PacketsReceived and PacketsSent are counted by packet.Type.
	PacketsReceived, PacketsSent [packetTypes]uint64
}

// Stats returns the figures of now. It looks at every session.
func (b *Broker) Stats() Stats {
	s := &b.stats
	st := Stats{
		Connected:             int(s.Connected.Load()),
		MostConnected:         int(s.mostEver.Load()),
		ConnectionsAccepted:   s.Accepted.Load(),
		ConnectionsRefused:    s.Refused.Load(),
		ConnectionsUnfinished: s.Unfinished.Load(),
		ConnectionsSilent:     s.Silent.Load(),
		ConnectionsCrowdedOut: s.Crowded.Load(),
		SessionsExpired:       s.Expired.Load(),
		BytesReceived:         s.bytes.Load(),
		BytesSent:             s.sentBytes.Load(),
		MessageBytesReceived:  s.payloads.Load(),
		MessageBytesSent:      s.sentPayloads.Load(),
		DroppedSlow:           s.dropped[session.Behind].Load(),
		DroppedQueueFull:      s.dropped[session.Full].Load(),
		DroppedTooLarge:       s.dropped[session.TooLarge].Load(),
		DroppedRefused:        s.dropped[refused].Load(),
	}
	st.MessagesDropped = st.DroppedSlow + st.DroppedQueueFull + st.DroppedTooLarge + st.DroppedRefused
	for t := range packetTypes {
		st.PacketsReceived[t], st.PacketsSent[t] = s.received[t].Load(), s.sent[t].Load()
	}
	b.mu.Lock()
	clients := slices.Collect(maps.Values(b.clients))
	st.Sockets, st.HalfOpen = len(b.life.conns), b.life.halfOpen.Len()
	b.mu.Unlock()
	st.Sessions = len(clients)
	for _, cl := range clients {
		cl.add(&st)
	}
	st.Subscriptions, st.SharedSubscriptions = b.index.size()
	st.Retained, st.RetainedBytes = b.retained.size()
	return st
}

// add adds what the client holds.
func (cl *client) add(st *Stats) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	messages, bytes := cl.session.Held()
	st.Held += messages
	st.HeldBytes += bytes
	if cl.conn != nil {
		t := cl.conn.out.Tally()
		st.Pending += int(t.Publishes) + int(t.Pubrels)
		st.PendingBytes += cl.conn.out.Len()
	}
}
