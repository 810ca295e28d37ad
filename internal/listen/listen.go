package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
)

// Options say where to listen. Either Path is set, for a unix socket, or what
// concerns TCP.
type Options struct {
	Port int // 0: any that is free, the same at all addresses
	// Address is an IP address or a host name; empty: all addresses.
	Address string
	// Loopback listens on 127.0.0.1 and ::1 instead.
	Loopback bool
	// Domain keeps to one family of IP addresses.
	Domain Domain
	// Interface serves only what arrives by that network interface; empty: all.
	Interface string
	// Delay lets the kernel wait for more before it sends a small packet.
	Delay bool

	// Path is the file of a unix socket. A socket that was left there, and that
	// nobody answers on, gives way.
	Path string
	// Mode is the mode of that file; 0: what the umask leaves of 0777.
	Mode fs.FileMode
	// Owner is who owns it, as "user", "user:group" or ":group", by name or
	// number; empty: this process.
	Owner string

	// Inherited are sockets opened by systemd, which are used where they fit;
	// nil: none.
	Inherited *Inherited
	// Name is the name of the sockets among them that are meant, wherever they
	// listen; empty: those of the same address.
	Name string

	// Proxy says whether a proxy is in front, and how it speaks.
	Proxy ProxyOptions
}

// Domain is a family of IP addresses.
type Domain int

// The domains.
const (
	AnyDomain Domain = iota // both
	IPv4
	IPv6
)

// has reports whether addresses such as ip are of the domain.
func (d Domain) has(ip netip.Addr) bool { return d == AnyDomain || (d == IPv4) == ip.Unmap().Is4() }

// network is what package net calls sockets of TCP at a host. Unless all
// addresses are meant, a socket of IPv6 does not serve IPv4 as well, nor the
// other way round.
func (d Domain) network(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Unmap().Is4() {
			return "tcp4"
		}
		return "tcp6"
	}
	return [...]string{"tcp", "tcp4", "tcp6"}[d]
}

// resolved is the kind of addresses that the resolver is asked for.
func (d Domain) resolved() string { return [...]string{"ip", "ip4", "ip6"}[d] }

// Open opens the sockets that o asks for: one, or one for each address of a
// host name. The error of a socket that cannot be opened is an *Error.
func Open(ctx context.Context, o Options) ([]net.Listener, error) {
	open, err := o.Inherited.take(ctx, &o)
	if err == nil && len(open) == 0 {
		open, err = o.openAll(ctx)
		if failed, ok := errors.AsType[*Error](err); ok && failed.is(syscall.EADDRINUSE) {
			failed.Passed = o.Inherited.at(o.Port)
		}
	}
	if err != nil {
		return nil, err
	}
	if o.Proxy.Version != 0 {
		for i, l := range open {
			open[i] = newProxying(l, o.Proxy)
		}
	}
	return open, nil
}

// openAll opens the sockets by itself.
func (o *Options) openAll(ctx context.Context) (open []net.Listener, err error) {
	if o.Path != "" {
		l, err := o.openUnix(ctx)
		if err != nil {
			return nil, err
		}
		return []net.Listener{l}, nil
	}
	places, err := o.places(ctx)
	if err != nil {
		return nil, err
	}
	var missing error
	for _, p := range places {
		l, err := o.open(ctx, p)
		switch {
		case err == nil:
			open = append(open, l)
			if o.Port == 0 {
				o.Port = l.Addr().(*net.TCPAddr).Port
			}
		case len(places) > 1 && noSuchAddress(err):
			missing = err
		default:
			closeAll(open)
			return nil, err
		}
	}
	if len(open) == 0 {
		return nil, missing
	}
	return open, nil
}

func closeAll(all []net.Listener) {
	for _, l := range all {
		_ = l.Close() // there is an error to tell already
	}
}

// A place is where one socket listens.
type place struct {
	host   string // an IP address; empty: all
	device string // the interface to bind to; empty: none
}

// places are where the sockets of o listen.
func (o *Options) places(ctx context.Context) ([]place, error) {
	hosts, err := o.hosts(ctx)
	if err != nil {
		return nil, err
	}
	if o.Interface != "" {
		return o.onInterface(hosts)
	}
	all := make([]place, len(hosts))
	for i, h := range hosts {
		all[i] = place{host: h}
	}
	return all, nil
}

