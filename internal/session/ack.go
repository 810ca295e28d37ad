package session

import (
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// Puback takes a PUBACK of the client: the message is delivered, or refused,
// which counts the same [MQTT-4.4.0-2]. It fills the window again.
func (s *Session) Puback(out *Output, now time.Time, p *packet.Puback) {
	if f, i := s.flight(p.PacketID); f != nil && f.qos == packet.AtLeastOnce {
		s.finish(f, i)
		s.Fill(out, now)
	}
}

// Pubrec takes a PUBREC of the client. If ok, answer is to be sent [MQTT-4.3.3-4],
// once it is stored that the message with this number, unless it is zero, is
// released: from now on the PUBLISH is never sent again [MQTT-4.3.3-6].
func (s *Session) Pubrec(out *Output, now time.Time, p *packet.Pubrec) (answer packet.Pubrel, number uint64, ok bool) {
	answer.PacketID = p.PacketID
	f, i := s.flight(p.PacketID)
	switch {
	case f == nil || f.qos != packet.ExactlyOnce:
		return answer, 0, !p.ReasonCode.Failed()
	case p.ReasonCode.Failed():
		s.finish(f, i)
		s.Fill(out, now)
		return answer, 0, false
	case f.phase == released:
		return answer, 0, true
	default:
		f.phase = released
		return answer, f.number, true
	}
}

// Pubcomp takes a PUBCOMP of the client, which ends a QoS 2 delivery.
func (s *Session) Pubcomp(out *Output, now time.Time, p *packet.Pubcomp) {
	if f, i := s.flight(p.PacketID); f != nil && f.phase == released {
		s.finish(f, i)
		s.Fill(out, now)
	}
}

func (s *Session) flight(id uint16) (*flight, int) {
	if s.sending == nil {
		return nil, 0
	}
	return s.sending.find(id)
}

// Room reports whether a message of QoS 1 or 2 pushed now would be sent rather
// than queued, and one of QoS 0 not dropped.
func (s *Session) Room(out *Output) bool {
	if out.Len() >= fillMark {
		return false
	}
	q := s.sending
	if q != nil && s.durable {
		return q.queue.len()+q.held.len() < maxHeldReplay
	}
	return q == nil || q.queue.len() == 0 && q.sent == q.window.len() && q.room(s, 0)
}

// Inflight is the number of messages under way to the client.
func (s *Session) Inflight() int {
	if s.sending == nil {
		return 0
	}
	n := 0
	for i := range s.sending.window.len() {
		if s.sending.window.at(i).phase != done {
			n++
		}
	}
	return n
}

// Held is the number of messages, and the bytes of their payloads, that are
// under way to the client or wait.
func (s *Session) Held() (messages, bytes int) {
	if s.sending == nil {
		return 0, 0
	}
	messages, bytes = s.Queued()
	for i := range s.sending.window.len() {
		if f := s.sending.window.at(i); f.phase == published {
			messages++
			bytes += len(f.message.Payload)
		}
	}
	return messages, bytes
}

// Queued is the number of messages, and the bytes of their payloads, that wait.
func (s *Session) Queued() (messages, bytes int) {
	if s.sending == nil {
		return 0, 0
	}
	return s.sending.queued(), s.sending.queuedBytes
}

// Orphan is a message of a shared subscription that an ended session leaves
// behind.
type Orphan struct {
	Message *packet.Message
	Share   string
}

// Orphans are the messages of shared subscriptions which the client has not
// acknowledged, in order, but for those in the store only. What was sent with QoS 2 is not among them
// [MQTT-4.8.2-5].
func (s *Session) Orphans() (orphans []Orphan) {
	if s.sending == nil {
		return nil
	}
	for i := range s.sending.window.len() {
		f := s.sending.window.at(i)
		if f.phase == published && f.sub.Share != "" && f.qos == packet.AtLeastOnce {
			orphans = append(orphans, Orphan{f.message, f.sub.Share})
		}
	}
	for i := range s.sending.queue.len() {
		if e := s.sending.queue.at(i); e.sub.Share != "" {
			orphans = append(orphans, Orphan{e.message, e.sub.Share})
		}
	}
	for i := range s.sending.held.len() {
		if h := s.sending.held.at(i); h.sub.Share != "" && !h.failed {
			orphans = append(orphans, Orphan{h.message, h.sub.Share})
		}
	}
	return orphans
}
