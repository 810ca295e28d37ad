package cli

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/proctest"
	"github.com/zancudomq/zancudo/internal/psk"
	"github.com/zancudomq/zancudo/internal/ws"
	"github.com/zancudomq/zancudo/packet"
)

var updateDoctor = flag.Bool("update-doctor", false, "write what doctor says to testdata/doctor")

// clinic makes what doctor is shown.
type clinic struct {
	*testing.T
	dir string
	key *ecdsa.PrivateKey
	ca  *x509.Certificate
}

func newClinic(t *testing.T) *clinic {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &clinic{T: t, dir: t.TempDir(), key: key}
	c.ca = c.certificate("The Authority", func(x *x509.Certificate) {
		x.IsCA, x.BasicConstraintsValid, x.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	c.write("ca.crt", c.ca)
	c.write("other.crt", c.certificate("Another Authority", func(x *x509.Certificate) {
		x.IsCA, x.BasicConstraintsValid, x.KeyUsage = true, true, x509.KeyUsageCertSign
		x.SubjectKeyId = []byte("other")
	}))
	return c
}

// certificate makes a certificate for 127.0.0.1, after changes. The same key is
// everybody's.
func (c *clinic) certificate(name string, change func(*x509.Certificate)) *x509.Certificate {
	c.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-100 * 24 * time.Hour), NotAfter: time.Now().Add(100*24*time.Hour + time.Hour),
	}
	change(template)
	parent := c.ca
	if parent == nil || template.IsCA {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &c.key.PublicKey, c.key)
	if err != nil {
		c.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		c.Fatal(err)
	}
	return cert
}

func (c *clinic) write(name string, cert *x509.Certificate) {
	c.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), 0o600); err != nil {
		c.Fatal(err)
	}
}

// writeKey writes everybody's key and returns the name of the file.
func (c *clinic) writeKey() string {
	c.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		c.Fatal(err)
	}
	name := filepath.Join(c.dir, "key.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		c.Fatal(err)
	}
	return name
}

// tls is a configuration with such a certificate.
func (c *clinic) tls(change func(*x509.Certificate)) *tls.Config {
	c.Helper()
	cert := c.certificate("broker", change)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: c.key}}}
}

func (c *clinic) listen() net.Listener {
	c.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { l.Close() })
	return l
}

// serve has a broker serve a listener, and returns it.
func (c *clinic) serve(l net.Listener, o broker.Options) net.Listener {
	c.Helper()
	b := broker.New(o)
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	c.Cleanup(func() {
		b.Close()
		<-served
	})
	return l
}

// answer does something with each connection.
func (c *clinic) answer(do func(net.Conn)) net.Listener {
	c.Helper()
	l := c.listen()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				do(conn)
			}()
		}
	}()
	return l
}

// wrapped is a listener whose connections something is made of.
type wrapped struct {
	net.Listener
	make func(net.Conn) net.Conn
}

func (w *wrapped) Accept() (net.Conn, error) {
	conn, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return w.make(conn), nil
}

// only311 is a connection to a broker that speaks MQTT 3.1.1 and nothing else.
type only311 struct {
	net.Conn
	checked bool
}

func (c *only311) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.checked || err != nil {
		return n, err
	}
	c.checked = true
	if i := bytes.IndexByte(b[:n], 'M'); i < 0 || n < i+5 || b[i+4] != 4 { // the level follows the name MQTT
		c.Write([]byte{0x20, 2, 0, 1})
		return 0, io.EOF
	}
	return n, nil
}

// users lets one user in, and only to topics of his own.
type users struct{}

func (users) Authenticate(_ context.Context, c *broker.ConnectRequest) error {
	if c.Username != "me" || string(c.Password) != "secret" {
		return fmt.Errorf("%q is not me: %w", c.Username, packet.BadUserNameOrPassword)
	}
	return nil
}

func (users) Authorize(_ *broker.Client, _ broker.Action, name string) error {
	if !strings.HasPrefix(name, "mine/") {
		return fmt.Errorf("%s is not mine: %w", name, packet.NotAuthorized)
	}
	return nil
}

