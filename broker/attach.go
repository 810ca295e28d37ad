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
	if b.stats.Connected.Load() >= int64(b.options.MaxConnections) {
		return fmt.Errorf("more than %d connections: %w", b.options.MaxConnections, packet.QuotaExceeded)
	}
	for {
		cl, created, err := b.lookup(fresh)
		if err != nil {
			return err
		}
		if !created && cl.user != fresh.user && !b.options.ShareOwners {
			return fmt.Errorf("session belongs to another user: %w", packet.ClientIdentifierNotValid)
		}
		old, resumed, ended := cl.meet(c, p, ack, created)
		if ended != nil {
			b.bury(cl, old, ended)
		}
		if !resumed {
			continue // the session that was here has ended: look again
		}
		if old != nil {
			b.logTakeover(old)
			old.sayGoodbye(&packet.Disconnect{ReasonCode: packet.SessionTakenOver})
		}
		b.stats.Connected.Add(1)
		return nil
	}
}

// lookup finds the client of an identifier, or makes fresh that client.
func (b *Broker) lookup(fresh *client) (cl *client, created bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.life.closed {
		return nil, false, packet.ServerShuttingDown
	}
	if cl := b.clients[fresh.id]; cl != nil {
		return cl, false, nil
	}
	if len(b.clients) >= b.options.MaxSessions {
		return nil, false, fmt.Errorf("more than %d sessions: %w", b.options.MaxSessions, packet.QuotaExceeded)
	}
	fresh.session = session.New(&b.limits)
	if b.options.Authorizer != nil {
		fresh.session.Allow = func(m *packet.Message) bool {
			return b.options.Authorizer.Authorize((*Client)(fresh), Receive, m.Topic) == nil
		}
	}
	if f := b.options.Trace.Packet; f != nil {
		fresh.session.Sent = func(p packet.Packet) { f((*Client)(fresh), Sent, p) }
	}
	b.clients[fresh.id] = fresh
	return fresh, true, nil
}

// meet makes c the connection of the client, in place of old. If the session
// must not go on, it ends instead.
func (cl *client) meet(c *conn, p *packet.Connect, ack *packet.Connack, created bool) (old *conn, resumed bool, ended *remains) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.gone {
		return nil, false, nil
	}
	if !created && (p.CleanStart || cl.conn != nil && cl.session.Expiry() == 0) { // [MQTT-3.1.2-4]
		old = cl.conn // end forgets it
		return old, false, cl.end()
	}
	var will *remains
	if old = cl.conn; old != nil && cl.session.Will != nil && cl.session.Will.DelayInterval == 0 {
		will = &remains{will: cl.session.Will}
	}
	cl.conn, cl.absence = c, nil
	c.client = cl
	c.attached.Store(true)
	cl.session.Attach(p)
	cl.session.SetExpiry(cl.broker.expiryOf(p))
	ack.SessionPresent = !created // [MQTT-3.2.2-3]
	c.feed()
	c.out.Packet(ack, p.Version, 0)
	c.writing = true
	cl.session.Fill(&c.out, now())
	return old, true, will
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
	if limit := b.options.MaxSessionExpiry; limit > 0 {
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
	replay        []replay
	ended         bool
}

// end ends the session. The client is locked; bury does the rest.
func (cl *client) end() *remains {
	left := &remains{
		will: cl.session.Will, subscriptions: cl.session.Subscriptions(), orphans: cl.session.Orphans(), replay: cl.replay, ended: true,
	}
	cl.gone, cl.conn, cl.replay = true, nil, nil
	cl.session.Detach()
	return left
}

// bury removes what an ended session has left: its subscriptions, its will,
// the messages that the other members of its shares get now. old is the
// connection it had.
func (b *Broker) bury(cl *client, old *conn, left *remains) {
	if left.ended {
		b.mu.Lock()
		if b.clients[cl.id] == cl {
			delete(b.clients, cl.id)
		}
		b.mu.Unlock()
		for _, sub := range left.subscriptions {
			b.index.replace(cl, sub, nil)
		}
		if old != nil {
			b.logTakeover(old)
			old.sayGoodbye(&packet.Disconnect{ReasonCode: packet.SessionTakenOver})
		}
		b.adopt(left.orphans)
	}
	if left.will != nil {
		b.publishWill(cl, left.will)
	}
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
		s.delivery.Release()
	}
	b.settle(s)
}

func (b *Broker) logTakeover(old *conn) {
	b.stats.Connected.Add(-1)
	b.logDisconnected(old, packet.SessionTakenOver)
}
