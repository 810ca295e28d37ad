package pki

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var today = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

var lizard = &Machine{Host: "lizard", Addresses: []netip.Addr{
	netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1"), netip.MustParseAddr("fe80::1"),
	netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("192.168.1.5"),
}}

// newAuthority makes one in a new directory.
func newAuthority(t *testing.T, o CreateOptions) *Authority {
	t.Helper()
	o.Host = "lizard"
	a, err := Create(filepath.Join(t.TempDir(), "pki"), today, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func issue(t *testing.T, a *Authority, r Request) Entry {
	t.Helper()
	e, err := a.Issue(today, r)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// pair reads the certificate of an entry as a program does that uses it.
func pair(t *testing.T, a *Authority, e Entry) tls.Certificate {
	t.Helper()
	certFile, keyFile := a.Files(e)
	p, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func pool(a *Authority) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.Certificate())
	return p
}

// shake lets a client and a server meet, and returns what the client says.
func shake(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	done := make(chan error, 1)
	go func() { done <- tls.Server(b, server).HandshakeContext(t.Context()) }()
	c := tls.Client(a, client)
	err := c.HandshakeContext(t.Context())
	if err != nil {
		a.Close()
	}
	go io.Copy(io.Discard, c) // a server may have more to say after that
	return errors.Join(err, <-done)
}

// TestHandshakes has clients that trust the authority and nobody else connect by
// every name of the machine, and show certificates of their own.
func TestHandshakes(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []Algorithm{P256, RSA2048} {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			a := newAuthority(t, CreateOptions{Algorithm: algorithm})
			e := issue(t, a, Request{Name: ServerName, Kind: Server, Machine: lizard, Names: []string{"Broker.Example.", "*.home.example"}})
			pump := issue(t, a, Request{Name: "pump", Kind: Client})
			if e.Algorithm != algorithm || pump.Algorithm != algorithm {
				t.Errorf("the keys are %s and %s", e.Algorithm, pump.Algorithm)
			}
			now := func() time.Time { return today }
			server := &tls.Config{
				Certificates: []tls.Certificate{pair(t, a, e)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool(a), Time: now,
				VerifyConnection: func(s tls.ConnectionState) error {
					if name := s.PeerCertificates[0].Subject.CommonName; name != "pump" {
						return fmt.Errorf("it is %q", name)
					}
					return nil
				},
			}
			for _, name := range []string{
				"broker.example", "a.home.example", "lizard", "LIZARD.local", "localhost",
				"127.0.0.1", "::1", "192.168.1.5", "2001:db8::7", "fe80::1",
			} {
				client := &tls.Config{RootCAs: pool(a), ServerName: name, Certificates: []tls.Certificate{pair(t, a, pump)}, Time: now}
				if err := shake(t, server, client); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			for name, change := range map[string]func(*tls.Config){
				"another name":            func(c *tls.Config) { c.ServerName = "gecko" },
				"another address":         func(c *tls.Config) { c.ServerName = "192.168.1.6" },
				"another authority":       func(c *tls.Config) { c.RootCAs = pool(newAuthority(t, CreateOptions{})) },
				"a year and a half later": func(c *tls.Config) { c.Time = func() time.Time { return today.AddDate(1, 6, 0) } },
				"no certificate":          func(c *tls.Config) { c.Certificates = nil },
				"a server's certificate":  func(c *tls.Config) { c.Certificates = []tls.Certificate{pair(t, a, e)} },
			} {
				client := &tls.Config{RootCAs: pool(a), ServerName: "lizard", Certificates: []tls.Certificate{pair(t, a, pump)}, Time: now}
				change(client)
				if err := shake(t, server, client); err == nil {
					t.Errorf("%s is accepted", name)
				}
			}
		})
	}
}

// TestClocksBehind: a client whose clock is four weeks behind connects.
func TestClocksBehind(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, CreateOptions{})
	e := issue(t, a, Request{Name: ServerName, Kind: Server, Machine: lizard})
	server := &tls.Config{Certificates: []tls.Certificate{pair(t, a, e)}}
	for days, works := range map[int]bool{-31: false, -28: true, 0: true, 396: true, 398: false} {
		client := &tls.Config{RootCAs: pool(a), ServerName: "lizard", Time: func() time.Time { return today.AddDate(0, 0, days) }}
		if err := shake(t, server, client); (err == nil) != works {
			t.Errorf("%d days: %v", days, err)
		}
	}
	if life := e.Until.Sub(e.Since); life > 825*day {
		t.Errorf("it is valid for %v, and Apple's devices take 825 days", life)
	}
}

func TestWrongClocks(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pki")
	if _, err := Create(dir, time.Unix(0, 0), CreateOptions{}); err == nil || !strings.Contains(err.Error(), "1970-01-01") {
		t.Errorf("in 1970: %v", err)
	}
	a := newAuthority(t, CreateOptions{Life: 100 * day})
	for _, now := range []time.Time{today.AddDate(-2, 0, 0), today.AddDate(1, 0, 0)} {
		if _, err := a.Issue(now, Request{Name: "pump", Kind: Client}); err == nil {
			t.Errorf("issued on %v", now)
		}
	}
	e := issue(t, a, Request{Name: "pump", Kind: Client})
	if !e.Until.Equal(a.Certificate().NotAfter) {
		t.Errorf("it ends on %v, and its authority on %v", e.Until, a.Certificate().NotAfter)
	}
	if reason, err := a.Due(today.AddDate(0, 0, 99), e, nil); reason != "" || err != nil {
		t.Errorf("to renew it would not make it longer, and it is due because %s, %v", reason, err)
	}
}

func TestCreateOverwritesNothing(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, CreateOptions{})
	e := issue(t, a, Request{Name: "pump", Kind: Client})
	a.Close()
	if _, err := Create(a.Dir(), today, CreateOptions{}); !errors.Is(err, ErrExists) {
		t.Errorf("a second authority: %v", err)
	}
	b := open(t, a.Dir())
	if _, err := b.Issue(today, Request{Name: "pump", Kind: Client}); !errors.Is(err, ErrExists) {
		t.Errorf("a second pump: %v", err)
	}
	if _, err := b.Issue(today, Request{Name: "pump", Kind: Server, Machine: lizard}); !errors.Is(err, ErrExists) {
		t.Errorf("a server of a client's name: %v", err)
	}
	if diff := cmp.Diff([]Entry{e}, b.Entries()); diff != "" {
		t.Error(diff)
	}
	b.Close()
	// What was issued is not buried when the authority's certificate is lost.
	os.Remove(b.AuthorityFile())
	if _, err := Open(a.Dir()); !errors.Is(err, ErrNone) {
		t.Errorf("without its certificate: %v", err)
	}
	if _, err := Create(a.Dir(), today, CreateOptions{}); err == nil || !strings.Contains(err.Error(), "ca.crt is missing") {
		t.Errorf("over one that has issued: %v", err)
	}
}

