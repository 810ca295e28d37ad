package broker

import (
	"errors"
	"fmt"
	"time"

	"github.com/zancudomq/zancudo/internal/fact"
	"github.com/zancudomq/zancudo/packet"
)

// Adopted is the state of another broker, for Adopt. A message that several
// sessions have to get is one *packet.Message, and stored once.
type Adopted struct {
	Sessions []AdoptedSession
	Retained []AdoptedRetained // in the order of their storing
	// Replace has sessions of the same clients and retained messages of the same
	// topics make way. Otherwise they stay, and what is adopted does not come.
	Replace bool
}

// AdoptedSession is the session of an absent client.
type AdoptedSession struct {
	ClientID string
	User     string // whom it belongs to; empty: a client without a user name
	// Vacant says that nobody knows whom it belongs to: it is the first one's who
	// comes for it.
	Vacant        bool
	Expiry        uint32    // Session Expiry Interval in seconds; 0xFFFFFFFF: never
	Disconnected  time.Time // when the client has gone; zero: now
	Will          *packet.Will
	WillAt        time.Time // when the will is due; zero: after its delay
	Subscriptions []AdoptedSubscription
	// Queued is what the client has still to get, in order.
	Queued []AdoptedMessage
	// Received are the messages of QoS 2 of the client that await PUBREL.
	Received []AdoptedReceived
}

// AdoptedSubscription is a subscription with its Subscription Identifier; zero:
// none.
type AdoptedSubscription struct {
	packet.Subscription
	ID uint32
}

// AdoptedMessage is a message of QoS 1 or 2 for a client.
//
// One that was under way has a PacketID, which it keeps: it is sent again with
// DUP, or, when it is Released, its PUBREL is. One without a PacketID waits, and
// is given one when its turn comes. It too has DUP set, as all have that were
// stored before the broker began: which of those were sent is not written down.
type AdoptedMessage struct {
	Message  *packet.Message // only QoS and PacketID matter of one that is Released
	QoS      packet.QoS
	Retain   bool
	PacketID uint16
	Released bool     // PUBREC came
	IDs      []uint32 // Subscription Identifiers
}

// AdoptedReceived is a message of QoS 2 of a client that awaits PUBREL. It is
// passed on now; nil: that was done before.
type AdoptedReceived struct {
	PacketID uint16
	Message  *packet.Message
}

// AdoptedRetained is a retained message and who has published it.
type AdoptedRetained struct {
	Message        *packet.Message
	ClientID, User string
}

// Adoption says what has been taken up, in numbers, and what not.
type Adoption struct {
	Sessions, Subscriptions, Queued, Received, Retained int
	Left                                                []Left
}

// Left is something that could not be taken up.
type Left struct {
	What string // a session of, subscription of, message for, message from, retained message of
	Name string // of the client, or the topic
	Err  error  // why
}

func (l Left) String() string { return fmt.Sprintf("%s %q: %v", l.What, l.Name, l.Err) }

// Adopt takes up what another broker has left. It is called after Restore and
// before anything is served. All of it is in the Store when Adopt returns; after
// an error, or when the process ends before, no session is.
//
// What cannot be taken up is left out. Limits do not count, but for those of
// retained messages.
func (b *Broker) Adopt(state *Adopted) (Adoption, error) {
	if b.journal == nil {
		return Adoption{}, errors.New("adopt: the broker has no store")
	}
	a := &adopting{broker: b, journal: b.journal, state: state, uses: make(map[*packet.Message]int), bodies: make(map[*packet.Message]uint64)}
	a.first = a.journal.nextSession()
	if err := errors.Join(a.retain(), a.write()); err != nil {
		return a.done, fmt.Errorf("adopt: %w", err)
	}
	r := b.restoring()
	err := r.readSessions(func(letter byte) []byte { return fact.Key(nil, letter, a.first) })
	if err != nil {
		return a.done, fmt.Errorf("adopt: %w", err)
	}
	r.finish()
	a.passOn(r)
	return a.done, nil
}
