package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// The levels of lines that are no matter of severity: who subscribes to what.
const (
	LevelSubscribe   = slog.LevelDebug - 1
	LevelUnsubscribe = slog.LevelDebug - 2
)

// logs reports whether what a connection goes through is logged: a line that
// nobody reads must not cost what it is made of.
func (b *Broker) logs() bool { return b.options().Logger.Enabled(b.context, slog.LevelInfo) }

// greet logs the connection when its first bytes come. Those that never send a
// byte, as a program does that only looks whether somebody listens, are counted.
func (c *conn) greet() {
	if c.arrival == nil || c.arrival.heard {
		return
	}
	c.arrival.heard = true
	if !c.broker.logs() {
		return
	}
	listener := ""
	if a := c.net.LocalAddr(); a != nil {
		listener = a.String()
	}
	c.broker.options().Logger.Info("connection accepted", "remote", c.remote(), "listener", listener)
}

func (c *conn) logConnected(x *exchange) {
	if !c.broker.logs() {
		return
	}
	p := x.connect
	attrs := []any{"client", p.ClientID, "remote", c.remote(), "version", p.Version.String(), "clean", p.CleanStart, "keepalive", p.KeepAlive}
	if name := x.request.Username; name != "" {
		attrs = append(attrs, "user", name)
	}
	c.broker.options().Logger.Info("client connected", attrs...)
}

func (c *conn) logRefused(reason packet.ReasonCode, err error) {
	if !c.broker.logs() {
		return
	}
	attrs := []any{"remote", c.remote(), "reason", fmt.Sprintf("0x%02X", byte(reason)), "err", err}
	if x := c.exchange; x != nil {
		attrs = append(attrs, "client", x.connect.ClientID)
		if x.connect.HasUsername {
			attrs = append(attrs, "user", x.connect.Username)
		}
	}
	c.broker.options().Logger.Info("connection refused", attrs...)
}

func (c *conn) logSubscribed(sub *session.Subscription) {
	logger := c.broker.options().Logger
	if logger.Enabled(c.broker.context, LevelSubscribe) {
		logger.Log(c.broker.context, LevelSubscribe, "client subscribed", "client", c.client.id, "qos", int(sub.QoS), "filter", sub.Filter)
	}
}

func (c *conn) logNotSubscribed(filter string, err error) {
	level := slog.LevelInfo
	if errors.As(err, new(forbidden)) {
		level = slog.LevelDebug
	}
	c.broker.options().Logger.Log(c.broker.context, level, "subscription refused", "client", c.client.id, "filter", filter, "err", err)
}

func (c *conn) logUnsubscribed(filter string) {
	logger := c.broker.options().Logger
	if logger.Enabled(c.broker.context, LevelUnsubscribe) {
		logger.Log(c.broker.context, LevelUnsubscribe, "client unsubscribed", "client", c.client.id, "filter", filter)
	}
}

// A client that may not publish what it publishes is told of a few times in a
// while; further lines of that kind are for those who look for them.
const (
	deniedLines = 10
	deniedWhile = time.Minute
)

func (c *conn) logDenied(s *scratch, p *packet.Publish, err error) {
	level, told := slog.LevelDebug, &c.publisher.denied
	if s.now.Sub(told.since) >= deniedWhile {
		told.since, told.lines = s.now, 0
	}
	if told.lines < deniedLines && !errors.As(err, new(forbidden)) {
		told.lines++
		level = slog.LevelWarn
	}
	logger := c.broker.options().Logger
	if !logger.Enabled(c.broker.context, level) {
		return
	}
	logger.Log(c.broker.context, level, "message refused", "client", c.client.id, "dup", p.Dup, "qos", int(p.QoS), "retain", p.Retain,
		"packet_id", p.PacketID, "topic", p.Topic, "bytes", len(p.Payload), "err", err)
}

func (b *Broker) logDisconnected(c *conn, err error) {
	if f := b.options().Trace.Disconnected; f != nil {
		f((*Client)(c.client), err)
	}
	if !b.logs() {
		return
	}
	attrs := []any{"client", c.client.id, "remote", c.remote()}
	if err != nil {
		attrs = append(attrs, "err", err)
	}
	b.options().Logger.Info("client disconnected", attrs...)
}

func (c *conn) remote() string {
	if a := c.net.RemoteAddr(); a != nil {
		return a.String()
	}
	return ""
}
