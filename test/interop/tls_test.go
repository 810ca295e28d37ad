package interop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/certtest"
	"github.com/zancudomq/zancudo/internal/proctest"
)

// secure is a broker with TLS on several ports, and what clients of every kind have.
type secure struct {
	dir     string
	server  certtest.Certificate
	ports   map[string]string // by what they ask for
	printed *proctest.Output
}

// startSecure starts a broker with a listener for each way to ask who a client is.
func startSecure(t *testing.T) *secure {
	t.Helper()
	s := &secure{dir: t.TempDir(), ports: make(map[string]string)}
	ca, other := certtest.NewAuthority(t, "ours"), certtest.NewAuthority(t, "theirs")
	s.server = ca.Issue(t, certtest.Template{Name: "server"})
	s.server.Write(t, s.dir, "server")
	certtest.WriteFile(t, s.dir, "ca.crt", ca.PEM())
	certtest.WriteFile(t, s.dir, "other-ca.crt", other.PEM())
	past := time.Now().Add(-time.Hour)
	revoked := ca.Issue(t, certtest.Template{Name: "lost", Client: true})
	for name, c := range map[string]certtest.Certificate{
		"good": ca.Issue(t, certtest.Template{Name: "pump", Client: true}), "foreign": other.Issue(t, certtest.Template{Name: "pump", Client: true}),
		"expired": ca.Issue(t, certtest.Template{Name: "old", Client: true, From: past.Add(-time.Hour), Until: past}), "revoked": revoked,
	} {
		c.Write(t, s.dir, name)
	}
	certtest.WriteFile(t, s.dir, "crl.pem", ca.Revoke(t, time.Now().Add(time.Hour), revoked))
	certtest.WriteFile(t, s.dir, "psk", []byte("pump:0badcafe\n"))
	var conf strings.Builder
	conf.WriteString("allow_anonymous true\npsk_file " + s.file("psk") + "\n")
	for _, l := range []struct{ name, words string }{
		{"open", ""},
		{"required", "require_certificate true\nuse_identity_as_username true\ncafile CA\ncrlfile " + s.file("crl.pem") + "\n"},
		{"old", "tls_version tlsv1.1\nciphers ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-GCM-SHA384\n"},
		{"new", "tls_version tlsv1.3\nciphers_tls1.3 TLS_AES_256_GCM_SHA384\n"},
		{"web", "protocol websockets\n"},
		{"psk", "psk_hint hint\nuse_identity_as_username true\n"},
	} {
		port := proctest.FreePort(t)
		s.ports[l.name] = port
		conf.WriteString("listener " + port + " 127.0.0.1\n")
		if l.name != "psk" {
			conf.WriteString("certfile " + s.file("server.crt") + "\nkeyfile " + s.file("server.key") + "\n")
		}
		conf.WriteString(strings.ReplaceAll(l.words, "CA", s.file("ca.crt")))
	}
	s.printed = startConfigured(t, s.ports["open"], conf.String())
	return s
}

func (s *secure) file(name string) string { return filepath.Join(s.dir, name) }

// TestOpenSSL connects with openssl s_client, in every version and with every kind of certificate.
func TestOpenSSL(t *testing.T) {
	openssl := program(t, "openssl", "openssl")
	s := startSecure(t)
	cert := func(name string) string { return " -cert " + s.file(name+".crt") + " -key " + s.file(name+".key") }
	const psk = " -psk_identity pump -psk 0badcafe"
	for _, tt := range []struct {
		name, port, args string
		want             string // in what s_client prints; after a -, no CONNACK must come
	}{
		{"1.3", "open", "", "Protocol version: TLSv1.3"},
		{"1.2", "open", "-tls1_2", "Protocol version: TLSv1.2"},
		{"1.1 is too old", "open", "-tls1_1 -cipher DEFAULT@SECLEVEL=0", "-alert protocol version"},
		{"1.1 where it is served", "old", "-tls1_1 -cipher ALL@SECLEVEL=0", "Protocol version: TLSv1.1"},
		{"1.2 where it is not", "new", "-tls1_2", "-alert protocol version"},
		{"a cipher of the list", "old", "-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384", "Ciphersuite: ECDHE-ECDSA-AES256-GCM-SHA384"},
		{"no cipher of the list", "old", "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", "-alert handshake failure"},
		{"a cipher of 1.3", "new", "", "Ciphersuite: TLS_AES_256_GCM_SHA384"},
		{"no cipher of 1.3", "new", "-ciphersuites TLS_AES_128_GCM_SHA256", "-alert handshake failure"},
		{"mqtt by name", "open", "-alpn mqtt", "Protocol version: TLSv1.3"},
		{"another protocol by name", "open", "-alpn x-amzn-mqtt-ca", "Protocol version: TLSv1.3"},
		{"certificate", "required", cert("good"), "Protocol version: TLSv1.3"},
		{"certificate, 1.2", "required", "-tls1_2" + cert("good"), "Protocol version: TLSv1.2"},
		{"none", "required", "", "-alert certificate required"},
		{"none, 1.2", "required", "-tls1_2", "-alert handshake failure"},
		{"of another authority", "required", cert("foreign"), "-alert unknown ca"},
		{"expired", "required", cert("expired"), "-alert certificate expired"},
		{"expired, 1.2", "required", "-tls1_2" + cert("expired"), "-alert certificate expired"},
		{"revoked", "required", cert("revoked"), "-"},
		{"revoked, 1.2", "required", "-tls1_2" + cert("revoked"), "-"},
		{"key", "psk", "-tls1_2 -cipher PSK" + psk, "Ciphersuite: PSK-AES128-GCM-SHA256"},
		{"key, by a cipher of CBC", "psk", "-tls1_2 -cipher ECDHE-PSK-AES128-CBC-SHA256" + psk, "Ciphersuite: ECDHE-PSK-AES128-CBC-SHA256"},
		{"wrong key", "psk", "-tls1_2 -cipher PSK -psk_identity pump -psk 00", "-alert decrypt error"},
		{"unknown identity", "psk", "-tls1_2 -cipher PSK -psk_identity nobody -psk 00", "-alert decrypt error"},
		{"a certificate where there are keys", "psk", "-tls1_2", "-alert handshake failure"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			printed, welcome := s.connect(t, openssl, s.ports[tt.port], strings.Fields(tt.args))
			want, refused := strings.CutPrefix(tt.want, "-")
			if welcome == refused || !strings.Contains(printed, want) {
				t.Errorf("got %v, want %v and %q in\n%s", welcome, !refused, want, printed)
			}
		})
	}
}

