package daemon

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/certtest"
	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/ws"
	"github.com/zancudomq/zancudo/packet"
)

// safe is what a broker with TLS and its clients have.
type safe struct {
	dir       string
	ca, other *certtest.Authority
	server    certtest.Certificate
	// Of clients.
	good, foreign, expired, early, revoked, wrongUse certtest.Certificate
}

func newSafe(t *testing.T) *safe {
	t.Helper()
	s := &safe{dir: t.TempDir(), ca: certtest.NewAuthority(t, "ours"), other: certtest.NewAuthority(t, "theirs")}
	s.server = s.ca.Issue(t, certtest.Template{Name: "server"})
	s.good = s.ca.Issue(t, certtest.Template{Name: "pump", Client: true})
	s.foreign = s.other.Issue(t, certtest.Template{Name: "pump", Client: true})
	s.expired = s.ca.Issue(t, certtest.Template{Name: "old", Client: true, From: time.Now().Add(-2 * time.Hour), Until: time.Now().Add(-time.Hour)})
	s.early = s.ca.Issue(t, certtest.Template{Name: "early", Client: true, From: time.Now().Add(time.Hour), Until: time.Now().Add(2 * time.Hour)})
	s.revoked = s.ca.Issue(t, certtest.Template{Name: "lost", Client: true})
	s.wrongUse = s.ca.Issue(t, certtest.Template{Name: "server2"})
	s.server.Write(t, s.dir, "server")
	certtest.WriteFile(t, s.dir, "ca.crt", s.ca.PEM())
	certtest.WriteFile(t, s.dir, "crl.pem", s.ca.Revoke(t, time.Now().Add(time.Hour), s.revoked))
	return s
}

// words are those of a listener with TLS that everybody may use.
func (s *safe) words(more string) string {
	return "allow_anonymous true\nlistener 1883 127.0.0.1\ncertfile " + s.file("server.crt") + "\nkeyfile " + s.file("server.key") +
		"\ncafile " + s.file("ca.crt") + "\n" + more + "\n"
}

func (s *safe) file(name string) string { return filepath.Join(s.dir, name) }

// client is what a client with a certificate, or none, is configured with.
func (s *safe) client(cert *certtest.Certificate) *tls.Config {
	c := &tls.Config{RootCAs: s.ca.Pool(), ServerName: "localhost", MinVersion: tls.VersionTLS12}
	if cert != nil {
		// Whatever authorities the server names, it is shown.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return new(cert.TLS()), nil }
	}
	return c
}

// try connects with TLS as an MQTT client and reports what becomes of it: "ok",
// with the user name if there is one, or the error.
func try(t *testing.T, address, protocol string, c *tls.Config) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	return speak(t, tls.Client(conn, c), protocol)
}

func speak(t *testing.T, secure net.Conn, protocol string) string {
	t.Helper()
	if protocol == httpAPI {
		if _, err := io.WriteString(secure, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
			return err.Error()
		}
		answer, err := io.ReadAll(secure)
		if !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") {
			return fmt.Sprintf("%.40q, %v", answer, cmp.Or(err, io.EOF))
		}
		return "ok"
	}
	if protocol == "websockets" {
		w, err := ws.Client(t.Context(), secure, ws.ClientOptions{Host: "localhost", Path: "/mqtt"})
		if err != nil {
			return err.Error()
		}
		secure = w
	}
	b, err := (&packet.Connect{Version: packet.V5, CleanStart: true}).Append(nil, packet.V5)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := secure.Write(b); err != nil {
		return err.Error()
	}
	head := make([]byte, 4)
	if _, err := io.ReadFull(secure, head); err != nil {
		return err.Error()
	}
	if head[3] != 0 {
		return fmt.Sprintf("CONNACK 0x%02X", head[3])
	}
	return "ok"
}

