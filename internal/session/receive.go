package session

import (
	"fmt"

	"github.com/zancudomq/zancudo/packet"
)

// Receive takes a PUBLISH of the client: it resolves the topic alias into
// p.Topic and says whether the message is fresh; a QoS 2 message that is sent
// again is not, and must only be acknowledged [MQTT-4.3.3-10]. answered is how
// many messages of QoS 1 and 2 were answered with answers that have not been
// sent yet: the client cannot count on them.
func (s *Session) Receive(p *packet.Publish, answered int) (fresh bool, err error) {
	if err := s.resolveAlias(p); err != nil {
		return false, err
	}
	if p.QoS == packet.AtMostOnce {
		return true, nil
	}
	if p.QoS == packet.ExactlyOnce && s.receiving.has(p.PacketID) {
		return false, nil
	}
	if s.version == packet.V5 && s.terms.ReceiveMaximum != 0 && s.receiving.n-s.inherited+answered >= int(s.terms.ReceiveMaximum) {
		return false, fmt.Errorf("more than %d messages under way: %w", s.terms.ReceiveMaximum, packet.ReceiveMaximumExceeded)
	}
	if p.QoS == packet.ExactlyOnce {
		s.receiving.add(p.PacketID)
	}
	return true, nil
}

// Forget undoes Receive for a message that was refused: its packet identifier
// names a new message next time [MQTT-4.3.3-9].
func (s *Session) Forget(id uint16) { s.receiving.remove(id) }

// Pubrel takes a PUBREL of the client and returns the PUBCOMP to send
// [MQTT-4.3.3-11]. From now on the identifier names a new message. counted
// reports whether the client awaits the answer before it may send another: the
// quota begins anew with each connection [MQTT-4.9.0-1], so the messages of an
// earlier one, which it releases first, do not count.
func (s *Session) Pubrel(p *packet.Pubrel) (answer packet.Pubcomp, counted bool) {
	answer.PacketID = p.PacketID
	switch {
	case !s.receiving.remove(p.PacketID):
		return answer, false // no error: the client may not have got the first PUBCOMP
	case s.inherited > 0:
		s.inherited--
		return answer, false
	default:
		return answer, true
	}
}

// Receiving is the number of QoS 2 messages that await their PUBREL.
func (s *Session) Receiving() int { return s.receiving.n }

// packetIDs is a set of Packet Identifiers: a short list, or a bitmap when it
// is no longer short.
type packetIDs struct {
	n    int
	few  []uint16
	many *[1 << 16 / 64]uint64
}

const fewPacketIDs = 64

func (p *packetIDs) index(id uint16) int {
	for i, x := range p.few {
		if x == id {
			return i
		}
	}
	return -1
}

func (p *packetIDs) has(id uint16) bool {
	if p.many != nil {
		return p.many[id/64]>>(id%64)&1 == 1
	}
	return p.index(id) >= 0
}

// add adds an identifier that is not in the set.
func (p *packetIDs) add(id uint16) {
	p.n++
	if p.many == nil && len(p.few) < fewPacketIDs {
		p.few = append(p.few, id)
		return
	}
	if p.many == nil {
		p.many = new([1 << 16 / 64]uint64)
		for _, x := range p.few {
			p.many[x/64] |= 1 << (x % 64)
		}
		p.few = nil
	}
	p.many[id/64] |= 1 << (id % 64)
}

func (p *packetIDs) remove(id uint16) bool {
	if !p.has(id) {
		return false
	}
	p.n--
	if p.many != nil {
		p.many[id/64] &^= 1 << (id % 64)
		if p.n == 0 {
			p.many = nil
		}
		return true
	}
	i, last := p.index(id), len(p.few)-1
	p.few[i] = p.few[last]
	p.few = p.few[:last]
	return true
}
