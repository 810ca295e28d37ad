package daemon

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/internal/certtest"
	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/internal/psk"
	"github.com/zancudomq/zancudo/internal/trust"
	"github.com/zancudomq/zancudo/packet"
)

// startRenewing runs a broker that looks at the files of TLS all the time.
func startRenewing(t *testing.T, text string) (r *running, address string) {
	t.Helper()
	c := parse(t, text)
	c.Listeners[0].Port = 0
	r = startOptions(t, Options{Config: c, RenewInterval: 20 * time.Millisecond})
	return r, net.JoinHostPort("127.0.0.1", r.port(t))
}

// stay connects with TLS and stays.
func stay(t *testing.T, address string, c *tls.Config, words string) (*mqtttest.Client, *tls.Conn) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	secure := tls.Client(conn, c)
	m := mqtttest.NewClient(t, secure, packet.V5)
	m.Timeout = patience
	m.SendText("CONNECT v5 clean " + words)
	m.Expect("CONNACK ...")
	return m, secure
}

// presents is the serial number of the certificate that a listener has now.
func presents(t *testing.T, address string, c *tls.Config) string {
	t.Helper()
	conn, err := tls.Dial("tcp", address, c)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// awaitCertificate waits until a listener presents a certificate.
func awaitCertificate(t *testing.T, address string, c *tls.Config, want certtest.Certificate) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for presents(t, address, c) != want.SerialNumber.String() {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not presented")
		}
	}
}

// A new certificate holds for new connections; a thousand clients that are there
// notice nothing.
func TestRenewCertificate(t *testing.T) {
	t.Parallel()
	s := newSafe(t)
	r, address := startRenewing(t, s.words(""))
	clients := make([]*mqtttest.Client, 1000)
	var connecting sync.WaitGroup
	for part := range 10 {
		connecting.Go(func() {
			for i := part * 100; i < (part+1)*100; i++ {
				clients[i], _ = stay(t, address, s.client(nil), "id=c"+strconv.Itoa(i))
			}
		})
	}
	connecting.Wait()
	next := s.ca.Issue(t, certtest.Template{Name: "server"})
	next.Write(t, s.dir, "server") // the certificate first: for a moment the key is that of another
	awaitCertificate(t, address, s.client(nil), next)
	r.wait(t, "New certificates are in use on port ")
	for _, c := range clients {
		c.SendText("PINGREQ")
	}
	for _, c := range clients {
		c.Expect("PINGRESP")
	}
}

// What does not belong together, or is half written, is told of and not used.
func TestRenewRefuses(t *testing.T) {
	t.Parallel()
	s := newSafe(t)
	r, address := startRenewing(t, s.words(""))
	other := s.ca.Issue(t, certtest.Template{Name: "server"})
	certtest.WriteFile(t, s.dir, "server.crt", other.PEM()[:100])
	r.wait(t, "Error: The files of TLS on port 0 of 127.0.0.1 have changed and cannot be used; the old ones stay in use: Unable to load '"+s.file("server.crt"))
	certtest.WriteFile(t, s.dir, "server.crt", other.PEM())
	r.wait(t, "Check keyfile: the key is not that of the certificate in ")
	if got := presents(t, address, s.client(nil)); got != s.server.SerialNumber.String() {
		t.Errorf("presents %s, want the old one", got)
	}
	certtest.WriteFile(t, s.dir, "server.key", other.KeyPEM(t))
	awaitCertificate(t, address, s.client(nil), other)
	if n := strings.Count(r.log.String(), "cannot be used"); n != 2 {
		t.Errorf("it is told %d times, want 2, in\n%s", n, r.log)
	}
}

