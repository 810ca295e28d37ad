package broker

import (
	"fmt"
	"log/slog"

	"github.com/zancudomq/zancudo/packet"
)

// logs reports whether what a connection goes through is logged: a line that
// nobody reads must not cost what it is made of.
func (b *Broker) logs() bool { return b.options().Logger.Enabled(b.context, slog.LevelInfo) }

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
	}
	c.broker.options().Logger.Info("connection refused", attrs...)
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
