package broker

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// handleDisconnect takes a DISCONNECT of the client.
func (c *conn) handleDisconnect(p *packet.Disconnect) error {
	if p.SessionExpiry != nil {
		if err := c.changeExpiry(*p.SessionExpiry); err != nil {
			return err
		}
	}
	if p.ReasonCode == packet.Success { // [MQTT-3.14.4-3]
		return errDisconnected
	}
	return fmt.Errorf("client disconnected with %w", clientReason(p.ReasonCode))
}

// changeExpiry changes the Session Expiry Interval, which a client that had
// none cannot ask for any more.
func (c *conn) changeExpiry(seconds uint32) error {
	if !c.client.current(c) {
		return packet.SessionTakenOver
	}
	defer c.client.mu.Unlock()
	if seconds != 0 && c.client.session.Expiry() == 0 {
		return fmt.Errorf("session expiry interval was 0 in the CONNECT: %w", packet.ProtocolError)
	}
	c.client.session.SetExpiry(c.broker.expiry(seconds))
	c.client.stale = true
	return nil
}

// clientReason is the reason a client gave for its DISCONNECT. The will is
// published, and the client is told nothing.
type clientReason packet.ReasonCode

func (r clientReason) Error() string { return packet.ReasonCode(r).String() }

// finish ends a connection whose reading has ended with err.
func (c *conn) finish(err error) {
	b := c.broker
	defer b.forget(c)
	defer c.rescue()
	b.clock.Stop(&c.alarm)
	if c.client == nil {
		c.refuse(err)
		c.hangUp()
		return
	}
	c.leaveDoubts()
	clean := errors.Is(err, errDisconnected)
	var reason packet.ReasonCode
	ours := errors.As(err, &reason) && reason.Failed()
	if !b.detach(c, !clean) {
		if !ours { // else who detached it says goodbye
			c.hangUp()
		}
		return
	}
	if clean {
		err = nil
	}
	b.logDisconnected(c, err)
	if ours {
		c.sayGoodbye(c.goodbye(err, reason)) // [MQTT-4.13.1-1]
		return
	}
	c.hangUp()
}

// goodbye is the DISCONNECT that tells a client of err.
func (c *conn) goodbye(err error, reason packet.ReasonCode) *packet.Disconnect {
	return &packet.Disconnect{
		ReasonCode: reason.In(packet.DISCONNECT), ReasonString: reasonString(err, reason), ServerReference: serverReference(err),
	}
}

// kick ends the connection from outside.
func (c *conn) kick(err error) {
	if !c.attached.Load() {
		c.hangUp()
		return
	}
	if c.broker.detach(c, true) {
		c.broker.logDisconnected(c, err)
		c.sayGoodbye(c.goodbye(err, reasonOf(err)))
	}
}

// goodbyeTimeout is how long a client may take to read a last packet.
const goodbyeTimeout = 5 * time.Second

// sayGoodbye closes the connection, which its client has been detached from,
// when what waits, and p if the client understands it, has been written.
func (c *conn) sayGoodbye(p *packet.Disconnect) {
	c.detached.Store(true)
	c.client.mu.Lock()
	claimed := !c.writing
	c.closing = true
	if c.version == packet.V5 {
		c.feed()
		if !c.out.Packet(p, c.version, c.sizeLimit) { // [MQTT-3.14.2-3]
			p.ReasonString = ""
			c.out.Packet(p, c.version, c.sizeLimit)
		}
		c.broker.stats.sent[packet.DISCONNECT].Add(1)
		if f := c.broker.options().Trace.Packet; f != nil {
			f((*Client)(c.client), Sent, p)
		}
	}
	c.writing = true
	c.client.mu.Unlock()
	c.broker.clock.Set(&c.alarm, now().Add(goodbyeTimeout)) // closes it whatever happens
	if claimed {
		c.flush()
	}
}