// Kubernetes keeps files behind a link to a directory, which it makes lead to
// another.
func TestRenewLinks(t *testing.T) {
	t.Parallel()
	s := newSafe(t)
	next := s.ca.Issue(t, certtest.Template{Name: "server"})
	for name, c := range map[string]certtest.Certificate{"one": s.server, "two": next} {
		if err := os.Mkdir(s.file(name), 0o700); err != nil {
			t.Fatal(err)
		}
		c.Write(t, s.file(name), "server")
	}
	link := func(to string) {
		if err := os.Symlink(to, s.file("data.new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(s.file("data.new"), s.file("data")); err != nil {
			t.Fatal(err)
		}
	}
	link("one")
	data := s.file("data")
	_, address := startRenewing(t, s.words("certfile "+filepath.Join(data, "server.crt")+"\nkeyfile "+filepath.Join(data, "server.key")))
	if got := presents(t, address, s.client(nil)); got != s.server.SerialNumber.String() {
		t.Errorf("presents %s, want %s", got, s.server.SerialNumber)
	}
	link("two")
	awaitCertificate(t, address, s.client(nil), next)
}

// A certificate that is revoked holds no longer: not for who is connected, not
// for who comes, not for who resumes a session.
func TestRenewRevocations(t *testing.T) {
	t.Parallel()
	s := newSafe(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			crl := certtest.WriteFile(t, dir, "crl.pem", s.ca.Revoke(t, time.Now().Add(time.Hour), s.revoked))
			r, address := startRenewing(t, s.words("require_certificate true\ncrlfile "+crl))
			lost := s.ca.Issue(t, certtest.Template{Name: "pump", Client: true})
			config := s.client(&lost)
			config.MaxVersion, config.ClientSessionCache = version, tls.NewLRUClientSessionCache(1)
			first, _ := stay(t, address, config, "id=first")
			second, secure := stay(t, address, config, "id=second")
			if !secure.ConnectionState().DidResume {
				t.Fatal("no session is resumed, so this test shows nothing")
			}
			other, _ := stay(t, address, s.client(&s.good), "id=other")
			certtest.WriteFile(t, dir, "crl.pem", s.ca.Revoke(t, time.Now().Add(time.Hour), s.revoked, lost))
			first.Expect("DISCONNECT 0x87 ...")
			second.Expect("DISCONNECT 0x87 ...")
			r.wait(t, "Client first [")
			if got := try(t, address, "mqtt", config); !strings.Contains(got, "EOF") {
				t.Errorf("a session that is resumed: %q", got)
			}
			other.SendText("PINGREQ")
			other.Expect("PINGRESP")
		})
	}
}

// A reload reads the files too, and fails as a whole.
func TestReloadCertificate(t *testing.T) {
	t.Parallel()
	s := newSafe(t)
	port := freePorts(t, 1)[0]
	text := strings.Replace(s.words(""), "1883", strconv.Itoa(port), 1)
	r := startReloadable(t, text)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	c, _ := stay(t, address, s.client(nil), "id=x")
	next := s.ca.Issue(t, certtest.Template{Name: "server"})
	certtest.WriteFile(t, s.dir, "server.crt", next.PEM())
	if got, err := r.reload(text + "max_keepalive 10\n"); err == nil || !strings.Contains(err.Error(), "the key is not that of the certificate") {
		t.Errorf("changed %q, %v", got, err)
	}
	next.Write(t, s.dir, "server")
	r.must(text+"tls_version tlsv1.3\n", "~tls_version tlsv1.2 → tlsv1.3 (listener "+strconv.Itoa(port)+" 127.0.0.1)")
	if got := presents(t, address, s.client(nil)); got != next.SerialNumber.String() {
		t.Errorf("presents %s, want %s", got, next.SerialNumber)
	}
	old := s.client(nil)
	old.MaxVersion = tls.VersionTLS12
	if got := try(t, address, "mqtt", old); !strings.Contains(got, "protocol version") {
		t.Errorf("with TLS 1.2: %q", got)
	}
	c.SendText("PINGREQ")
	c.Expect("PINGRESP")
	without := "allow_anonymous true\nlistener " + strconv.Itoa(port) + " 127.0.0.1\n"
	if _, err := r.reload(without); err != nil {
		t.Fatal(err)
	}
	r.connect(port, "id=plain clean", "...")
	c.SendText("PINGREQ")
	c.Expect("PINGRESP")
}

