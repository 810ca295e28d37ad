package trust

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/certtest"
)

// files are those of a listener.
type files struct {
	dir string
	ca  *certtest.Authority
	Options
}

func newFiles(t *testing.T) *files {
	t.Helper()
	f := &files{dir: t.TempDir(), ca: certtest.NewAuthority(t, "ca")}
	cert, key := f.ca.Issue(t, certtest.Template{Name: "server"}).Write(t, f.dir, "server")
	f.Options = Options{Certificates: []Pair{{cert, key}}, CAFile: certtest.WriteFile(t, f.dir, "ca.crt", f.ca.PEM()), Clients: Required}
	return f
}

// handshake connects a client with a server and returns what each has seen.
func handshake(t *testing.T, server *Trust, client *tls.Config) (state tls.ConnectionState, clientErr, serverErr error) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		defer conn.Close()
		s := server.Server(conn)
		if err = s.Handshake(); err == nil {
			_, err = s.Write([]byte("x"))
		}
		done <- err
		io.Copy(io.Discard, conn)
	}()
	conn, err := tls.Dial("tcp", l.Addr().String(), client)
	if err == nil {
		_, err = io.ReadFull(conn, make([]byte, 1)) // in TLS 1.3 a refusal comes later
		state = conn.ConnectionState()
		conn.Close()
	}
	return state, err, <-done
}

func (f *files) client(certs ...tls.Certificate) *tls.Config {
	return &tls.Config{RootCAs: f.ca.Pool(), ServerName: "localhost", GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if len(certs) == 0 {
			return &tls.Certificate{}, nil
		}
		return &certs[0], nil
	}}
}