func (o *Options) hosts(ctx context.Context) (hosts []string, err error) {
	if o.Address == "" && !o.Loopback {
		return []string{""}, nil
	}
	loopback := []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	var found []netip.Addr
	if ip, notIP := netip.ParseAddr(o.Address); notIP == nil {
		found = []netip.Addr{ip}
	} else if o.Loopback {
		found = loopback
	} else if found, err = net.DefaultResolver.LookupNetIP(ctx, o.Domain.resolved(), o.Address); err != nil {
		if !o.thisMachine() {
			return nil, o.failed(o.Address, err)
		}
		found = loopback // a machine that has lost its /etc/hosts is one all the same [RFC 6761 6.3]
	}
	for _, ip := range found {
		if o.Domain.has(ip) {
			hosts = append(hosts, ip.Unmap().String())
		}
	}
	if len(hosts) == 0 {
		return nil, o.failed(o.Address, errOtherDomain)
	}
	return hosts, nil
}

// thisMachine reports whether nobody else is to connect.
func (o *Options) thisMachine() bool { return o.Loopback || strings.EqualFold(o.Address, "localhost") }

// failed is the error of a socket at a host.
func (o *Options) failed(host string, err error) error {
	return &Error{Address: host, Port: o.Port, Interface: o.Interface, Err: err}
}

func (o *Options) open(ctx context.Context, p place) (net.Listener, error) {
	// A broker has a keep alive of its own. That of TCP is for clients that
	// switched it off, and as rare as the kernel has it: Go's would wake every
	// sleeping device four times a minute.
	config := net.ListenConfig{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: -1, Interval: -1, Count: -1},
		Control:         p.bind,
	}
	l, err := config.Listen(ctx, o.Domain.network(p.host), net.JoinHostPort(p.host, strconv.Itoa(o.Port)))
	if err != nil {
		return nil, o.failed(p.host, err)
	}
	tcp := l.(*net.TCPListener)
	deepen(tcp)
	if o.Delay {
		return &delaying{tcp}, nil
	}
	return tcp, nil
}

// delaying is a listener whose connections wait for more to send, which Go's do
// not by default.
type delaying struct{ *net.TCPListener }

func (l *delaying) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	_ = c.SetNoDelay(false) // fails on a connection that has ended already
	return c, nil
}

// onInterface turns hosts into places of the network interface of o: the
// kernel keeps to it, or, where that may not be asked of it, the addresses that
// the interface has now are served.
func (o *Options) onInterface(hosts []string) (all []place, err error) {
	device, err := net.InterfaceByName(o.Interface)
	if err != nil {
		return nil, o.failed(o.Address, fmt.Errorf("%w: %w", errNoInterface, err))
	}
	if mayBindToDevice(o.Interface) {
		for _, h := range hosts {
			all = append(all, place{host: h, device: o.Interface})
		}
		return all, nil
	}
	return o.addressesOf(device, hosts)
}

// addressesOf are the addresses of a network interface that hosts mean.
func (o *Options) addressesOf(device *net.Interface, hosts []string) (all []place, err error) {
	addresses, err := device.Addrs()
	if err != nil {
		return nil, o.failed(o.Address, err)
	}
	for _, a := range addresses {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip, _ := netip.AddrFromSlice(n.IP)
		if ip = ip.Unmap(); !o.Domain.has(ip) || !meant(hosts, ip) {
			continue
		}
		if ip.IsLinkLocalUnicast() && ip.Is6() {
			ip = ip.WithZone(o.Interface)
		}
		all = append(all, place{host: ip.String()})
	}
	if len(all) == 0 {
		return nil, o.failed(o.Address, errNotOnInterface)
	}
	return all, nil
}

// meant reports whether an address is one of hosts.
func meant(hosts []string, ip netip.Addr) bool {
	for _, h := range hosts {
		if one, err := netip.ParseAddr(h); err != nil || one == ip || one.IsUnspecified() && one.Is4() == ip.Is4() {
			return true // an empty one is all
		}
	}
	return false
}
