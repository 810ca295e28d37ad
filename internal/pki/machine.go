package pki

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// A Machine is what clients know one by.
type Machine struct {
	Host      string // its own name, with or without a domain
	Addresses []netip.Addr
}

// ThisMachine asks the system. Addresses that a machine has for a while only, so
// that it is not recognised, are left out.
func ThisMachine() (*Machine, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("ask for the name of this machine: %w", err)
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("ask for the addresses of this machine: %w", err)
	}
	m := &Machine{Host: host}
	fleeting := fleetingAddresses()
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			continue // the interface is gone meanwhile
		}
		for _, a := range addresses {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue // it is no address of IP
			}
			if ip := prefix.Addr().Unmap().WithZone(""); !fleeting[ip] {
				m.Addresses = append(m.Addresses, ip)
			}
		}
	}
	return m, nil
}

// Names are the names of the machine, then its addresses, those first that are
// most likely to be used.
func (m *Machine) Names() []string {
	var names []string
	add := func(name string) {
		if checked, err := serverName(name); err == nil && !slices.Contains(names, checked) {
			names = append(names, checked)
		}
	}
	short, domain, _ := strings.Cut(m.Host, ".")
	if short != "" && !strings.EqualFold(short, "localhost") {
		add(m.Host)
		add(short)
		if !strings.EqualFold(domain, "local") {
			add(short + ".local")
		}
	}
	add("localhost")
	add("127.0.0.1")
	add("::1")
	addresses := slices.Clone(m.Addresses)
	slices.SortStableFunc(addresses, func(a, b netip.Addr) int {
		if c := rank(a) - rank(b); c != 0 {
			return c
		}
		return a.Compare(b)
	})
	for _, a := range addresses {
		add(a.String())
	}
	return names
}

// Network are the addresses that other machines reach this one by, the likeliest
// first.
func (m *Machine) Network() []netip.Addr {
	all := slices.DeleteFunc(slices.Clone(m.Addresses), func(a netip.Addr) bool {
		return a.IsLoopback() || a.IsLinkLocalUnicast()
	})
	slices.SortStableFunc(all, func(a, b netip.Addr) int { return rank(a) - rank(b) })
	return all
}

// rank orders addresses by how likely a client is to use them.
func rank(a netip.Addr) int {
	switch {
	case a.IsLoopback():
		return 0
	case a.Is4() && !a.IsLinkLocalUnicast():
		return 1
	case !a.IsLinkLocalUnicast():
		return 2
	}
	return 3
}
