package pki

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestMachineNames(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"lizard":              "lizard lizard.local",
		"Lizard.Example.com":  "lizard.example.com lizard lizard.local",
		"lizard.local":        "lizard.local lizard",
		"localhost":           "",
		"":                    "",
		"under_score":         "under_score under_score.local",
		"Müllers-Büchse":      "", // no client asks for it like this
		"localhost.localhost": "",
	} {
		m := &Machine{Host: host}
		if diff := cmp.Diff(strings.Fields(want+" localhost 127.0.0.1 ::1"), m.Names()); diff != "" {
			t.Errorf("%q: %s", host, diff)
		}
	}
	want := []string{"lizard", "lizard.local", "localhost", "127.0.0.1", "::1", "192.168.1.5", "2001:db8::7", "fe80::1"}
	if diff := cmp.Diff(want, lizard.Names()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("[192.168.1.5 2001:db8::7]", fmt.Sprint(lizard.Network())); diff != "" {
		t.Error(diff)
	}
}

func TestThisMachine(t *testing.T) {
	t.Parallel()
	m, err := ThisMachine()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, a := range m.Addresses {
		found = found || a == netip.MustParseAddr("127.0.0.1")
	}
	if !found {
		t.Errorf("%v has no loopback address", m.Addresses)
	}
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"pump", "Pumpe 3", "größe", "a.b@c", strings.Repeat("ü", 64), "server"} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", ".", "..", ".hidden", "-x", "a/b", `a\b`, "a+b", "#", "a:b", "a\nb", "a\x00", "\xff", " a", "a ", "ca", "CA", strings.Repeat("ü", 65), "*",
	} {
		if err := CheckName(name); err == nil {
			t.Errorf("%q is accepted", name)
		}
	}
}

func TestServerName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Broker.Example.": "broker.example", "*.example": "*.example", "[::1]": "::1", "fe80::1%eth0": "fe80::1", "::ffff:10.0.0.1": "10.0.0.1", "10.0.0.1": "10.0.0.1",
		"": "", "a b": "", "a..b": "", "http://a": "", "a:8883": "", "größe": "", "*": "", "a.*.b": "", strings.Repeat("a", 64): "",
	} {
		if got, err := serverName(name); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
}

// TestManyNames: a machine with very many addresses does not make a certificate
// that no small client can take, nor one that is renewed all the time.
func TestManyNames(t *testing.T) {
	t.Parallel()
	m := &Machine{Host: "lizard"}
	for i := range 500 {
		m.Addresses = append(m.Addresses, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
	}
	a := newAuthority(t, CreateOptions{})
	e := issue(t, a, Request{Name: ServerName, Kind: Server, Machine: m})
	if n := len(Names(pair(t, a, e).Leaf)); n != maxNames {
		t.Errorf("it has %d names", n)
	}
	if reason, err := a.Due(today, e, m); reason != "" || err != nil {
		t.Errorf("it is due because %s, %v", reason, err)
	}
	if _, err := a.Issue(today, Request{Name: "none", Kind: Server}); err == nil {
		t.Error("a server without a name is accepted")
	}
}

func TestSerial(t *testing.T) {
	t.Parallel()
	for _, b := range []byte{0, 0xff} {
		n, err := newSerial(bytes.NewReader(bytes.Repeat([]byte{b}, 16)))
		if err != nil || n.Sign() <= 0 || n.BitLen() != 127 || len(serialText(n)) != 32 {
			t.Errorf("of %x: %x, %v", b, n, err)
		}
	}
	if _, err := newSerial(iotest.ErrReader(errors.New("no luck"))); err == nil {
		t.Error("made of nothing")
	}
}
