package history

import (
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// I1: what was acknowledged is delivered. I2: nothing else is. I3: QoS 2 once.
// I4: in order. I7: who has subscribed hears.

// publishing takes a PUBLISH of a client, for the first time or again.
func (m *model) publishing(c *conn, p *packet.Publish) {
	if len(p.Payload) == 0 {
		m.forget(c, p)
		return
	}
	msg := m.messages[string(p.Payload)]
	if msg == nil {
		msg = &message{
			payload: string(p.Payload), topic: p.Topic, qos: p.QoS, retain: p.Retain, first: m.at, publisher: c.client.id, from: c.session,
			attempts: map[attempt]bool{}, delivered: map[*session]bool{},
		}
		m.messages[msg.payload] = msg
		m.report.Messages++
		m.expect(msg, c.client.id)
		if p.Retain {
			msg.write = m.register(p.Topic).write(msg.payload, m.at)
		}
	} else if msg.write != nil && msg.acked > 0 { // sent again before the answer was seen: it is written again
		msg.write = m.register(p.Topic).write(msg.payload, m.at)
	}
	msg.last = m.at
	if c.session != nil {
		delete(c.session.removals, p.PacketID)
		msg.attempts[attempt{c.session, c.session.generation}] = true
	}
	if p.QoS > packet.AtMostOnce {
		c.awaiting[p.PacketID] = msg
	}
}

// forget takes a PUBLISH without a payload: it only removes what is retained. It
// is known by its identifier until another has that.
func (m *model) forget(c *conn, p *packet.Publish) {
	if !p.Retain {
		return
	}
	if s := c.session; s != nil && p.Dup && s.removals[p.PacketID] != nil {
		c.awaiting[p.PacketID] = s.removals[p.PacketID]
		return
	}
	msg := &message{topic: p.Topic, qos: p.QoS, write: m.register(p.Topic).write("", m.at), first: m.at, last: m.at}
	if p.QoS == packet.AtMostOnce {
		return
	}
	c.awaiting[p.PacketID] = msg
	if c.session != nil {
		c.session.removals[p.PacketID] = msg
	}
}

// expect notes who gets a message if it is acknowledged.
func (m *model) expect(msg *message, publisher string) {
	if msg.qos == packet.AtMostOnce {
		return
	}
	for _, sub := range m.filters.Match(nil, msg.topic) {
		if s := sub.session; !m.lives(s) {
			m.doubt(s)
			continue
		}
		if !sub.options.NoLocal || sub.session.client.id != publisher {
			msg.expected = append(msg.expected, expectation{sub, sub.version, sub.session.generation})
		}
	}
}

// acknowledged takes a PUBACK or PUBREC.
func (m *model) acknowledged(c *conn, p *packet.Ack) {
	msg := c.awaiting[p.PacketID]
	if msg == nil {
		return
	}
	delete(c.awaiting, p.PacketID)
	if p.ReasonCode.Failed() {
		msg.refused = m.at
		return
	}
	if msg.write != nil {
		m.register(msg.topic).done(msg.write, m.at)
	}
	if msg.acked > 0 {
		return
	}
	msg.acked = m.at
	m.oblige(msg)
}

// oblige makes obligations of what was expected and has not become doubtful.
func (m *model) oblige(msg *message) {
	for _, e := range msg.expected {
		s := e.sub.session
		if !e.sub.certain || e.sub.version != e.version || s.generation != e.generation || !m.permits(s.client.id, msg.topic) {
			continue
		}
		m.report.Obligations++
		msg.owes = append(msg.owes, &obligation{e, msg, m.at})
		if e.sub.share == nil && !msg.delivered[s] {
			s.owed++
		}
	}
	msg.expected = nil
}

// delivery takes a PUBLISH that a client got.
func (m *model) delivery(c *conn, p *packet.Publish) {
	s := c.session
	if s == nil || len(p.Payload) == 0 {
		return
	}
	payload := string(p.Payload)
	if p.QoS == packet.ExactlyOnce {
		switch under, again := s.receiving[p.PacketID]; {
		case again && under != payload:
			m.accuse("I3", "%s: identifier %d stands for %.60q before %.60q was released", s, p.PacketID, payload, under)
			return
		case again: // it was not delivered twice: the client knows the identifier
			m.report.Repeated++
			return
		}
		s.receiving[p.PacketID] = payload
	}
	m.report.Deliveries++
	msg := m.messages[payload]
	if msg == nil || msg.topic != p.Topic || p.QoS > msg.qos {
		m.accuse("I2", "%s got what nobody has published: %.60q to %s with QoS %d", s, payload, p.Topic, p.QoS)
		return
	}
	plain, shared, asPublished := s.matching(msg.topic)
	if plain+shared == 0 {
		m.accuse("I2", "%s got %.60q to %s, and has no subscription that matches", s, payload, p.Topic)
		return
	}
	m.checkPermitted(c, msg)
	if p.Retain && !asPublished {
		m.read(s, msg)
		return
	}
	if !msg.delivered[s] {
		msg.delivered[s] = true
		if m.owes(s, msg) {
			s.owed = max(0, s.owed-1)
		}
	}
	m.count(s, msg, p, plain+shared, asPublished)
	if shared == 0 && !asPublished {
		m.checkOrder(s, msg, p.QoS)
	}
}

func (m *model) owes(s *session, msg *message) bool {
	for _, o := range msg.owes {
		if o.sub.session == s && o.generation == s.generation && o.sub.share == nil {
			return true
		}
	}
	return false
}

// matching counts the subscriptions that the session has ever had for a topic.
// asPublished: RETAIN of a message does not tell whether it comes live.
func (s *session) matching(name string) (plain, shared int, asPublished bool) {
	for _, sub := range s.ever {
		if !topic.Match(sub.filter, name) {
			continue
		}
		if sub.share != nil {
			shared++
		} else {
			plain++
		}
		asPublished = asPublished || sub.options.RetainAsPublished
	}
	return plain, shared, asPublished
}

// count is I3, and for wills I8: a message comes once for each subscription, and
// for each time that it was published.
func (m *model) count(s *session, msg *message, p *packet.Publish, subscriptions int, asPublished bool) {
	n := s.seen[msg]
	if n == nil {
		n = &copies{}
		s.seen[msg] = n
	}
	n.all++
	if n.all > 1 {
		m.report.Repeated++
	}
	if !p.Dup {
		n.fresh++
	}
	if p.QoS == packet.ExactlyOnce {
		n.once++
	}
	if msg.will != nil {
		m.countWill(s, msg, n, subscriptions)
		return
	}
	if allowed := subscriptions * max(1, len(msg.attempts)); n.once > allowed && !asPublished {
		m.accuse("I3", "%s got %.60q with QoS 2 for the %d. time; it was published %d times and %d subscriptions match",
			s, msg.payload, n.once, len(msg.attempts), subscriptions)
	}
}

// orderKey is what has an order.
type orderKey struct {
	publisher string
	topic     string
	qos       packet.QoS // as it was published
	delivered packet.QoS
}

// checkOrder is I4: a message does not come, for the first time, after one that
// was sent later than it was sent last.
func (m *model) checkOrder(s *session, msg *message, qos packet.QoS) {
	if msg.will != nil || s.seen[msg].all > 1 {
		return
	}
	key := orderKey{msg.publisher, msg.topic, msg.qos, qos}
	if newest := s.order[key]; msg.last < newest {
		m.accuse("I4", "%s got %.60q, sent at %d, after one that %s has sent to %s at %d", s, msg.payload, msg.last, msg.publisher, msg.topic, newest)
	}
	s.order[key] = max(s.order[key], msg.first)
}

// checkObligations is I1 and I7 at the end.
func (m *model) checkObligations() {
	deaf := make(map[*subscription]*[2]int)
	for _, msg := range m.messages {
		for _, o := range msg.owes {
			if !o.due() || !m.permits(o.sub.session.client.id, msg.topic) { // it may have been forbidden while it waited
				continue
			}
			n := deaf[o.sub]
			if n == nil {
				n = &[2]int{}
				deaf[o.sub] = n
			}
			n[0]++
			if o.met() {
				continue
			}
			n[1]++
			m.report.accuse("I1", o.at, "%.60q to %s was acknowledged, and has not come to %s", msg.payload, msg.topic, o.receiver())
		}
	}
	for sub, n := range deaf {
		if n[0] == n[1] {
			m.report.accuse("I7", sub.asked, "%s has subscribed to %s, and got none of %d messages", sub.session, sub.filter, n[0])
		}
	}
}

func (o *obligation) receiver() string {
	if o.sub.share != nil {
		return "the share " + o.sub.share.name
	}
	return o.sub.session.String()
}

// due reports whether the message must have come by now.
func (o *obligation) due() bool {
	if o.sub.share == nil {
		return o.sub.session.certainlyConnected(o.generation)
	}
	for member := range o.sub.share.members {
		if member.ended || member.generation > 0 || !member.certainlyConnected(member.generation) {
			return false
		}
	}
	return !o.sub.share.broken
}

func (o *obligation) met() bool {
	if o.sub.share == nil {
		return o.message.delivered[o.sub.session]
	}
	for member := range o.sub.share.members {
		if o.message.delivered[member] {
			return true
		}
	}
	return false
}
