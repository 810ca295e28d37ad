package broker

import (
	"errors"
	"fmt"

	"github.com/zancudomq/zancudo/internal/fact"
	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// maxFilters is how many filters one packet may have.
const maxFilters = 10_000

// handleSubscribe takes a SUBSCRIBE: each filter by itself, and one SUBACK
// [MQTT-3.8.4-5].
func (c *conn) handleSubscribe(s *scratch, p *packet.Subscribe) error {
	if len(p.Subscriptions) > maxFilters {
		return fmt.Errorf("more than %d filters in a SUBSCRIBE: %w", maxFilters, packet.QuotaExceeded)
	}
	c.molt = true
	ack := &packet.Suback{PacketID: p.PacketID, ReasonCodes: make([]packet.ReasonCode, len(p.Subscriptions))}
	subs, err := c.subscriptions(p)
	if err != nil {
		return err
	}
	var replays []*replay
	var made []change
	for i := range p.Subscriptions {
		wanted := &p.Subscriptions[i]
		sub, old, err := c.subscribe(subs[i])
		existed := old != nil
		if errors.Is(err, packet.SessionTakenOver) {
			return err
		}
		if err != nil {
			ack.ReasonCodes[i] = reasonOf(err).In(packet.SUBACK) // [MQTT-3.9.3-2]
			if c.version == packet.V31 {
				ack.ReasonCodes[i] = packet.ReasonCode(wanted.QoS) // MQTT 3.1 cannot say no
			}
			c.logNotSubscribed(wanted.Filter, err)
			continue
		}
		made = append(made, change{i, sub, old})
		c.logSubscribed(sub)
		ack.ReasonCodes[i] = packet.ReasonCode(sub.QoS)
		if sub.Share == "" && (wanted.RetainHandling == packet.SendRetained || wanted.RetainHandling == packet.SendRetainedIfNew && !existed) {
			if last := c.broker.retained.last(); last > 0 {
				replays = append(replays, &replay{sub: sub, upTo: last})
			}
		}
	}
	if err := c.storeSubscriptions(s, made); err != nil {
		c.undo(ack, made, err)
		replays = nil
	}
	c.reply(s, ack)
	if err := c.commitReplies(s); err != nil { // before any message that the subscriptions bring
		return err
	}
	if len(replays) > 0 {
		c.startReplay(s, replays)
	}
	return nil
}

// change is a subscription that a SUBSCRIBE has made.
type change struct {
	at       int // in the packet
	sub, old *session.Subscription
}

// storeSubscriptions stores the subscriptions of a durable session, with all that
// has waited for it.
func (c *conn) storeSubscriptions(s *scratch, made []change) error {
	if c.client.sid == 0 || len(made) == 0 {
		return nil
	}
	if c.client.unsaved() { // without the session a subscription is worth nothing
		if err := c.client.save(); err != nil {
			return err
		}
	}
	for _, m := range made {
		start := len(s.batch.bytes)
		s.batch.bytes = fact.SubscriptionKey(s.batch.bytes, c.client.sid, m.sub.Filter)
		middle := len(s.batch.bytes)
		s.batch.bytes = fact.AppendSubscription(s.batch.bytes, m.sub)
		s.batch.add(start, middle)
	}
	s.batch.mustLast()
	return c.store(s)
}

// undo takes back subscriptions that were not stored.
func (c *conn) undo(ack *packet.Suback, made []change, failure error) {
	cl := c.client
	for i := len(made) - 1; i >= 0; i-- {
		m := &made[i]
		ack.ReasonCodes[m.at] = reasonOf(failure).In(packet.SUBACK)
		if !cl.current(c) {
			return
		}
		if cl.session.Unsubscribe(m.sub.Filter); m.old != nil {
			cl.session.Subscribe(m.old)
		}
		cl.stopReplay(m.sub, m.old)
		cl.mu.Unlock()
		c.broker.index.replace(cl, m.sub, m.old)
	}
	c.broker.options().Logger.Warn("subscriptions were not stored", "client", cl.id, "err", failure)
}

// wish is what one filter of a SUBSCRIBE asks for, or why it cannot be had.
type wish struct {
	sub    *session.Subscription
	retain packet.RetainHandling
	err    error
}

// subscriptions checks all filters before one takes effect: a packet that ends
// the connection leaves nothing behind.
func (c *conn) subscriptions(p *packet.Subscribe) ([]wish, error) {
	wishes := make([]wish, len(p.Subscriptions))
	for i := range wishes {
		w := &wishes[i]
		w.retain = p.Subscriptions[i].RetainHandling
		if w.sub, w.err = c.rules.subscription(p.Subscriptions[i]); w.err != nil {
			if errors.Is(w.err, packet.ProtocolError) || errors.Is(w.err, packet.MalformedPacket) {
				return nil, w.err
			}
			continue
		}
		w.sub.QoS = min(w.sub.QoS, *c.rules.MaxQoS) // granted, not refused [MQTT-3.2.2-10]
		if p.SubscriptionID != 0 {
			w.sub.IDs = []uint32{p.SubscriptionID}
		}
		if c.bridge { // MQTT 3.x has no options by which a bridge could ask
			w.sub.NoLocal, w.sub.RetainAsPublished = w.sub.Share == "", true
		}
	}
	return wishes, nil
}

// subscription is what a client that has come by the listener asks for.
func (r *rules) subscription(p packet.Subscription) (*session.Subscription, error) {
	sub, err := session.NewSubscription(&p)
	if err != nil || r.MountPoint == "" {
		return sub, err
	}
	p.Filter = r.mount(p.Filter)
	return session.NewSubscription(&p)
}

// mount puts the mount point before a valid filter, behind the group of a shared
// one.
func (r *rules) mount(filter string) string {
	group, inner, shared, _ := topic.SplitShare(filter)
	if !shared {
		return r.MountPoint + filter
	}
	return "$share/" + group + "/" + r.MountPoint + inner
}

// subscribe makes or replaces one subscription.
func (c *conn) subscribe(w wish) (sub, old *session.Subscription, err error) {
	b, cl, sub := c.broker, c.client, w.sub
	if w.err != nil {
		return nil, nil, w.err
	}
	if err := cl.authorize(Subscribe, sub.Filter); err != nil {
		return nil, nil, forbid(err)
	}
	if !cl.current(c) {
		return nil, nil, packet.SessionTakenOver
	}
	if len(cl.session.Subscriptions()) >= b.options().MaxSubscriptions && !cl.session.SubscribedTo(sub.Filter) {
		cl.mu.Unlock()
		return nil, nil, fmt.Errorf("more than %d subscriptions: %w", b.options().MaxSubscriptions, packet.QuotaExceeded)
	}
	old = cl.session.Subscribe(sub)
	if w.retain == packet.SendRetained {
		cl.stopReplay(old, nil) // it begins anew
	} else {
		cl.stopReplay(old, sub)
	}
	cl.mu.Unlock()
	b.index.replace(cl, old, sub)
	if !cl.subscribed(sub) { // not any more: who took it away may have looked before the index knew
		b.index.replace(cl, sub, nil)
	}
	return sub, old, nil
}

func (cl *client) subscribed(sub *session.Subscription) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return !cl.over() && cl.session.Subscribed(sub)
}

