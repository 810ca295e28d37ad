package session

import (
	"fmt"

	"github.com/zancudomq/zancudo/packet"
)

// aliases are the topic aliases of one connection, either way.
type aliases struct {
	received []string          // topic names by alias - 1
	sent     map[string]uint16 // aliases by topic name
}

func (s *Session) alias() *aliases {
	if s.aliases == nil {
		s.aliases = &aliases{}
	}
	return s.aliases
}

// resolveAlias gives p its topic name.
func (s *Session) resolveAlias(p *packet.Publish) error {
	switch a := p.TopicAlias; {
	case a == 0 && p.Topic == "":
		return fmt.Errorf("neither topic name nor alias: %w", packet.ProtocolError)
	case a == 0:
		return nil
	case a > s.terms.TopicAliases: // [MQTT-3.3.2-9]
		return fmt.Errorf("topic alias %d exceeds %d: %w", a, s.terms.TopicAliases, packet.TopicAliasInvalid)
	case p.Topic != "":
		known := s.alias()
		for len(known.received) < int(a) {
			known.received = append(known.received, "")
		}
		known.received[a-1] = p.Topic
		return nil
	case s.aliases == nil || int(a) > len(s.aliases.received) || s.aliases.received[a-1] == "":
		return fmt.Errorf("topic alias %d is not known: %w", a, packet.ProtocolError)
	default:
		p.Topic = s.aliases.received[a-1]
		return nil
	}
}

// useAlias has p sent with a topic alias, if one is to be had: the first
// topics of a connection get one [MQTT-3.3.2-11].
func (s *Session) useAlias(p *packet.Publish) {
	sent := s.alias().sent
	if a, known := sent[p.Topic]; known {
		p.Topic, p.TopicAlias = "", a
		return
	}
	if len(sent) < int(s.aliasMaximum) {
		if sent == nil {
			sent = make(map[string]uint16)
			s.aliases.sent = sent
		}
		p.TopicAlias = uint16(len(sent) + 1)
		sent[p.Topic] = p.TopicAlias
	}
}
