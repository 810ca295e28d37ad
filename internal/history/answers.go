package history

import (
	"strings"

	"github.com/zancudomq/zancudo/packet"
)

// I9: nobody gets what the access list forbids. I13: an answer leaves when what
// it answers is durable.

// accessList is an access list, and from when on it is in force.
type accessList struct {
	from    int
	permits func(client, topic string) bool
}

func (m *model) permit(e *event) { m.lists = append(m.lists, accessList{m.at, e.permits}) }

// permits reports whether a client may get messages of a topic, whatever list of
// those there were is in force.
func (m *model) permits(client, name string) bool {
	for i := range m.lists {
		if !m.lists[i].permits(client, name) {
			return false
		}
	}
	return true
}

// checkPermitted is I9. The message was sent to the client after it was published
// and after the connection began: if it was permitted at any time since, it may
// have been sent then.
func (m *model) checkPermitted(c *conn, msg *message) {
	since := max(msg.first, c.begun)
	for i := len(m.lists) - 1; i >= 0; i-- {
		if m.lists[i].permits(c.client.id, msg.topic) {
			return
		}
		if m.lists[i].from <= since {
			m.accuse("I9", "%s got %.60q, and may not read %s", c.client.id, msg.payload, msg.topic)
			return
		}
	}
}

// store takes facts that were appended. Those that may wait are durable with the
// next that may not, if they came before it was asked for.
func (m *model) store(e *event) {
	if !e.durable {
		m.kept = append(m.kept, keptFacts{m.at, e.text})
		return
	}
	later := m.kept[:0]
	for _, k := range m.kept {
		if k.at < e.began {
			m.durable = append(m.durable, keptFacts{m.at, k.text})
		} else {
			later = append(later, k)
		}
	}
	m.kept = later
	m.durable = append(m.durable, keptFacts{m.at, e.text})
}

type keptFacts struct {
	at   int // when they became durable, or were appended
	text string
}

// isDurable reports whether a text is part of what became durable since a line
// of the log.
func (m *model) isDurable(text string, since int) bool {
	for i := len(m.durable) - 1; i >= 0 && m.durable[i].at > since; i-- {
		if strings.Contains(m.durable[i].text, text) {
			return true
		}
	}
	return false
}

// answer is I13: it takes an answer that leaves the broker.
func (m *model) answer(e *event) {
	c := m.conns[e.conn]
	if c == nil || c.session == nil || c.client.conn != c {
		return
	}
	switch p := e.packet.(type) {
	case *packet.Puback:
		m.answerMessage(c, &p.Ack)
	case *packet.Pubrec:
		m.answerMessage(c, &p.Ack)
	case *packet.Suback:
		m.answerSubscribe(c, p)
	default:
	}
}

func (m *model) answerMessage(c *conn, p *packet.Ack) {
	msg := c.awaiting[p.PacketID]
	if msg == nil || p.ReasonCode.Failed() || !m.mustStore(msg) {
		return
	}
	m.report.DurableAnswers++
	if !m.isDurable(msg.payload, msg.first) && !m.isReplaced(msg) {
		m.accuse("I13", "%.60q of %s is acknowledged before it is durable; %s", msg.payload, c.client.id, m.whyStored(msg))
	}
}

func (m *model) whyStored(msg *message) string {
	if s := m.mustReach(msg); s != nil {
		return s.String() + " gets it"
	}
	return "it is retained"
}

// isReplaced reports whether the message needs to be durable only as a retained
// one, and one that may have replaced it is, since it was not answered before.
func (m *model) isReplaced(msg *message) bool {
	if msg.write == nil || m.mustReach(msg) != nil {
		return false
	}
	writes := m.register(msg.topic).writes
	for _, w := range writes {
		before := w.acked > 0 && w.acked < msg.first
		if w != msg.write && !before && (w.value == "" || m.isDurable(w.value, msg.first)) {
			return true
		}
	}
	return false
}

// mustStore reports whether a message has to be stored before it is answered: it
// is retained, or a session that outlives its connection gets it.
func (m *model) mustStore(msg *message) bool {
	if msg.payload == "" || msg.qos == packet.AtMostOnce {
		return false
	}
	return msg.retain || m.mustReach(msg) != nil
}

// mustReach is a session that outlives its connection and gets the message; nil:
// there is none.
func (m *model) mustReach(msg *message) *session {
	for _, e := range msg.expected {
		s := e.sub.session
		if e.sub.certain && e.sub.version == e.version && s.generation == e.generation && s.expiry > 0 && m.lives(s) && e.sub.share == nil &&
			m.permits(s.client.id, msg.topic) {
			return s
		}
	}
	return nil
}

func (m *model) answerSubscribe(c *conn, p *packet.Suback) {
	asked, found := c.subs[p.PacketID]
	if !found || c.session.expiry == 0 {
		return
	}
	for i, wanted := range asked.packet.Subscriptions {
		if i >= len(p.ReasonCodes) || p.ReasonCodes[i].Failed() {
			continue
		}
		m.report.DurableAnswers++
		if !m.isDurable(wanted.Filter, asked.at) {
			m.accuse("I13", "the SUBSCRIBE of %s to %s is acknowledged before it is durable", c.client.id, wanted.Filter)
		}
	}
}
