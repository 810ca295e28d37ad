package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/packet"
)

// The topics where brokers say who they are.
const (
	versionTopic = "$SYS/broker/version"
	systemFilter = "$SYS/broker/+"
)

// Packet identifiers.
const (
	systemID uint16 = 1 + iota
	testID
	firstPublishID
)

// use does what clients do, with the highest version that is accepted.
func (e *exam) use(ctx context.Context, v packet.Version) {
	introduction := e.introduction(v)
	introduction.SessionExpiry = 0
	l, connack, err := e.connect(ctx, e.opener(e.Where), introduction)
	if err != nil {
		e.fail(ctx, fmt.Errorf("it let a client in once, but not again: %w", err), CheckLogin, "Look whether the broker limits connections.")
		return
	}
	defer l.leave()
	if err := e.ping(ctx, l); err != nil {
		e.lost(ctx, CheckPing, err)
		return
	}
	if err := e.system(ctx, l); err != nil {
		e.lost(ctx, CheckBroker, err)
		return
	}
	if e.ReadOnly {
		return
	}
	if err := e.topics(ctx, l, connack); err != nil {
		e.lost(ctx, CheckTopics, err)
	}
}

func (e *exam) lost(ctx context.Context, check string, err error) {
	e.fail(ctx, fmt.Errorf("the connection was lost: %w", err), check, "Look into the broker's log, which has a line about this.")
}

// ping measures PINGREQ.
func (e *exam) ping(ctx context.Context, l *link) error {
	var took []time.Duration
	for range e.Rounds {
		began := time.Now()
		p, err := l.ask(&packet.Pingreq{})
		if err != nil {
			return err
		}
		if p.Type() != packet.PINGRESP {
			return fmt.Errorf("it answers PINGREQ with %v", p.Type())
		}
		took = append(took, time.Since(began))
	}
	e.say(ctx, CheckPing, OK, "a ping takes "+summary(took), "")
	return nil
}

// summary is the median of several times, and the range.
func summary(took []time.Duration) string {
	slices.Sort(took)
	return fmt.Sprintf("%s (median of %d, %s to %s)", short(took[len(took)/2]), len(took), short(took[0]), short(took[len(took)-1]))
}

// subscribe subscribes to one filter and returns the code of the answer. Messages
// may come before it.
func (l *link) subscribe(id uint16, filter string, qos packet.QoS, heard func(*packet.Publish)) (packet.ReasonCode, error) {
	if err := l.send(&packet.Subscribe{PacketID: id, Subscriptions: []packet.Subscription{{Filter: filter, QoS: qos}}}); err != nil {
		return 0, err
	}
	for deadline := time.Now().Add(l.timeout); ; {
		p, err := l.next(time.Until(deadline))
		if err != nil {
			return 0, err
		}
		switch p := p.(type) {
		case *packet.Publish:
			if err := l.acknowledge(p); err != nil {
				return 0, err
			}
			heard(p)
		case *packet.Suback:
			if len(p.ReasonCodes) == 1 {
				return p.ReasonCodes[0], nil
			}
			return 0, fmt.Errorf("it answers one filter with %v", p)
		default:
			return 0, fmt.Errorf("it answers SUBSCRIBE with %v", p)
		}
	}
}

// acknowledge answers a message of QoS 1; no other was asked for that needs it.
func (l *link) acknowledge(p *packet.Publish) error {
	if p.QoS != packet.AtLeastOnce {
		return nil
	}
	return l.send(&packet.Puback{Ack: packet.Ack{PacketID: p.PacketID}})
}

// grace is how long a message may come after the acknowledgement that lets it be
// expected.
const grace = time.Second

// system reads what the broker says of itself.
func (e *exam) system(ctx context.Context, l *link) error {
	version := ""
	heard := func(m *packet.Publish) {
		if m.Topic == versionTopic {
			version = strings.Trim(fmt.Sprintf("%.100q", m.Payload), `"`)
		}
	}
	code, err := l.subscribe(systemID, systemFilter, packet.AtMostOnce, heard)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(min(grace, e.Timeout)); version == "" && !code.Failed(); {
		p, err := l.next(time.Until(deadline))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			return err
		}
		if m, ok := p.(*packet.Publish); ok {
			heard(m)
		}
	}
	switch {
	case version != "":
		e.say(ctx, CheckBroker, OK, fmt.Sprintf("it is %s, says $SYS, which this user may read", version), "")
	case code.Failed():
		e.say(ctx, CheckBroker, OK, fmt.Sprintf("this user may not read $SYS%s, so which broker it is remains open", reason(code)), "")
	default:
		e.say(ctx, CheckBroker, OK, "nothing is to be read in $SYS/broker, so which broker it is remains open", "")
	}
	if code.Failed() {
		return nil
	}
	return l.unsubscribe(systemID, systemFilter)
}

