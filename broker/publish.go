package broker

import (
	"errors"
	"fmt"
	"time"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// handlePublish takes a PUBLISH of the client, step 2 of its walk, and answers
// as its QoS asks [MQTT-3.3.4-1].
func (c *conn) handlePublish(s *scratch, p *packet.Publish) error {
	switch highest := *c.rules.MaxQoS; {
	case p.QoS > highest:
		return fmt.Errorf("QoS %d exceeds %d: %w", p.QoS, highest, packet.QoSNotSupported)
	case p.Retain && c.broker.options().RetainUnavailable:
		return fmt.Errorf("message is retained: %w", packet.RetainNotSupported)
	case len(p.SubscriptionIDs) > 0: // [MQTT-3.3.4-6]
		return fmt.Errorf("subscription identifier in a PUBLISH of a client: %w", packet.ProtocolError)
	}
	s.counts.payloads += uint64(len(p.Payload))
	fresh, err := c.receive(s, p)
	if err != nil {
		return err
	}
	w := &s.batch
	before := len(w.facts) + len(w.retained)
	code := packet.Success
	s.unstored = false
	switch {
	case fresh && p.QoS == packet.ExactlyOnce:
		code, err = c.publishOnce(s, p)
	case fresh:
		code, err = c.publish(s, p)
	}
	if err != nil {
		return err
	}
	if s.unstored && c.version != packet.V5 {
		c.forget(p)
		return nil // it sends it again one day
	}
	once := p.QoS == packet.ExactlyOnce && c.client.sid != 0
	if once && fresh && !code.Failed() {
		w.receive(c.client.sid, p.PacketID)
	}
	from := len(s.replies)
	c.acknowledge(s, p, code)
	once = once && (fresh || w.answers(p.PacketID)) // else the store has it
	if p.QoS > packet.AtMostOnce && !code.Failed() && (once || len(w.facts)+len(w.retained) > before) {
		kind := packet.PUBACK
		if p.QoS == packet.ExactlyOnce {
			kind = packet.PUBREC
		}
		w.dependents = append(w.dependents, dependent{from: from, to: len(s.replies), kind: kind, id: p.PacketID})
	}
	return nil
}

// publishOnce is publish for QoS 2. A message that was not routed, even because
// of a bug, may come again with its packet identifier.
func (c *conn) publishOnce(s *scratch, p *packet.Publish) (code packet.ReasonCode, err error) {
	routed := false
	defer func() {
		if !routed {
			c.forget(p)
		}
	}()
	code, err = c.publish(s, p)
	routed = err == nil
	return code, err
}

// forget has the session take the identifier of p for that of a new message.
func (c *conn) forget(p *packet.Publish) {
	if c.client.current(c) {
		c.client.session.Forget(p.PacketID)
		c.client.mu.Unlock()
	}
}

// receive asks the session whether the message is fresh. Only aliases and
// QoS 1 and 2 need it.
func (c *conn) receive(s *scratch, p *packet.Publish) (fresh bool, err error) {
	if p.QoS == packet.AtMostOnce && p.TopicAlias == 0 && p.Topic != "" {
		return true, nil
	}
	if !c.client.current(c) {
		return false, packet.SessionTakenOver
	}
	defer c.client.mu.Unlock()
	if fresh, err = c.client.session.Receive(p, s.answered); fresh && p.QoS == packet.ExactlyOnce {
		c.takes()
	}
	return fresh, err
}

// publish checks the message, asks who may refuse it and routes it. The code
// is for the acknowledgement; an error ends the connection.
func (c *conn) publish(s *scratch, p *packet.Publish) (packet.ReasonCode, error) {
	b := c.broker
	if c.publisher == nil {
		c.publisher = &publisher{}
	}
	routes := &c.publisher.routes
	entry, known := routes.find(p.Topic)
	if !known {
		name := c.rules.MountPoint + p.Topic
		switch err := session.CheckName(name); {
		case errors.Is(err, packet.NotAuthorized):
			p.Topic = name
			return c.request(s, p, err), nil
		case err != nil:
			return 0, err
		}
		entry = routes.add(p.Topic, name)
	}
	m := &p.Message
	m.Topic = entry.full
	if limit := b.options().MaxPayload; len(p.Payload) > limit {
		return c.denied(s, p, fmt.Errorf("payload of %d bytes exceeds %d: %w", len(p.Payload), limit, packet.ImplementationSpecificError)), nil
	}
	if err := b.options().limits.CheckProperties(m); err != nil {
		if reason := reasonOf(err); reason != packet.PayloadFormatInvalid || p.QoS == packet.AtMostOnce {
			return 0, err
		}
		return c.denied(s, p, err), nil
	}
	if err := c.client.authorize(Publish, m.Topic); err != nil {
		return c.denied(s, p, forbid(err)), nil
	}
	if p.HasMessageExpiry {
		m.Expires = s.now.Add(time.Duration(p.MessageExpiry) * time.Second)
	}
	targets := routes.refresh(b, entry)
	if len(b.options().Interceptors) > 0 {
		replaced, err := b.intercept(c.client, m)
		if err != nil {
			return c.denied(s, p, withReason(err, packet.ImplementationSpecificError)), nil
		}
		if replaced == nil {
			return packet.Success, nil
		}
		if replaced.Topic != m.Topic {
			s.targets = b.resolve(s.targets[:0], replaced.Topic)
			targets = s.targets
		}
		m = replaced
	}
	if err := b.mustRefuse(s, c.client, m, targets); err != nil {
		s.unstored = true
		return c.denied(s, p, err), nil
	}
	s.delivery.Borrow(m, len(targets))
	matched, err := b.route(s, c.client, targets)
	b.conclude(s)
	switch {
	case err != nil:
		return c.denied(s, p, err), nil
	case !matched && p.QoS > packet.AtMostOnce:
		return packet.NoMatchingSubscribers, nil
	default:
		return packet.Success, nil
	}
}

// request shows a message to a topic that is reserved for the broker to the
// interceptors: one of them may take it, as a request to the program. Otherwise
// it is refused because of err.
func (c *conn) request(s *scratch, p *packet.Publish, err error) packet.ReasonCode {
	if denial := c.client.authorize(Publish, p.Topic); denial != nil {
		return c.denied(s, p, forbid(denial))
	}
	for _, i := range c.broker.options().Interceptors {
		switch m, failed := i.Intercept((*Client)(c.client), &p.Message); {
		case failed != nil:
			return c.denied(s, p, withReason(failed, packet.ImplementationSpecificError))
		case m == nil:
			return packet.Success
		}
	}
	return c.denied(s, p, err)
}

// intercept has each interceptor look at the message; nil: one has taken it. One
// that puts another in its place is checked: what the client could not publish
// by itself it cannot publish by way of a plug either.
func (b *Broker) intercept(cl *client, m *packet.Message) (*packet.Message, error) {
	for _, i := range b.options().Interceptors {
		replaced, err := i.Intercept((*Client)(cl), m)
		if err != nil {
			return nil, err
		}
		if replaced == nil {
			return nil, nil
		}
		if replaced == m {
			continue
		}
		if err := b.options().limits.CheckMessage(replaced); err != nil {
			return nil, err
		}
		if err := cl.authorize(Publish, replaced.Topic); err != nil {
			return nil, forbid(err)
		}
		m = replaced
	}
	return m, nil
}

// denied drops a message of the client and returns the code that says so.
func (c *conn) denied(s *scratch, p *packet.Publish, err error) packet.ReasonCode {
	c.broker.dropped(s, c.client, &p.Message, refused, err)
	c.logDenied(s, p, err)
	if p.QoS == packet.ExactlyOnce && c.version == packet.V5 { // [MQTT-4.3.3-9]
		c.forget(p)
	}
	return reasonOf(err).In(packet.PUBACK) // [MQTT-3.4.2-1] [MQTT-3.5.2-1]
}

// acknowledge answers a PUBLISH. A client of MQTT 3.x cannot be told that its
// message was refused.
func (c *conn) acknowledge(s *scratch, p *packet.Publish, code packet.ReasonCode) {
	ack := packet.Ack{PacketID: p.PacketID, ReasonCode: code}
	switch p.QoS {
	case packet.AtLeastOnce:
		s.answered++
		s.puback.Ack = ack
		c.reply(s, &s.puback)
	case packet.ExactlyOnce:
		if code.Failed() {
			s.answered++
		}
		s.pubrec.Ack = ack
		c.reply(s, &s.pubrec)
	case packet.AtMostOnce:
	}
}

// handlePubrel ends a QoS 2 message of the client.
func (c *conn) handlePubrel(s *scratch, p *packet.Pubrel) error {
	if !c.client.current(c) {
		return packet.SessionTakenOver
	}
	had := c.client.session.Receiving()
	answer, counted := c.client.session.Pubrel(p)
	released := c.client.session.Receiving() < had
	if released {
		c.takes()
	}
	c.client.mu.Unlock()
	s.pubcomp = answer
	if counted {
		s.answered++
	}
	if released && c.client.sid != 0 {
		s.batch.received(c.client.sid, p.PacketID)
		c.replyIfStored(s, &s.pubcomp, p.PacketID, 0)
		return nil
	}
	c.reply(s, &s.pubcomp)
	return nil
}

// handleAck takes the client's acknowledgement of a message it was sent.
func (c *conn) handleAck(s *scratch, p packet.Packet) error {
	if !c.client.current(c) {
		return packet.SessionTakenOver
	}
	if c.applyAck(s, p) {
		s.touched = append(s.touched, c)
	}
	return nil
}

// applyAck is handleAck under the client's lock, which it gives back. It
// reports whether it has claimed the connection.
func (c *conn) applyAck(s *scratch, p packet.Packet) (claimed bool) {
	defer c.client.mu.Unlock()
	out, state := &c.out, c.client.session
	c.feed()
	switch p := p.(type) {
	case *packet.Puback:
		state.Puback(out, s.now, p)
	case *packet.Pubrec:
		if answer, number, ok := state.Pubrec(out, s.now, p); ok {
			s.pubrel = answer
			if number > 0 {
				c.takes()
				s.batch.release(c.client.sid, number)
				c.replyIfStored(s, &s.pubrel, p.PacketID, number)
			} else {
				c.reply(s, &s.pubrel)
			}
		}
	case *packet.Pubcomp:
		state.Pubcomp(out, s.now, p)
	}
	more := len(c.client.replay) > 0 && state.Room(out)
	if sid := c.client.sid; sid != 0 {
		s.batch.forgetQueued(c.broker.journal, sid, state.TakeEnded())
		_, missing := state.Missing()
		more = more || missing > 0
	}
	claimed = c.claim()
	if more && !c.writing {
		c.writing, claimed = true, true
	}
	return claimed
}
