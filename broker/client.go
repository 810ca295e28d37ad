package broker

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// client is a client and its session: one value from the CONNECT that begins
// the session to its end.
type client struct {
	broker   *Broker
	id, user string
	heir     atomic.Pointer[string] // whom it belongs to now; nil: user
	vacant   bool                   // it was adopted, and nobody knew whose it is
	sid      uint64                 // what its facts are stored under; zero: they are not
	inline   func(*packet.Message)  // instead of a session: a subscriber in this process

	listener atomic.Pointer[Listener] // it has come by last; nil: none since the start

	mu      sync.Mutex // guards what follows, and conn.out
	session *session.Session
	conn    *conn         // nil: absent
	met     bool          // it has been connected
	ended   chan struct{} // nil: the session goes on; closed when the store has nothing of it any more
	replay  []*replay
	absence *absence      // nil while connected
	since   time.Time     // when it was disconnected
	epoch   uint64        // counts what changes in the stored fact
	stale   bool          // the stored fact must be replaced before the client is told anything
	owing   []Fact        // what the store has refused and must have before the client goes on
	storing chan struct{} // closed when the store has what the connection has taken; nil: it has
	losing  int64         // when a message for it was dropped last, in Unix nanoseconds; zero: they are not
}

// over reports whether the session has ended; the client is locked.
func (cl *client) over() bool { return cl.ended != nil }

// Client is a read-only view of a client.
type Client client

// ID is the Client Identifier.
func (c *Client) ID() string { return c.id }

// User is the user name the client was authenticated with; empty: none.
func (c *Client) User() string { return (*client)(c).owner() }

// Connected reports whether the client is connected now.
func (c *Client) Connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn != nil
}

// RemoteAddr is the address of the connection; nil when there is none.
func (c *Client) RemoteAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return nil
	}
	return c.conn.net.RemoteAddr()
}

// Subscriptions are the filters of the session.
func (c *Client) Subscriptions() (filters []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, sub := range c.session.Subscriptions() {
		filters = append(filters, sub.Filter)
	}
	return filters
}

// Queue is how many messages are under way to the client and how many wait.
func (c *Client) Queue() (inflight, queued int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	queued, _ = c.session.Queued()
	return c.session.Inflight(), queued
}

// Disconnect closes the client's connection. A packet.ReasonCode in why is sent
// to a client of MQTT 5.0, AdministrativeAction if there is none. The session
// lives on as after any lost connection.
func (c *Client) Disconnect(why error) {
	if disconnect := c.Disconnecter(); disconnect != nil {
		disconnect(why)
	}
}

// Disconnecter returns what does as Disconnect to the connection the client has
// now, and nothing to a later one; nil when there is none.
func (c *Client) Disconnecter() func(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn := c.conn
	if conn == nil {
		return nil
	}
	return func(why error) {
		if why == nil {
			why = packet.AdministrativeAction
		}
		conn.kick(withReason(why, packet.AdministrativeAction))
	}
}

// owner is the user that the session belongs to.
func (cl *client) owner() string {
	if heir := cl.heir.Load(); heir != nil {
		return *heir
	}
	return cl.user
}

// ownerless reports whether nobody knows yet whom the session belongs to.
func (cl *client) ownerless() bool { return cl.vacant && cl.heir.Load() == nil }

// belongsTo reports whether the session is that of a user: one that nobody owns
// is the first one's who comes for it.
func (cl *client) belongsTo(user string) bool {
	if cl.vacant {
		cl.heir.CompareAndSwap(nil, &user)
	}
	return cl.owner() == user
}

// authorize asks whether the client may do something. For one that has not been
// here since the start, or whose listener is closed, the Authorizer of the broker
// answers. What waits for a session without an owner is asked about when it is
// sent to the one who came.
func (cl *client) authorize(a Action, topic string) error {
	if a == Receive && cl.ownerless() {
		return nil
	}
	auth := cl.authorizer()
	if auth == nil || cl.inline != nil {
		return nil
	}
	return auth.Authorize((*Client)(cl), a, topic)
}

func (cl *client) authorizer() Authorizer {
	if l := cl.listener.Load(); l != nil && !l.closed.Load() {
		return l.rules.Load().Authorizer
	}
	return cl.broker.options().Authorizer
}

// deliver hands a message to the client: the one way there is. It reports what
// became of it; s collects the connections to be flushed.
func (cl *client) deliver(s *scratch, sub *session.Subscription, origin *client, retained bool) session.Outcome {
	b := cl.broker
	if sub.NoLocal && origin == cl { // [MQTT-3.8.3-3]
		return session.Absent
	}
	m := s.delivery.Message()
	if err := cl.authorize(Receive, m.Topic); err != nil {
		b.dropped(s, cl, m, refused, err)
		return session.Absent
	}
	if cl.inline != nil {
		cl.inline(s.delivery.Keep())
		return session.Sent
	}
	outcome, flush, losing := cl.push(s, sub, origin, retained)
	if flush != nil {
		s.touched = append(s.touched, flush)
	}
	if outcome.Dropped() {
		b.dropped(s, cl, m, outcome, dropReasons[outcome])
	}
	if losing {
		b.options().Logger.Info("messages dropped", "client", cl.id, "err", dropReasons[outcome])
	}
	return outcome
}

// push is the part of deliver under the client's lock. The connection it
// returns is the caller's to flush; losing tells that messages begin to be dropped.
func (cl *client) push(s *scratch, sub *session.Subscription, origin *client, retained bool) (outcome session.Outcome, flush *conn, losing bool) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.over() {
		return session.Absent, nil, false
	}
	c := cl.conn
	var out *session.Output
	if c != nil {
		out = &c.out
		c.feed()
	}
	if retained {
		outcome = cl.session.PushRetained(out, s.now, &s.delivery, sub)
	} else {
		outcome = cl.session.Push(out, s.now, &s.delivery, sub)
	}
	losing = cl.lose(outcome, s.now)
	if outcome == session.Held {
		s.batch.obligations = append(s.batch.obligations, obligation{cl, cl.session.LastHeld()})
	}
	if cl.sid != 0 {
		s.batch.forgetQueued(cl.broker.journal, cl.sid, cl.session.TakeEnded())
	}
	if c != nil && c.claim() {
		s.crowd = s.crowd || origin != c.feeder
		c.feeder = origin
		return outcome, c, losing
	}
	return outcome, nil, losing
}

// takes notes that the connection has taken what it may not answer for until the
// store has it. The client is locked.
func (c *conn) takes() {
	if cl := c.client; cl.sid != 0 && cl.storing == nil {
		c.taking, cl.storing = true, make(chan struct{})
	}
}

// settled says that the store has, or refuses, what was taken.
func (c *conn) settled() {
	if !c.taking {
		return
	}
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	close(c.client.storing)
	c.taking, c.client.storing = false, nil
}

// awaitStore waits until an earlier connection has settled what it has taken:
// the next one would answer for it.
func (cl *client) awaitStore() {
	cl.mu.Lock()
	storing := cl.storing
	cl.mu.Unlock()
	if storing != nil {
		<-storing
	}
}

// current locks the client if c is its connection; the caller unlocks.
func (cl *client) current(c *conn) bool {
	cl.mu.Lock()
	if cl.conn == c {
		return true
	}
	cl.mu.Unlock()
	return false
}
