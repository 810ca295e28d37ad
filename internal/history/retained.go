package history

import (
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// I5: what a subscriber reads as retained was written last, or is being written.

func (m *model) register(name string) *register {
	r, found := m.topics.Get(name)
	if !found {
		r = &register{}
		m.topics.Set(name, r)
	}
	return r
}

// read takes a message that came because it was retained.
func (m *model) read(s *session, msg *message) {
	if msg.write == nil {
		m.accuse("I2", "%s got %.60q as a retained message, and it was not", s, msg.payload)
		return
	}
	m.report.RetainedReads++
	reading := m.at
	for _, sub := range s.ever {
		if sub.share == nil && topic.Match(sub.filter, msg.topic) {
			reading = min(reading, sub.asked)
		}
	}
	if r := m.register(msg.topic); r.stale(msg.write, reading) {
		m.accuse("I5", "%s, which subscribed at %d, got the retained %.60q of %s, which another had replaced by %d",
			s, reading, msg.payload, msg.topic, r.newest(reading))
	}
	s.retained(msg.topic)
}

func (s *session) retained(name string) {
	if s.reads == nil {
		s.reads = make(map[string]bool)
	}
	s.reads[name] = true
}

// checkRetained looks at the end for retained messages that somebody who has
// subscribed once, on a connection that is still open, should have got.
func (m *model) checkRetained() {
	for _, c := range m.open {
		s := c.session
		if s == nil || s.client.conn != c || s.generation > 0 || s.began != c.accepted {
			continue
		}
		for _, sub := range s.ever {
			if !sub.certain || sub.share != nil || sub.version > 0 || sub.options.RetainHandling != packet.SendRetained ||
				sub.options.NoLocal {
				continue
			}
			for name, r := range m.topics.Match(sub.filter) {
				m.missing(s, sub, name, r)
			}
		}
	}
}

func (m *model) missing(s *session, sub *subscription, name string, r *register) {
	if s.reads[name] || r.writes[len(r.writes)-1].began > sub.asked || !m.permits(s.client.id, name) {
		return
	}
	writes := r.certain(sub.asked)
	for _, w := range writes {
		if w.value == "" {
			return
		}
	}
	if len(writes) > 0 {
		m.report.accuse("I5", sub.asked, "%s has subscribed to %s, and not got the retained message of %s: %.60q",
			s, sub.filter, name, writes[len(writes)-1].value)
	}
}
