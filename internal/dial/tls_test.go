package dial_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/dial"
	"github.com/zancudomq/zancudo/internal/ws"
)

// An authority makes certificates for a test, in files of a directory.
type authority struct {
	t    *testing.T
	dir  string
	name string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir(), name: name}
	a.key = newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	a.cert = a.sign(template, template, &a.key.PublicKey, a.key)
	a.write("ca.crt", "CERTIFICATE", a.cert.Raw)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) sign(template, parent *x509.Certificate, public any, key any) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

func (a *authority) ca() string { return filepath.Join(a.dir, "ca.crt") }

// issue makes a certificate, and files NAME.crt and NAME.key, after changes to
// one that is good for 127.0.0.1 and localhost.
func (a *authority) issue(name string, change func(*x509.Certificate)) (tls.Certificate, string, string) {
	a.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	if change != nil {
		change(template)
	}
	key := newKey(a.t)
	cert := a.sign(template, a.cert, &key.PublicKey, a.key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	certFile, keyFile := a.write(name+".crt", "CERTIFICATE", cert.Raw), a.write(name+".key", "PRIVATE KEY", der)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}, certFile, keyFile
}

// serveTLS serves an echo with TLS.
func serveTLS(t *testing.T, config *tls.Config) net.Listener {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := tls.NewListener(inner, config)
	serve(t, l, func(conn net.Conn) { io.Copy(conn, conn) })
	return l
}

func TestTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "The Authority")
	other := newAuthority(t, "Another Authority")
	good, _, _ := a.issue("good", nil)
	for _, test := range []struct {
		name   string
		change func(*x509.Certificate)
		self   bool // signed by itself
		host   string
		tls    dial.TLS
		says   string // empty: it works
	}{
		{name: "good", tls: dial.TLS{CAFile: a.ca()}},
		{name: "good by its address", host: "127.0.0.1", tls: dial.TLS{CAFile: a.ca()}},
		{name: "CA directory", tls: dial.TLS{CADir: a.dir}},
		{name: "beside the system's", tls: dial.TLS{CAFile: a.ca(), SystemRoots: true}},
		{name: "server name", change: func(c *x509.Certificate) { c.DNSNames = []string{"example.org"} }, tls: dial.TLS{CAFile: a.ca(), ServerName: "example.org"}},
		{name: "wrong server name", tls: dial.TLS{CAFile: a.ca(), ServerName: "example.org"}, says: "not for example.org, but for localhost, 127.0.0.1"},
		{name: "wrong name", change: func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"example.org"}, nil }, tls: dial.TLS{CAFile: a.ca()}, says: "not for localhost, but for example.org"},
		{name: "subject only", change: func(c *x509.Certificate) {
			c.Subject.CommonName, c.DNSNames, c.IPAddresses = "LocalHost", nil, nil
		}, tls: dial.TLS{CAFile: a.ca()}},
		{name: "address as subject", host: "127.0.0.1", change: func(c *x509.Certificate) {
			c.Subject.CommonName, c.DNSNames, c.IPAddresses = "127.0.0.1", nil, nil
		}, tls: dial.TLS{CAFile: a.ca()}},
		{name: "wildcard subject", change: func(c *x509.Certificate) {
			c.Subject.CommonName, c.DNSNames, c.IPAddresses = "*.example.org", nil, nil
		}, tls: dial.TLS{CAFile: a.ca(), ServerName: "a.example.org"}},
		{name: "wildcard subject too high", change: func(c *x509.Certificate) {
			c.Subject.CommonName, c.DNSNames, c.IPAddresses = "*.org", nil, nil
		}, tls: dial.TLS{CAFile: a.ca(), ServerName: "example.org"}, says: "not for example.org, but for *.org"},
		{name: "subject beside names", change: func(c *x509.Certificate) {
			c.Subject.CommonName, c.DNSNames, c.IPAddresses = "localhost", []string{"example.org"}, nil
		}, tls: dial.TLS{CAFile: a.ca()}, says: "not for localhost, but for example.org"},
		{name: "expired", change: func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, tls: dial.TLS{CAFile: a.ca()}, says: "the server's certificate expired on 20"},
		{name: "not yet", change: func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }, tls: dial.TLS{CAFile: a.ca()}, says: "is not valid before 20"},
		{name: "for clients only", change: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, tls: dial.TLS{CAFile: a.ca()}, says: "not one for servers"},
		{name: "wrong authority", tls: dial.TLS{CAFile: other.ca()}, says: `of the authority "CN=The Authority", which is not in ` + other.ca()},
		{name: "system's only", says: "which is not in the certificates of the system"},
		{name: "insecure", change: func(c *x509.Certificate) { c.NotAfter, c.DNSNames = time.Now().Add(-time.Minute), nil }, tls: dial.TLS{Insecure: true}},
		{name: "TLS 1.3", tls: dial.TLS{CAFile: a.ca(), MinVersion: "tlsv1.3"}},
		{name: "TLS 1.1", tls: dial.TLS{CAFile: a.ca(), MinVersion: "tlsv1.1"}},
		{name: "ciphers", tls: dial.TLS{CAFile: a.ca(), Ciphers: "ECDHE+AESGCM"}},
		{name: "ALPN", tls: dial.TLS{CAFile: a.ca(), ALPN: []string{"mqtt"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cert := good
			if test.change != nil {
				cert, _, _ = a.issue(strings.ReplaceAll(test.name, " ", "-"), test.change)
			}
			l := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"mqtt", "x"}})
			conn, err := open(t, dial.Options{Host: test.host, Port: port(l), TLS: &test.tls})
			if test.says == "" {
				expectEcho(t, conn, err)
				return
			}
			expectError(t, err, dial.AtTLS, test.says)
		})
	}
}

