//go:build unix

package main_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/pki"
	"github.com/zancudomq/zancudo/internal/proctest"
)

// A visit is a broker that 'zancudo init' has set up, and what it has printed.
type visit struct {
	*testing.T
	dir, port, tlsPort string
	said               string
	broker             *process
}

// setUp sets up a broker in a directory of its own, and starts it as it says.
func setUp(t *testing.T, args ...string) *visit {
	t.Helper()
	need(t, "mosquitto_sub", "mosquitto-clients")
	v := &visit{T: t, dir: filepath.Join(t.TempDir(), "it's mine"), port: proctest.FreePort(t), tlsPort: proctest.FreePort(t)}
	// As root a broker becomes another user, who may not see the files of a test.
	args = append([]string{"init", v.dir, "--yes", "--user", "alice", "--port", v.port, "--tls-port", v.tlsPort, "--service-user", "root"}, args...)
	v.said = v.must(args...)
	if said := v.must("check", v.conf()); !strings.HasSuffix(said, "is fine.\n") {
		t.Errorf("of the configuration, check says\n%s", said)
	}
	line := v.printed(`zancudo -c`)[0]
	v.broker = start(t, "sh", "-c", "exec "+strings.Replace(line, "zancudo", zancudo, 1))
	v.broker.wait(&v.broker.stderr, " running\n")
	return v
}

func (v *visit) conf() string { return filepath.Join(v.dir, "zancudo.conf") }
func (v *visit) pki() string  { return filepath.Join(v.dir, "pki") }

// must runs a command of ours, which has to succeed.
func (v *visit) must(args ...string) string {
	v.Helper()
	status, stdout, stderr := run(v.T, zancudo, args...)
	if status != 0 {
		v.Fatalf("zancudo %s: status %d\n%s%s", strings.Join(args, " "), status, stdout, stderr)
	}
	return stdout
}

// printed are the command lines that init has printed and that begin so.
func (v *visit) printed(begin string) []string {
	v.Helper()
	var all []string
	for line := range strings.Lines(v.said) {
		if text, found := strings.CutPrefix(line, "  "); found && strings.HasPrefix(text, begin) {
			all = append(all, strings.TrimSpace(text))
		}
	}
	if all == nil {
		v.Fatalf("init has printed no line with %s\n%s", begin, v.said)
	}
	return all
}

// shell runs a command line as who reads it would, in the directory with what
// another machine has a copy of.
func (v *visit) shell(line string) (status int, stderr string) {
	v.Helper()
	p := v.begin(line)
	return p.status(), p.stderr.String()
}

func (v *visit) begin(line string) *process {
	v.Helper()
	return startIn(v.T, v.dir, "sh", "-c", "exec "+line)
}

// hears has a subscriber hear of what a publisher says.
func (v *visit) hears(sub, pub, want string) {
	v.Helper()
	s := v.begin(sub + " -C 1 -W 60")
	ended := false
	for deadline := time.Now().Add(patience); !ended; {
		if status, stderr := v.shell(pub); status != 0 || time.Now().After(deadline) {
			v.Fatalf("%s: status %d, %s", pub, status, stderr)
		}
		select {
		case <-s.ended:
			ended = true
		case <-time.After(50 * time.Millisecond):
		}
	}
	if status := s.status(); status != 0 || s.stdout.String() != want+"\n" {
		v.Errorf("%s: status %d, %q, %s", sub, status, s.stdout.String(), s.stderr.String())
	}
}

var hostFlag = regexp.MustCompile(`-h (\S+)`)

// serial is the serial number of the certificate that the broker shows, which
// has to be one for the address.
func (v *visit) serial(host string) string {
	v.Helper()
	ca, err := os.ReadFile(filepath.Join(v.dir, "ca.crt"))
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(ca) {
		v.Fatalf("the authority cannot be read: %v", err)
	}
	c, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots}}).DialContext(v.Context(), "tcp", net.JoinHostPort(host, v.tlsPort))
	if err != nil {
		v.Fatal(err)
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Text(16)
}