// TestDoctor shows doctor brokers that are well, and what else may be found in
// the place of one.
func TestDoctor(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	ca, other := filepath.Join(c.dir, "ca.crt"), filepath.Join(c.dir, "other.crt")
	plain := c.serve(c.listen(), broker.Options{})
	guarded := c.serve(c.listen(), broker.Options{Authenticator: users{}, Authorizer: users{}})
	good := func(*x509.Certificate) {}
	withTLS := func(config *tls.Config) net.Listener {
		return c.serve(tls.NewListener(c.listen(), config), broker.Options{})
	}
	wantsCertificate := c.tls(good)
	wantsCertificate.ClientAuth = tls.RequireAndVerifyClientCert
	wantsCertificate12 := wantsCertificate.Clone()
	wantsCertificate12.MaxVersion = tls.VersionTLS12
	wantsKnown := wantsCertificate.Clone()
	wantsKnown.ClientCAs = x509.NewCertPool()
	wantsKnown.ClientCAs.AddCert(c.ca)
	c.write("client.crt", c.certificate("client", func(x *x509.Certificate) { x.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }))
	mine := " --cert " + filepath.Join(c.dir, "client.crt") + " --key " + c.writeKey()
	oldTLS := c.tls(good)
	oldTLS.MinVersion, oldTLS.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	nobody := c.listen()
	nobody.Close()
	pskServer := &wrapped{c.listen(), func(conn net.Conn) net.Conn {
		return psk.Server(conn, psk.Config{Key: func(identity string) ([]byte, error) {
			if identity != "pump" {
				return nil, errors.New("no such pump")
			}
			return []byte("secret"), nil
		}})
	}}
	secret, wrong := hex.EncodeToString([]byte("secret")), hex.EncodeToString([]byte("wrong"))
	httpServer := c.listen()
	go http.Serve(httpServer, http.NotFoundHandler())

	for _, test := range []struct {
		name   string
		l      net.Listener
		args   string
		status int
	}{
		{"fine", plain, "", 0},
		{"read-only", plain, "--read-only -V 5", 0},
		{"nothing-listens", nobody, "", 1},
		{"tls-spoken-to-in-plain", withTLS(c.tls(good)), "", 8},
		{"plain-spoken-to-with-tls", plain, "-u me -P secret --cafile " + ca, 1},
		{"tls", withTLS(c.tls(good)), "--cafile " + ca, 0},
		{"wrong-ca", withTLS(c.tls(good)), "--cafile " + other, 8},
		{"wrong-host-name", withTLS(c.tls(func(x *x509.Certificate) { x.IPAddresses, x.DNSNames = nil, []string{"broker.example", "broker.local"} })), "--cafile " + ca, 8},
		{"expired", withTLS(c.tls(func(x *x509.Certificate) { x.NotAfter = time.Now().Add(-24 * time.Hour) })), "--cafile " + ca, 8},
		{"not-yet-valid", withTLS(c.tls(func(x *x509.Certificate) { x.NotBefore = time.Now().Add(24 * time.Hour) })), "--cafile " + ca, 8},
		{"ends-soon", withTLS(c.tls(func(x *x509.Certificate) { x.NotAfter = time.Now().Add(9*24*time.Hour + time.Hour) })), "--cafile " + ca, 0},
		{"insecure", withTLS(c.tls(func(x *x509.Certificate) { x.NotAfter = time.Now().Add(-24 * time.Hour) })), "--insecure --cafile " + ca, 0},
		{"client-certificate", withTLS(wantsCertificate), "--cafile " + ca, 8},
		{"client-certificate-tls-1.2", withTLS(wantsCertificate12), "--cafile " + ca, 8},
		{"client-certificate-not-trusted", withTLS(wantsCertificate), "--cafile " + ca + mine, 8},
		{"client-certificate-shown", withTLS(wantsKnown), "--cafile " + ca + mine, 0},
		{"old-tls", withTLS(oldTLS), "--cafile " + ca, 8},
		{"psk", c.serve(pskServer, broker.Options{}), "--psk " + secret + " --psk-identity pump", 0},
		{"psk-wrong-key", pskServer, "--psk " + wrong + " --psk-identity pump", 8},
		{"plain-spoken-to-with-psk", plain, "--psk " + secret + " --psk-identity pump", 8},
		{"tls-spoken-to-with-psk", withTLS(c.tls(good)), "--psk " + secret + " --psk-identity pump", 8},
		{"psk-spoken-to-with-tls", pskServer, "--cafile " + ca, 8},
		{"user", guarded, "-u me -P secret -t mine/test", 0},
		{"user-denied-topic", guarded, "-u me -P secret -t yours/test", 1},
		{"user-denied-topic-311", guarded, "-u me -P secret -V 311", 0},
		{"bad-credentials", guarded, "-u me -P guess", 4},
		{"bad-credentials-311", guarded, "-u me -P guess -V 311", 4},
		{"bad-credentials-5", guarded, "-u me -P guess -V 5", 134},
		{"no-credentials", guarded, "", 4},
		{"credentials-for-nothing", plain, "-u me -P secret", 0},
		{"websocket", c.serve(ws.NewListener(c.listen(), ws.Options{}), broker.Options{}), "", 1},
		{"websocket-asked-for", c.serve(ws.NewListener(c.listen(), ws.Options{}), broker.Options{}), "--ws", 0},
		{"websocket-user", c.serve(ws.NewListener(c.listen(), ws.Options{}), broker.Options{Authenticator: users{}}), "--ws -u me -P secret --read-only", 0},
		{"websocket-with-tls", c.serve(ws.NewListener(tls.NewListener(c.listen(), c.tls(good)), ws.Options{}), broker.Options{}), "--cafile " + ca, 1},
		{"no-websocket", plain, "--ws", 1},
		{"only-3.1.1", c.serve(&wrapped{c.listen(), func(conn net.Conn) net.Conn { return &only311{Conn: conn} }}, broker.Options{}), "", 0},
		{"only-3.1.1-asked-for-5", c.serve(&wrapped{c.listen(), func(conn net.Conn) net.Conn { return &only311{Conn: conn} }}, broker.Options{}), "-V 5", 1},
		{"silent", c.answer(func(conn net.Conn) { io.Copy(io.Discard, conn) }), "--timeout 300ms", 1},
		{"closing", c.answer(func(net.Conn) {}), "", 1},
		{"ssh", c.answer(func(conn net.Conn) { io.WriteString(conn, "SSH-2.0-OpenSSH_9.2\r\n"); io.Copy(io.Discard, conn) }), "", 1},
		{"http", httpServer, "", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, port, _ := net.SplitHostPort(test.l.Addr().String())
			var stdout, stderr bytes.Buffer
			args := append([]string{"zancudo", "doctor", "127.0.0.1:" + port}, strings.Fields(test.args)...)
			status := Main(t.Context(), args, nil, &stdout, &stderr)
			if status != test.status || stderr.Len() > 0 {
				t.Errorf("status %d, want %d; stderr %q", status, test.status, stderr.String())
			}
			got := maskDoctor(stdout.String(), port, c.dir)
			golden := filepath.Join("testdata", "doctor", test.name+".txt")
			if *updateDoctor {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if diff := cmp.Diff(string(want), got); err != nil || diff != "" {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
		})
	}
}

// maskDoctor takes away what is another each time.
func maskDoctor(s, port, dir string) string {
	s = strings.ReplaceAll(s, dir, "DIR")
	s = strings.ReplaceAll(s, ":"+port, ":PORT")
	for _, mask := range []struct{ pattern, by string }{
		{`[0-9.]+ m?s\b`, "TIME"},
		{`\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d UTC)?`, "DATE"},
		{`zancudo/doctor/[a-z0-9]+`, "zancudo/doctor/ID"},
		{`(?m)^note    connection  Something listens on port .*\n.*\n((?s).*): 1 note, `, "$1: "}, // whatever else runs on this machine
	} {
		s = regexp.MustCompile(mask.pattern).ReplaceAllString(s, mask.by)
	}
	return s
}

// TestDoctorKeepsPasswords: what should have been protected is not said to a port
// without TLS, nor to a server that is not the one it should be.
func TestDoctorKeepsPasswords(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	heard := &proctest.Output{}
	hear := func(conn net.Conn) net.Conn { return &heardConn{conn, heard} }
	spied := c.serve(&wrapped{c.listen(), hear}, broker.Options{})
	inside := c.serve(&wrapped{tls.NewListener(c.listen(), c.tls(func(*x509.Certificate) {})), hear}, broker.Options{})
	for _, l := range []net.Listener{spied, inside} {
		_, port, _ := net.SplitHostPort(l.Addr().String())
		for _, args := range []string{"--cafile " + filepath.Join(c.dir, "other.crt"), "--tls-use-os-certs", "--ws --tls-use-os-certs"} {
			var stdout, stderr bytes.Buffer
			args := append([]string{"zancudo", "doctor", "127.0.0.1", "-p", port, "-u", "me", "-P", "hush-hush"}, strings.Fields(args)...)
			if status := Main(t.Context(), args, nil, &stdout, &stderr); status == 0 {
				t.Errorf("%v: status 0\n%s", args, stdout.String())
			}
		}
	}
	if said := heard.String(); said == "" || strings.Contains(said, "hush-hush") {
		t.Errorf("they heard %q", said)
	}
}

// heardConn keeps what was read.
type heardConn struct {
	net.Conn
	heard io.Writer
}

func (c *heardConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.heard.Write(b[:n])
	return n, err
}

func TestDoctorJSON(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	l := c.serve(c.listen(), broker.Options{Authenticator: users{}})
	var stdout, stderr bytes.Buffer
	status := Main(t.Context(), []string{"zancudo", "doctor", "mqtt://me:guess@" + l.Addr().String(), "--json"}, nil, &stdout, &stderr)
	var got struct {
		OK       bool
		Address  string
		Findings []struct{ Check, Level, Text, Remedy string }
	}
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil || status != 4 || stderr.Len() > 0 {
		t.Fatalf("%v, status %d, stderr %q, %s", err, status, stderr.String(), stdout.String())
	}
	last := got.Findings[len(got.Findings)-1]
	if got.OK || got.Address != l.Addr().String() || last.Check != "login" || last.Level != "problem" || !strings.Contains(last.Text, `"me"`) || last.Remedy == "" {
		t.Errorf("got %+v", got)
	}
}

// TestDoctorIsInterrupted: Ctrl-C ends it at once, wherever it is.
func TestDoctorIsInterrupted(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	reached := make(chan struct{}, 16)
	l := c.answer(func(conn net.Conn) {
		reached <- struct{}{}
		io.Copy(io.Discard, conn)
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-reached // the knock
		<-reached
		cancel()
	}()
	began := time.Now()
	var stdout, stderr bytes.Buffer
	status := Main(ctx, []string{"zancudo", "doctor", l.Addr().String(), "--timeout", "10m"}, nil, &stdout, &stderr)
	if took := time.Since(began); status != statusInterrupted || took > 30*time.Second {
		t.Errorf("status %d after %v", status, took)
	}
}

// TestDoctorWithMosquitto examines Debian's broker: MQTT, WebSocket and users.
func TestDoctorWithMosquitto(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/mosquitto")
	}
	if err != nil {
		if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
			t.Fatalf("%v: install Debian's mosquitto", err)
		}
		t.Skipf("%v: install Debian's mosquitto to examine it", err)
	}
	dir, port, wsPort := t.TempDir(), proctest.FreePort(t), proctest.FreePort(t)
	config := filepath.Join(dir, "mosquitto.conf")
	text := fmt.Sprintf("listener %s 127.0.0.1\nlistener %s 127.0.0.1\nprotocol websockets\nallow_anonymous true\nuser root\nmax_keepalive 30\n", port, wsPort)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log := &proctest.Output{}
	cmd := exec.CommandContext(t.Context(), program, "-c", config)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(log)
		}
	})
	for giveUp := time.Now().Add(time.Minute); !strings.Contains(log.String(), "running") && time.Now().Before(giveUp); {
		<-time.After(20 * time.Millisecond)
	}
	for _, test := range []struct {
		args   string
		status int
		want   string
	}{
		{"127.0.0.1:" + port, 0, `ok      broker      It is mosquitto version `},
		{"127.0.0.1:" + port, 0, "It wants to hear from clients every 30 s"},
		{"127.0.0.1 --ws -p " + wsPort, 0, "MQTT over WebSocket without TLS"},
		{"127.0.0.1:" + wsPort, 1, "→ Add --ws."},
		{"127.0.0.1 --tls-use-os-certs -p " + port, 1, "there is MQTT without TLS, and MQTT with TLS was asked for"},
	} {
		var stdout, stderr bytes.Buffer
		status := Main(t.Context(), append([]string{"zancudo", "doctor"}, strings.Fields(test.args)...), nil, &stdout, &stderr)
		if status != test.status || !strings.Contains(stdout.String(), test.want) || stderr.Len() > 0 {
			t.Errorf("%s: status %d, want %d and %q\n%s%s", test.args, status, test.status, test.want, stdout.String(), stderr.String())
		}
	}
}

