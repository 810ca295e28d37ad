package pki

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInterruptedCreate: until ca.crt is there, there is nothing that counts.
func TestInterruptedCreate(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, CreateOptions{})
	a.Close()
	os.Remove(a.AuthorityFile())
	b, err := Create(a.Dir(), today, CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if b.Certificate().Equal(a.Certificate()) {
		t.Error("the old certificate is back")
	}
	issue(t, b, Request{Name: "pump", Kind: Client})
}

// TestInterruptedRenewal: whatever of the three files is new when the process
// dies, the certificate and the key belong together when the authority is opened.
func TestInterruptedRenewal(t *testing.T) {
	t.Parallel()
	for _, dies := range []string{"before the key", "before the certificate", "before the end"} {
		t.Run(dies, func(t *testing.T) {
			t.Parallel()
			a := newAuthority(t, CreateOptions{})
			e := issue(t, a, Request{Name: "pump", Kind: Client})
			certFile, keyFile := a.Files(e)
			oldKey, oldCert := read(t, keyFile), read(t, certFile)
			renewed, err := a.Renew(today, "pump", RenewOptions{NewKey: true})
			if err != nil {
				t.Fatal(err)
			}
			newKey, newCert := read(t, keyFile), read(t, certFile)
			write(t, strings.TrimSuffix(keyFile, ".key")+".next", newKey+newCert)
			switch dies {
			case "before the key":
				write(t, keyFile, oldKey)
				write(t, certFile, oldCert)
			case "before the certificate":
				write(t, certFile, oldCert)
				if _, err := tls.LoadX509KeyPair(certFile, keyFile); err == nil {
					t.Error("the files belong together in the middle of it")
				}
			}
			a.Close()
			b := open(t, a.Dir())
			if got := serialText(pair(t, b, renewed).Leaf.SerialNumber); got != renewed.Serial {
				t.Errorf("certificate %s, want %s", got, renewed.Serial)
			}
			if left, _ := filepath.Glob(filepath.Join(a.Dir(), "clients", "*.next")); left != nil {
				t.Errorf("%v is left", left)
			}
		})
	}
}

// TestInterruptedIssue: a certificate that has reached no file is in the index,
// and its name can be used again.
func TestInterruptedIssue(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, CreateOptions{})
	write(t, filepath.Join(a.Dir(), "clients"), "in the way")
	if _, err := a.Issue(today, Request{Name: "pump", Kind: Client}); err == nil {
		t.Fatal("it was issued")
	}
	a.Close()
	os.Remove(filepath.Join(a.Dir(), "clients"))
	b := open(t, a.Dir())
	if n := len(b.Entries()); n != 1 {
		t.Fatalf("the index has %d certificates", n)
	}
	issue(t, b, Request{Name: "pump", Kind: Client})
	if revoked, err := b.Revoke(today, "pump"); len(revoked) != 2 || err != nil {
		t.Errorf("revoked %v, %v", revoked, err)
	}
}

// TestWithoutKey: an authority whose key is elsewhere says so, and signs nothing.
func TestWithoutKey(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, CreateOptions{})
	issue(t, a, Request{Name: "pump", Kind: Client})
	a.Close()
	os.Remove(filepath.Join(a.Dir(), "ca.key"))
	b := open(t, a.Dir())
	_, revoke := b.Revoke(today, "pump")
	_, renew := b.Renew(today, "pump", RenewOptions{})
	_, issue := b.Issue(today, Request{Name: "gecko", Kind: Client})
	_, refresh := b.RefreshList(today)
	for _, err := range []error{revoke, renew, issue, refresh} {
		if !errors.Is(err, ErrNoKey) {
			t.Errorf("%v", err)
		}
	}
	if b.CanSign() || Owns(b.Dir()) {
		t.Error("it takes itself for one that can sign")
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"ca.crt":         {"nothing", "ca.crt: it holds no certificate as PEM"},
		"ca.key":         {"nothing", "ca.key: it holds no key as PEM"},
		"issued.json":    {"{", "issued.json: unexpected end"},
		"server.next":    {"nothing", "server.next: it holds no key with its certificate"},
		"../pki/ca.key ": {"", ""}, // a file of another name is nobody's
	} {
		a := newAuthority(t, CreateOptions{})
		a.Close()
		write(t, filepath.Join(a.Dir(), name), test.text)
		b, err := Open(a.Dir())
		if err == nil {
			b.Close()
		}
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	a, b := newAuthority(t, CreateOptions{}), newAuthority(t, CreateOptions{})
	a.Close()
	write(t, filepath.Join(a.Dir(), "ca.key"), read(t, filepath.Join(b.Dir(), "ca.key")))
	if _, err := Open(a.Dir()); err == nil || !strings.Contains(err.Error(), "is not that of ca.crt") {
		t.Errorf("another's key: %v", err)
	}
	a = newAuthority(t, CreateOptions{})
	a.Close()
	os.Remove(filepath.Join(a.Dir(), "issued.json"))
	if _, err := Open(a.Dir()); err == nil || !strings.Contains(err.Error(), "bring it back from a backup") {
		t.Errorf("without an index: %v", err)
	}
}
