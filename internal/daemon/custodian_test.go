package daemon

import (
	"bytes"
	"crypto/x509"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/pki"
)

// TestCustodian: a certificate of an authority of ours is renewed before it
// ends, and when the machine has got other addresses that stay.
func TestCustodian(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pki")
	began := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	home := &pki.Machine{Host: "lizard", Addresses: []netip.Addr{netip.MustParseAddr("192.168.1.5")}}
	away := &pki.Machine{Host: "lizard", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.9")}}
	a, err := pki.Create(dir, began, pki.CreateOptions{Host: "lizard"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Issue(began, pki.Request{Name: pki.ServerName, Kind: pki.Server, Machine: home}); err != nil {
		t.Fatal(err)
	}
	a.Close()
	certFile := filepath.Join(dir, "server.crt")
	secure := &config.Listener{}
	secure.TLS.CertFile = certFile
	c := &config.Config{Listeners: []*config.Listener{secure, {}, secure}}
	var log bytes.Buffer
	machine := home
	k := &custodian{logger: slog.New(slog.NewTextHandler(&log, nil)), machine: func() (*pki.Machine, error) { return machine, nil }}
	shown := func() *x509.Certificate {
		t.Helper()
		text, err := os.ReadFile(certFile)
		if err != nil {
			t.Fatal(err)
		}
		contents, err := pki.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		return contents.Certificates[0]
	}
	before := shown()
	for _, step := range []struct {
		name    string
		after   time.Duration
		machine *pki.Machine
		renewed bool
	}{
		{"at the start", 0, home, false},
		{"a day later", 26 * time.Hour, home, false},
		{"another address, seen once", time.Minute, away, false},
		{"it is gone", time.Minute, home, false},
		{"it is there again", time.Minute, away, false},
		{"and stays", time.Minute, away, true},
		{"home again", time.Minute, home, false},
		{"to stay", time.Minute, home, true},
		{"a year later", 360 * 24 * time.Hour, home, false},
		{"30 days before its end", 8 * 24 * time.Hour, home, true},
		{"and then", 26 * time.Hour, home, false},
		{"the broker was off for years", 3 * 365 * 24 * time.Hour, home, true},
	} {
		began = began.Add(step.after)
		machine = step.machine
		k.look(began, c)
		now := shown()
		if renewed := !now.Equal(before); renewed != step.renewed {
			t.Errorf("%s: renewed %v, %s", step.name, renewed, &log)
		}
		if !bytes.Equal(now.RawSubjectPublicKeyInfo, before.RawSubjectPublicKeyInfo) {
			t.Errorf("%s: it has another key", step.name)
		}
		if names := pki.Names(now); step.renewed && !slices.Contains(names, step.machine.Addresses[0].String()) {
			t.Errorf("%s: it is for %v", step.name, names)
		}
		before = now
	}
	if n := strings.Count(log.String(), "certificate renewed"); n != 4 || strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("the log tells of %d renewals: %s", n, &log)
	}
	// Without the key somebody else looks after it; what is damaged is told of once.
	log.Reset()
	if err := os.WriteFile(filepath.Join(dir, "issued.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	k.look(began.AddDate(0, 0, 2), c)
	k.look(began.AddDate(0, 0, 4), c)
	if strings.Count(log.String(), "certificate not renewed") != 1 {
		t.Errorf("of damage it says %s", &log)
	}
	log.Reset()
	if err := os.Remove(filepath.Join(dir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	k.look(began.AddDate(2, 0, 0), c)
	if !shown().Equal(before) || log.Len() > 0 {
		t.Errorf("without a key: %s", &log)
	}
}