// connect sends a CONNECT through s_client, and reports whether the broker welcomes it.
func (s *secure) connect(t *testing.T, openssl, port string, args []string) (printed string, welcome bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	args = append([]string{"s_client", "-connect", "127.0.0.1:" + port, "-CAfile", s.file("ca.crt"), "-brief", "-ign_eof"}, args...)
	cmd := exec.CommandContext(ctx, openssl, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	told := &proctest.Output{}
	cmd.Stderr = told
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")); err != nil {
		t.Log(err) // it has ended already
	}
	answer := make([]byte, 4)
	n, _ := io.ReadFull(out, answer)
	_ = cmd.Process.Kill() // it has done its work, or has ended
	_ = cmd.Wait()
	return told.String() + string(answer[:n]), bytes.Equal(answer[:n], []byte{0x20, 2, 0, 0})
}

// TestMosquittoSecure has Debian's clients meet over TLS, by certificates and by keys.
func TestMosquittoSecure(t *testing.T) {
	for _, name := range []string{"mosquitto_pub", "mosquitto_sub"} {
		program(t, name, "mosquitto-clients")
	}
	s := startSecure(t)
	ca, cert := []string{"--cafile", s.file("ca.crt")}, []string{"--cert", s.file("good.crt"), "--key", s.file("good.key")}
	for _, tt := range []struct {
		name, port, host string
		args             []string
	}{
		{"by address", "open", "127.0.0.1", ca},
		{"by name", "open", "localhost", ca},
		{"certificate", "required", "localhost", append(ca, cert...)},
		{"certificate, 1.2", "required", "localhost", append(append(ca, cert...), "--tls-version", "tlsv1.2")},
		{"key", "psk", "127.0.0.1", []string{"--psk", "0badcafe", "--psk-identity", "pump"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := mosq{tt.host, s.ports[tt.port], "4", "secure/" + strings.ReplaceAll(tt.name, " ", "")}
			sub := m.sub(t, "%p", append(tt.args, "-t", m.topic, "-q", "1")...)
			m.pub(t, append(tt.args, "-t", m.topic, "-q", "1", "-m", "hello")...)
			sub.expect(t, "hello")
		})
	}
	for _, tt := range []struct {
		name, port string
		args       []string
		want       string
	}{
		{"wrong authority", "open", []string{"--cafile", s.file("other-ca.crt")}, "A TLS error occurred"},
		{"no certificate", "required", ca, ""},
		{"revoked", "required", append(ca, "--cert", s.file("revoked.crt"), "--key", s.file("revoked.key")), ""},
		{"wrong key", "psk", []string{"--psk", "00", "--psk-identity", "pump"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := mosq{"localhost", s.ports[tt.port], "4", "secure"}
			out, err := m.command(t, "mosquitto_pub", append(tt.args, "-t", "secure", "-m", "x")...).CombinedOutput()
			if err == nil || !strings.Contains(string(out), tt.want) {
				t.Errorf("got %v and %q, want %q", err, out, tt.want)
			}
		})
	}
	t.Cleanup(func() { // when all have been here
		if !strings.Contains(s.printed.String(), ", u'pump').") {
			t.Error("nobody was known by a certificate or key")
		}
	})
}

// TestWebSocketSecure takes MQTT.js through the exchanges over WebSocket with TLS, in Node and in a browser.
func TestWebSocketSecure(t *testing.T) {
	s := startSecure(t)
	port := s.ports["web"]
	t.Run("node", func(t *testing.T) {
		command := append([]string{"env", "NODE_EXTRA_CA_CERTS=" + s.file("ca.crt")}, node(t)...)
		for _, version := range []string{"4", "5"} {
			t.Run("v"+version, func(t *testing.T) {
				client{name: "securesocket"}.run(t, command, "wss://localhost", port, version)
			})
		}
	})
	t.Run("chromium", func(t *testing.T) {
		browser := newBrowser(t, httptest.NewUnstartedServer(nil))
		key := sha256.Sum256(s.server.RawSubjectPublicKeyInfo) // nobody has told the browser of our authority
		browser.protocol, browser.flags = "wss", []string{"--ignore-certificate-errors-spki-list=" + base64.StdEncoding.EncodeToString(key[:])}
		browser.run(t, "http://"+browser.pages.Listener.Addr().String(), port, "4")
	})
}
