package ciphers_test

import (
	"crypto/tls"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/ciphers"
)

func TestParse(t *testing.T) {
	const (
		ecdsaGCM256 = tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
		rsaGCM256   = tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
		ecdsaGCM128 = tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
		rsaGCM128   = tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
	)
	for _, test := range []struct {
		name, list string
		want       ciphers.List
	}{
		{"one", "ECDHE-RSA-AES128-GCM-SHA256", ciphers.List{Suites: []uint16{rsaGCM128}}},
		{"the registry's name", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", ciphers.List{Suites: []uint16{rsaGCM128}}},
		{"separators", "AES128-SHA,AES256-SHA AES128-GCM-SHA256:AES128-SHA", ciphers.List{Suites: []uint16{
			tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA, tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
		}}},
		{"both of two classes", "ECDHE+AESGCM", ciphers.List{Suites: []uint16{ecdsaGCM256, rsaGCM256, ecdsaGCM128, rsaGCM128}}},
		{"taken away for good", "!aECDSA:ECDHE+AESGCM", ciphers.List{Suites: []uint16{rsaGCM256, rsaGCM128}}},
		{"taken away, and back", "ECDHE+AESGCM:-AES256:ECDHE-RSA-AES256-GCM-SHA384", ciphers.List{Suites: []uint16{ecdsaGCM128, rsaGCM128, rsaGCM256}}},
		{"put at the end", "ECDHE+AESGCM:+aECDSA", ciphers.List{Suites: []uint16{rsaGCM256, rsaGCM128, ecdsaGCM256, ecdsaGCM128}}},
		{"sorted by strength", "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:@STRENGTH", ciphers.List{Suites: []uint16{rsaGCM256, rsaGCM128}}},
		{"security level", "ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0", ciphers.List{Suites: []uint16{rsaGCM128}}},
		{"what others have", "DHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:DHE", ciphers.List{
			Suites: []uint16{rsaGCM128}, Missing: []string{"DHE-RSA-AES256-GCM-SHA384", "DHE"},
		}},
		{"keys that both have", "PSK-AES128-GCM-SHA256:AES128-SHA", ciphers.List{
			Suites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}, PSK: []uint16{0x00a8},
		}},
		{"TLS 1.3", "TLS_AES_128_GCM_SHA256", ciphers.List{TLS13: []uint16{tls.TLS_AES_128_GCM_SHA256}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ciphers.Parse(test.list)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for _, test := range []struct{ list, want string }{
		{"", "empty"},
		{" : ", "empty"},
		{"ECDHE-RSA-AES129-GCM-SHA256", `"ECDHE-RSA-AES129-GCM-SHA256"; there are the suites ECDHE-ECDSA-AES256-GCM-SHA384, `},
		{"HIGH:!", `called ""`},
		{"HIGH:!FOO", `"FOO"`},
		{"ECDHE+FOO", `"FOO"`},
		{"HIGH:@FOO", "@STRENGTH"},
		{"HIGH:!ALL", "takes away every suite"},
		{"DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-AES256-GCM-SHA384 cannot be had here; there are ECDHE-"},
	} {
		t.Run(test.list, func(t *testing.T) {
			got, err := ciphers.Parse(test.list)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestParseTLS13(t *testing.T) {
	got, err := ciphers.ParseTLS13("TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256")
	if want := []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_CHACHA20_POLY1305_SHA256}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, list := range []string{"", "AES128-SHA", "TLS_AES_128_GCM_SHA255", "ALL"} {
		if got, err := ciphers.ParseTLS13(list); err == nil {
			t.Errorf("%q: got %v, want an error", list, got)
		}
	}
}

// TestSuitesAreGo holds the identifiers to those of crypto/tls.
func TestSuitesAreGo(t *testing.T) {
	list, err := ciphers.Parse("ALL")
	if err != nil {
		t.Fatal(err)
	}
	var all []*tls.CipherSuite
	all = append(append(all, tls.CipherSuites()...), tls.InsecureCipherSuites()...)
	for _, id := range list.Suites {
		if !slices.ContainsFunc(all, func(s *tls.CipherSuite) bool { return s.ID == id }) {
			t.Errorf("crypto/tls has no suite %#04x", id)
		}
	}
	if len(list.Suites) != 17 || len(list.PSK) != 16 {
		t.Errorf("ALL has %d suites and %d of PSK", len(list.Suites), len(list.PSK))
	}
}

// TestClassesAreOpenSSLs asks OpenSSL which suites are in a class.
func TestClassesAreOpenSSLs(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
			t.Fatal("openssl is not installed: apt-get install openssl")
		}
		t.Skip("openssl is not installed: apt-get install openssl")
	}
	for class := range strings.FieldsSeq(`ALL HIGH ECDHE EECDH kECDHE kEECDH ECDH aRSA RSA kRSA AES AES128 AES256 AESGCM AESCCM CHACHA20
		SHA1 SHA SHA256 SHA384 PSK kPSK aPSK kECDHEPSK TLSv1.2 TLSv1 TLSv1.0 SSLv3 ECDSA aECDSA CBC ECDHE+aRSA AES+SHA1 DHE aNULL MD5`) {
		t.Run(class, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), openssl, "ciphers", "-stdname", class+":@SECLEVEL=0").Output()
			if err != nil {
				out = nil // it has none either
			}
			theirs := map[string]bool{}
			for line := range strings.Lines(string(out)) {
				theirs[strings.Fields(line)[0]] = true
			}
			list, err := ciphers.Parse(class + ":AES128-SHA") // one that is always there
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
				if !slices.Contains(s.SupportedVersions, tls.VersionTLS12) || strings.Contains(s.Name, "3DES") || strings.Contains(s.Name, "RC4") || s.ID == tls.TLS_RSA_WITH_AES_128_CBC_SHA {
					continue
				}
				if got := slices.Contains(list.Suites, s.ID); got != theirs[s.Name] {
					t.Errorf("%s: got %v, OpenSSL has %v", s.Name, got, theirs[s.Name])
				}
			}
		})
	}
}