func load(t *testing.T, o Options) *Trust {
	t.Helper()
	trust, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

// Without an authority nobody is trusted; those of the system least of all.
func TestNoAuthority(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.CAFile = ""
	_, _, err := handshake(t, load(t, f.Options), f.client(f.ca.Issue(t, certtest.Template{Name: "a", Client: true}).TLS()))
	var bad *tls.CertificateVerificationError
	if !errors.As(err, &bad) {
		t.Errorf("got %v", err)
	}
}

func TestRevocations(t *testing.T) {
	t.Parallel()
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	f := newFiles(t)
	middle, other := f.ca.Intermediate(t, "middle"), certtest.NewAuthority(t, "ca") // of the same name
	template := certtest.Template{Name: "a", Client: true}
	direct, below := f.ca.Issue(t, template), middle.Issue(t, template)
	for _, tt := range []struct {
		name   string
		lists  [][]byte
		client tls.Certificate
		any    bool
		want   string // of the error; empty: it is accepted
	}{
		{"empty list", [][]byte{f.ca.Revoke(t, soon)}, direct.TLS(), false, ""},
		{"revoked", [][]byte{f.ca.Revoke(t, soon, direct)}, direct.TLS(), false, "was revoked"},
		{"another is revoked", [][]byte{f.ca.Revoke(t, soon, below)}, direct.TLS(), false, ""},
		{"out of date", [][]byte{f.ca.Revoke(t, past)}, direct.TLS(), false, "out of date"},
		{"out of date, without dates", [][]byte{f.ca.Revoke(t, past)}, direct.TLS(), true, ""},
		{"revoked in a list that is out of date", [][]byte{f.ca.Revoke(t, past, direct)}, direct.TLS(), false, "was revoked"},
		{"out of date, but also a new one", [][]byte{f.ca.Revoke(t, past), f.ca.Revoke(t, soon)}, direct.TLS(), false, ""},
		{"of another with the same name", [][]byte{other.Revoke(t, soon)}, direct.TLS(), false, "no revocation list"},
		{"of nobody here", [][]byte{middle.Revoke(t, soon)}, direct.TLS(), false, "no revocation list"},
		{"below a middle one", [][]byte{f.ca.Revoke(t, soon), middle.Revoke(t, soon)}, below.TLS(middle.Certificate), false, ""},
		{"the middle one has no list", [][]byte{f.ca.Revoke(t, soon)}, below.TLS(middle.Certificate), false, "no revocation list"},
		{"the middle one is revoked", [][]byte{f.ca.Revoke(t, soon, middle.Certificate), middle.Revoke(t, soon)}, below.TLS(middle.Certificate), false, "was revoked"},
	} {
		o := f.Options
		o.AnyDate = tt.any
		o.CRLFile = certtest.WriteFile(t, t.TempDir(), "crl", append(tt.lists[0], append([]byte("\n"), tt.lists[len(tt.lists)-1]...)...))
		trust := load(t, o)
		_, clientErr, err := handshake(t, trust, f.client(tt.client))
		if tt.want == "" && (err != nil || clientErr != nil) || tt.want != "" && (err == nil || clientErr == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v and %v, want %q", tt.name, err, clientErr, tt.want)
		}
		if errors.Is(err, ErrRevoked) != (tt.want == "was revoked") {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
}

func TestAnyDate(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	old := certtest.Template{Name: "a", Client: true, From: time.Now().Add(-2 * time.Hour), Until: time.Now().Add(-time.Hour)}
	expired, foreign := f.ca.Issue(t, old).TLS(), certtest.NewAuthority(t, "x").Issue(t, old).TLS()
	server := f.ca.Issue(t, certtest.Template{Name: "server", From: old.From, Until: old.Until}).TLS()
	for _, any := range []bool{false, true} {
		o := f.Options
		o.AnyDate = any
		trust := load(t, o)
		if _, _, err := handshake(t, trust, f.client(expired)); (err == nil) != any {
			t.Errorf("AnyDate %v: expired: %v", any, err)
		}
		for _, c := range []tls.Certificate{foreign, server} { // it is about dates, and nothing else
			if _, _, err := handshake(t, trust, f.client(c)); err == nil {
				t.Errorf("AnyDate %v: a wrong certificate is accepted", any)
			}
		}
		if _, _, err := handshake(t, trust, f.client()); err == nil {
			t.Errorf("AnyDate %v: no certificate is enough", any)
		}
	}
}

// The suites of TLS 1.3 are those that are allowed, whatever a client offers.
func TestSuites13(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.Clients = None
	for _, id := range []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256} {
		f.Suites13 = []uint16{id}
		state, err, serverErr := handshake(t, load(t, f.Options), f.client())
		if err != nil || serverErr != nil || state.CipherSuite != id {
			t.Errorf("%s: got %s, %v, %v", tls.CipherSuiteName(id), tls.CipherSuiteName(state.CipherSuite), err, serverErr)
		}
	}
	f.Suites13 = []uint16{0x1304} // which crypto/tls does not have
	if state, err, _ := handshake(t, load(t, f.Options), f.client()); err == nil {
		t.Errorf("got %s", tls.CipherSuiteName(state.CipherSuite))
	}
	trust := load(t, f.Options)
	if err := trust.verify(tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256}); err == nil {
		t.Error("a suite that is not allowed passes, should crypto/tls choose it")
	}
}

func TestProtocols(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.Clients, f.Protocols = None, []string{"mqtt"}
	trust := load(t, f.Options)
	for _, tt := range []struct {
		offered []string
		want    string
	}{{nil, ""}, {[]string{"mqtt"}, "mqtt"}, {[]string{"x-amzn-mqtt-ca"}, ""}, {[]string{"x", "mqtt"}, "mqtt"}} {
		c := f.client()
		c.NextProtos = tt.offered
		if state, err, _ := handshake(t, trust, c); err != nil || state.NegotiatedProtocol != tt.want {
			t.Errorf("%q: got %q, %v, want %q", tt.offered, state.NegotiatedProtocol, err, tt.want)
		}
	}
}

func TestSeveralCertificates(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	f.Clients = None
	cert, key := f.ca.Issue(t, certtest.Template{Name: "other", Hosts: []string{"broker.example", "*.works.example"}}).Write(t, f.dir, "other")
	both := certtest.WriteFile(t, f.dir, "both.pem", append(readFile(t, cert), readFile(t, key)...))
	f.Certificates = append(f.Certificates, Pair{both, both})
	trust := load(t, f.Options)
	for host, want := range map[string]string{"localhost": "server", "broker.example": "other", "a.works.example": "other", "": "server"} {
		c := f.client()
		c.ServerName, c.InsecureSkipVerify = host, true
		state, err, _ := handshake(t, trust, c)
		if err != nil || state.PeerCertificates[0].Subject.CommonName != want {
			t.Errorf("%q: %v, want %s", host, err, want)
		}
	}
}

func TestHashedDirectory(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	second := certtest.NewAuthority(t, "second")
	f.CAFile, f.CAPath = "", t.TempDir()
	certtest.WriteFile(t, f.CAPath, "0123abcd.0", f.ca.PEM())
	certtest.WriteFile(t, f.CAPath, "notes.txt", []byte("no certificate"))
	trust := load(t, f.Options)
	if trust.Changed() {
		t.Error("it has changed at once")
	}
	client := f.client(second.Issue(t, certtest.Template{Name: "a", Client: true}).TLS())
	if _, _, err := handshake(t, trust, client); err == nil {
		t.Error("an authority is trusted that is not there")
	}
	certtest.WriteFile(t, f.CAPath, "0123abcd.1", second.PEM())
	if !trust.Changed() {
		t.Error("a new file is not noticed")
	}
	again := load(t, f.Options)
	if again.AsksLike(trust) || !again.AsksLike(load(t, f.Options)) {
		t.Error("what is asked of clients is not compared rightly")
	}
	if _, _, err := handshake(t, again, client); err != nil {
		t.Error(err)
	}
	// More names than a client can be told are no directory for clients.
	many := certtest.NewAuthority(t, strings.Repeat("x", 8000)).PEM()
	for i := range 8 {
		certtest.WriteFile(t, f.CAPath, "00000000."+string(rune('0'+i)), many)
	}
	if _, err := Load(f.Options); err == nil || !strings.Contains(err.Error(), "more than a client can be told") {
		t.Errorf("got %v", err)
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	until := time.Now().Add(30 * time.Minute).Truncate(time.Second)
	f.CRLFile = certtest.WriteFile(t, f.dir, "crl", append(f.ca.Revoke(t, until.Add(time.Minute)), f.ca.Revoke(t, until)...))
	for _, e := range load(t, f.Options).Ends() {
		want := map[string]time.Time{"certfile": time.Now().Add(time.Hour), "cafile": time.Now().Add(48 * time.Hour), "crlfile": until}[e.Word]
		if d := e.Until.Sub(want).Abs(); d > time.Minute || e.Path == "" {
			t.Errorf("%+v, want %v", e, want)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	locked := certtest.WriteFile(t, f.dir, "locked.key", []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n"))
	half := certtest.WriteFile(t, f.dir, "half.crt", f.ca.PEM()[:len(f.ca.PEM())/2])
	rubbish := certtest.WriteFile(t, f.dir, "rubbish.crt", []byte("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"))
	list := certtest.WriteFile(t, f.dir, "rubbish.crl", []byte("-----BEGIN X509 CRL-----\nAA==\n-----END X509 CRL-----\n"))
	long := certtest.WriteFile(t, f.dir, "long", make([]byte, maxPEM+1))
	for name, tt := range map[string]struct {
		change func(o *Options)
		want   string
	}{
		"locked key":   {func(o *Options) { o.Certificates = []Pair{{o.Certificates[0].CertFile, locked}} }, "Check keyfile: the key is protected by a password"},
		"half":         {func(o *Options) { o.CAFile = half }, "Check cafile: there is no certificate in it"},
		"rubbish":      {func(o *Options) { o.CAFile = rubbish }, "Check cafile: certificate 1: "},
		"rubbish list": {func(o *Options) { o.CRLFile = list }, "Check crlfile: a list does not parse: "},
		"too long":     {func(o *Options) { o.CAFile = long }, "Check cafile: it is too long to be that."},
		"no directory": {func(o *Options) { o.CAPath = "/nowhere" }, "Unable to load '/nowhere'. Check capath: no such file or directory."},
	} {
		o := f.Options
		tt.change(&o)
		var file *FileError
		if _, err := Load(o); !errors.As(err, &file) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
