package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/listen"
	"github.com/zancudomq/zancudo/internal/ws"
)

// openSockets opens the sockets of l, with TLS if there is a seal, and returns
// listeners whose connections speak MQTT, or HTTP. They are open as a whole or not at all.
func (d *daemon) openSockets(ctx context.Context, c *config.Config, l *config.Listener, s *seal) ([]net.Listener, error) {
	web, err := webSocketOptions(c, l, d.logger)
	if err != nil {
		return nil, err
	}
	o := socketOptions(c, l)
	o.Inherited = d.process.sockets
	o.Proxy.Rejected = rejected(d.logger)
	sockets, err := listen.Open(ctx, o)
	if err != nil {
		return nil, nameHolder(ctx, err)
	}
	for i := range sockets {
		if s != nil {
			sockets[i] = listen.Secure(sockets[i], d.secureOptions(s))
		}
		if l.Protocol == "websockets" {
			sockets[i] = ws.NewListener(sockets[i], web)
		}
	}
	return sockets, nil
}

// socketOptions are what c says of the sockets of l.
func socketOptions(c *config.Config, l *config.Listener) listen.Options {
	o := listen.Options{
		Port: l.Port, Address: l.Address, Loopback: c.LocalOnly, Interface: l.BindInterface, Domain: domain(l.SocketDomain),
		Delay: !c.SetTCPNoDelay, Path: l.SocketPath, Mode: fileMode(l.SocketMode), Owner: l.SocketOwner, Name: l.SocketName,
	}
	o.Proxy = listen.ProxyOptions{Version: l.EnableProxyProtocol}
	if o.Proxy.Version == 2 { // a header of version 1 tells of no TLS
		o.Proxy.RequireTLS = l.ProxyProtocolV2RequireTLS
		o.Proxy.RequireCertificate = l.TLS.RequireCertificate
	}
	return o
}

func domain(word string) listen.Domain {
	switch word {
	case "ipv4":
		return listen.IPv4
	case "ipv6":
		return listen.IPv6
	default:
		return listen.AnyDomain
	}
}

// fileMode is a mode in octal digits, which have been checked; empty: none.
func fileMode(digits string) fs.FileMode {
	mode, err := strconv.ParseUint(digits, 8, 32)
	if err != nil {
		return 0
	}
	return fs.FileMode(mode)
}

func webSocketOptions(c *config.Config, l *config.Listener, logger *slog.Logger) (ws.Options, error) {
	o := ws.Options{
		Origins: l.WebSocketsOrigins, HeaderBytes: max(c.PacketBufferSize, ws.DefaultHeaderBytes), Rejected: rejected(logger),
	}
	for field := range strings.FieldsSeq(l.WebSocketsProxy) {
		p, err := network(field)
		if err != nil {
			return o, sentence(fmt.Sprintf("Invalid 'websockets_proxy' value (%s): %v (%v).", field, err, l))
		}
		o.Proxies = append(o.Proxies, p)
	}
	return o, nil
}

// network reads a network, or an address, which is one of its own.
func network(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return a.Prefix(a.BitLen())
}

// rejected returns a function that logs connections that are not served. Those
// that end without a byte want to know whether somebody is there, and are no
// news to anybody.
func rejected(logger *slog.Logger) func(net.Addr, error) {
	return func(remote net.Addr, err error) {
		if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
			logger.Info("connection rejected", "remote", remote.String(), "err", err)
		}
	}
}
