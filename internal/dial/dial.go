package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// New returns the function that opens connections as o says. It reads the files
// that o names; what is wrong with o is an *Error of the Stage AtSettings. The
// function may be called many times, also at once.
func New(o Options) (func(ctx context.Context) (net.Conn, error), error) {
	d := &dialer{Options: o}
	if err := d.prepare(); err != nil {
		return nil, err
	}
	return d.dial, nil
}

// A dialer is Options with what was read from their files.
type dialer struct {
	Options
	net    net.Dialer
	layers []layer // from below
}

// A layer is put on a connection to a host and port.
type layer func(ctx context.Context, conn net.Conn, host string, port int) (net.Conn, error)

func (d *dialer) prepare() error {
	if d.Port < 0 || d.Port > 65535 {
		return &Error{Text: fmt.Sprintf("port %d: a port is 1 to 65535", d.Port)}
	}
	switch {
	case d.Unix != "" && d.SRV:
		return &Error{Text: "a unix socket has no SRV records in the DNS"}
	case d.Unix != "" && d.Proxy != nil:
		return &Error{Text: "a unix socket is not reached through a proxy"}
	}
	// MQTT has a keep alive of its own. That of TCP is for those who switched
	// it off, and as rare as the kernel has it.
	d.net.KeepAliveConfig = net.KeepAliveConfig{Enable: true, Idle: -1, Interval: -1, Count: -1}
	d.net.Resolver = d.Resolver
	if d.TLS != nil && d.PSK != nil {
		return &Error{Text: "a connection is protected by certificates or by a pre-shared key, not by both"}
	}
	if d.secure() {
		protect := d.PSK.layer
		if d.TLS != nil {
			protect = d.TLS.layer
		}
		secure, err := protect()
		if err != nil {
			return err
		}
		d.layers = append(d.layers, secure)
	}
	if d.WebSocket != nil {
		d.layers = append(d.layers, d.WebSocket.layer())
	}
	return nil
}

// dial opens a connection to the server, or to the first of its domain that can
// be reached.
func (d *dialer) dial(ctx context.Context) (net.Conn, error) {
	if !d.SRV {
		return d.open(ctx, d.host(), d.port())
	}
	targets, err := d.lookup(ctx)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, t := range targets {
		conn, err := d.open(ctx, t.host, t.port)
		if err == nil {
			return conn, nil
		}
		failed = append(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(failed...)
}

// open opens a connection with all its layers.
func (d *dialer) open(ctx context.Context, host string, port int) (net.Conn, error) {
	conn, err := d.reach(ctx, host, port)
	if err != nil {
		return nil, err
	}
	for _, put := range d.layers {
		above, err := put(ctx, conn, host, port)
		if err != nil {
			_ = conn.Close() // there is an error to tell already
			return nil, err
		}
		conn = above
	}
	return conn, nil
}

// reach opens the connection beneath all layers.
func (d *dialer) reach(ctx context.Context, host string, port int) (net.Conn, error) {
	switch {
	case d.Unix != "":
		return d.connect(ctx, "unix", d.Unix)
	case d.Proxy != nil:
		conn, err := d.connect(ctx, "tcp", d.Proxy.address())
		if err != nil {
			return nil, err
		}
		if err := d.Proxy.pass(ctx, conn, host, port); err != nil {
			_ = conn.Close() // there is an error to tell already
			return nil, &Error{Stage: AtProxy, Text: "proxy " + d.Proxy.address(), Err: err}
		}
		return conn, nil
	}
	return d.connect(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
}

// connect opens a socket. Of a host with many addresses both families are tried
// side by side.
func (d *dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := d.net
	if d.LocalAddress != "" && network == "tcp" {
		local, err := d.local(ctx)
		if err != nil {
			return nil, err
		}
		dialer.LocalAddr = local
	}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, unreachable(address, err)
	}
	if tcp, ok := conn.(*net.TCPConn); ok && d.Delay {
		_ = tcp.SetNoDelay(false) // fails on a connection that has ended already
	}
	return conn, nil
}

// local is the address to connect from.
func (d *dialer) local(ctx context.Context) (*net.TCPAddr, error) {
	resolver := d.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	found, err := resolver.LookupIPAddr(ctx, d.LocalAddress)
	if err != nil {
		return nil, &Error{Stage: AtLookup, Text: "local address " + d.LocalAddress, Err: err}
	}
	return &net.TCPAddr{IP: found[0].IP, Zone: found[0].Zone}, nil
}

// unreachable says why a socket was not reached.
func unreachable(address string, err error) error {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		what := "no address for host " + dns.Name
		if dns.IsTimeout || dns.IsTemporary {
			what = "no answer about host " + dns.Name
		}
		return &Error{Stage: AtLookup, Text: what, Err: err}
	}
	what := "connect to " + address
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Error{Stage: AtConnect, Text: what, Err: &explained{"connection refused: nothing listens there", err}}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return &Error{Stage: AtConnect, Text: what, Err: &explained{"this machine does not have the local address", err}}
	case errors.Is(err, syscall.ENOENT):
		return &Error{Stage: AtConnect, Text: what, Err: &explained{"there is no such socket", err}}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Stage: AtConnect, Text: what, Err: &explained{"no answer in time", err}}
	}
	return &Error{Stage: AtConnect, Text: what, Err: err}
}