func TestTLSCauses(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "A")
	cert, _, _ := a.issue("x", nil)
	l := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}})
	_, err := open(t, dial.Options{Port: port(l), TLS: &dial.TLS{CAFile: newAuthority(t, "B").ca()}})
	var unknown x509.UnknownAuthorityError
	if !errors.As(err, &unknown) {
		t.Errorf("%v has lost its cause", err)
	}
	_, err = open(t, dial.Options{Port: port(l), TLS: &dial.TLS{CAFile: a.ca(), ServerName: "y"}})
	var name x509.HostnameError
	if !errors.As(err, &name) {
		t.Errorf("%v has lost its cause", err)
	}
}

func TestClientCertificate(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "A")
	server, _, _ := a.issue("server", nil)
	_, certFile, keyFile := a.issue("client", nil)
	_, strangerCert, strangerKey := newAuthority(t, "B").issue("stranger", nil)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		l := serveTLS(t, &tls.Config{
			Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
			MinVersion: version, MaxVersion: version,
		})
		conn, err := open(t, dial.Options{Port: port(l), TLS: &dial.TLS{CAFile: a.ca(), CertFile: certFile, KeyFile: keyFile}})
		expectEcho(t, conn, err)
		for cert, key := range map[string]string{"": "", strangerCert: strangerKey} {
			conn, err = open(t, dial.Options{Port: port(l), TLS: &dial.TLS{CAFile: a.ca(), CertFile: cert, KeyFile: key}})
			if version == tls.VersionTLS13 && err == nil { // the client is told after its handshake
				_, err = conn.Read(make([]byte, 1))
			}
			want := "wants a client certificate"
			if cert != "" {
				want = "does not accept the client certificate " + cert
			}
			expectError(t, err, dial.AtTLS, want)
		}
	}
}

// TestNoTLS has TLS spoken to servers that do not speak it, or not enough.
func TestNoTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "A")
	cert, _, _ := a.issue("x", nil)
	for _, test := range []struct {
		name   string
		handle func(net.Conn)
		tls    dial.TLS
		says   string
	}{
		{"silence, then the end", func(conn net.Conn) { conn.Read(make([]byte, 1000)) }, dial.TLS{}, "closed the connection during the handshake"},
		{"MQTT", func(conn net.Conn) {
			conn.Read(make([]byte, 1000))
			conn.Write([]byte("\x20\x02\x00\x01 and more"))
		}, dial.TLS{}, "does not speak TLS on this port"},
		{"HTTP", func(conn net.Conn) {
			conn.Read(make([]byte, 1000))
			io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}, dial.TLS{}, "does not speak TLS on this port, but HTTP"},
		{"TLS 1.2 only", func(conn net.Conn) {
			tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12}).Handshake()
		}, dial.TLS{CAFile: a.ca(), MinVersion: "tlsv1.3"}, "no TLS version of at least tlsv1.3"},
		{"another protocol", func(conn net.Conn) {
			tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}}).Handshake()
		}, dial.TLS{CAFile: a.ca(), ALPN: []string{"mqtt"}}, "none of the protocols of ALPN mqtt"},
		{"another cipher", func(conn net.Conn) {
			tls.Server(conn, &tls.Config{
				Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12,
				CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384},
			}).Handshake()
		}, dial.TLS{CAFile: a.ca(), Ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256"}, "cipher suite"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			serve(t, l, test.handle)
			_, err = open(t, dial.Options{Port: port(l), TLS: &test.tls})
			expectError(t, err, dial.AtTLS, test.says)
		})
	}
}