// TestWalkthrough does what init says, with the clients of Debian.
func TestWalkthrough(t *testing.T) {
	t.Parallel()
	v := setUp(t)
	pubs := v.printed("mosquitto_pub")
	if len(pubs) != 2 {
		t.Fatalf("init has printed %d publishers\n%s", len(pubs), v.said)
	}
	secure, plain := pubs[0], pubs[1]
	tried := map[bool]int{}
	for _, sub := range v.printed("mosquitto_sub") {
		host := hostFlag.FindStringSubmatch(sub)[1]
		if _, err := net.DefaultResolver.LookupHost(t.Context(), host); err != nil {
			continue // nobody tells this machine of its own .local name
		}
		if strings.Contains(sub, "--insecure") || strings.Contains(sub, v.tlsPort) != strings.Contains(sub, "--cafile") {
			t.Errorf("init says %s", sub)
		}
		v.hears(sub, secure, "alice/hello hello")
		tried[net.ParseIP(host) != nil]++
	}
	if tried[false] < 2 || tried[true] == 0 {
		t.Errorf("tried %d by name and %d by address\n%s", tried[false], tried[true], v.said)
	}
	v.hears(v.printed("mosquitto_sub")[1], plain, "alice/hello hello")
	ours := func(line string) string { return strings.Replace(line, "mosquitto_", zancudo+" ", 1) }
	v.hears(ours(v.printed("mosquitto_sub")[0]), ours(secure), "alice/hello hello")

	t.Run("a wrong password", func(t *testing.T) {
		wrong := regexp.MustCompile(`-P \S+`).ReplaceAllString(secure, "-P guess")
		if status, stderr := v.shell(wrong); status != 5 || !strings.Contains(strings.ToLower(stderr), "not authorised") {
			t.Errorf("status %d, %s", status, stderr)
		}
	})
	t.Run("a right that nobody gave", v.refusal)
	t.Run("a certificate renewed under load", v.renewal)
}

// refusal has a second user do what is not allowed, and asks why it was not.
func (v *visit) refusal(t *testing.T) {
	v.must("passwd", "-b", filepath.Join(v.dir, "passwords"), "bob", "builder")
	v.broker.signal(syscall.SIGHUP)
	v.broker.wait(&v.broker.stderr, "Config reloaded")
	pub := fmt.Sprintf("mosquitto_pub -h 127.0.0.1 -p %s --cafile ca.crt -u bob -P builder -V 5 -q 1 -i bobs -m hello -t ", v.tlsPort)
	if status, stderr := v.shell(pub + "bob/hello"); status != 0 {
		t.Errorf("his own topic: status %d, %s", status, stderr)
	}
	v.shell(pub + "alice/hello")
	v.broker.wait(&v.broker.stderr, "Client bobs, user bob, may not publish to 'alice/hello': ")
	said := v.explain("bob", "alice/hello")
	if !strings.Contains(said, "user bob may not publish to 'alice/hello'.") || !strings.Contains(said, "no rule allows it.") {
		t.Errorf("explain says\n%s", said)
	}
	if said := v.explain("alice", "alice/hello"); !strings.Contains(said, "may publish") || !strings.Contains(said, strings.ToLower(filepath.Join(v.dir, "acl:9"))) {
		t.Errorf("explain says\n%s", said)
	}
}

func (v *visit) explain(user, topic string) string {
	v.Helper()
	_, stdout, stderr := run(v.T, zancudo, "explain", "-c", v.conf(), "-u", user, "publish", topic)
	return strings.ToLower(stdout + stderr)
}

