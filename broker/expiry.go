package broker

import (
	"errors"
	"runtime/debug"
	"time"

	"github.com/zancudomq/zancudo/internal/alarm"
	"github.com/zancudomq/zancudo/packet"
)

// absence is what an absent client leaves to be done.
type absence struct {
	alarm  alarm.Alarm
	willAt time.Time // when the will is published; zero: none waits
	endAt  time.Time // when the session ends; zero: never
}

// next is when something is due; zero: never.
func (a *absence) next() time.Time {
	if a.endAt.IsZero() || !a.willAt.IsZero() && a.willAt.Before(a.endAt) {
		return a.willAt
	}
	return a.endAt
}

// detach ends the connection's part in its session. keepWill is false after a
// DISCONNECT that deletes the will, and nobody's is published because the broker
// stops. It reports whether c was still the client's connection.
func (b *Broker) detach(c *conn, keepWill bool) bool {
	cl := c.client
	left, away, was := cl.leave(c, keepWill && b.context.Err() == nil)
	if !was {
		return false
	}
	b.left(c)
	if left != nil {
		b.bury(cl, nil, left)
	}
	if away != nil {
		cl.keep()
		cl.await(away)
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
	life, expires := cl.session.Life()
	cl.stale = cl.stale || cl.session.Will != nil || expires && life == 0
	if !keepWill {
		cl.session.Will = nil // [MQTT-3.1.2-10]
	}
	if expires && life == 0 { // [MQTT-4.1.0-2]
		return cl.end(), nil, true
	}
	cl.conn = nil
	cl.epoch++
	cl.session.Detach()
	cl.pauseReplay()
	away = &absence{}
	away.alarm.Ring = cl.onAlarm
	cl.absence = away
	t := now()
	cl.since = t
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

// shorten bounds how long the session of an absent client is kept, since it left,
// by a limit that is new; nil: it ends before that. Clients of MQTT 5.0 that are
// connected were told how long it is. The store is not: a start applies the limit,
// too. The client is locked.
func (cl *client) shorten() *absence {
	away, seconds := cl.absence, cl.broker.expiry(cl.session.Expiry())
	switch {
	case cl.over() || seconds == cl.session.Expiry():
		return nil
	case cl.conn != nil && cl.conn.version != packet.V5:
		cl.session.SetExpiry(seconds)
		return nil
	case away == nil:
		return nil
	}
	cl.session.SetExpiry(seconds)
	away.endAt = cl.since.Add(time.Duration(seconds) * time.Second)
	return away
}

// keep is save where nobody can be told that it failed. A broker that stops
// leaves the facts as they are: its clients did not go.
func (cl *client) keep() {
	if cl.broker.context.Err() != nil {
		return
	}
	if err := cl.save(); err != nil {
		cl.broker.options().Logger.Warn("session was not stored", "client", cl.id, "err", err)
	}
}

// await sets the alarm of an absent client.
func (cl *client) await(away *absence) {
	at := away.next()
	if at.IsZero() {
		return
	}
	clock := cl.broker.clock
	clock.Set(&away.alarm, at)
	if !cl.is(away) { // it came back meanwhile
		clock.Stop(&away.alarm)
	}
}

func (cl *client) is(away *absence) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.absence == away
}

// onAlarm publishes the will, or ends the session, of a client that has not
// come back.
func (cl *client) onAlarm(t time.Time) {
	if cl.broker.journal == nil {
		cl.ring(t)
		return
	}
	cl.broker.spawn(func() { cl.ring(t) }) // the clock does not wait for the store
}

func (cl *client) ring(t time.Time) {
	b := cl.broker
	defer func() {
		if r := recover(); r != nil { // of a plug that a will asks
			b.options().Logger.Error("alarm panicked", "client", cl.id, "err", r, "stack", string(debug.Stack()))
		}
	}()
	left, away := cl.due(t)
	if left != nil {
		b.bury(cl, nil, left)
		if left.ended {
			b.stats.Expired.Add(1)
		}
	}
	if away != nil {
		if left != nil {
			cl.keep()
		}
		cl.await(away)
	}
}

func (cl *client) due(t time.Time) (left *remains, away *absence) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	away = cl.absence
	if cl.over() || away == nil {
		return nil, nil
	}
	if !away.endAt.IsZero() && !t.Before(away.endAt) {
		return cl.end(), nil
	}
	if !away.willAt.IsZero() && !t.Before(away.willAt) {
		left = &remains{will: cl.session.Will}
		cl.session.Will, away.willAt = nil, time.Time{}
		cl.epoch++
	}
	return left, away
}

// publishWill routes the will of a client as a message of that client.
func (b *Broker) publishWill(cl *client, will *packet.Will) {
	m := &will.Message
	if err := cl.authorize(Publish, m.Topic); err != nil {
		b.options().Logger.Warn("will was not published", "client", cl.id, "topic", will.Topic, "err", err)
		return
	}
	if will.HasMessageExpiry {
		m.Expires = now().Add(time.Duration(will.MessageExpiry) * time.Second)
	}
	m, err := b.intercept(cl, m)
	if err == nil && m != nil {
		err = b.publishMessage(m, cl)
	}
	if err != nil && !errors.Is(err, packet.QuotaExceeded) {
		b.options().Logger.Warn("will was not published", "client", cl.id, "topic", will.Topic, "err", err)
	}
}
