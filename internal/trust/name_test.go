package trust

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/certtest"
)

// name makes a subject of parts, each a type and a value.
func name(t *testing.T, parts ...attribute) []byte {
	t.Helper()
	var sets []relativeNameSET
	for _, a := range parts {
		sets = append(sets, relativeNameSET{a})
	}
	der, err := asn1.Marshal(sets)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func part(tag int, value string, oid ...int) attribute {
	return attribute{asn1.ObjectIdentifier(oid), asn1.RawValue{Class: asn1.ClassUniversal, Tag: tag, Bytes: []byte(value)}}
}

func TestCommonName(t *testing.T) {
	t.Parallel()
	cn := func(tag int, value string) attribute { return part(tag, value, 2, 5, 4, 3) }
	for _, tt := range []struct {
		name    string
		subject []byte
		want    string
		err     string
	}{
		{"simple", name(t, part(asn1.TagUTF8String, "Works", 2, 5, 4, 10), cn(asn1.TagUTF8String, "pump 1/ü")), "pump 1/ü", ""},
		{"the first of two", name(t, cn(asn1.TagUTF8String, "pump"), cn(asn1.TagUTF8String, "admin")), "pump", ""},
		{"of 16 bits", name(t, cn(asn1.TagBMPString, "\x00p\x00\xfc")), "pü", ""},
		{"Latin-1", name(t, cn(asn1.TagT61String, "\xfc")), "ü", ""},
		{"none", name(t, part(asn1.TagUTF8String, "Works", 2, 5, 4, 10)), "", "no common name"},
		{"empty", name(t, cn(asn1.TagUTF8String, "")), "", "empty"},
		{"a null character", name(t, cn(asn1.TagUTF8String, "admin\x00.evil")), "", "control character"},
		{"a line", name(t, cn(asn1.TagUTF8String, "a\nb")), "", "control character"},
		{"no UTF-8", name(t, cn(asn1.TagUTF8String, "a\xff")), "", "UTF-8"},
		{"no UTF-8, called something else", name(t, cn(asn1.TagPrintableString, "a\xff")), "", "UTF-8"},
		{"wildcards", name(t, cn(asn1.TagUTF8String, "a/#")), "", "wildcard"},
		{"a wildcard", name(t, cn(asn1.TagUTF8String, "+")), "", "wildcard"},
		{"long", name(t, cn(asn1.TagUTF8String, strings.Repeat("x", maxName+1))), "", "1025 bytes"},
		{"64 kB", name(t, cn(asn1.TagUTF8String, strings.Repeat("x", 64<<10))), "", "65536 bytes"},
		{"no text", name(t, cn(asn1.TagInteger, "\x01")), "", "no text"},
		{"half a character", name(t, cn(asn1.TagBMPString, "\x00")), "", "no text"},
		{"no name at all", []byte{0x30, 0x80}, "", "does not parse"},
		{"something follows", append(name(t), 0), "", "something follows"},
	} {
		got, err := CommonName(&x509.Certificate{RawSubject: tt.subject})
		if tt.err == "" && (err != nil || got != tt.want) || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: got %q, %v, want %q, %q", tt.name, got, err, tt.want, tt.err)
		}
	}
}

// A subject is what OpenSSL prints for RFC 2253.
func TestSubject(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
			t.Fatal("install Debian's openssl")
		}
		t.Skip("install Debian's openssl to compare with it")
	}
	ca, dir := certtest.NewAuthority(t, "ca"), t.TempDir()
	utf8 := func(value string, oid ...int) attribute { return part(asn1.TagUTF8String, value, oid...) }
	several, err := asn1.Marshal([]relativeNameSET{{utf8("Works", 2, 5, 4, 10)}, {utf8("pump", 2, 5, 4, 3), utf8("7", 2, 5, 4, 5)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range [][]byte{
		name(t, part(asn1.TagPrintableString, "DE", 2, 5, 4, 6), utf8("Works", 2, 5, 4, 10), utf8("pump", 2, 5, 4, 3)),
		name(t, utf8(` a,b;c"d\e<f>g=h `, 2, 5, 4, 3)),
		name(t, utf8("größe", 2, 5, 4, 3), utf8("a\tb\x7f", 2, 5, 4, 10)),
		name(t, part(asn1.TagIA5String, "me@example.org", 1, 2, 840, 113549, 1, 9, 1), part(asn1.TagIA5String, "org", 0, 9, 2342, 19200300, 100, 1, 25), utf8("u", 0, 9, 2342, 19200300, 100, 1, 1)),
		name(t, utf8("B", 2, 5, 4, 8), utf8("B", 2, 5, 4, 7), utf8("u", 2, 5, 4, 11), utf8("s", 2, 5, 4, 4), utf8("g", 2, 5, 4, 42), utf8("t", 2, 5, 4, 12)),
		name(t, part(asn1.TagBMPString, "\x00p\x00\xfc", 2, 5, 4, 3)),
		name(t, utf8(" ", 2, 5, 4, 3)),
		several,
	} {
		c := ca.Issue(t, certtest.Template{RawName: subject, Client: true})
		file := certtest.WriteFile(t, dir, "c.pem", c.PEM())
		out, err := exec.CommandContext(t.Context(), openssl, "x509", "-in", file, "-noout", "-subject", "-nameopt", "RFC2253").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		want := strings.TrimPrefix(strings.TrimSuffix(string(out), "\n"), "subject=")
		got, err := Subject(c.Certificate)
		if strings.Contains(want, "+") { // two in one are no name of a user
			if err == nil || got != want {
				t.Errorf("got %q, %v, want %q and an error", got, err, want)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

// What a stranger has as a name is a name, or an error.
func FuzzName(f *testing.F) {
	seed, err := asn1.Marshal(pkix.Name{CommonName: "a", Organization: []string{"b"}}.ToRDNSequence())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, der []byte) {
		c := &x509.Certificate{RawSubject: der}
		for _, of := range []func(*x509.Certificate) (string, error){CommonName, Subject} {
			if got, err := of(c); err == nil && CheckName(got) != nil {
				t.Errorf("%q: %v", got, CheckName(got))
			}
		}
	})
}