// Every transport, whether a certificate is required, asked for or neither, and
// every kind of certificate.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	s := newSafe(t)
	none := (*certtest.Certificate)(nil)
	for _, protocol := range []string{"mqtt", "websockets", httpAPI} {
		for _, demand := range []string{"require_certificate true", "use_identity_as_username true", ""} {
			if protocol == httpAPI && strings.HasPrefix(demand, "use") {
				continue // HTTP has no user name
			}
			t.Run(protocol+" "+demand, func(t *testing.T) {
				t.Parallel()
				r := start(t, s.words("protocol "+protocol+"\ncrlfile "+s.file("crl.pem")+"\n"+demand))
				address := net.JoinHostPort("127.0.0.1", r.port(t))
				for _, tt := range []struct {
					name     string
					cert     *certtest.Certificate
					required string // of the error, "" for success
					asked    string
				}{
					{"none", none, "certificate required", "CONNACK 0x86"},
					{"good", &s.good, "", ""},
					{"of another authority", &s.foreign, "unknown certificate authority", "unknown certificate authority"},
					{"expired", &s.expired, "expired certificate", "expired certificate"},
					{"not valid yet", &s.early, "expired certificate", "expired certificate"},
					{"revoked", &s.revoked, "EOF", "EOF"},
					{"for servers", &s.wrongUse, "bad certificate", "bad certificate"},
				} {
					for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
						c := s.client(tt.cert)
						c.MaxVersion = version
						want := map[byte]string{'r': tt.required, 'u': tt.asked, 0: ""}[append([]byte(demand), 0)[0]]
						if version == tls.VersionTLS12 && want == "certificate required" {
							want = "handshake failure" // 1.2 has no better word
						}
						got := try(t, address, protocol, c)
						if want == "" && got != "ok" || want != "" && !strings.Contains(got, want) {
							t.Errorf("%s, %s: got %q, want %q", tt.name, tls.VersionName(version), got, want)
						}
					}
				}
			})
		}
	}
}

// What is known of a connection is in the log, in Mosquitto's words where it has
// some.
func TestSecureLog(t *testing.T) {
	t.Parallel()
	s := newSafe(t)
	r := start(t, s.words("require_certificate true\nuse_identity_as_username true\ncrlfile "+s.file("crl.pem")))
	address := net.JoinHostPort("127.0.0.1", r.port(t))
	try(t, address, "mqtt", s.client(nil))
	r.wait(t, " rejected, client did not provide a certificate.\n")
	try(t, address, "mqtt", s.client(&s.revoked))
	r.wait(t, " rejected, the certificate was revoked.\n")
	try(t, address, "mqtt", s.client(&s.foreign))
	r.wait(t, `rejected, certificate of "CN=pump" is not accepted: it does not come from an authority that is known here.`)
	try(t, address, "mqtt", &tls.Config{ServerName: "localhost"})
	r.wait(t, "rejected, client gave up: ")
	c := r.dial(t)
	c.SendText("CONNECT id=x")
	c.Closed()
	r.wait(t, " rejected, client did not connect using TLS, but MQTT without it.\n")
	if got := try(t, address, "mqtt", s.client(&s.good)); got != "ok" {
		t.Fatal(got)
	}
	r.wait(t, " negotiated TLSv1.3 cipher TLS_AES_128_GCM_SHA256.\n")
	r.wait(t, ", u'pump').\n")
	lines := r.log.String()
	if strings.Index(lines, "New connection from") > strings.Index(lines, " negotiated ") {
		t.Error("what was negotiated is told before the connection:\n" + lines)
	}
}

func TestSecureRefuses(t *testing.T) {
	t.Parallel()
	s := newSafe(t)
	empty, other := certtest.WriteFile(t, s.dir, "empty", nil), certtest.WriteFile(t, s.dir, "other.key", s.good.KeyPEM(t))
	for _, tt := range []struct{ words, want string }{
		{s.words("keyfile " + other), "Unable to load '" + other + "'. Check keyfile: the key is not that of the certificate"},
		{s.words("certfile " + empty), "Check certfile: there is no certificate in it"},
		{s.words("certfile /none"), "Unable to load '/none'. Check certfile: no such file or directory. (port "},
		{s.words("keyfile " + empty), "Check keyfile: there is no private key in it"},
		{s.words("cafile " + empty), "Check cafile: there is no certificate in it"},
		{s.words("capath " + s.dir), "Check capath: no file in it has a name such as"},
		{s.words("crlfile " + empty), "Check crlfile: there is no revocation list in it"},
		{s.words("ciphers CAMELLIA128-SHA"), "Check ciphers: cipher list \"CAMELLIA128-SHA\": CAMELLIA128-SHA cannot be had here"},
		{s.words("ciphers rubbish"), `no class is called "rubbish"`},
		{s.words("ciphers PSK-AES128-GCM-SHA256"), "has no suite for certificates"},
		{s.words("ciphers_tls1.3 rubbish"), "Check ciphers_tls1.3: "},
		{s.words("additional_certificate " + s.file("server.crt")), "Check keyfile: there is no private key in it"},
	} {
		var problems config.Problems
		err := start(t, tt.words).result(t)
		if err == nil || !strings.Contains(err.Error(), tt.want) || errors.As(err, &problems) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

func TestWeakTLS(t *testing.T) {
	t.Parallel()
	const cert = "certfile a\nkeyfile b\n"
	for _, tt := range []struct{ words, want string }{
		{cert + "tls_version tlsv1.1", "TLS 1.1 is served on port 8883, which is broken"},
		{"tls_version tlsv1.1", ""},
		{"require_certificate true", "'require_certificate' does nothing on port 8883"},
		{"require_certificate true\nenable_proxy_protocol 2", ""},
		{cert + "ciphers AES128-CCM:ECDHE+AESGCM", "These ciphers of port 8883 cannot be had here and are left out: AES128-CCM."},
		{cert + "ciphers ECDHE+AESGCM", ""},
		{"psk_hint x\nciphers PSK", ""},
	} {
		got := strings.Join(Warnings(parse(t, "allow_anonymous true\nlistener 8883\n"+tt.words)), "\n")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.words, got, tt.want)
		}
	}
}

