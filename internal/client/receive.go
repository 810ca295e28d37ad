package client

import (
	"errors"
	"fmt"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// source is the connection as its packet.Reader sees it. Before it waits for
// more, all that the last packets gave rise to is written.
type source conn

func (s *source) Read(b []byte) (int, error) {
	n := (*conn)(s)
	if n.client.options.OnIdle != nil {
		n.client.options.OnIdle()
	}
	n.client.mu.Lock()
	if len(n.out) > 0 {
		n.flush()
	}
	if n.settled {
		n.settled = false
		n.client.notify()
	}
	n.client.mu.Unlock()
	k, err := s.Conn.Read(b)
	n.client.mu.Lock()
	n.lastRead = time.Now()
	n.client.mu.Unlock()
	return k, err
}

// read is the reader: it handles what comes in, until the connection ends.
func (n *conn) read() {
	defer close(n.gone)
	for {
		p, err := n.reader.Next()
		if err == nil {
			err = n.handle(p)
		}
		if err != nil {
			n.end(err)
			return
		}
	}
}

func (n *conn) handle(p packet.Packet) error {
	n.trace(Received, p)
	switch p := p.(type) {
	case *packet.Publish:
		return n.receive(p)
	case *packet.Puback:
		n.puback(&p.Ack)
	case *packet.Pubrec:
		n.pubrec(&p.Ack)
	case *packet.Pubrel:
		n.pubrel(p)
	case *packet.Pubcomp:
		n.pubcomp(&p.Ack)
	case *packet.Suback:
		n.answer(p.PacketID, p)
	case *packet.Unsuback:
		n.answer(p.PacketID, p)
	case *packet.Auth:
		return n.auth(p)
	case *packet.Pingresp:
	case *packet.Disconnect:
		if n.version == packet.V5 {
			return &DisconnectError{p}
		}
		return fmt.Errorf("DISCONNECT from a server: %w", packet.ProtocolError)
	default:
		return fmt.Errorf("%v from a server: %w", p.Type(), packet.ProtocolError)
	}
	return nil
}

// receive hands a message on and then acknowledges it.
func (n *conn) receive(p *packet.Publish) error {
	if err := n.resolveAlias(p); err != nil {
		return err
	}
	c := n.client
	c.handling.Store(true)
	defer n.handled()
	if c.deaf.Load() {
		return nil
	}
	_, known := c.received[p.PacketID]
	if limit := int(c.options.Connect.ReceiveMaximum); p.QoS == packet.ExactlyOnce && !known && limit > 0 && len(c.received) >= limit {
		return fmt.Errorf("more than %d messages in flight: %w", limit, packet.ReceiveMaximumExceeded)
	}
	duplicate := p.QoS == packet.ExactlyOnce && known // [MQTT-4.3.3-10]
	if c.options.OnMessage != nil && !duplicate {
		c.options.OnMessage(p)
	}
	switch p.QoS {
	case packet.AtLeastOnce:
		n.replies.puback.PacketID = p.PacketID
		n.reply(&n.replies.puback)
	case packet.ExactlyOnce:
		c.received[p.PacketID] = struct{}{}
		n.replies.pubrec.PacketID = p.PacketID
		n.reply(&n.replies.pubrec)
	case packet.AtMostOnce:
	}
	return nil
}

// handled notes that a message was handled and, where its QoS asks for it,
// answered: Disconnect may follow.
func (n *conn) handled() {
	c := n.client
	c.handling.Store(false)
	if c.ending.Load() {
		c.mu.Lock()
		c.notify()
		c.mu.Unlock()
	}
}

// reply appends an answer to the output; it is written when the reader has
// handled all it has.
func (n *conn) reply(p packet.Packet) {
	n.client.mu.Lock()
	n.say(p)
	n.client.mu.Unlock()
}

// resolveAlias puts the topic name into its place.
func (n *conn) resolveAlias(p *packet.Publish) error {
	if p.TopicAlias == 0 {
		if p.Topic == "" {
			return fmt.Errorf("PUBLISH without a topic name: %w", packet.ProtocolError)
		}
		return nil
	}
	if p.TopicAlias > n.client.options.Connect.TopicAliasMaximum { // [MQTT-3.1.2-26]
		return fmt.Errorf("topic alias %d: %w", p.TopicAlias, packet.TopicAliasInvalid)
	}
	if p.Topic == "" {
		topic, ok := n.aliases[p.TopicAlias]
		if !ok {
			return fmt.Errorf("topic alias %d is not known: %w", p.TopicAlias, packet.ProtocolError)
		}
		p.Topic = topic
		return nil
	}
	if n.aliases == nil {
		n.aliases = make(map[uint16]string)
	}
	n.aliases[p.TopicAlias] = p.Topic
	return nil
}

// pubrel ends the exchange of an incoming message of QoS 2.
func (n *conn) pubrel(p *packet.Pubrel) {
	delete(n.client.received, p.PacketID)
	n.replies.pubcomp.PacketID = p.PacketID
	n.reply(&n.replies.pubcomp)
}

// puback settles a message of QoS 1.
func (n *conn) puback(a *packet.Ack) {
	c := n.client
	c.mu.Lock()
	f := c.flights.byID[a.PacketID]
	ok := f != nil && f.sent && f.qos == packet.AtLeastOnce
	if ok {
		n.settle(f)
	}
	c.mu.Unlock()
	if ok && c.options.OnAck != nil {
		c.options.OnAck(a)
	}
}

// pubrec releases a message of QoS 2, or settles it when it is refused.
func (n *conn) pubrec(a *packet.Ack) {
	c := n.client
	c.mu.Lock()
	f := c.flights.byID[a.PacketID]
	known := f != nil && f.sent && f.qos == packet.ExactlyOnce
	refused := known && a.ReasonCode.Failed()
	reply := &n.replies.pubrel
	reply.Ack = packet.Ack{PacketID: a.PacketID}
	switch {
	case refused:
		n.settle(f)
	case !known:
		reply.ReasonCode = packet.PacketIdentifierNotFound
	case !f.released:
		c.flights.release(f)
	}
	if !a.ReasonCode.Failed() {
		n.say(reply)
	}
	c.mu.Unlock()
	if refused && c.options.OnAck != nil {
		c.options.OnAck(a)
	}
}

// pubcomp settles a message of QoS 2.
func (n *conn) pubcomp(a *packet.Ack) {
	c := n.client
	c.mu.Lock()
	f := c.flights.byID[a.PacketID]
	ok := f != nil && f.released
	if ok {
		n.settle(f)
	}
	c.mu.Unlock()
	if ok && c.options.OnAck != nil {
		c.options.OnAck(a)
	}
}

// settle forgets a message and lets the next one go. Those who wait are told
// when the reader has handled all it has, and not for every single place: a
// publisher that is ahead of the server would be woken for each message.
func (n *conn) settle(f *flight) {
	c := n.client
	c.flights.settle(f)
	if c.flights.len() <= c.maxFlights()/2 {
		n.settled = true
	}
	n.pump()
}

// answer hands the answer to a request to whoever waits for it.
func (n *conn) answer(id uint16, p packet.Packet) {
	c := n.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if waiting, ok := c.requests[id]; ok {
		delete(c.requests, id)
		waiting <- p
	}
}

// lost names the end of a connection.
func lost(err error) error {
	var told *DisconnectError
	if errors.As(err, &told) || errors.Is(err, errKeepAlive) {
		return err
	}
	return fmt.Errorf("connection lost: %w", err)
}
