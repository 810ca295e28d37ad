package broker

import (
	"errors"
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

// detach ends the connection's part in its session. keepWill is false after a
// DISCONNECT that deletes the will. It reports whether c was still the client's
// connection.
func (b *Broker) detach(c *conn, keepWill bool) bool {
	cl := c.client
	left, away, was := cl.leave(c, keepWill)
	if !was {
		return false
	}
	b.stats.Connected.Add(-1)
	if left != nil {
		b.bury(cl, nil, left)
	}
	if away != nil {
		b.await(away)
	}
	return true
}

// leave is detach under the client's lock. left is what is due now, away what
// is due later.
func (cl *client) leave(c *conn, keepWill bool) (left *remains, away *absence, was bool) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn != c {
		return nil, nil, false
	}
	if !keepWill {
		cl.session.Will = nil // [MQTT-3.1.2-10]
	}
	life, expires := cl.session.Life()
	if expires && life == 0 { // [MQTT-4.1.0-2]
		return cl.end(), nil, true
	}
	cl.conn = nil
	cl.session.Detach()
	away = &absence{}
	away.alarm.ring = cl.onAlarm
	cl.absence = away
	t := now()
	if expires {
		away.endAt = t.Add(life)
	}
	if will := cl.session.Will; will != nil && will.DelayInterval == 0 {
		cl.session.Will = nil
		left = &remains{will: will}
	} else if will != nil {
		away.willAt = t.Add(time.Duration(will.DelayInterval) * time.Second)
	}
	return left, away, true
}

// await sets the alarm of an absent client.
func (b *Broker) await(away *absence) {
	if at := away.next(); !at.IsZero() {
		b.clock.set(&away.alarm, at)
	}
}

// onAlarm publishes the will, or ends the session, of a client that has not
// come back.
func (cl *client) onAlarm(t time.Time) {
	b := cl.broker
	left, away := cl.due(t)
	if left != nil {
		b.bury(cl, nil, left)
		if left.ended {
			b.stats.Expired.Add(1)
		}
	}
	if away != nil {
		b.await(away)
	}
}

func (cl *client) due(t time.Time) (left *remains, away *absence) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	away = cl.absence
	if cl.gone || away == nil {
		return nil, nil
	}
	if !away.endAt.IsZero() && !t.Before(away.endAt) {
		return cl.end(), nil
	}
	if !away.willAt.IsZero() && !t.Before(away.willAt) {
		left = &remains{will: cl.session.Will}
		cl.session.Will, away.willAt = nil, time.Time{}
	}
	return left, away
}

// publishWill routes the will of a client as a message of that client.
func (b *Broker) publishWill(cl *client, will *packet.Will) {
	m := &will.Message
	if auth := b.options.Authorizer; auth != nil {
		if err := auth.Authorize((*Client)(cl), Publish, m.Topic); err != nil {
			b.options.Logger.Warn("will was not published", "client", cl.id, "topic", m.Topic, "err", err)
			return
		}
	}
	if will.HasMessageExpiry {
		m.Expires = now().Add(time.Duration(will.MessageExpiry) * time.Second)
	}
	if err := b.publishMessage(m, cl); err != nil && !errors.Is(err, packet.QuotaExceeded) {
		b.options.Logger.Warn("will was not published", "client", cl.id, "topic", m.Topic, "err", err)
	}
}