// Clients that share a key with the broker are known by its identity, and a
// reload changes the keys for those that come from then on.
func TestSharedKeys(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	dir := t.TempDir()
	file := certtest.WriteFile(t, dir, "psk", []byte("pump:0badcafe\nvalve:abc\nvalve:00\nw+:01\n"))
	text := "listener " + strconv.Itoa(port) + " 127.0.0.1\npsk_hint works\nuse_identity_as_username true\npsk_file " + file + "\n"
	r := startReloadable(t, text)
	r.wait(t, "Warning: "+file+`:3: the identity "valve" is there twice; the first counts; the line is passed over`)
	connect := func(identity string, key ...byte) (string, net.Conn) {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(patience))
		secure := psk.Client(conn, psk.Config{Identity: identity, Secret: key})
		return speak(t, secure, "mqtt"), secure
	}
	for _, tt := range []struct {
		identity string
		key      []byte
		want     string
	}{
		{"pump", []byte{0x0b, 0xad, 0xca, 0xfe}, "ok"},
		{"valve", []byte{0x0a, 0xbc}, "ok"},
		{"pump", []byte{1}, "decrypt_error"},
		{"nobody", []byte{1}, "decrypt_error"},
		{"w+", []byte{1}, "CONNACK 0x86"},
	} {
		if got, _ := connect(tt.identity, tt.key...); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.identity, got, tt.want)
		}
	}
	r.wait(t, ", u'pump').\n")
	r.wait(t, " negotiated TLSv1.2 cipher ECDHE-PSK-AES128-GCM-SHA256.\n")
	r.wait(t, ` rejected, the identity "nobody" is not known`)

	_, stays := connect("pump", 0x0b, 0xad, 0xca, 0xfe)
	certtest.WriteFile(t, dir, "psk", []byte("pump:02\n"))
	r.must(text)
	if got, _ := connect("pump", 0x0b, 0xad, 0xca, 0xfe); !strings.Contains(got, "decrypt_error") {
		t.Errorf("with the old key: %q", got)
	}
	if got, _ := connect("pump", 2); got != "ok" {
		t.Errorf("with the new key: %q", got)
	}
	if _, err := stays.Write([]byte{0xC0, 0}); err != nil {
		t.Error(err)
	}
	os.Remove(file)
	if _, err := r.reload(text); err == nil || !strings.Contains(err.Error(), "Check psk_file") {
		t.Errorf("without the file: %v", err)
	}
}

