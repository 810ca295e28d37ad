package broker

import (
	"fmt"
	"math"
	"time"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// attach gives the connection its session, an existing one or a new one: the
// one way there is. Everything that can refuse the client has been asked, but
// the session's owner. It queues the CONNACK before anything else can be sent,
// and leaves the connection claimed.
func (b *Broker) attach(c *conn, fresh *client, p *packet.Connect, ack *packet.Connack) error {
	if err := b.enter(c, b.connected(fresh.id)); err != nil {
		return err
	}
	for {
		cl, err := b.lookup(fresh.id, fresh.user, b.expiryOf(p))
		if err == nil && !cl.belongsTo(fresh.user) && !b.options().ShareOwners {
			err = fmt.Errorf("session belongs to %s, not to %s: %w", whom(cl.owner()), whom(fresh.user), packet.ClientIdentifierNotValid)
		}
		if err != nil {
			b.left(c)
			return err
		}
		cl.hearOut()
		old, attached, left := cl.meet(c, fresh.user, p, ack)
		if left != nil {
			b.bury(cl, old, left)
		}
		if !attached { // the session that was here has ended: look again when nothing is left of it
			<-cl.ended
			continue
		}
		b.dismiss(old)
		cl.awaitStore()
		return nil
	}
}

// whom calls the owner of a session by its name.
func whom(user string) string {
	if user == "" {
		return "clients without a user name"
	}
	return fmt.Sprintf("user %.80q", user)
}

// connected reports whether a client has a connection.
func (b *Broker) connected(id string) bool {
	b.mu.Lock()
	cl := b.clients[id]
	b.mu.Unlock()
	return cl != nil && (*Client)(cl).Connected()
}

// lookup finds the client of an identifier, or makes a new one.
func (b *Broker) lookup(id, user string, expiry uint32) (*client, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.life.closed {
		return nil, packet.ServerShuttingDown
	}
	if cl := b.clients[id]; cl != nil {
		return cl, nil
	}
	if len(b.clients) >= b.options().MaxSessions {
		return nil, fmt.Errorf("more than %d sessions: %w", b.options().MaxSessions, packet.QuotaExceeded)
	}
	lasting := b.journal != nil && expiry > 0
	if lasting {
		if err := b.journal.refuses(now()); err != nil {
			return nil, err
		}
	}
	fresh := &client{broker: b, id: id, user: user, owing: b.journal.debt(id)}
	fresh.session = session.New(&b.options().limits)
	if lasting {
		fresh.sid = b.journal.nextSession()
		fresh.session.SetDurable()
	}
	fresh.obey(b.options())
	b.clients[id] = fresh
	return fresh, nil
}

// trace has the session tell what it sends to whom the options say; the client
// is locked, or nobody else knows it.
func (cl *client) trace() {
	cl.session.Sent = nil
	if f := cl.broker.options().Trace.Packet; f != nil {
		cl.session.Sent = func(p packet.Packet) { f((*Client)(cl), Sent, p) }
	}
}

// obey has the session ask and tell those whom the options name.
func (cl *client) obey(s *settings) {
	cl.session.Allow = func(m *packet.Message) bool { return cl.authorize(Receive, m.Topic) == nil }
	cl.session.Sent = nil
	if f := s.Trace.Packet; f != nil {
		cl.session.Sent = func(p packet.Packet) { f((*Client)(cl), Sent, p) }
	}
}

// hearOut gives the connection that the client has time to handle what came
// before the new one: often a DISCONNECT, of a client that connects again at
// once. Without it, a will would be published that is not due.
func (cl *client) hearOut() {
	cl.mu.Lock()
	old := cl.conn
	cl.mu.Unlock()
	const patience = 100 * time.Millisecond // for a client that never stops talking
	for waited, wait := time.Duration(0), 20*time.Microsecond; old != nil && old.behind() && waited < patience; wait *= 2 {
		time.Sleep(wait)
		waited += wait
	}
}

// meet makes c, a connection of user, that of the client, in place of old. If the
// session must not go on, it ends instead. left is for bury.
func (cl *client) meet(c *conn, user string, p *packet.Connect, ack *packet.Connack) (old *conn, attached bool, left *remains) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.over() {
		return nil, false, nil
	}
	if cl.met && (p.CleanStart || cl.conn != nil && cl.session.Expiry() == 0) { // [MQTT-3.1.2-4]
		old = cl.conn // end forgets it
		left = cl.end()
		left.replaced = true
		return old, false, left
	}
	left = &remains{absence: cl.absence}
	if old = cl.conn; old != nil && cl.session.Will != nil && cl.session.Will.DelayInterval == 0 {
		left.will = cl.session.Will
	}
	ack.SessionPresent = cl.met // [MQTT-3.2.2-3]
	cl.conn, cl.met, cl.absence = c, true, nil
	if cl.owner() != user { // it may have what user may, not what the other could
		cl.heir.Store(&user)
	}
	cl.listener.Store(c.listener)
	cl.epoch++
	c.client, c.credential = cl, c.exchange.request.Credential
	c.attached.Store(true)
	cl.stale = cl.stale || p.Will != nil || ack.SessionPresent && cl.misleading()
	cl.session.Attach(p, &c.rules.terms)
	cl.session.SetExpiry(cl.broker.expiryOf(p))
	c.feed()
	c.out.Packet(ack, p.Version, 0)
	cl.broker.stats.sent[packet.CONNACK].Add(1)
	c.writing = true
	cl.session.Fill(&c.out, now())
	return old, true, left
}