// unsubscribe ends a subscription; messages that were under way are passed over.
func (l *link) unsubscribe(id uint16, filter string) error {
	if err := l.send(&packet.Unsubscribe{PacketID: id, Filters: []string{filter}}); err != nil {
		return err
	}
	for deadline := time.Now().Add(l.timeout); ; {
		p, err := l.next(time.Until(deadline))
		if err != nil || p.Type() == packet.UNSUBACK {
			return err
		}
	}
}

// topics publishes and subscribes.
func (e *exam) topics(ctx context.Context, l *link, connack *packet.Connack) error {
	topic, level := e.Topic, Problem // the one that is asked for
	if topic == "" {
		topic, level = "zancudo/doctor/"+e.id, Note
	}
	qos := packet.AtLeastOnce
	if connack.MaximumQoS != nil {
		qos = min(qos, *connack.MaximumQoS)
	}
	remedy := "Allow it in the broker's ACL, or name a topic that it may use with -t."
	code, err := l.subscribe(testID, topic, qos, func(*packet.Publish) {})
	if err != nil {
		return err
	}
	if code.Failed() {
		e.say(ctx, CheckTopics, level, fmt.Sprintf("this user may not subscribe to %s%s", topic, reason(code)), remedy)
	}
	m := &measured{}
	for i := range e.Rounds {
		if err := m.round(l, e.message(topic, qos, i), !code.Failed()); err != nil {
			return err
		}
		if m.refused.Failed() || m.lost {
			break
		}
	}
	e.sayTopics(ctx, level, topic, remedy, code, m, l.version)
	return nil
}

// reason is a code in parentheses, if it tells anything: MQTT 3.1.1 has only one.
func reason(code packet.ReasonCode) string {
	if code == packet.UnspecifiedError {
		return ""
	}
	return fmt.Sprintf(" (%v)", code)
}

// message is one to publish.
func (e *exam) message(topic string, qos packet.QoS, i int) *packet.Publish {
	p := &packet.Publish{Message: packet.Message{Topic: topic, QoS: qos, Payload: fmt.Appendf(nil, "zancudo doctor %s %d", e.id, i)}}
	if qos > packet.AtMostOnce {
		p.PacketID = firstPublishID + uint16(i)
	}
	return p
}

func (e *exam) sayTopics(ctx context.Context, level Level, topic, remedy string, subscribed packet.ReasonCode, m *measured, v packet.Version) {
	switch {
	case m.refused.Failed():
		e.say(ctx, CheckTopics, level, fmt.Sprintf("this user may not publish to %s%s", topic, reason(m.refused)), remedy)
	case m.lost:
		e.say(ctx, CheckTopics, level, fmt.Sprintf("messages to %s do not come back: this user may either not publish or not read there, and the broker does not tell", topic), remedy)
	case subscribed.Failed() && v != packet.V5:
		e.say(ctx, CheckTopics, OK, fmt.Sprintf("a message to %s is acknowledged; MQTT %v does not tell whether it was let through", topic, v), "")
	case subscribed.Failed():
		e.say(ctx, CheckTopics, OK, "this user may publish to "+topic, "")
	case len(m.acknowledged) == 0:
		e.say(ctx, CheckTopics, OK, fmt.Sprintf("this user may publish and subscribe to %s; a message of QoS 0 comes back in %s", topic, summary(m.returned)), "")
	default:
		e.say(ctx, CheckTopics, OK, "this user may publish and subscribe to "+topic, "")
		e.say(ctx, CheckTopics, OK, fmt.Sprintf("a message of QoS 1 is acknowledged in %s, and comes back in %s", summary(m.acknowledged), summary(m.returned)), "")
	}
}

// measured are the messages that were published.
type measured struct {
	acknowledged, returned []time.Duration
	refused                packet.ReasonCode
	lost                   bool // a message that should have come back did not
}

// round publishes a message and waits until it is acknowledged and, if it is
// expected, comes back.
func (m *measured) round(l *link, p *packet.Publish, expected bool) error {
	began := time.Now()
	if err := l.send(p); err != nil {
		return err
	}
	waiting := p.QoS > packet.AtMostOnce
	for deadline := began.Add(l.timeout); waiting || expected; {
		got, err := l.next(time.Until(deadline))
		if errors.Is(err, os.ErrDeadlineExceeded) && !waiting {
			m.lost = true
			return nil
		}
		if err != nil {
			return err
		}
		switch got := got.(type) {
		case *packet.Puback:
			waiting = false
			m.acknowledged = append(m.acknowledged, time.Since(began))
			if m.refused = got.ReasonCode; m.refused.Failed() {
				return nil
			}
			if deadline = time.Now().Add(min(grace, l.timeout)); got.ReasonCode == packet.NoMatchingSubscribers && expected {
				m.lost = true
				return nil
			}
		case *packet.Publish:
			if err := l.acknowledge(got); err != nil {
				return err
			}
			if string(got.Payload) == string(p.Payload) {
				expected = false
				m.returned = append(m.returned, time.Since(began))
			}
		case *packet.Disconnect:
			return &client.DisconnectError{Disconnect: got}
		}
	}
	return nil
}
