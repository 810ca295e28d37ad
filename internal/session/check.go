package session

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// CheckMessage checks a message of a client, or one that was put in its place,
// before it is routed. The error carries the reason code.
func (l *Limits) CheckMessage(m *packet.Message) error {
	if err := CheckName(m.Topic); err != nil {
		return err
	}
	if err := checkEncoding(m); err != nil {
		return err
	}
	return l.CheckProperties(m)
}

// CheckOwn checks a message of the program, which may speak on the topics that
// are reserved for it.
func (l *Limits) CheckOwn(m *packet.Message) error {
	if err := topic.ValidateName(m.Topic); err != nil {
		return fmt.Errorf("topic name %.80q: %w: %w", m.Topic, err, packet.TopicNameInvalid)
	}
	if err := checkEncoding(m); err != nil {
		return err
	}
	return l.CheckProperties(m)
}

// CheckProperties checks what a decoder cannot know to be wrong with a message.
func (l *Limits) CheckProperties(m *packet.Message) error {
	if m.Properties == nil {
		return nil
	}
	if response := m.Properties.ResponseTopic; response != "" { // [MQTT-3.3.2-14]
		if err := topic.ValidateName(response); err != nil {
			return fmt.Errorf("response topic %.80q: %w: %w", response, err, packet.ProtocolError)
		}
	}
	if l.ValidatePayload && m.Properties.PayloadIsUTF8 && !utf8.Valid(m.Payload) {
		return fmt.Errorf("payload is not UTF-8: %w", packet.PayloadFormatInvalid)
	}
	return nil
}

// CheckName checks the topic name of a client's message [MQTT-3.3.2-2]. It
// refuses as packet.NotAuthorized the topics by which the broker speaks, and
// $share, which is no topic at all.
func CheckName(name string) error {
	if err := topic.ValidateName(name); err != nil {
		return fmt.Errorf("topic name %.80q: %w", name, malformed(err, packet.TopicNameInvalid))
	}
	if name[0] != '$' {
		return nil
	}
	switch first, _, _ := strings.Cut(name, "/"); first {
	case "$SYS", "$CONTROL", "$share":
		return fmt.Errorf("topic name %.80q is for the broker to publish: %w", name, packet.NotAuthorized)
	default:
		return nil
	}
}

// checkEncoding checks that a message which no decoder has seen can be sent to
// anybody.
func checkEncoding(m *packet.Message) error {
	valid := packet.ValidString(m.Topic) && m.QoS <= packet.ExactlyOnce
	if p := m.Properties; p != nil {
		valid = valid && packet.ValidString(p.ContentType) && packet.ValidString(p.ResponseTopic)
		for _, u := range p.UserProperties {
			valid = valid && packet.ValidString(u.Name) && packet.ValidString(u.Value)
		}
	}
	if !valid {
		return fmt.Errorf("message to %.80q has a string that is not UTF-8 or is too long, or no QoS: %w", m.Topic, packet.MalformedPacket)
	}
	_, err := (&packet.Publish{Message: *m, PacketID: 1}).AppendHeader(nil, packet.V5)
	return err
}

// CheckFilter checks a filter as a client writes it.
func CheckFilter(filter string) error {
	_, _, err := splitFilter(filter)
	return err
}

// NewSubscription checks a filter and its options.
func NewSubscription(p *packet.Subscription) (*Subscription, error) {
	share, shared, err := splitFilter(p.Filter)
	if err != nil {
		return nil, err
	}
	if shared && p.NoLocal { // [MQTT-3.8.3-4]
		return nil, fmt.Errorf("no local on a shared subscription: %w", packet.ProtocolError)
	}
	return &Subscription{Filter: p.Filter, Share: share, QoS: p.QoS, NoLocal: p.NoLocal, RetainAsPublished: p.RetainAsPublished}, nil
}

// splitFilter checks a filter and returns the group and the filter of a shared
// one.
func splitFilter(s string) (share string, shared bool, err error) {
	group, filter, shared, err := topic.SplitShare(s)
	if err == nil {
		err = topic.ValidateFilter(filter)
	}
	if err != nil {
		return "", false, fmt.Errorf("filter %.80q: %w", s, malformed(err, packet.TopicFilterInvalid))
	}
	if shared {
		share = group + "/" + filter
	}
	return share, shared, nil
}

// malformed gives an error of package topic its reason code: code if the name
// or filter is well formed and only too deep for us.
func malformed(err error, code packet.ReasonCode) error {
	if errors.Is(err, topic.ErrTooDeep) {
		return fmt.Errorf("%w: %w", err, code)
	}
	return fmt.Errorf("%w: %w", err, packet.MalformedPacket)
}

// Merge returns the one subscription that stands for two overlapping ones of a
// client [MQTT-3.3.4-2] [MQTT-3.3.4-4].
func Merge(a, b *Subscription) *Subscription {
	one := *a
	one.QoS = max(a.QoS, b.QoS)
	one.IDs = append(append([]uint32(nil), a.IDs...), b.IDs...)
	one.NoLocal = a.NoLocal && b.NoLocal
	one.RetainAsPublished = a.RetainAsPublished || b.RetainAsPublished
	return &one
}
