package auth

import (
	"net"
	"testing"
)

func TestSource(t *testing.T) {
	t.Parallel()
	tcp := func(a from) net.Conn { return conn{from: a} }
	for _, test := range []struct {
		name string
		conn net.Conn
		want string
		here bool
	}{
		{"IPv4", tcp("192.0.2.1:5"), "192.0.2.1", false},
		{"IPv4 in IPv6", tcp("[::ffff:192.0.2.1]:5"), "192.0.2.1", false},
		{"IPv6", tcp("[2001:db8::1]:5"), "2001:db8::/64", false},
		{"with a zone", tcp("[fe80::1%eth0]:5"), "fe80::/64", false},
		{"loopback", tcp("127.9.9.9:5"), "127.9.9.9", true},
		{"loopback of IPv6", tcp("[::1]:5"), "::1", true},
		{"a unix socket", tcp("@"), "unix socket", true},
		{"no connection", nil, "unix socket", true},
	} {
		s := sourceOf(test.conn)
		if s.String() != test.want || s.local() != test.here {
			t.Errorf("%s: got %v, local %v", test.name, s, s.local())
		}
	}
}
