package appliance

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
)

// ParseAddress takes an address with the length of its network.
func ParseAddress(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err == nil {
		return p, nil
	}
	if ip, alone := netip.ParseAddr(text); alone == nil {
		length := 24
		if ip.Is6() {
			length = 64
		}
		return p, fmt.Errorf("%s lacks the length of its network: in most it is %s/%d", ip, ip, length)
	}
	if _, mask, found := strings.Cut(text, "/"); found && strings.Contains(mask, ".") {
		return p, fmt.Errorf("%q has a mask behind the slash, and the length of the network is wanted: 255.255.255.0 is /24", text)
	}
	return p, fmt.Errorf("%q is no address with the length of its network, such as 192.168.1.9/24", text)
}

// last is the last address of a network.
func last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < 8*len(b); i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	ip, _ := netip.AddrFromSlice(b) // it has the length of an address
	return ip
}

// usable says why no machine of a network can have an address. Networks of one or
// two addresses have none to spare [RFC 3021, RFC 6164].
func usable(p netip.Prefix, ip netip.Addr) error {
	if p.Bits() >= ip.BitLen()-1 {
		return nil
	}
	first, end := p.Masked().Addr(), last(p)
	switch {
	case ip == first && ip.Is4():
		return fmt.Errorf("%s is the network %s itself: choose one from %s to %s", ip, p.Masked(), first.Next(), end.Prev())
	case ip == first:
		return fmt.Errorf("%s is that of all routers of the network %s: choose another", ip, p.Masked())
	case ip == end && ip.Is4():
		return fmt.Errorf("%s is that of all machines of the network %s (broadcast): choose one from %s to %s", ip, p.Masked(), first.Next(), end.Prev())
	}
	return nil
}

// CheckNetwork says what is wrong with the addresses.
func (o *Options) CheckNetwork() error {
	ip := o.Address.Addr()
	switch {
	case !o.Address.IsValid():
		return errors.New("the machine has no address: give it one with --address, such as 192.168.1.9/24")
	case o.Address.Bits() == 0:
		return fmt.Errorf("address %s: a network of length 0 is the whole internet; in most it is %s/24", o.Address, ip)
	case ip.Is4In6() || ip.IsUnspecified() || ip.IsLoopback() || ip.IsMulticast() || ip.IsLinkLocalUnicast():
		return fmt.Errorf("address %s: no machine is reached by it: choose one of your network that nobody has, and that the router does not give away", ip)
	}
	if err := usable(o.Address, ip); err != nil {
		return fmt.Errorf("address %w", err)
	}
	if err := o.checkGateway(); err != nil {
		return err
	}
	for _, server := range o.DNS {
		if !server.IsValid() || server.IsUnspecified() || server.IsMulticast() || server.Zone() != "" {
			return fmt.Errorf("name server %s: nobody is reached by it", server)
		}
		if server == ip {
			return fmt.Errorf("name server %s: it is the machine itself, which does not resolve names", server)
		}
	}
	return o.checkInterface()
}

func (o *Options) checkGateway() error {
	g := o.Gateway
	switch {
	case !g.IsValid():
		return nil
	case g.Is4() != o.Address.Addr().Is4():
		return fmt.Errorf("gateway %s: it is of another family than the address %s", g, o.Address.Addr())
	case g == o.Address.Addr():
		return fmt.Errorf("gateway %s: it is the machine's own address; the gateway is the router", g)
	case g.Zone() != "":
		return fmt.Errorf("gateway %s: leave out what follows the %%", g)
	case g.Is6() && g.IsLinkLocalUnicast():
		return nil
	case !o.Address.Contains(g):
		return fmt.Errorf("gateway %s: it is not in the network %s of the machine, which could not reach it", g, o.Address.Masked())
	}
	if err := usable(o.Address, g); err != nil && g.Is4() { // in IPv6 the first address is the routers'
		return fmt.Errorf("gateway %w", err)
	}
	return nil
}

var interfaceName = regexp.MustCompile(`^[A-Za-z0-9_.*?\[\]-]{1,15}$`)

func (o *Options) checkInterface() error {
	if o.Interface == "" || interfaceName.MatchString(o.Interface) {
		return nil
	}
	if mac, err := net.ParseMAC(o.Interface); err == nil && len(mac) == 6 {
		return nil
	}
	return fmt.Errorf("interface %q: it is neither a name, such as enp1s0 or en*, nor a MAC address, such as 00:0d:b9:12:34:56", o.Interface)
}

// netplan is a configuration of the network, version 2.
type netplan struct {
	Version   int                 `yaml:"version"`
	Ethernets map[string]ethernet `yaml:"ethernets"`
}

type ethernet struct {
	Match     *match     `yaml:"match,omitempty"`
	DHCP4     bool       `yaml:"dhcp4"`
	DHCP6     bool       `yaml:"dhcp6"`
	Addresses []string   `yaml:"addresses"`
	Routes    []route    `yaml:"routes,omitempty"`
	Resolvers *resolvers `yaml:"nameservers,omitempty"`
}

type match struct {
	Name string `yaml:"name,omitempty"`
	MAC  string `yaml:"macaddress,omitempty"`
}

type route struct {
	To  string `yaml:"to"`
	Via string `yaml:"via"`
}

type resolvers struct {
	Addresses []string `yaml:"addresses"`
}

// network is the configuration of the network.
func (o *Options) network() netplan {
	e := ethernet{Addresses: []string{o.Address.String()}}
	name := "lan"
	if mac, err := net.ParseMAC(o.Interface); err == nil {
		e.Match = &match{MAC: mac.String()}
	} else if o.Interface != "" && !strings.ContainsAny(o.Interface, "*?[") {
		name = o.Interface
	} else {
		e.Match = &match{Name: o.Interface}
		if o.Interface == "" {
			e.Match.Name = "e*"
		}
	}
	if o.Gateway.IsValid() {
		to := "0.0.0.0/0" // "default" is not known to every version
		if o.Gateway.Is6() {
			to = "::/0"
		}
		e.Routes = []route{{To: to, Via: o.Gateway.String()}}
	}
	if servers := o.resolvers(); servers != nil {
		e.Resolvers = &resolvers{servers}
	}
	return netplan{Version: 2, Ethernets: map[string]ethernet{name: e}}
}

// resolvers are the name servers; without any the gateway is asked, as routers
// resolve names.
func (o *Options) resolvers() (all []string) {
	for _, server := range o.DNS {
		all = append(all, server.String())
	}
	if all == nil && o.Gateway.IsValid() && !o.Gateway.IsLinkLocalUnicast() {
		all = []string{o.Gateway.String()}
	}
	return all
}