func open(t *testing.T, dir string) *Authority {
	t.Helper()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func TestFiles(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, CreateOptions{})
	issue(t, a, Request{Name: ServerName, Kind: Server, Machine: lizard})
	issue(t, a, Request{Name: "pump", Kind: Client})
	got := map[string]string{}
	filepath.Walk(a.Dir(), func(path string, info os.FileInfo, err error) error {
		if err != nil {
			t.Fatal(err)
		}
		name, _ := filepath.Rel(a.Dir(), path)
		got[name] = info.Mode().Perm().String()
		return nil
	})
	want := map[string]string{
		".": "-rwx------", "ca.crt": "-rw-r--r--", "ca.key": "-rw-------", "ca.crl": "-rw-r--r--", "issued.json": "-rw-------",
		"server.crt": "-rw-r--r--", "server.key": "-rw-------", "clients": "-rwx------", "clients/pump.crt": "-rw-r--r--", "clients/pump.key": "-rw-------",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !Owns(a.Dir()) || Owns(filepath.Dir(a.Dir())) || Owns(filepath.Join(a.Dir(), "nowhere")) {
		t.Error("Owns does not know whose a directory is")
	}
}

// TestCommandsTakeTurns: what two do at a time is done one after the other.
func TestCommandsTakeTurns(t *testing.T) {
	t.Parallel()
	first := newAuthority(t, CreateOptions{})
	first.Close()
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			a, err := Open(first.Dir())
			if err != nil {
				t.Error(err)
				return
			}
			defer a.Close()
			if _, err := a.Issue(today, Request{Name: fmt.Sprintf("pump%d", i), Kind: Client}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	serials := map[string]bool{}
	for _, e := range open(t, first.Dir()).Entries() {
		serials[e.Serial] = true
		if len(e.Serial) != 32 {
			t.Errorf("serial number %q", e.Serial)
		}
	}
	if len(serials) != 10 {
		t.Errorf("the index has %d certificates", len(serials))
	}
}

func TestRenew(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, CreateOptions{})
	e := issue(t, a, Request{Name: ServerName, Kind: Server, Machine: lizard, Names: []string{"broker.example"}})
	key := pair(t, a, e).Leaf.PublicKey.(*ecdsa.PublicKey)
	later := today.AddDate(1, 0, 0)
	moved := &Machine{Host: "lizard", Addresses: []netip.Addr{netip.MustParseAddr("192.168.1.9")}}
	renewed, err := a.Renew(later, ServerName, RenewOptions{Machine: moved})
	if err != nil {
		t.Fatal(err)
	}
	leaf := pair(t, a, renewed).Leaf
	if !leaf.NotAfter.Equal(later.Add(serverLife)) {
		t.Errorf("it ends on %v", leaf.NotAfter)
	}
	if !key.Equal(leaf.PublicKey) {
		t.Error("it has another key")
	}
	want := []string{"broker.example", "lizard", "lizard.local", "localhost", "127.0.0.1", "::1", "192.168.1.9"}
	if diff := cmp.Diff(want, Names(leaf)); diff != "" {
		t.Error(diff)
	}
	again, err := a.Renew(later, e.Serial[:8], RenewOptions{Names: []string{"new.example"}, NewKey: true})
	if err != nil {
		t.Fatal(err)
	}
	leaf = pair(t, a, again).Leaf
	if key.Equal(leaf.PublicKey) {
		t.Error("it has the old key")
	}
	if diff := cmp.Diff([]string{"new.example"}, Names(leaf)); diff != "" { // no machine was told
		t.Error(diff)
	}
	if _, err := a.Renew(later, "gecko", RenewOptions{}); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown name: %v", err)
	}
	if newest, ok := a.Find(ServerName); !ok || newest.Serial != again.Serial || a.Newest(e) || !a.Newest(again) {
		t.Errorf("the newest is %v", newest)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, CreateOptions{})
	server := issue(t, a, Request{Name: ServerName, Kind: Server, Machine: lizard})
	brief := issue(t, a, Request{Name: "brief", Kind: Client, Life: 9 * day})
	moved := &Machine{Host: "lizard", Addresses: append([]netip.Addr{netip.MustParseAddr("192.168.1.9")}, lizard.Addresses...)}
	for _, test := range []struct {
		name    string
		entry   Entry
		days    int
		machine *Machine
		want    Reason
		state   State
	}{
		{"new", server, 0, lizard, "", Valid},
		{"31 days left", server, 366, lizard, "", Valid},
		{"30 days left", server, 367, lizard, "it ends on 2027-12-28", Ending},
		{"over", server, 400, lizard, "it ended on 2027-12-28", Expired},
		{"made in the future", server, -40, lizard, "it is valid from 2026-10-27 only", Valid},
		{"another address", server, 0, moved, "it does not name 192.168.1.9", Valid},
		{"an address less", server, 0, &Machine{Host: "lizard"}, "", Valid},
		{"another name", server, 0, &Machine{Host: "gecko"}, "it does not name gecko, gecko.local", Valid},
		{"nobody looks at names", server, 0, nil, "", Valid},
		{"a client has no names", brief, 0, moved, "", Valid},
		{"a third of its life left", brief, 6, nil, "it ends on 2026-12-05", Ending},
		{"more than that", brief, 5, nil, "", Valid},
	} {
		now := today.AddDate(0, 0, test.days)
		if got, err := a.Due(now, test.entry, test.machine); got != test.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", test.name, got, err, test.want)
		}
		if got := test.entry.State(now); got != test.state {
			t.Errorf("%s: %s, want %s", test.name, got, test.state)
		}
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, CreateOptions{})
	first := issue(t, a, Request{Name: "pump", Kind: Client})
	second, err := a.Renew(today, "pump", RenewOptions{})
	if err != nil {
		t.Fatal(err)
	}
	other := issue(t, a, Request{Name: "gecko", Kind: Client})
	listed := func(want ...Entry) {
		t.Helper()
		list, err := readList(a.ListFile())
		if err != nil {
			t.Fatal(err)
		}
		if err := list.CheckSignatureFrom(a.Certificate()); err != nil {
			t.Error(err)
		}
		var got, serials []string
		for _, e := range list.RevokedCertificateEntries {
			got = append(got, serialText(e.SerialNumber))
		}
		for _, e := range want {
			serials = append(serials, e.Serial)
		}
		if diff := cmp.Diff(serials, got); diff != "" || list.Number.Int64() != a.index.List {
			t.Errorf("number %v\n%s", list.Number, diff)
		}
	}
	listed()
	before := a.index.List
	if revoked, err := a.Revoke(today, strings.ToUpper(first.Serial[:10])); len(revoked) != 1 || revoked[0].Serial != first.Serial || err != nil {
		t.Errorf("by serial number: %v, %v", revoked, err)
	}
	listed(first)
	if revoked, err := a.Revoke(today, "pump"); len(revoked) != 1 || revoked[0].Serial != second.Serial || err != nil {
		t.Errorf("by name: %v, %v", revoked, err)
	}
	listed(first, second)
	if revoked, err := a.Revoke(today, "pump"); len(revoked) != 0 || err != nil {
		t.Errorf("once more: %v, %v", revoked, err)
	}
	if a.index.List <= before {
		t.Errorf("the list has number %d, and had %d", a.index.List, before)
	}
	for _, name := range []string{"snake", "", first.Serial[:3], "ca"} {
		if _, err := a.Revoke(today, name); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", name, err)
		}
	}
	a.Close()
	b := open(t, a.Dir())
	if e, _ := b.Find("pump"); e.State(today) != Revoked {
		t.Errorf("it is %s", e.State(today))
	}
	if e, _ := b.Find(other.Serial); e.State(today) != Valid {
		t.Errorf("the other is %s", e.State(today))
	}
}

