package auth

import (
	"net"
	"net/netip"
)

// source is where a login comes from, as far as one can be told from another:
// an address of IPv4, the /64 of one of IPv6. The zero value is a unix socket.
type source netip.Prefix

// sourceOf is the source of a connection. It tells of an address that a proxy
// speaks for only if the proxy is to be believed: others could have a new one for
// each login.
func sourceOf(c net.Conn) source {
	if c == nil {
		return source{}
	}
	return sourceAt(c.RemoteAddr())
}

func sourceAt(a net.Addr) source {
	if a == nil {
		return source{}
	}
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return source{}
	}
	return sourceOfAddr(at.Addr())
}

func sourceOfAddr(ip netip.Addr) source {
	ip = ip.WithZone("").Unmap()
	bits := ip.BitLen()
	if ip.Is6() && !ip.IsLoopback() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return source{}
	}
	return source(p)
}

// local reports whether it is this machine.
func (s source) local() bool {
	return !netip.Prefix(s).IsValid() || netip.Prefix(s).Addr().IsLoopback()
}

// String is how an operator knows it: an address, or the prefix of many.
func (s source) String() string {
	switch p := netip.Prefix(s); {
	case !p.IsValid():
		return "unix socket"
	case p.IsSingleIP():
		return p.Addr().String()
	default:
		return p.String()
	}
}