// handleUnsubscribe takes an UNSUBSCRIBE. What is under way is still delivered
// [MQTT-3.10.4-3].
func (c *conn) handleUnsubscribe(s *scratch, p *packet.Unsubscribe) error {
	c.molt = true
	ack := &packet.Unsuback{PacketID: p.PacketID, ReasonCodes: make([]packet.ReasonCode, len(p.Filters))}
	filters, err := c.mounted(p.Filters)
	if err != nil {
		return err
	}
	c.authorizeUnsubscribe(filters, ack)
	if err := c.storeUnsubscribed(s, filters); err != nil {
		c.broker.options().Logger.Warn("unsubscription was not stored", "client", c.client.id, "err", err)
		if c.version != packet.V5 {
			return nil // it has no way to say no
		}
		for i := range filters {
			ack.ReasonCodes[i] = reasonOf(err).In(packet.UNSUBACK)
		}
		c.reply(s, ack)
		return nil
	}
	for i, filter := range filters {
		if filter == "" {
			continue // it is refused
		}
		if !c.client.current(c) {
			return packet.SessionTakenOver
		}
		old := c.client.session.Unsubscribe(filter)
		c.client.stopReplay(old, nil) // [MQTT-3.10.4-2]
		c.client.mu.Unlock()
		if old != nil {
			c.broker.index.replace(c.client, old, nil)
		} else {
			ack.ReasonCodes[i] = packet.NoSubscriptionExisted
		}
		c.logUnsubscribed(filter)
	}
	c.reply(s, ack)
	return nil
}

// authorizeUnsubscribe refuses those that must stay subscribed to: what is left
// of them is empty.
func (c *conn) authorizeUnsubscribe(filters []string, ack *packet.Unsuback) {
	auth, ok := c.client.authorizer().(UnsubscriptionAuthorizer)
	if !ok {
		return
	}
	for i, filter := range filters {
		if err := auth.AuthorizeUnsubscribe((*Client)(c.client), filter); err != nil {
			c.broker.options().Logger.Debug("unsubscription was refused", "client", c.client.id, "filter", filter, "err", err)
			ack.ReasonCodes[i], filters[i] = reasonOf(withReason(err, packet.NotAuthorized)).In(packet.UNSUBACK), ""
		}
	}
}

// mounted are filters with the mount point; one that is malformed is an error.
func (c *conn) mounted(filters []string) ([]string, error) {
	mounted := make([]string, len(filters))
	for i, filter := range filters {
		switch err := session.CheckFilter(filter); {
		case errors.Is(err, packet.MalformedPacket): // [MQTT-4.7.1-1]
			return nil, err
		case err == nil && c.rules.MountPoint != "":
			filter = c.rules.mount(filter)
		}
		mounted[i] = filter
	}
	return mounted, nil
}

// storeUnsubscribed removes subscriptions of a durable session from the store,
// with all that has waited for it.
func (c *conn) storeUnsubscribed(s *scratch, filters []string) error {
	if c.client.sid == 0 {
		return nil
	}
	for _, filter := range filters {
		start := len(s.batch.bytes)
		s.batch.bytes = fact.SubscriptionKey(s.batch.bytes, c.client.sid, filter)
		s.batch.remove(start)
	}
	s.batch.mustLast()
	return c.store(s)
}