func TestTLSSettings(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "A")
	_, certFile, keyFile := a.issue("x", nil)
	_, _, otherKey := a.issue("y", nil)
	empty := filepath.Join(t.TempDir(), "empty")
	der := filepath.Join(t.TempDir(), "der")
	if err := errors.Join(os.WriteFile(empty, nil, 0o600), os.WriteFile(der, a.cert.Raw, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		tls  dial.TLS
		says string
	}{
		{"no CA file", dial.TLS{CAFile: "/no/such"}, "CA file: open /no/such: no such file"},
		{"empty CA file", dial.TLS{CAFile: empty}, "CA file " + empty + ": it is empty"},
		{"CA file in DER", dial.TLS{CAFile: der}, "openssl x509 -inform der"},
		{"CA file with a key", dial.TLS{CAFile: keyFile}, "it has a private key, and no certificate"},
		{"no CA directory", dial.TLS{CADir: "/no/such"}, "CA directory: open /no/such: no such file"},
		{"CA directory without any", dial.TLS{CADir: filepath.Dir(empty)}, "no certificate is in its files"},
		{"no key", dial.TLS{CertFile: certFile}, "has no key"},
		{"no certificate", dial.TLS{KeyFile: keyFile}, "has no certificate"},
		{"no key file", dial.TLS{CertFile: certFile, KeyFile: "/no/such"}, "key file: open /no/such: no such file"},
		{"another key", dial.TLS{CertFile: certFile, KeyFile: otherKey}, "the key is not the certificate's"},
		{"swapped", dial.TLS{CertFile: keyFile, KeyFile: certFile}, "the first: it has a private key, and no certificate"},
		{"certificate twice", dial.TLS{CertFile: certFile, KeyFile: certFile}, "the second: it has a certificate, and no private key"},
		{"version", dial.TLS{MinVersion: "tlsv1"}, `TLS version "tlsv1": there are tlsv1.3, tlsv1.2 and tlsv1.1`},
		{"cipher", dial.TLS{Ciphers: "FOO"}, `"FOO"`},
		{"ciphers for keys only", dial.TLS{Ciphers: "PSK"}, "pre-shared key only"},
		{"key log", dial.TLS{KeyLogFile: "/no/such/file"}, "key log file: open /no/such/file: no such file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := dial.New(dial.Options{TLS: &test.tls})
			expectError(t, err, dial.AtSettings, test.says)
		})
	}
}

// TestEncryptedKey reads keys that openssl encrypted.
func TestEncryptedKey(t *testing.T) {
	t.Parallel()
	openssl := openSSL(t)
	a := newAuthority(t, "A")
	cert, certFile, keyFile := a.issue("x", nil)
	l := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}})
	for name, args := range map[string]string{
		"pkcs8":   "pkcs8 -topk8 -v2 aes-256-cbc",
		"sha1":    "pkcs8 -topk8 -v2 aes-128-cbc -v2prf hmacWithSHA1",
		"sha512":  "pkcs8 -topk8 -v2 aes-192-cbc -v2prf hmacWithSHA512",
		"default": "pkey -aes256",
		"old":     "ec -aes128",
	} {
		t.Run(name, func(t *testing.T) {
			encrypted := filepath.Join(t.TempDir(), "key")
			line := append(strings.Fields(args), "-in", keyFile, "-out", encrypted, "-passout", "pass:secret")
			if out, err := exec.CommandContext(t.Context(), openssl, line...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			o := dial.Options{Port: port(l), TLS: &dial.TLS{CAFile: a.ca(), CertFile: certFile, KeyFile: encrypted}}
			_, err := dial.New(o)
			expectError(t, err, dial.AtSettings, "key file "+encrypted+": it is encrypted")
			o.TLS.Passphrase = func(string) ([]byte, error) { return []byte("wrong"), nil }
			if _, err := dial.New(o); err == nil {
				t.Error("a wrong pass phrase is accepted")
			}
			o.TLS.Passphrase = func(string) ([]byte, error) { return []byte("secret"), nil }
			conn, err := open(t, o)
			expectEcho(t, conn, err)
		})
	}
}

