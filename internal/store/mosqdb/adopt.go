package mosqdb

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// Adopted is what a broker can take up of a file: what had not ended or expired
// at the given time. What else it holds is told.
//
// Mosquitto passes a message of QoS 2 on when its PUBREL has come, Zancudo when
// the message has: so those that still wait are passed on when they are adopted.
func (db *DB) Adopted(now time.Time) (*broker.Adopted, []broker.Left) {
	a := &adopter{db: db, now: now, clients: make(map[string]*broker.AdoptedSession), gone: make(map[string]bool), left: db.Left}
	state := &broker.Adopted{}
	for i := range db.Clients {
		if s := a.session(&db.Clients[i]); s != nil {
			a.clients[s.ClientID] = s
		}
	}
	for i := range db.Subscriptions {
		a.subscription(&db.Subscriptions[i])
	}
	for i := range db.Queued {
		a.queued(&db.Queued[i])
	}
	for i := range db.Clients {
		if s := a.clients[db.Clients[i].ID]; s != nil {
			a.missShared(s)
			state.Sessions = append(state.Sessions, *s)
			delete(a.clients, s.ClientID)
		}
	}
	for _, id := range db.Retained {
		if m := a.message(id, "retained message of", ""); m != nil {
			state.Retained = append(state.Retained, broker.AdoptedRetained{Message: &m.Message, ClientID: m.SourceID, User: m.SourceUsername})
		}
	}
	return state, a.left
}

// adopter is the work of Adopted.
type adopter struct {
	db      *DB
	now     time.Time
	clients map[string]*broker.AdoptedSession
	gone    map[string]bool // sessions that have ended
	left    []broker.Left
}

func (a *adopter) leave(err error, what, name string) {
	a.left = append(a.left, broker.Left{What: what, Name: name, Err: err})
}

func (a *adopter) session(c *Client) *broker.AdoptedSession {
	s := &broker.AdoptedSession{
		ClientID: c.ID, User: c.Username, Vacant: !c.OwnerKnown, Expiry: c.ExpiryInterval, Disconnected: c.Disconnected, Will: c.Will, WillAt: c.WillAt,
	}
	switch {
	case c.ID == "":
		a.leave(errors.New("it has no client identifier"), "session of", c.ID)
		return nil
	case a.clients[c.ID] != nil || a.gone[c.ID]:
		a.leave(errors.New("the file has it twice"), "session of", c.ID)
		return nil
	case c.ExpiryInterval == never || c.ExpiresAt.IsZero():
	case !c.ExpiresAt.After(a.now):
		a.leave(errors.New("it had ended"), "session of", c.ID)
		a.gone[c.ID] = true
		return nil
	default:
		s.Disconnected = c.ExpiresAt.Add(-time.Duration(c.ExpiryInterval) * time.Second)
	}
	return s
}

// owner is the session of a client; nil: there is none, which is told unless it
// has ended.
func (a *adopter) owner(id, what string) *broker.AdoptedSession {
	s := a.clients[id]
	if s == nil && !a.gone[id] {
		a.leave(errors.New("the file has no session of this client"), what, id)
	}
	return s
}

func (a *adopter) subscription(sub *Subscription) {
	if s := a.owner(sub.ClientID, "subscription of"); s != nil {
		s.Subscriptions = append(s.Subscriptions, broker.AdoptedSubscription{Subscription: sub.Subscription, ID: sub.Identifier})
	}
}

func (a *adopter) queued(q *Queued) {
	what := "message for"
	if q.Incoming {
		what = "message from"
	}
	s := a.owner(q.ClientID, what)
	if s == nil {
		return
	}
	var m *packet.Message
	if q.Incoming || !q.State.Released() {
		stored := a.message(q.Message, what, q.ClientID)
		if stored == nil && !q.Incoming {
			return
		}
		if stored != nil {
			m = &stored.Message
		}
	}
	if q.Incoming {
		if q.QoS == packet.ExactlyOnce { // what else may stand there had been passed on
			s.Received = append(s.Received, broker.AdoptedReceived{PacketID: q.PacketID, Message: m})
		}
		return
	}
	adopted := broker.AdoptedMessage{Message: m, QoS: q.QoS, Retain: q.Retain, PacketID: q.PacketID, Released: q.State.Released(), IDs: q.IDs}
	if q.State == Waiting {
		adopted.PacketID = 0 // it was given one and not sent
	}
	s.Queued = append(s.Queued, adopted)
}

// missShared tells of messages that no subscription explains: up to version 2.0,
// Mosquitto does not write down shared ones.
func (a *adopter) missShared(s *broker.AdoptedSession) {
	var filters topic.Filters[bool]
	for i := range s.Subscriptions {
		if _, filter, _, err := topic.SplitShare(s.Subscriptions[i].Filter); err == nil {
			filters.Add(filter, true)
		}
	}
	for i := range s.Queued {
		if m := s.Queued[i].Message; m != nil && filters.Match(nil, m.Topic) == nil {
			a.leave(errors.New("the file does not have it; the client has to subscribe again"), "shared subscription of", s.ClientID)
			return
		}
	}
}

// message is a message of the file that has not expired; nil: why is told.
func (a *adopter) message(id uint64, what, name string) *Message {
	m := a.db.Messages[id]
	switch {
	case m == nil:
		a.leave(fmt.Errorf("the file does not have the message %d", id), what, name)
		return nil
	case name == "":
		name = m.Topic
	}
	switch {
	case m.Expired(a.now):
		a.leave(errors.New("it had expired"), what, name)
		return nil
	case strings.HasPrefix(m.Topic, "$SYS/") && what != "message for":
		a.leave(errors.New("what another broker has said of itself is out of date"), what, name)
		return nil
	}
	return m
}
