package history

import (
	"fmt"
	"time"

	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// model follows the log line by line and knows what must be true. Where the
// outcome of something is not known, it expects nothing of it.
type model struct {
	options *Options
	report  *Report

	conns    map[int]*conn
	open     map[int]*conn
	clients  map[string]*client
	messages map[string]*message // by payload
	filters  topic.Filters[*subscription]
	shares   map[string]*share
	topics   topic.Names[*register]
	lists    []accessList
	wills    []*will
	crashes  []int     // lines where the broker ended
	crashed  time.Time // when it did last
	now      time.Time
	at       int

	kept, durable []keptFacts // what was appended to the store
}

func newModel(o *Options, r *Report) *model {
	return &model{
		options: o, report: r,
		conns: map[int]*conn{}, open: map[int]*conn{}, clients: map[string]*client{}, messages: map[string]*message{}, shares: map[string]*share{},
	}
}

// client is who has a client identifier.
type client struct {
	id      string
	session *session // the last one; nil: none is known
	conn    *conn    // whose CONNACK came last; nil: it is over
	unknown bool     // a CONNECT since then got no answer: it may have made a session
	will    *will    // of the connection that came last; nil: none, or it is settled
}

// conn is a connection.
type conn struct {
	number    int
	client    *client
	connect   *packet.Connect
	begun     int // the CONNECT
	accepted  int // the CONNACK; zero: none came
	session   *session
	replaced  int  // when another was accepted in its place; zero: none was
	goodbye   int  // the DISCONNECT; zero: none was sent
	withWill  bool // it asks for the will
	changed   bool // it changes the expiry of the session
	subs      map[uint16]sentSubscribe
	unsubs    map[uint16]sentUnsubscribe
	awaiting  map[uint16]*message // PUBLISH that awaits PUBACK or PUBREC
	lateSends map[uint16]int      // identifiers sent since it was replaced
}

type sentSubscribe struct {
	packet *packet.Subscribe
	at     int
}

type sentUnsubscribe struct {
	packet *packet.Unsubscribe
	at     int
}

// session is a session as far as it is known to go on: with each doubt about
// that it has another generation, which owes nothing of the earlier ones.
type session struct {
	client     *client
	generation int
	began      int
	ended      bool
	expiry     uint32 // seconds
	left       time.Time
	crash      bool                     // the broker ended since it was there last
	subs       map[string]*subscription // by filter, those there may be
	ever       map[string]*subscription // that there ever were, for what is still queued
	acked      int                      // subscriptions that are certain
	owed       int                      // messages that it has certainly still to get
	receiving  map[uint16]string        // QoS 2 to the client, by identifier, until PUBREL
	removals   map[uint16]*message      // PUBLISH without a payload, by identifier
	seen       map[*message]*copies
	order      map[orderKey]int
	reads      map[string]bool // topics whose retained message came
}

// copies counts the deliveries of a message to a session.
type copies struct{ all, fresh, once int }

const never = 0xFFFFFFFF

// subscription is a filter of a session.
type subscription struct {
	session *session
	filter  string // without $share
	share   *share // nil: not shared
	asked   int    // the first SUBSCRIBE
	request int    // the last SUBSCRIBE or UNSUBSCRIBE
	since   int    // the SUBACK that made it certain
	certain bool   // SUBACK came, and nothing has happened to it since
	version int    // changes when it is not certain any more
	options packet.Subscription
}

// share is a shared subscription.
type share struct {
	name    string
	members map[*session]bool
	broken  bool // a member has left, or takes QoS 0: what it had may have gone with it
}

// message is an application message, known by its payload.
type message struct {
	payload, topic string
	qos            packet.QoS
	from           *session // nil: nobody knows; a will may come before
	publisher      string
	will           *will
	retain         bool
	first, last    int // when it was sent
	acked, refused int // when it was acknowledged, or refused; zero: it was not
	attempts       map[attempt]bool
	expected       []expectation
	owes           []*obligation
	write          *write // as a retained message
	delivered      map[*session]bool
}

type attempt struct {
	session    *session
	generation int
}

// expectation is a subscription that gets a message if nothing happens to it
// until the message is acknowledged.
type expectation struct {
	sub                 *subscription
	version, generation int
}

// obligation is a message that a session, or a share, must get.
type obligation struct {
	expectation
	message *message
	at      int
}

func (m *model) accuse(invariant, format string, args ...any) {
	m.report.accuse(invariant, m.at, format, args...)
}

// step takes the next line.
func (m *model) step(at int, e *event) {
	m.at, m.now = at, e.at
	switch e.kind {
	case sent:
		m.sent(m.conn(e.conn), e.packet)
	case received:
		m.received(m.conn(e.conn), e.packet)
	case closed, dropped:
		if c := m.open[e.conn]; c != nil {
			m.end(c, e.kind)
		}
	case crashed, stopped:
		m.report.Crashes++
		m.crashes, m.crashed = append(m.crashes, at), e.at
		for _, c := range m.open {
			m.end(c, e.kind)
		}
		for _, cl := range m.clients {
			if cl.session != nil {
				cl.session.crash = true
			}
		}
	case stored:
		m.store(e)
	case answered:
		m.answer(e)
	case permitted:
		m.permit(e)
	default:
	}
}

func (m *model) conn(number int) *conn {
	c := m.conns[number]
	if c == nil {
		c = &conn{
			number: number, subs: map[uint16]sentSubscribe{}, unsubs: map[uint16]sentUnsubscribe{}, awaiting: map[uint16]*message{},
			lateSends: map[uint16]int{},
		}
		m.conns[number], m.open[number] = c, c
	}
	return c
}

// sent takes a packet of a client.
func (m *model) sent(c *conn, p packet.Packet) {
	if connect, ok := p.(*packet.Connect); ok {
		m.connecting(c, connect)
		return
	}
	if c.client == nil {
		return
	}
	if m.open[c.number] == nil { // too late; but the identifier has another meaning now
		if p, ok := p.(*packet.Publish); ok && c.client.session != nil {
			delete(c.client.session.removals, p.PacketID)
		}
		return
	}
	switch p := p.(type) {
	case *packet.Publish:
		m.publishing(c, p)
	case *packet.Subscribe:
		m.subscribing(c, p)
	case *packet.Unsubscribe:
		m.unsubscribing(c, p)
	case *packet.Disconnect:
		c.goodbye, c.withWill = m.at, p.ReasonCode != packet.Success
		if p.SessionExpiry != nil && c.session != nil {
			c.session.expiry, c.changed = *p.SessionExpiry, true
		}
	default:
	}
	m.late(c, p)
}

// received takes a packet of the broker.
func (m *model) received(c *conn, p packet.Packet) {
	if c.client == nil {
		return
	}
	m.owner(c, p)
	switch p := p.(type) {
	case *packet.Connack:
		m.connected(c, p)
	case *packet.Suback:
		m.subscribed(c, p)
	case *packet.Unsuback:
		m.unsubscribed(c, p)
	case *packet.Puback:
		m.acknowledged(c, &p.Ack)
	case *packet.Pubrec:
		m.acknowledged(c, &p.Ack)
	case *packet.Publish:
		m.delivery(c, p)
	case *packet.Pubrel:
		if c.session != nil {
			delete(c.session.receiving, p.PacketID)
		}
	default:
	}
}

// finish judges what must have come by the end of the log.
func (m *model) finish(at int) {
	m.at = at
	m.checkObligations()
	m.checkWills()
	m.checkRetained()
}

// certainlyConnected reports whether the session is the same as it was in this
// generation, and its client is there to get all that it is owed.
func (s *session) certainlyConnected(generation int) bool {
	return !s.ended && s.generation == generation && s.client.session == s && s.client.conn != nil
}

func (s *session) String() string {
	return fmt.Sprintf("%s (session from %d on)", s.client.id, s.began)
}
