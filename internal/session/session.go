package session

import (
	"slices"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// Never is the Session Expiry Interval of a session that does not expire.
const Never = 0xFFFFFFFF

// Session is the state of one client. Create it with New.
type Session struct {
	// Will is published when the connection ends otherwise than by a
	// DISCONNECT of the client; nil: none.
	Will *packet.Will
	// Allow is asked before a message that has waited is sent; nil: all are
	// allowed. What was allowed when it came may be forbidden now.
	Allow func(*packet.Message) bool
	// Sent is told of each packet that is put into the output; nil: nobody.
	Sent func(packet.Packet)

	limits        *Limits
	terms         *Terms          // of the connection, or of the last one
	subscriptions []*Subscription // sorted by filter
	receiving     packetIDs       // QoS 2, from the client, until PUBREL
	sending       *sending        // to the client; nil until QoS 1 or 2 is used
	expiry        uint32          // Session Expiry Interval in seconds
	durable       bool            // messages of QoS 1 and 2 are stored
	ended         []Ended         // what need not be stored any more

	// What lasts as long as one connection.
	version           packet.Version // zero: not connected
	receiveMaximum    uint16         // the client's
	aliasMaximum      uint16         // the client's
	maximumPacketSize uint32         // the client's; zero: no limit
	aliases           *aliases       // nil until one is used
	inherited         int            // of receiving, from an earlier connection
}

// Limits bound what a session holds. Zero means no limit, unless said.
type Limits struct {
	MaxInflight      uint16 // QoS 1 and 2 under way to a client; zero: 65,535
	MaxInflightBytes int    // payload bytes of the same
	MaxQueued        int    // messages that wait for the window or the client
	MaxQueuedBytes   int    // payload bytes of the same
	MaxLoaded        int    // messages of a durable queue in memory; what follows is in the store only
	MaxLoadedBytes   int    // payload bytes of the same
	MaxPending       int    // bytes waiting for the socket beyond which QoS 0 is dropped
	QueueQoS0        bool   // QoS 0 waits for an absent client too
	UpgradeQoS       bool   // deliver with the QoS of the subscription
	ValidatePayload  bool   // refuse payloads that are said to be UTF-8 and are not
}

// Terms are what holds for one connection as long as it lasts: the client was
// told so in its CONNACK, or has come by a listener that says so.
type Terms struct {
	ReceiveMaximum   uint16 // QoS 1 and 2 that an MQTT 5.0 client may have under way to us; zero: 65,535
	TopicAliases     uint16 // that the client may use; zero: none
	SendTopicAliases uint16 // that we use; zero: none
	// MountPoint begins every topic that the client knows, without its knowing;
	// it gets no others.
	MountPoint string
}

// Subscription is a Topic Filter that a session is subscribed to. It is never
// changed: subscribing again replaces it.
type Subscription struct {
	Filter            string   // as the client wrote it, with $share/group/
	Share             string   // the group and the filter of a shared subscription; empty: not shared
	IDs               []uint32 // Subscription Identifiers
	QoS               packet.QoS
	NoLocal           bool
	RetainAsPublished bool
}

// New returns the state of a client that has not connected yet. The limits are
// read, never changed.
func New(l *Limits) *Session { return &Session{limits: l, terms: &Terms{}} }

// Limit puts other limits in place of those of New. What exceeds them already
// stays.
func (s *Session) Limit(l *Limits) { s.limits = l }

// Attach begins a Network Connection. What c and t say of it holds until
// Detach. The terms are read, never changed.
func (s *Session) Attach(c *packet.Connect, t *Terms) {
	s.terms = t
	s.version = c.Version
	s.receiveMaximum = c.ReceiveMaximum
	if s.receiveMaximum == 0 {
		s.receiveMaximum = 65535
	}
	s.maximumPacketSize = c.MaximumPacketSize
	s.aliasMaximum = min(c.TopicAliasMaximum, t.SendTopicAliases)
	s.aliases = nil // [MQTT-3.3.2-7]
	s.inherited = s.receiving.n
	s.Will = c.Will
	if s.sending != nil {
		s.sending.rewind()
	}
}

// Detach ends the Network Connection.
func (s *Session) Detach() {
	s.version = 0
	s.aliases = nil
}

// Discard forgets everything that is held for the client; the session is over.
// The limits of the last connection stay, for a last packet.
func (s *Session) Discard() {
	s.Detach()
	s.Will, s.Allow, s.subscriptions, s.sending = nil, nil, nil, nil
	s.receiving, s.inherited, s.ended = packetIDs{}, 0, nil
}

// Connected reports whether there is a Network Connection.
func (s *Session) Connected() bool { return s.version != 0 }

// Version is the protocol version of the connection; zero when there is none.
func (s *Session) Version() packet.Version { return s.version }

// MaximumPacketSize is the client's limit in bytes; zero: none.
func (s *Session) MaximumPacketSize() uint32 { return s.maximumPacketSize }

// Expiry is the Session Expiry Interval in seconds; Never: it does not expire.
func (s *Session) Expiry() uint32 { return s.expiry }

// SetExpiry changes the Session Expiry Interval.
func (s *Session) SetExpiry(seconds uint32) { s.expiry = seconds }

// Life is how long the session outlives its connection; ok is false if it
// never expires.
func (s *Session) Life() (d time.Duration, ok bool) {
	return time.Duration(s.expiry) * time.Second, s.expiry != Never
}

// Subscribe adds sub, in place of one with the same filter [MQTT-3.8.4-3].
func (s *Session) Subscribe(sub *Subscription) (old *Subscription) {
	i, found := s.find(sub.Filter)
	if found {
		old, s.subscriptions[i] = s.subscriptions[i], sub
		return old
	}
	s.subscriptions = slices.Insert(s.subscriptions, i, sub)
	return nil
}

// SubscribedTo reports whether there is a subscription with exactly this filter.
func (s *Session) SubscribedTo(filter string) bool {
	_, found := s.find(filter)
	return found
}

// Unsubscribe removes the subscription with exactly this filter and returns it;
// nil: there was none [MQTT-3.10.4-1].
func (s *Session) Unsubscribe(filter string) *Subscription {
	i, found := s.find(filter)
	if !found {
		return nil
	}
	old := s.subscriptions[i]
	s.subscriptions = slices.Delete(s.subscriptions, i, i+1)
	return old
}

// Subscribed reports whether sub itself is a subscription of the session, and
// not only one with the same filter.
func (s *Session) Subscribed(sub *Subscription) bool {
	i, found := s.find(sub.Filter)
	return found && s.subscriptions[i] == sub
}

// Subscriptions are all of the session, in the order of their filters. The
// slice belongs to the session.
func (s *Session) Subscriptions() []*Subscription { return s.subscriptions }

func (s *Session) find(filter string) (int, bool) {
	return slices.BinarySearchFunc(s.subscriptions, filter, func(sub *Subscription, filter string) int {
		return strings.Compare(sub.Filter, filter)
	})
}