// What decrypts connections is written when somebody asks for it, for nobody else
// to read, and not because the environment says so.
func TestKeyLog(t *testing.T) {
	t.Setenv("SSLKEYLOGFILE", filepath.Join(t.TempDir(), "unasked"))
	s := newSafe(t)
	file := s.file("keys")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, ""} {
		c := parse(t, s.words(""))
		c.Listeners[0].Port = 0
		r := startOptions(t, Options{Config: c, KeyLogFile: name})
		if got := try(t, net.JoinHostPort("127.0.0.1", r.port(t)), "mqtt", s.client(nil)); got != "ok" {
			t.Error(got)
		}
		if warned := strings.Contains(r.log.String(), "Warning: What decrypts every connection"); warned != (name != "") {
			t.Errorf("warned %v, with %q", warned, name)
		}
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "CLIENT_TRAFFIC_SECRET_0 "); n != 1 || info.Mode().Perm() != 0o600 {
		t.Errorf("%d connections are in a file of mode %v", n, info.Mode())
	}
	if _, err := os.Stat(os.Getenv("SSLKEYLOGFILE")); err == nil {
		t.Error("the environment is obeyed")
	}
}

// A check finds what would keep a broker from starting.
func TestDiagnoseTLS(t *testing.T) {
	t.Parallel()
	s := newSafe(t)
	certtest.WriteFile(t, s.dir, "other.key", s.good.KeyPEM(t))
	for _, tt := range []struct{ words, want string }{
		{"", ""},
		{"keyfile " + s.file("other.key"), "keyfile: Unable to load '" + s.file("other.key") + "'. Check keyfile: the key is not that of the certificate"},
		{"ciphers CAMELLIA128-SHA", "listener: Unable to set TLS ciphers."},
		{"crlfile /nowhere", "crlfile: There is no file '/nowhere'."},
	} {
		file := certtest.WriteFile(t, t.TempDir(), "a.conf", []byte(s.words("require_certificate true\n"+tt.words)))
		_, problems := Diagnose(file, nil)
		var got []string
		for _, p := range problems {
			if !p.Class.Warning() {
				got = append(got, p.Word+": "+p.Text)
			}
		}
		if all := strings.Join(got, "\n"); len(got) > 1 || tt.want == "" && all != "" || !strings.HasPrefix(all, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.words, all, tt.want)
		}
	}
}

// TLS goes through a proxy that only passes bytes on, and over a unix socket.
func TestSecureTransports(t *testing.T) {
	t.Parallel()
	s := newSafe(t)
	const demand = "require_certificate true\nuse_identity_as_username true\n"
	path := s.file("socket")
	r := start(t, s.words(demand+"enable_proxy_protocol 1")+"listener 0 "+path+"\ncertfile "+s.file("server.crt")+"\nkeyfile "+s.file("server.key")+
		"\ncafile "+s.file("ca.crt")+"\n"+demand)
	r.wait(t, " running\n")
	for network, address := range map[string]string{"tcp": net.JoinHostPort("127.0.0.1", r.port(t)), "unix": path} {
		for _, cert := range []*certtest.Certificate{&s.good, nil, &s.foreign} {
			conn, err := (&net.Dialer{}).DialContext(t.Context(), network, address)
			if err != nil {
				t.Fatal(err)
			}
			conn.SetDeadline(time.Now().Add(patience))
			if network == "tcp" {
				io.WriteString(conn, "PROXY TCP4 192.0.2.5 127.0.0.1 6275 1883\r\n")
			}
			if got := speak(t, tls.Client(conn, s.client(cert)), "mqtt"); (got == "ok") != (cert == &s.good) {
				t.Errorf("%s: got %q", network, got)
			}
			conn.Close()
		}
	}
	r.wait(t, "New client connected from 192.0.2.5:6275 as ")
	r.wait(t, "New client connected from unix socket as ")
	r.wait(t, "Connection from 192.0.2.5:6275 rejected, client did not provide a certificate.")
	r.wait(t, "Connection from unix socket rejected, client did not provide a certificate.")
}