// TestRefreshList: the list is signed again before it is too old, when it is
// missing, and when a crash has kept something out of it.
func TestRefreshList(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, CreateOptions{})
	e := issue(t, a, Request{Name: "pump", Kind: Client})
	refresh := func(what string, now time.Time, want bool) {
		t.Helper()
		if got, err := a.RefreshList(now); got != want || err != nil {
			t.Errorf("%s: %v, %v", what, got, err)
		}
		list, err := readList(a.ListFile())
		if err != nil || now.Before(list.ThisUpdate) || !now.Before(list.NextUpdate) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refresh("new", today, false)
	refresh("half a year", today.AddDate(0, 6, 0), false)
	refresh("nine months", today.AddDate(0, 9, 0), true)
	refresh("the clock was set back", today, true)
	os.Remove(a.ListFile())
	refresh("missing", today, true)
	old := read(t, a.ListFile())
	if _, err := a.Revoke(today, "pump"); err != nil {
		t.Fatal(err)
	}
	write(t, a.ListFile(), old)
	refresh("an old one", today, true)
	refresh("complete", today, false)
	refresh("after its end", e.Until.AddDate(1, 0, 0), true)
	if list, err := readList(a.ListFile()); err != nil || len(list.RevokedCertificateEntries) != 0 {
		t.Errorf("%v, %v", list.RevokedCertificateEntries, err)
	}
}
