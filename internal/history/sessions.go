package history

import (
	"time"

	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// I6: Session Present tells the truth. I12: an identifier has one connection.

// connecting takes a CONNECT. What it does to the session is known only when the
// CONNACK comes.
func (m *model) connecting(c *conn, p *packet.Connect) {
	cl := m.clients[p.ClientID]
	if cl == nil {
		cl = &client{id: p.ClientID}
		m.clients[p.ClientID] = cl
	}
	c.client, c.connect, c.begun = cl, p, m.at
	if p.Will != nil {
		m.announceWill(c)
	}
	if s := cl.session; s != nil && (p.CleanStart || cl.conn != nil && s.expiry == 0) {
		m.doubt(s)
	}
}

// connected takes the CONNACK.
func (m *model) connected(c *conn, p *packet.Connack) {
	if p.ReasonCode != packet.Success || c.accepted != 0 || m.open[c.number] == nil { // it may come after the end of the broker
		return
	}
	cl := c.client
	old := cl.session
	present := p.SessionPresent
	if c.connect.Version == packet.V31 { // it does not say
		present = !c.connect.CleanStart && old != nil
	}
	m.judgePresent(c, present)
	cl.unknown = false
	m.resumeWill(c, present)
	if other := cl.conn; other != nil && other != c {
		other.replaced = m.at
	}
	if !present || old == nil || old.ended {
		if old != nil {
			m.over(old)
		}
		cl.session = &session{
			client: cl, began: m.at, subs: map[string]*subscription{}, ever: map[string]*subscription{}, receiving: map[uint16]string{},
			removals: map[uint16]*message{}, seen: map[*message]*copies{}, order: map[orderKey]int{},
		}
		m.report.Sessions++
	} else {
		m.report.Resumed++
	}
	s := cl.session
	s.expiry, s.left, s.crash = expiryOf(c.connect, p, m.options.MaxSessionExpiry), time.Time{}, false
	c.accepted, c.session, cl.conn = m.at, s, c
}

func expiryOf(c *packet.Connect, ack *packet.Connack, bound time.Duration) (seconds uint32) {
	switch {
	case c.Version == packet.V5 && ack.SessionExpiry != nil:
		return *ack.SessionExpiry
	case c.Version == packet.V5:
		seconds = c.SessionExpiry
	case c.CleanStart:
		return 0
	default:
		seconds = never
	}
	if bound > 0 {
		return uint32(min(uint64(seconds), uint64(bound/time.Second)))
	}
	return seconds
}

// judgePresent is I6. That a session which is present has all its subscriptions
// and messages is for I1 and I7 to say.
func (m *model) judgePresent(c *conn, present bool) {
	s, unknown := c.client.session, c.client.unknown
	switch {
	case present && c.connect.CleanStart:
		m.accuse("I6", "%s wanted a clean start, and a session is present", c.client.id)
	case present && (s == nil || s.ended) && !unknown:
		m.accuse("I6", "%s has no session, and one is present", c.client.id)
	case present && s != nil && s.expiry == 0 && c.client.conn == nil && !s.crash && !unknown:
		m.accuse("I6", "%s is present, and ended with its connection", s)
	case !present && s != nil && s.expiry > 0 && m.lives(s) && !c.connect.CleanStart && s.acked+s.owed > 0:
		m.accuse("I6", "%s is not present: %d acknowledged subscriptions and %d messages are lost", s, s.acked, s.owed)
	}
}

// lives reports whether a session must be there.
func (m *model) lives(s *session) bool {
	if s.ended || s.expiry == 0 && s.client.conn == nil {
		return false
	}
	return s.client.conn != nil || s.expiry == never || m.now.Sub(s.left)+m.options.Slack < time.Duration(s.expiry)*time.Second
}

// end takes the end of a connection.
func (m *model) end(c *conn, how kind) {
	delete(m.open, c.number)
	cl := c.client
	if cl == nil {
		return
	}
	if c.accepted == 0 { // perhaps it was, and the session has changed
		cl.unknown = true
		if s := cl.session; s != nil {
			s.expiry = min(s.expiry, expiryOf(c.connect, &packet.Connack{}, m.options.MaxSessionExpiry))
		}
	}
	m.leaveWill(c, how)
	for filter := range c.pendingFilters() {
		if c.session != nil {
			m.unsure(c.session, filter)
		}
	}
	if cl.conn != c {
		if s := cl.session; s != nil && cl.conn == nil && s.expiry == 0 {
			m.doubt(s)
		}
		return
	}
	cl.conn = nil
	s := c.session
	s.left = m.now
	if s.expiry == 0 {
		m.doubt(s)
	}
	if c.changed && how != closed { // nobody knows whether the DISCONNECT arrived
		m.doubt(s)
		s.crash = true
	}
}

// pendingFilters are the filters whose SUBACK or UNSUBACK has not come.
func (c *conn) pendingFilters() map[string]bool {
	filters := make(map[string]bool)
	for _, p := range c.subs {
		for _, sub := range p.packet.Subscriptions {
			filters[sub.Filter] = true
		}
	}
	for _, p := range c.unsubs {
		for _, filter := range p.packet.Filters {
			filters[filter] = true
		}
	}
	return filters
}

// doubt begins another generation of a session: it may have ended.
func (m *model) doubt(s *session) {
	s.generation++
	s.owed, s.acked = 0, 0
	for filter := range s.subs {
		m.unsure(s, filter)
	}
	clear(s.receiving)
	s.seen, s.order = map[*message]*copies{}, map[orderKey]int{}
}

// over ends a session.
func (m *model) over(s *session) {
	m.doubt(s)
	s.ended = true
	for _, sub := range s.ever {
		if sub.share != nil {
			sub.share.broken = true
		}
	}
}

func (m *model) subscribing(c *conn, p *packet.Subscribe) {
	c.subs[p.PacketID] = sentSubscribe{p, m.at}
	s := c.session
	if s == nil {
		return
	}
	for _, wanted := range p.Subscriptions {
		if sub := s.ever[wanted.Filter]; sub != nil && sub.share != nil && wanted.QoS == packet.AtMostOnce {
			sub.share.broken = true
		}
		if sub := s.subs[wanted.Filter]; sub != nil {
			sub.request = m.at
			if !sub.certain || wanted.QoS == packet.AtMostOnce || wanted.NoLocal != sub.options.NoLocal {
				m.unsure(s, wanted.Filter)
			} // else it is there before and after
			continue
		}
		group, filter, shared, _ := topic.SplitShare(wanted.Filter)
		sub := &subscription{session: s, filter: filter, asked: m.at, request: m.at, options: wanted}
		if shared {
			name := group + "/" + filter
			if m.shares[name] == nil {
				m.shares[name] = &share{name: name, members: map[*session]bool{}}
			}
			sub.share = m.shares[name]
			sub.share.broken = sub.share.broken || wanted.QoS == packet.AtMostOnce
			sub.share.members[s] = true
		}
		s.subs[wanted.Filter] = sub
		if earlier := s.ever[wanted.Filter]; earlier != nil {
			sub.asked = earlier.asked
		}
		s.ever[wanted.Filter] = sub
	}
}

func (m *model) subscribed(c *conn, p *packet.Suback) {
	asked, found := c.subs[p.PacketID]
	delete(c.subs, p.PacketID)
	if !found || c.session == nil || c.client.conn != c {
		return
	}
	for i, wanted := range asked.packet.Subscriptions {
		sub := c.session.subs[wanted.Filter]
		if sub == nil || i >= len(p.ReasonCodes) || sub.request != asked.at {
			continue // another request is under way
		}
		code := p.ReasonCodes[i]
		if code.Failed() {
			continue // as it was
		}
		wanted.QoS = packet.QoS(code)
		sub.options = wanted
		if wanted.QoS == packet.AtMostOnce || sub.certain {
			continue
		}
		sub.certain, sub.since = true, m.at
		c.session.acked++
		m.filters.Add(sub.filter, sub)
	}
}

func (m *model) unsubscribing(c *conn, p *packet.Unsubscribe) {
	c.unsubs[p.PacketID] = sentUnsubscribe{p, m.at}
	if c.session == nil {
		return
	}
	for _, filter := range p.Filters {
		if sub := c.session.subs[filter]; sub != nil {
			sub.request = m.at
			m.unsure(c.session, filter)
		}
	}
}

func (m *model) unsubscribed(c *conn, p *packet.Unsuback) {
	asked, found := c.unsubs[p.PacketID]
	delete(c.unsubs, p.PacketID)
	if !found || c.session == nil {
		return
	}
	for i, filter := range asked.packet.Filters {
		sub := c.session.subs[filter]
		if sub == nil || sub.request != asked.at || i < len(p.ReasonCodes) && p.ReasonCodes[i].Failed() {
			continue
		}
		delete(c.session.subs, filter)
	}
}

// unsure says that a subscription may be there or not from now on.
func (m *model) unsure(s *session, filter string) {
	sub := s.subs[filter]
	if sub == nil {
		return
	}
	sub.version++
	if sub.certain {
		sub.certain = false
		s.acked = max(0, s.acked-1)
		m.filters.Remove(sub.filter, sub)
	}
}

// late notes what a connection sends whose place another has taken.
func (m *model) late(c *conn, p packet.Packet) {
	if c.replaced == 0 {
		return
	}
	switch p := p.(type) {
	case *packet.Publish:
		if p.QoS > packet.AtMostOnce {
			c.lateSends[p.PacketID] = m.at
		}
	case *packet.Subscribe:
		c.lateSends[p.PacketID] = m.at
	case *packet.Unsubscribe:
		c.lateSends[p.PacketID] = m.at
	default:
	}
}

// owner is I12: nothing is done for a connection that was taken over.
func (m *model) owner(c *conn, p packet.Packet) {
	if c.replaced == 0 {
		return
	}
	id := uint16(0)
	switch p := p.(type) {
	case *packet.Puback:
		id = p.PacketID
	case *packet.Pubrec:
		id = p.PacketID
	case *packet.Suback:
		id = p.PacketID
	case *packet.Unsuback:
		id = p.PacketID
	case *packet.Publish:
		if sent := m.messages[string(p.Payload)]; sent != nil && sent.first > c.replaced {
			m.accuse("I12", "%s: connection %d gets a message that was sent after another had taken its place at %d", c.client.id, c.number, c.replaced)
		}
	default:
	}
	if at := c.lateSends[id]; id != 0 && at > 0 {
		m.accuse("I12", "%s: connection %d is answered what it asked at %d, after another had taken its place at %d", c.client.id, c.number, at, c.replaced)
	}
}