func openSSL(t *testing.T) string {
	t.Helper()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
			t.Fatal("openssl is not installed: apt-get install openssl")
		}
		t.Skip("openssl is not installed: apt-get install openssl")
	}
	return openssl
}

// TestHashedDirectory reads a directory as openssl rehash leaves it.
func TestHashedDirectory(t *testing.T) {
	t.Parallel()
	openssl := openSSL(t)
	a := newAuthority(t, "A")
	cert, _, _ := a.issue("x", nil)
	out, err := exec.CommandContext(t.Context(), openssl, "x509", "-in", a.ca(), "-noout", "-hash").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(a.ca(), filepath.Join(dir, string(bytes.TrimSpace(out))+".0")); err != nil {
		t.Fatal(err)
	}
	l := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}})
	conn, err := open(t, dial.Options{Port: port(l), TLS: &dial.TLS{CADir: dir}})
	expectEcho(t, conn, err)
}

func TestKeyLog(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "A")
	cert, _, _ := a.issue("x", nil)
	l := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}})
	log := filepath.Join(t.TempDir(), "log")
	dialTLS := dial.Options{Port: port(l), TLS: &dial.TLS{CAFile: a.ca(), KeyLogFile: log}}
	for range 2 {
		conn, err := open(t, dialTLS)
		expectEcho(t, conn, err)
	}
	b, err := os.ReadFile(log)
	if err != nil || bytes.Count(b, []byte("CLIENT_HANDSHAKE_TRAFFIC_SECRET")) != 2 {
		t.Errorf("got %q, %v", b, err)
	}
	if info, err := os.Stat(log); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
}

// TestAllLayers has an MQTT client and a broker speak through every stack.
func TestAllLayers(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "A")
	cert, _, _ := a.issue("x", nil)
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	proxy := socksServer(t, "", "")
	for _, test := range []struct {
		name       string
		tls, ws    bool
		unix, sock bool
	}{
		{name: "tls", tls: true},
		{name: "ws", ws: true},
		{name: "wss", tls: true, ws: true},
		{name: "unix", unix: true},
		{name: "wss over unix", unix: true, tls: true, ws: true},
		{name: "wss through a proxy", sock: true, tls: true, ws: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			network, address, o := "tcp", "127.0.0.1:0", dial.Options{}
			if test.unix {
				network, address = "unix", filepath.Join(t.TempDir(), "s")
				o.Unix = address
			}
			l, err := net.Listen(network, address)
			if err != nil {
				t.Fatal(err)
			}
			if !test.unix {
				o.Port = port(l)
			}
			if test.tls {
				l = tls.NewListener(l, config)
				o.TLS = &dial.TLS{CAFile: a.ca()}
			}
			if test.ws {
				l = ws.NewListener(l, ws.Options{})
				o.WebSocket = &dial.WebSocket{}
			}
			if test.sock {
				o.Proxy = proxy
			}
			serveMQTT(t, l)
			converse(t, o)
		})
	}
}

func TestNoWebSocket(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveMQTT(t, l)
	_, err = open(t, dial.Options{Port: port(l), WebSocket: &dial.WebSocket{}})
	expectError(t, err, dial.AtWebSocket, "perhaps it does not speak WebSocket on this port")
	l, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, func(conn net.Conn) {
		conn.Read(make([]byte, 1000))
		io.WriteString(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
	})
	_, err = open(t, dial.Options{Port: port(l), WebSocket: &dial.WebSocket{Path: "/x"}})
	expectError(t, err, dial.AtWebSocket, "404 Not Found; perhaps it has another path")
}