func TestDoctorCommandLine(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"host:70000":           "Invalid port given: 70000. It is a number from 1 to 65535.",
		"host other":           "other",
		"ftp://host":           `unsupported scheme "ftp"`,
		"-t a/#":               "Invalid publish topic 'a/#'",
		"-V 4":                 "-V",
		"--psk 00":             "--psk-identity required if --psk used.",
		"--timeout 0s":         "--timeout",
		"--cafile /nowhere/ca": "",
	} {
		var stdout, stderr bytes.Buffer
		status := Main(t.Context(), append([]string{"zancudo", "doctor"}, strings.Fields(args)...), nil, &stdout, &stderr)
		if status != statusError || !strings.Contains(stderr.String(), want) || stderr.Len() == 0 != (want == "") {
			t.Errorf("%s: status %d, stderr %q, want %q", args, status, stderr.String(), want)
		}
		if want == "" && !strings.Contains(stdout.String(), "CA file: open /nowhere/ca: no such file or directory.") {
			t.Errorf("%s: %s", args, stdout.String())
		}
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text  string
		width int
		want  string
	}{
		{"the quick brown fox jumps over the lazy dog", 20, "the quick brown fox\n  jumps over the lazy\n  dog"},
		{"the quick brown fox", 0, "the quick brown fox"},
		{"a-word-that-is-longer-than-a-line and another", 20, "a-word-that-is-longer-than-a-line\n  and another"},
		{"", 20, ""},
	} {
		if got := fold(test.text, test.width, "  "); got != test.want {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
}

func TestDoctorAddresses(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{
		"broker":                   "broker:1883",
		"broker:8883":              "broker:8883",
		"192.0.2.1":                "192.0.2.1:1883",
		"::1":                      "[::1]:1883",
		"[::1]":                    "[::1]:1883",
		"[2001:db8::1]:1884":       "[2001:db8::1]:1884",
		"mqtts://broker":           "broker:8883",
		"ws://broker:9001/mqtt":    "broker:9001",
		"mqtt://u:p@broker:1/a/b#": "broker:1",
	} {
		o := newDoctorOptions()
		if err := o.table().Parse([]string{arg}); err != nil {
			t.Errorf("%s: %v", arg, err)
			continue
		}
		where, err := o.dial()
		if err != nil || where.Address() != want {
			t.Errorf("%s: %v, got %s, want %s", arg, err, where.Address(), want)
		}
	}
}