// renewal renews the broker's certificate while messages flow: the new one is
// shown to who comes, and who is there stays.
func (v *visit) renewal(t *testing.T) {
	sub, pub := v.printed("mosquitto_sub")[0], v.printed("mosquitto_pub")[0]
	watcher := v.begin(sub + " -i watcher")
	before := v.serial("127.0.0.1")
	said := 0
	say := func(rounds int) {
		t.Helper()
		for range rounds {
			said++
			line := strings.Replace(pub, "-m hello", fmt.Sprintf("-m n%d.", said), 1)
			if status, stderr := v.shell(line); status != 0 {
				t.Fatalf("status %d, %s", status, stderr)
			}
		}
	}
	for deadline := time.Now().Add(patience); watcher.stdout.String() == "" && time.Now().Before(deadline); {
		say(1)
	}
	v.must("certs", "renew", "server", "--new-key", "-d", v.pki())
	for deadline := time.Now().Add(patience); v.serial("127.0.0.1") == before; {
		if time.Now().After(deadline) {
			t.Fatal("the broker shows the old certificate")
		}
		say(1)
	}
	v.serial("::1")
	say(1)
	watcher.wait(&watcher.stdout, fmt.Sprintf("n%d.\n", said))
	if log := v.broker.stderr.String(); strings.Contains(log, "watcher disconnected") || strings.Contains(log, "Client watcher closed") || strings.Count(log, " as watcher ") != 1 {
		t.Error("the subscriber was disconnected")
	}
}

// TestWalkthroughWithCertificates: clients show certificates, and one that was
// revoked is refused, and disconnected if it is there.
func TestWalkthroughWithCertificates(t *testing.T) {
	t.Parallel()
	v := setUp(t, "--client-certificates", "--name", "localhost.localdomain")
	v.hears(v.printed("mosquitto_sub")[0], v.printed("mosquitto_pub")[0], "alice/hello hello")
	v.must("certs", "client", "bob", "-d", v.pki())
	as := func(name string) string {
		file := filepath.Join("pki", "clients", name)
		return fmt.Sprintf(" -h 127.0.0.1 -p %s --cafile ca.crt --cert %s.crt --key %[2]s.key -t %s/hello ", v.tlsPort, file, name)
	}
	v.hears("mosquitto_sub -v"+as("bob"), "mosquitto_pub -m hi"+as("bob"), "bob/hello hi")
	v.begin("mosquitto_sub -V 5 -i there" + as("bob"))
	v.broker.wait(&v.broker.stderr, "as there")
	if status, _ := v.shell(fmt.Sprintf("mosquitto_pub -h 127.0.0.1 -p %s --cafile ca.crt -t bob/hello -m hi", v.tlsPort)); status == 0 {
		t.Error("a client without a certificate is welcome")
	}
	v.must("certs", "revoke", "bob", "-d", v.pki())
	for deadline := time.Now().Add(patience); ; {
		status, _ := v.shell("mosquitto_pub -m hi" + as("bob"))
		if status != 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a client whose certificate was revoked is welcome")
		}
	}
	v.broker.wait(&v.broker.stderr, "Client there [")
	v.hears(v.printed("mosquitto_sub")[0], v.printed("mosquitto_pub")[0], "alice/hello hello")
}

// TestRenewalAtStart: a broker that was off until its certificate had ended
// shows a new one, when it is of an authority of its own.
func TestRenewalAtStart(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), proctest.FreePort(t)
	pkiDir := filepath.Join(dir, "pki")
	then := time.Now().AddDate(0, 0, -420)
	a, err := pki.Create(pkiDir, then, pki.CreateOptions{Host: "lizard"})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	machine, err := pki.ThisMachine()
	if err != nil {
		t.Fatal(err)
	}
	if e, err := a.Issue(then, pki.Request{Name: pki.ServerName, Kind: pki.Server, Machine: machine}); err != nil || e.State(time.Now()) != pki.Expired {
		t.Fatalf("%v, %v", e, err)
	}
	a.Close()
	conf := filepath.Join(dir, "zancudo.conf")
	text := fmt.Sprintf("allow_anonymous true\nlistener %s 127.0.0.1\ncertfile %s/server.crt\nkeyfile %[2]s/server.key\n", port, pkiDir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b := broker(t, "-c", conf)
	if !strings.Contains(b.stderr.String(), "certificate renewed: ") {
		t.Errorf("the log says nothing of it: %s", &b.stderr)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate())
	c, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots}}).DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
