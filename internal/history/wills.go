package history

import (
	"slices"
	"time"
)

// I8: each connection that ends otherwise than by a DISCONNECT yields its will
// once, and at least once if the broker crashes; no other does.

// will is the will of one connection.
type will struct {
	conn     *conn
	message  *message
	delay    time.Duration
	state    willState
	ended    int       // the line where the connection ended
	due      time.Time // when it must have been published, if it must
	earliest time.Time // when it can be due at the earliest; zero: nobody knows
	crashes  int       // how many there had been then
	seen     int       // the line where somebody got it first
	expected []expectation
}

type willState byte

const (
	willHeld willState = iota // the connection lasts
	willDue                   // it must be published
	willOpen                  // it may be
	willGone                  // it must not
)

// announceWill takes the will of a CONNECT.
func (m *model) announceWill(c *conn) {
	p := c.connect.Will
	w := &will{conn: c, delay: time.Duration(p.DelayInterval) * time.Second, state: willOpen}
	w.message = &message{
		payload: string(p.Payload), topic: p.Topic, qos: p.QoS, retain: p.Retain, first: m.at, last: m.at, publisher: c.client.id,
		will: w, attempts: map[attempt]bool{}, delivered: map[*session]bool{},
	}
	if p.Retain {
		w.message.write = m.register(p.Topic).write(w.message.payload, m.at)
	}
	m.messages[w.message.payload] = w.message
	m.wills = append(m.wills, w)
}

// ownWill is the will of a connection, nil if it has none.
func (m *model) ownWill(c *conn) *will {
	if c.connect == nil || c.connect.Will == nil {
		return nil
	}
	if msg := m.messages[string(c.connect.Will.Payload)]; msg != nil && msg.will != nil && msg.will.conn == c {
		return msg.will
	}
	return nil
}

// leaveWill takes the end of a connection.
func (m *model) leaveWill(c *conn, how kind) {
	w := m.ownWill(c)
	if w == nil || w.state != willHeld {
		return
	}
	since := m.at
	if how == closed { // the broker may have done it earlier
		since = max(c.accepted, c.goodbye)
	}
	m.endWill(w, since)
	if how == crashed || how == stopped {
		w.crashes-- // this one counts
	}
	switch {
	case c.goodbye > 0 && !c.withWill && how == closed && len(c.awaiting) == 0:
		w.forbid(m)
	case c.goodbye > 0 && !c.withWill:
		w.state = willOpen // nobody knows whether it arrived
	case how == crashed || how == stopped:
		w.state, w.due = willOpen, m.now.Add(max(w.delay, m.options.WillGrace))
		if c.session.expiry > 0 {
			w.state = willDue
		}
	default:
		w.state, w.due = willDue, m.now.Add(w.wait(c.session))
		if how == dropped {
			w.earliest = w.due
		}
	}
	c.client.will = w
}

// wait is how long the will waits for its client.
func (w *will) wait(s *session) time.Duration {
	if s.expiry == never {
		return w.delay
	}
	return min(w.delay, time.Duration(s.expiry)*time.Second)
}

// resumeWill takes a CONNACK: what it means for the will of the connection
// before, and the new one's begins to hold.
func (m *model) resumeWill(c *conn, present bool) {
	if mine := m.ownWill(c); mine != nil {
		mine.state = willHeld
	}
	cl := c.client
	if other := cl.conn; other != nil && other != c {
		m.takeOverWill(other, c.begun, present)
	}
	w := cl.will
	cl.will = nil
	if w == nil || w.state != willDue {
		return
	}
	switch {
	case len(m.crashes) > w.crashes:
		w.state = willOpen // it waits for those who come back
	case w.delay == 0 || !present:
		// published when the connection, or the session, ended
	case !w.earliest.IsZero() && m.now.Before(w.earliest):
		w.forbid(m)
	case m.now.Before(w.due.Add(m.options.Slack)):
		w.state = willOpen
	}
}

// takeOverWill settles the will of a connection whose place another has taken
// since it began.
func (m *model) takeOverWill(c *conn, begun int, present bool) {
	w := m.ownWill(c)
	if w == nil || w.state != willHeld {
		return
	}
	m.endWill(w, begun)
	switch {
	case c.goodbye > 0 && !c.withWill:
		w.state = willOpen
	case w.delay > 0 && present:
		w.forbid(m)
	default:
		w.state, w.due = willDue, m.now
	}
}

// endWill notes who has subscribed to a will when its connection ends, and had
// already at a line of the log.
func (m *model) endWill(w *will, since int) {
	m.expect(w.message, w.conn.client.id)
	w.expected, w.message.expected = slices.DeleteFunc(w.message.expected, func(e expectation) bool { return e.sub.since > since }), nil
	w.ended, w.crashes = m.at, len(m.crashes)
}

// forbid says that the will must not be published.
func (w *will) forbid(m *model) {
	w.state = willGone
	if w.seen > w.conn.goodbye && w.conn.goodbye > 0 {
		m.accuse("I8", "the will %.60q of %s was published, after its DISCONNECT at %d", w.message.payload, w.conn.client.id, w.conn.goodbye)
	}
}

// countWill judges a delivery of a will.
func (m *model) countWill(s *session, msg *message, n *copies, subscriptions int) {
	w := msg.will
	if w.seen == 0 {
		w.seen = m.at
	}
	switch {
	case w.state == willGone:
		m.accuse("I8", "%s got the will %.60q of %s, which was not due", s, msg.payload, msg.publisher)
	case n.fresh > subscriptions && len(m.crashes) == w.crashes:
		m.accuse("I8", "%s got the will %.60q of %s %d times", s, msg.payload, msg.publisher, n.fresh)
	}
}

// checkWills looks at the end for wills that were not published.
func (m *model) checkWills() {
	for _, w := range m.wills {
		if w.state != willDue {
			continue
		}
		if len(m.crashes) > w.crashes {
			if w.conn.session.expiry == 0 {
				continue // it was never stored
			}
			if again := m.crashed.Add(max(w.delay, m.options.WillGrace)); again.After(w.due) {
				w.due = again
			}
		}
		if !m.now.After(w.due.Add(m.options.Slack)) {
			continue
		}
		for _, e := range w.expected {
			s := e.sub.session
			if e.sub.version != e.version || !s.certainlyConnected(e.generation) || e.sub.share != nil || !m.permits(s.client.id, w.message.topic) {
				continue
			}
			m.report.WillsDue++
			if !w.message.delivered[s] {
				m.report.accuse("I8", w.ended, "the will %.60q of %s was due, and has not come to %s", w.message.payload, w.conn.client.id, s)
			}
		}
	}
}
