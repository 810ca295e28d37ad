package broker

import "sync/atomic"

// counts are what one goroutine has counted and not added up yet.
type counts struct {
	packets, bytes          uint64 // received
	received, receivedBytes uint64 // PUBLISH
	sent, sentBytes         uint64 // PUBLISH
	dropped                 uint64
}

// stats are the counters of a broker.
type stats struct {
	Connected  atomic.Int64  // clients
	Accepted   atomic.Uint64 // connections
	Refused    atomic.Uint64 // by CONNACK or without
	Unfinished atomic.Uint64 // that went before their CONNECT was complete
	Crowded    atomic.Uint64 // closed because too many had sent no CONNECT
	Expired    atomic.Uint64 // sessions

	packets, bytes, received, receivedBytes, sent, sentBytes, dropped atomic.Uint64
}

// add adds up c and empties it.
func (s *stats) add(c *counts) {
	if *c == (counts{}) {
		return
	}
	s.packets.Add(c.packets)
	s.bytes.Add(c.bytes)
	s.received.Add(c.received)
	s.receivedBytes.Add(c.receivedBytes)
	s.sent.Add(c.sent)
	s.sentBytes.Add(c.sentBytes)
	s.dropped.Add(c.dropped)
	*c = counts{}
}

// Stats are the figures of a broker at one moment. Counters begin at New.
type Stats struct {
	Connected           int // clients
	Sessions            int // of connected and of absent clients
	HalfOpen            int // connections without a CONNECT
	Subscriptions       int // the members of shared ones each
	SharedSubscriptions int
	Retained            int
	RetainedBytes       int // of the payloads

	ConnectionsAccepted   uint64
	ConnectionsRefused    uint64
	ConnectionsUnfinished uint64 // gone before their CONNECT was complete
	ConnectionsCrowdedOut uint64 // closed because too many had sent no CONNECT
	SessionsExpired       uint64
	PacketsReceived       uint64
	BytesReceived         uint64
	MessagesReceived      uint64
	MessageBytesReceived  uint64 // of the payloads
	MessagesSent          uint64
	MessageBytesSent      uint64 // of the payloads
	MessagesDropped       uint64
}

// Stats returns the figures of now.
func (b *Broker) Stats() Stats {
	s := &b.stats
	st := Stats{
		Connected:             int(s.Connected.Load()),
		ConnectionsAccepted:   s.Accepted.Load(),
		ConnectionsRefused:    s.Refused.Load(),
		ConnectionsUnfinished: s.Unfinished.Load(),
		ConnectionsCrowdedOut: s.Crowded.Load(),
		SessionsExpired:       s.Expired.Load(),
		PacketsReceived:       s.packets.Load(),
		BytesReceived:         s.bytes.Load(),
		MessagesReceived:      s.received.Load(),
		MessageBytesReceived:  s.receivedBytes.Load(),
		MessagesSent:          s.sent.Load(),
		MessageBytesSent:      s.sentBytes.Load(),
		MessagesDropped:       s.dropped.Load(),
	}
	b.mu.Lock()
	st.Sessions = len(b.clients)
	st.HalfOpen = b.life.halfOpen.Len()
	b.mu.Unlock()
	st.Subscriptions, st.SharedSubscriptions = b.index.size()
	st.Retained, st.RetainedBytes = b.retained.size()
	return st
}
