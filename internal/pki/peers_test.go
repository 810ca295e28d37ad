package pki

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"software.sslmate.com/src/go-pkcs12"
)

// program finds a program that is not ours.
func program(t *testing.T, name, hint string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
		t.Fatalf("%v: install Debian's %s", err, hint)
	}
	t.Skipf("%v: install Debian's %s", err, hint)
	return ""
}

// run runs a program and returns what it printed.
func run(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	return string(out), err
}

// TestOpenSSL has OpenSSL verify what was issued, renewed and revoked.
func TestOpenSSL(t *testing.T) {
	t.Parallel()
	openssl := program(t, "openssl", "openssl")
	a := newAuthority(t, CreateOptions{})
	server := issue(t, a, Request{Name: ServerName, Kind: Server, Machine: lizard})
	pump := issue(t, a, Request{Name: "pump", Kind: Client, Algorithm: RSA2048})
	serverFile, _ := a.Files(server)
	pumpFile, _ := a.Files(pump)
	at := []string{"-attime", strconv.FormatInt(today.Unix(), 10), "-x509_strict", "-CAfile", a.AuthorityFile()}
	verify := func(good bool, args ...string) {
		t.Helper()
		if out, err := run(t, openssl, append(append([]string{"verify"}, at...), args...)...); (err == nil) != good {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	verify(true, a.AuthorityFile())
	verify(true, "-purpose", "sslserver", "-verify_hostname", "lizard.local", serverFile)
	verify(true, "-purpose", "sslserver", "-verify_ip", "2001:db8::7", serverFile)
	verify(false, "-purpose", "sslserver", "-verify_ip", "192.168.1.6", serverFile)
	verify(false, "-purpose", "sslclient", serverFile)
	verify(true, "-purpose", "sslclient", pumpFile)
	verify(false, "-purpose", "sslserver", pumpFile)
	verify(true, "-crl_check", "-CRLfile", a.ListFile(), pumpFile)
	if _, err := a.Revoke(today, "pump"); err != nil {
		t.Fatal(err)
	}
	verify(false, "-crl_check", "-CRLfile", a.ListFile(), pumpFile)
	verify(true, "-crl_check", "-CRLfile", a.ListFile(), serverFile)
	if out, err := run(t, openssl, "crl", "-in", a.ListFile(), "-noout", "-crlnumber", "-nextupdate"); err != nil || !strings.Contains(out, "crlNumber=0x02") && !strings.Contains(out, "crlNumber=02") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, CreateOptions{})
	issue(t, a, Request{Name: ServerName, Kind: Server, Machine: lizard})
	pump := issue(t, a, Request{Name: "pump", Kind: Client})
	export := func(name string, f Format, o ExportOptions) []byte {
		t.Helper()
		b, err := a.Export(name, f, o)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	certFile, keyFile := a.Files(pump)
	key, cert, ca := read(t, keyFile), read(t, certFile), read(t, a.AuthorityFile())
	if got := string(export("pump", PEM, ExportOptions{})); got != key+cert+ca {
		t.Errorf("as PEM:\n%s", got)
	}
	if got := string(export(AuthorityName, PEM, ExportOptions{})); got != ca {
		t.Errorf("the authority as PEM:\n%s", got)
	}
	for _, old := range []bool{false, true} {
		got, leaf, chain, err := pkcs12.DecodeChain(export(pump.Serial, PKCS12, ExportOptions{Password: "secret", Old: old}), "secret")
		if err != nil || !leaf.Equal(pair(t, a, pump).Leaf) || len(chain) != 1 || !chain[0].Equal(a.Certificate()) || got == nil {
			t.Errorf("PKCS#12, old %v: %v, %v", old, leaf, err)
		}
	}
	if all, err := pkcs12.DecodeTrustStore(export(AuthorityName, PKCS12, ExportOptions{Password: "secret"}), "secret"); err != nil || len(all) != 1 || !all[0].Equal(a.Certificate()) {
		t.Errorf("the authority as PKCS#12: %v", err)
	}
	raw := export("pump", Zip, ExportOptions{Password: "secret", Port: 8883})
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	if files["ca.crt"] != ca || len(files) != 3 {
		t.Errorf("the zip holds %d files", len(files))
	}
	if _, _, _, err := pkcs12.DecodeChain([]byte(files["pump.p12"]), "secret"); err != nil {
		t.Error(err)
	}
	want, err := os.ReadFile("testdata/phone.txt")
	if diff := cmp.Diff(string(want), strings.ReplaceAll(files["README.txt"], "\r\n", "\n")); diff != "" || err != nil {
		t.Errorf("%v\n%s\n%s", err, diff, files["README.txt"])
	}
	for _, test := range []struct {
		name   string
		format Format
	}{{"pump", PKCS12}, {"pump", Zip}, {"gecko", PEM}, {"pump", "jks"}} {
		if _, err := a.Export(test.name, test.format, ExportOptions{}); err == nil {
			t.Errorf("%v is accepted without a password", test)
		}
	}
	os.Remove(keyFile)
	if _, err := a.Export("pump", PEM, ExportOptions{}); err == nil || !strings.Contains(err.Error(), "was taken from") {
		t.Errorf("without the key: %v", err)
	}
}

func TestExportRevoked(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, CreateOptions{})
	first := issue(t, a, Request{Name: "pump", Kind: Client})
	if _, err := a.Renew(today, "pump", RenewOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Export(first.Serial, PEM, ExportOptions{}); err == nil || !strings.Contains(err.Error(), "was renewed") {
		t.Errorf("one that was renewed: %v", err)
	}
	if _, err := a.Revoke(today, "pump"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Export("pump", PEM, ExportOptions{}); err == nil || !strings.Contains(err.Error(), "was revoked") {
		t.Errorf("one that was revoked: %v", err)
	}
}

// TestOpenSSLReadsPKCS12 has OpenSSL open the files with their password.
func TestOpenSSLReadsPKCS12(t *testing.T) {
	t.Parallel()
	openssl := program(t, "openssl", "openssl")
	a := newAuthority(t, CreateOptions{})
	issue(t, a, Request{Name: "pump", Kind: Client})
	for _, old := range []bool{false, true} {
		b, err := a.Export("pump", PKCS12, ExportOptions{Password: "größe", Old: old})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "pump.p12")
		write(t, file, string(b))
		out, err := run(t, openssl, "pkcs12", "-in", file, "-nodes", "-passin", "pass:größe")
		if err != nil || strings.Count(out, "BEGIN CERTIFICATE") != 2 || !strings.Contains(out, "BEGIN PRIVATE KEY") {
			t.Errorf("old %v: %v\n%s", old, err, out)
		}
		if out, err := run(t, openssl, "pkcs12", "-in", file, "-nodes", "-passin", "pass:wrong"); err == nil {
			t.Errorf("a wrong password is as good:\n%s", out)
		}
	}
}

// TestHeader has a C compiler read the header, and the program print what it
// holds.
func TestHeader(t *testing.T) {
	t.Parallel()
	cc := program(t, "cc", "gcc and libc6-dev")
	a := newAuthority(t, CreateOptions{})
	for _, test := range []struct {
		name, print string
		request     *Request
	}{
		{"ca", "zancudo_ca", nil},
		{"pump", "zancudo_key, zancudo_cert, zancudo_ca", &Request{Name: "pump", Kind: Client}},
		{"*", "", nil},
		{"old one", "zancudo_key, zancudo_cert, zancudo_ca", &Request{Name: "old one", Kind: Client, Algorithm: RSA2048}},
	} {
		if test.request != nil {
			issue(t, a, *test.request)
		}
		header, err := a.Export(test.name, Header, ExportOptions{})
		if test.print == "" {
			if !errors.Is(err, ErrUnknown) {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		want, failed := a.Export(test.name, PEM, ExportOptions{})
		if err != nil || failed != nil {
			t.Fatal(err, failed)
		}
		dir := t.TempDir()
		write(t, filepath.Join(dir, "h.h"), string(header))
		format := strings.Repeat("%s", strings.Count(test.print, ",")+1)
		write(t, filepath.Join(dir, "main.c"), fmt.Sprintf("#include <stdio.h>\n#include \"h.h\"\n#include \"h.h\"\nint main(void) { return printf(%q, %s) < 0; }\n", format, test.print))
		out, err := run(t, cc, "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wno-overlength-strings", "-o", filepath.Join(dir, "main"), filepath.Join(dir, "main.c"))
		if err != nil {
			t.Fatalf("%s: %v\n%s", test.name, err, out)
		}
		if out, err := run(t, filepath.Join(dir, "main")); err != nil || out != string(want) {
			t.Errorf("%s: %v\n%s", test.name, err, cmp.Diff(string(want), out))
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, CreateOptions{})
	pump := issue(t, a, Request{Name: "pump", Kind: Client})
	bundle, err := a.Export("pump", PEM, ExportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := readList(a.ListFile())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, text         string
		certs, lists, keys int
	}{
		{"a bundle", "Some words\n" + string(bundle) + read(t, a.ListFile()), 2, 1, 1},
		{"a certificate as DER", string(pair(t, a, pump).Certificate[0]), 1, 0, 0},
		{"a list as DER", string(list.Raw), 0, 1, 0},
		{"text", "hello", 0, 0, 0},
		{"nothing", "", 0, 0, 0},
		{"something else", "-----BEGIN SOMETHING-----\nAAAA\n-----END SOMETHING-----\n", 0, 0, 0},
		{"damage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0, 0, 0},
	} {
		c, err := Read([]byte(test.text))
		if len(c.Certificates) != test.certs || len(c.Lists) != test.lists || c.Keys != test.keys {
			t.Errorf("%s: %d certificates, %d lists, %d keys", test.name, len(c.Certificates), len(c.Lists), c.Keys)
		}
		if nothing := test.certs+test.lists+test.keys == 0; (err != nil) != nothing {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n"))
	f.Add([]byte{0x30, 0x82, 1, 0})
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := Read(text); err == nil && len(c.Certificates)+len(c.Lists)+c.Keys == 0 {
			t.Error("nothing, and no error")
		}
	})
}