// refuse answers a CONNECT that was not accepted, if it was one. That the
// answer cannot be written changes nothing.
func (c *conn) refuse(err error) {
	b := c.broker
	if h, told := errors.AsType[*handshakeError](err); told && h.err != io.EOF { //nolint:errorlint // a wrapped one comes after bytes
		b.stats.Refused.Add(1)
		return
	}
	if gone(err) || errors.Is(err, errDisconnected) {
		b.stats.Unfinished.Add(1)
		if c.arrival != nil && !c.arrival.heard {
			b.stats.Silent.Add(1)
		}
		return
	}
	c.greet()
	c.sayNo(err)
}

// sayNo tells a client with a CONNACK, and the log, why it is not welcome.
func (c *conn) sayNo(err error) {
	c.broker.stats.Refused.Add(1)
	reason := reasonOf(err)
	c.logRefused(reason, err)
	switch {
	case reason == packet.UnsupportedProtocolVersion && c.version == 0:
		_ = c.writeAs(packet.V311, &packet.Connack{ReasonCode: reason})
	case c.version == packet.V5:
		ack := &packet.Connack{
			ReasonCode: reason.In(packet.CONNACK), ReasonString: reasonString(err, reason), ServerReference: serverReference(err),
		}
		if !c.fits(ack) { // [MQTT-3.2.2-19]
			ack.ReasonString = ""
		}
		_ = c.writeNow(ack)
	case c.version != 0 && reason.ReturnCode() != 3 || reason == packet.ServerUnavailable || reason == packet.QuotaExceeded || reason == packet.ServerBusy ||
		reason == packet.ConnectionRateExceeded:
		_ = c.writeNow(&packet.Connack{ReasonCode: reason})
	}
}

// writeNow writes a packet to a connection that has no session yet.
func (c *conn) writeNow(p packet.Packet) error {
	if !c.fits(p) {
		return fmt.Errorf("%v exceeds the client's limit of %d: %w", p.Type(), c.sizeLimit, packet.PacketTooLarge)
	}
	return c.writeAs(c.version, p)
}

func (c *conn) writeAs(v packet.Version, p packet.Packet) error {
	b, err := p.Append(nil, v)
	if err != nil {
		return err
	}
	if err := c.net.SetWriteDeadline(time.Now().Add(goodbyeTimeout)); err != nil {
		return err
	}
	c.broker.stats.sent[p.Type()].Add(1)
	c.broker.stats.sentBytes.Add(uint64(len(b)))
	if _, err = c.net.Write(b); err != nil {
		return err
	}
	return c.net.SetWriteDeadline(time.Time{})
}

// watch sets the alarm for the keep alive.
func (c *conn) watch(t time.Time) {
	if c.keepAlive == 0 {
		c.broker.clock.Stop(&c.alarm)
		return
	}
	c.broker.clock.Set(&c.alarm, t.Add(c.patience()))
}

// patience is one and a half times the keep alive.
func (c *conn) patience() time.Duration { return c.keepAlive + c.keepAlive/2 }

// onAlarm ends a connection that has been silent for too long [MQTT-3.1.2-22]
// or has taken too long to send its CONNECT; otherwise it looks again later.
func (c *conn) onAlarm(t time.Time) {
	defer c.rescue()
	if !c.attached.Load() {
		c.broker.options().Logger.Info("connection refused", "remote", c.remote(), "err", "no CONNECT in time")
		c.hangUp()
		return
	}
	if !c.client.current(c) {
		c.hangUp() // the time for a goodbye is over
		return
	}
	c.client.mu.Unlock()
	if c.keepAlive == 0 {
		return // the CONNECT came in the last moment
	}
	due := c.broker.started.Add(time.Duration(c.active.Load()) + c.patience())
	if left := due.Sub(t); left > 0 {
		c.broker.clock.Set(&c.alarm, t.Add(left))
		return
	}
	silent := fmt.Errorf("nothing received for %v: %w", c.patience(), packet.KeepAliveTimeout)
	if c.broker.journal == nil {
		c.kick(silent)
		return
	}
	c.broker.spawn(func() { // the clock does not wait for the store
		defer c.rescue()
		c.kick(silent)
	})
}
