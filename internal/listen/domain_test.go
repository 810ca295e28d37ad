//go:build unix

package listen

import (
	"errors"
	"net"
	"strings"
	"testing"
)

// reaches reports whether somebody listens.
func reaches(host string, l net.Listener) bool {
	c, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.ParseIP(host), Port: l.Addr().(*net.TCPAddr).Port})
	if err == nil {
		c.Close()
	}
	return err == nil
}

// An address of one family never serves the other, all of its addresses included.
func TestDomain(t *testing.T) {
	t.Parallel()
	if len(loopback6(t)) == 0 {
		t.Skip("this machine has no IPv6")
	}
	for _, tt := range []struct {
		name   string
		o      Options
		v4, v6 bool
	}{
		{"all", Options{}, true, true},
		{"all of ipv4", Options{Address: "0.0.0.0"}, true, false},
		{"all of ipv6", Options{Address: "::"}, false, true},
		{"domain ipv4", Options{Domain: IPv4}, true, false},
		{"domain ipv6", Options{Domain: IPv6}, false, true},
		{"loopback ipv4", Options{Loopback: true, Domain: IPv4}, true, false},
		{"loopback ipv6", Options{Loopback: true, Domain: IPv6}, false, true},
		{"name, ipv4", Options{Address: "localhost", Domain: IPv4}, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := open(t, tt.o)[0]
			if v4, v6 := reaches("127.0.0.1", l), reaches("::1", l); v4 != tt.v4 || v6 != tt.v6 {
				t.Errorf("serves ipv4 %v, ipv6 %v", v4, v6)
			}
		})
	}
	for _, o := range []Options{{Address: "127.0.0.1", Domain: IPv6}, {Address: "::1", Domain: IPv4}} {
		_, err := Open(t.Context(), o)
		if err == nil || !strings.HasPrefix(err.Error(), "Address family for hostname not supported: ") || !strings.Contains(err.Error(), "'socket_domain'") {
			t.Errorf("got %v", err)
		}
	}
}

// loopback is the name of the interface of 127.0.0.1.
func loopback(t *testing.T) string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Skip(err)
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 {
			return i.Name
		}
	}
	t.Skip("this machine has no loopback interface")
	return ""
}

func TestInterface(t *testing.T) {
	t.Parallel()
	l := open(t, Options{Interface: loopback(t), Domain: IPv4})[0]
	if !reaches("127.0.0.1", l) {
		t.Error("is not reached by the interface")
	}
	_, err := Open(t.Context(), Options{Interface: "none0", Port: 1})
	if !errors.Is(err, errNoInterface) || !strings.HasPrefix(err.Error(), "No such device: port 1 on interface none0. 'ip link'") {
		t.Errorf("got %v", err)
	}
}

// By another interface than the one it is bound to, nobody comes in.
func TestOtherInterface(t *testing.T) {
	t.Parallel()
	all, err := net.Interfaces()
	if err != nil {
		t.Skip(err)
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 || i.Flags&net.FlagUp == 0 || !mayBindToDevice(i.Name) {
			continue
		}
		if l := open(t, Options{Interface: i.Name, Domain: IPv4})[0]; reaches("127.0.0.1", l) {
			t.Errorf("bound to %s, it is reached by loopback", i.Name)
		}
		return
	}
	t.Skip("this machine has no interface but loopback that a socket may be bound to")
}

// Where the kernel may not be asked, the addresses of the interface are served.
func TestInterfaceAddresses(t *testing.T) {
	t.Parallel()
	device, err := net.InterfaceByName(loopback(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		hosts  []string
		domain Domain
		want   string // one of the addresses; empty: none fits
	}{
		{[]string{""}, IPv4, "127.0.0.1"},
		{[]string{"0.0.0.0"}, AnyDomain, "127.0.0.1"},
		{[]string{"127.0.0.1"}, AnyDomain, "127.0.0.1"},
		{[]string{"192.0.2.1"}, AnyDomain, ""},
	} {
		o := Options{Interface: device.Name, Domain: tt.domain}
		all, err := o.addressesOf(device, tt.hosts)
		if tt.want == "" {
			if !errors.Is(err, errNotOnInterface) {
				t.Errorf("%v: got %v, %v", tt.hosts, all, err)
			}
			continue
		}
		if err != nil || len(all) != 1 || all[0] != (place{host: tt.want}) {
			t.Errorf("%v: got %v, %v", tt.hosts, all, err)
		}
	}
}