// A file of keys is read again when it changes; one that cannot be read is told
// of, and the keys stay.
func TestRenewKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := certtest.WriteFile(t, dir, "psk", []byte("pump:01\n"))
	r, address := startRenewing(t, "listener 1 127.0.0.1\nallow_anonymous true\npsk_hint works\npsk_file "+file+"\n")
	connect := func(identity string, key ...byte) error {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		return psk.Client(conn, psk.Config{Identity: identity, Secret: key}).Handshake()
	}
	if err := connect("pump", 1); err != nil {
		t.Fatal(err)
	}
	if err := connect("valve", 2); err == nil {
		t.Fatal("a key holds that is not in the file")
	}
	certtest.WriteFile(t, dir, "psk", []byte("valve:02\nvalve:03\n"))
	r.wait(t, "New keys are in use on port ")
	r.wait(t, "Warning: "+file+`:2: the identity "valve" is there twice`)
	if err := connect("valve", 2); err != nil {
		t.Error(err)
	}
	if err := connect("pump", 1); err == nil {
		t.Error("a key holds that was removed")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	r.wait(t, "have changed and cannot be used; the old ones stay in use: ")
	if err := connect("valve", 2); err != nil {
		t.Errorf("after the file was removed: %v", err)
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	e := end{place{port: 8883}, trust.End{Word: "certfile", Path: "/x.crt", Until: begin.Add(40 * 24 * time.Hour)}}
	var w warned
	var told []string
	for day := range 42 {
		for hour := range 24 {
			now := begin.Add(time.Duration(24*day+hour) * time.Hour)
			for _, due := range w.due(now, []end{e}) {
				told = append(told, due.text(now))
			}
		}
	}
	want := []string{
		"'/x.crt' of port 8883 ends in 30 days, on 2026-02-10.", "'/x.crt' of port 8883 ends in 7 days, on 2026-02-10.",
		"'/x.crt' of port 8883 ends in 24 hours, on 2026-02-10.",
		"'/x.crt' of port 8883 has ended on 2026-02-10: clients refuse it, or are refused. Get a new one.",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	if due := w.due(begin, nil); len(due)+len(w) > 0 {
		t.Errorf("%v and %v are left", due, w)
	}
}

// A certificate that ends soon is told of, and so is the one that follows it.
func TestEnds(t *testing.T) {
	t.Parallel()
	s := newSafe(t)
	r, address := startRenewing(t, s.words("sys_interval 1\nrequire_certificate true"))
	r.wait(t, "Warning: The certfile '"+s.file("server.crt")+"' of port 0 of 127.0.0.1 ends in 0 hours, on ")
	r.wait(t, "Warning: The cafile '"+s.file("ca.crt")+"' of port 0 of 127.0.0.1 ends in 47 hours, on ")
	c, _ := stay(t, address, s.client(&s.good), "id=x")
	c.SendText("SUBSCRIBE 1 $SYS/broker/certificates/+/certfile/days qos=0")
	c.Expect("SUBACK 1 0")
	if p, ok := c.Read().(*packet.Publish); !ok || p.Topic != "$SYS/broker/certificates/127.0.0.1:0/certfile/days" || string(p.Payload) != "0" {
		t.Errorf("got %v, of a certificate that ends now", p)
	}
	next := s.ca.Issue(t, certtest.Template{Name: "server", Until: time.Now().Add(100*24*time.Hour + time.Minute)})
	next.Write(t, s.dir, "server")
	c.Expect("PUBLISH $SYS/broker/certificates/127.0.0.1:0/certfile/days 100")
}

// The certificate of a client that ends soon is told of once for each step
// nearer to its end, and again if it is another.
func TestClientEnds(t *testing.T) {
	t.Parallel()
	var ends clientEnds
	day := 24 * time.Hour
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		name  string
		after time.Duration
		until time.Duration
		due   bool
	}{
		{"pump", 0, 31 * day, false},
		{"pump", 2 * day, 31 * day, true},
		{"pump", 3 * day, 31 * day, false},
		{"valve", 3 * day, 31 * day, true},
		{"pump", 24 * day, 31 * day, true},
		{"pump", 29 * day, 31 * day, false},
		{"pump", 30 * day, 31 * day, true},
		{"pump", 30 * day, 35 * day, true}, // it was renewed, and not for long
		{"pump", 36 * day, 35 * day, true}, // whose dates nobody looks at
		{"pump", 37 * day, 400 * day, false},
	} {
		if due := ends.due(begin.Add(step.after), step.name, begin.Add(step.until)); due != step.due {
			t.Errorf("%+v: got %v", step, due)
		}
	}
	if n := ends.count.Load(); n != 8 {
		t.Errorf("counted %d connections, want 8", n)
	}
	for i := range maxClientEnds {
		ends.due(begin, strconv.Itoa(i), begin)
	}
	if n := len(ends.told); n > maxClientEnds {
		t.Errorf("%d names are remembered", n)
	}
}

func TestClientEndIsTold(t *testing.T) {
	t.Parallel()
	s := newSafe(t)
	r, address := startRenewing(t, s.words("sys_interval 1\nrequire_certificate true"))
	five := s.ca.Issue(t, certtest.Template{Name: "valve", Client: true, Until: time.Now().Add(5*24*time.Hour + time.Minute)})
	years := s.ca.Issue(t, certtest.Template{Name: "years", Client: true, Until: time.Now().Add(1000 * 24 * time.Hour)})
	stay(t, address, s.client(&five), "id=a")
	stay(t, address, s.client(&years), "id=b")
	c, _ := stay(t, address, s.client(&five), "id=c")
	r.wait(t, "Warning: The certificate of client 'valve', which came from 127.0.0.1:")
	r.wait(t, ", ends in 5 days, on ")
	c.SendText("SUBSCRIBE 1 $SYS/broker/logins/certificate_ending qos=0")
	c.Expect("SUBACK 1 0")
	for {
		p, ok := c.Read().(*packet.Publish)
		if !ok {
			t.Fatal("two connections are not counted")
		}
		if string(p.Payload) == "2" {
			break
		}
	}
	if log := r.log.String(); strings.Count(log, "The certificate of client") != 1 || strings.Contains(log, "'years'") {
		t.Errorf("it is told otherwise, in\n%s", log)
	}
}