// expiryOf is the Session Expiry Interval of a CONNECT in seconds.
func (b *Broker) expiryOf(p *packet.Connect) uint32 {
	switch {
	case p.Version == packet.V5:
		return b.expiry(p.SessionExpiry)
	case p.CleanStart:
		return 0
	default:
		return b.expiry(session.Never)
	}
}

// expiry bounds a Session Expiry Interval.
func (b *Broker) expiry(asked uint32) uint32 {
	if limit := b.options().MaxSessionExpiry; limit > 0 {
		return uint32(min(uint64(asked), uint64(limit/time.Second), math.MaxUint32))
	}
	return asked
}

// remains is what an ended session, or a connection that was taken over, leaves
// to be done.
type remains struct {
	will          *packet.Will
	subscriptions []*session.Subscription
	orphans       []session.Orphan
	absence       *absence // that is over
	ended         bool
	replaced      bool // by that of a client that wanted to begin anew
	stale         bool // the client counts on it that nothing is left in the store
	unborn        bool // nothing of it was stored

	// Of a durable session: what the store has of it, and what it should have.
	owing     []Fact
	finished  []session.Ended
	bodies    []uint64
	pagedFrom uint64 // the first message that only the store has
	paged     int    // how many there are
}

// end ends the session. The client is locked; bury does the rest.
func (cl *client) end() *remains {
	left := &remains{
		will: cl.session.Will, subscriptions: cl.session.Subscriptions(), orphans: cl.session.Orphans(), absence: cl.absence,
		ended: true, stale: cl.stale, owing: cl.owing,
	}
	if cl.sid != 0 {
		left.finished, left.bodies = cl.session.TakeEnded(), cl.session.Bodies()
		left.pagedFrom, left.paged = cl.session.Paged()
	}
	cl.ended, cl.conn, cl.replay, cl.absence, cl.owing = make(chan struct{}), nil, nil, nil, nil
	cl.session.Discard() // a retained message may hold on to its publisher
	return left
}

// bury removes what an ended session has left: its subscriptions, its will,
// the messages that the other members of its shares get now. old is the
// connection it had.
func (b *Broker) bury(cl *client, old *conn, left *remains) {
	if left.absence != nil {
		b.clock.Stop(&left.absence.alarm)
	}
	if left.ended {
		defer b.release(cl) // whatever a plug does that the will asks
		for _, sub := range left.subscriptions {
			b.index.replace(cl, sub, nil)
		}
		b.dismiss(old)
		b.adopt(left.orphans)
	}
	if left.will != nil {
		b.publishWill(cl, left.will)
	}
	if left.ended {
		b.erase(cl, left)
	}
}

// release gives the identifier of an ended session to those who wait for it.
func (b *Broker) release(cl *client) {
	b.mu.Lock()
	delete(b.clients, cl.id)
	b.mu.Unlock()
	close(cl.ended)
}

// adopt gives orphans to the other members of their shares.
func (b *Broker) adopt(orphans []session.Orphan) {
	if len(orphans) == 0 {
		return
	}
	s := borrowScratch()
	defer returnScratch(s)
	s.now = now()
	for _, o := range orphans {
		sh := b.index.share(o.Share)
		if sh == nil || o.Message.Expired(s.now) {
			continue
		}
		s.delivery.Own(o.Message, 1)
		b.deliverShared(s, sh, nil)
		b.conclude(s)
	}
	_ = b.settle(s)
}

// dismiss ends a connection whose session was taken over [MQTT-3.1.4-3]; old
// may be nil.
func (b *Broker) dismiss(old *conn) {
	if old == nil {
		return
	}
	b.left(old)
	b.logDisconnected(old, packet.SessionTakenOver)
	old.sayGoodbye(&packet.Disconnect{ReasonCode: packet.SessionTakenOver})
}
