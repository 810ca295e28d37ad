package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/proctest"
	"github.com/zancudomq/zancudo/packet"
)

// A sideBySide is a command line for Mosquitto's tools and ours. Words that are
// quoted have blanks; of @PORT, @TLS, @CA, @CERT, @KEY and @DIR the test knows
// the values.
type sideBySide struct {
	line, stdin string
	// differs is the reason why output or exit status are not the same. Debian's
	// tools are of version 2.0, and we follow 2.1.
	differs string
}

// TestSideBySide runs the same command lines with Mosquitto's tools and with
// ours, under Mosquitto's names. Standard output and exit status are the same,
// and ours says on standard error what theirs says, and perhaps more. Not compared
// is a TLS handshake that fails: Mosquitto's status is 8 or 1, as it happens, and
// ours is 8.
func TestSideBySide(t *testing.T) {
	needTools(t)
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	values := serve(t)
	for _, test := range slices.Concat(pubLines(), subLines(), rrLines()) {
		t.Run(test.line, func(t *testing.T) { test.compare(t, values) })
	}
}

// TestSideBySideWithMosquitto does so against Mosquitto's broker.
func TestSideBySideWithMosquitto(t *testing.T) {
	needTools(t)
	need(t, "mosquitto", "mosquitto")
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	port := proctest.FreePort(t)
	out := &proctest.Output{}
	c := exec.CommandContext(t.Context(), "mosquitto", "-p", port)
	c.Stdout, c.Stderr = out, out
	must(t, c.Start())
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
	for i := 0; ; i++ {
		conn, err := net.Dial("tcp", "localhost:"+port)
		if err == nil {
			conn.Close()
			break
		}
		if i == 500 {
			t.Fatalf("mosquitto does not listen\n%s", out)
		}
		<-time.After(10 * time.Millisecond)
	}
	for _, name := range []string{"1", "2"} {
		if got := runOurs(t, "pub", []string{"-p", port, "-t", "retained/" + name, "-m", name, "-r", "-q", "1"}, ""); got.status != 0 {
			t.Fatal(got)
		}
	}
	for _, test := range []sideBySide{
		{line: "pub -t a -m b -d -i me -q 2"},
		{line: "pub -t a -m b -d -i me -q 1 -V mqttv5"},
		{line: "pub -t a -l -d -i me -q 1 -M 1", stdin: "1\n\n2"},
		{line: "pub -t a -m b -D publish topic-alias 1 --repeat 2 -d -i me", differs: "the topic is sent along with its alias, which is then right on each connection"},
		{line: "pub -t a -m b -D connect authentication-method x"},
		{line: "pub -t $SYS/a -m b -V 5 -q 1"},
		{line: "sub -t retained/# -C 2 -v -q 1 -i me -d", differs: "a message is acknowledged after it is printed, not before"},
		{line: "sub -t retained/1 -C 1 -V 5 -F '%t %q %r %p'"},
		{line: "sub -t retained/# -U a -E -i me"},
		{line: "sub -t $SYS/broker/version -C 1 -v"},
		{line: "rr -t e -e e -m x -v"},
		{line: "rr -t e -e e -m x -q 1 -V 311"},
	} {
		t.Run(test.line, func(t *testing.T) { test.compare(t, map[string]string{"@PORT": port}) })
	}
}

func pubLines() []sideBySide {
	return []sideBySide{
		{line: "pub -t a -m b"},
		{line: "pub -t a -m b -d -i me"},
		{line: "pub -t a -m b -d -i me -q 1"},
		{line: "pub -t a -m b -d -i me -q 2"},
		{line: "pub -t a -m b -d -i me -q 2 -V mqttv31"},
		{line: "pub -t a -m b -d -i me -q 1 -V mqttv5"},
		{line: "pub -t a -m b -d -q 0"},
		{line: "pub -t a -m b -d -V 5"},
		{line: "pub -t a -n -d -i me"},
		{line: "pub -t a -r -n -d -i me"},
		{line: "pub -t a -l -d -i me", stdin: "1\n\n2"},
		{line: "pub -t a -l -i me -q 2", stdin: "1\n\n2"},
		{line: "pub -t a -l -d -i me", stdin: ""},
		{line: "pub -t a -s -d -i me", stdin: "1\n\n2"},
		{line: "pub -t a -s", stdin: ""},
		{line: "pub -t a -f /etc/hostname"},
		{line: "pub -t a -f /dev/null -d -i me"},
		{line: "pub -t a -f /nowhere/x", differs: "2.1 says 'Unable to read file'"},
		{line: "pub -t a -m b -i me -c -d"},
		{line: "pub -t a -m b -I pre"},
		{line: "pub -t a -m b -u u -P p -k 10 -M 5 --nodelay"},
		{line: "pub --topic a --message b --qos 1 --retain --id me --keepalive 9 --username u --pw p --protocol-version 5 --debug"},
		{line: "pub -t a -m b -q 1 --repeat 2 -d -i me"},
		{line: "pub -t a -m b --repeat 3 --repeat-delay 0.1 -d -i me"},
		{line: "pub -t a -m b --will-topic w --will-payload p --will-qos 2 --will-retain"},
		{line: "pub -t a -m b -D publish content-type x -D publish user-property k v -D connect user-property k v -d -i me"},
		{line: "pub -t a -m b -x 5 -d -i me"},
		{line: "pub -L mqtt://u:p@localhost:@PORT/a/b -m x -d -i me"},
		{line: "pub -L mqtt://localhost:@PORT/ -m x", differs: "an empty topic is refused before anything is sent"},
		{line: "pub -t a -m b -A 127.0.0.1 -h 127.0.0.1"},
		{line: "pub -t a -m b --cafile @CA -p @TLS -h localhost"},
		{line: "pub -t a -m b --capath @DIR -p @TLS -h localhost", differs: "names that are not hashes are read too"},
		{line: "pub -t a -m b --cafile @CA --cert @CERT --key @KEY -p @TLS"},
		{line: "pub -t a -m b --cafile @CA --tls-version tlsv1.2 --ciphers ECDHE-ECDSA-AES128-GCM-SHA256 -p @TLS"},
		{line: "pub -t a -m b --cafile @CA --insecure -p @TLS -h 127.0.0.1"},
		{line: "pub -t a -m b -p @TLS"},
		{line: "pub -t a -m b --cafile /nowhere"},
		{line: "pub -t a -m b --cafile @CA --tls-version 9"},
		{line: "pub -t a -m b -p 1"},
		{line: "pub -t a -m b -p 1 --quiet"},
		{line: "pub -t a -m b --unix /nowhere/x"},
		{line: "pub -h nosuch.invalid -t a -m b"},
		{line: "pub -t a -m b -A 192.0.2.1"},
		{line: "pub -t a -m b --proxy socks5h://localhost:1"},
		{line: "pub -t a/# -m b"},
		{line: "pub -t a -m b -q 3"},
		{line: "pub -t a -m b -q x", differs: "letters are no number, where Mosquitto takes them for 0"},
		{line: "pub -t a -m b -n"},
		{line: "pub -t a -m b -k 1"},
		{line: "pub -t a -m b -V 6"},
		{line: "pub -t a -m b -p 70000"},
		{line: "pub -t a -m b -c"},
		{line: "pub -t a -m b -c -V 5"},
		{line: "pub -t a -m b -V 311 -P p"},
		{line: "pub -t a -m b --bogus"},
		{line: "pub -t a -m b -v"},
		{line: "pub -t a -m b stray"},
		{line: "pub -t a -m"},
		{line: "pub -t a -m b -x soon"},
		{line: "pub -t a -m b -x -2"},
		{line: "pub -t a -m b --repeat 0"},
		{line: "pub -t a -m b --repeat-delay -1"},
		{line: "pub -t a -m b --will-payload p"},
		{line: "pub -t a -m b --will-topic w --will-qos 3"},
		{line: "pub -t a -m b --cert x"},
		{line: "pub -t a -m b --psk 00"},
		{line: "pub -t a -m b --psk 00 --psk-identity i --cafile x"},
		{line: "pub -t a -m b --keyform pem"},
		{line: "pub -t a -m b -L mqtt://x"},
		{line: "pub -t a -m b -L http://x/y", differs: "2.1 writes 'Unsupported' with a capital letter"},
		{line: "pub -t a -m b --proxy http://x"},
		{line: "pub -t a -m b -D x y z", differs: "2.1 names the command"},
		{line: "pub -t a -m b -D publish x z", differs: "2.1 names the property"},
		{line: "pub -p @PORT -t a -m b -D publish"},
		{line: "pub -t a -m b -D connect content-type x"},
		{line: "pub -t a -m b -D auth user-property a b"},
		{line: "pub -t a -m b -D publish topic-alias 70000"},
		{line: "pub -t a -m b -D publish content-type a -D publish content-type b"},
		{line: "pub -t a -m b -D connect receive-maximum 0"},
		{line: "pub -t a -m b -D publish payload-format-indicator 2", differs: "MQTT forbids it, and a broker would disconnect"},
		{line: "pub --help", differs: "the help is our own"},
		{line: "pub --version", differs: "the version is our own"},
		{line: "pub", differs: "2.0 prints its help as well"},
	}
}

func subLines() []sideBySide {
	return []sideBySide{
		{line: "sub -t retained/# -C 2"},
		{line: "sub -t retained/# -C 2 -v"},
		{line: "sub -t retained/# -C 2 -N -q 2"},
		{line: "sub -t retained/1 -t retained/2 -C 2 -v -q 1 -i me"},
		{line: "sub -t retained/1 -C 1 -d -i me -V mqttv5"},
		{line: "sub -t retained/1 -C 1 -d -V mqttv311"},
		{line: "sub -t retained/1 -C 1 -d -q 1 -i me", differs: "a message is acknowledged after it is printed, not before"},
		{line: "sub -t retained/1 -C 1 -c -i me"},
		{line: "sub --topic retained/1 -C 1 --verbose --id me --qos 0 --protocol-version 31 --debug"},
		{line: "sub -t retained/1 -W 1 -v -d -i me"},
		{line: "sub -t retained/# -W 1 -T retained/1 -v"},
		{line: "sub -t retained/# -W 1 -R -d -i me"},
		{line: "sub -t retained/# -W 1 -R -d -i me -V 5"},
		{line: "sub -t retained/# -C 1 --retain-as-published -V 5 -F %r"},
		{line: "sub -t retained/# -C 2 --retained-only"},
		{line: "sub -t retained/# -C 2 --random-filter 100", differs: "100 per cent are all, as the manual says; Mosquitto prints a tenth"},
		{line: "sub -t nothing -W 1 --quiet"},
		{line: "sub -t a -E -i me -d"},
		{line: "sub -t a -t b/+ -t c/# -E -q 2 -i me -d"},
		{line: "sub -t a -U b -U c -E -i me -d", differs: "the broker's answer is waited for before the next is sent, and before the end"},
		{line: "sub -U b -E", differs: "2.1 takes -U without -t"},
		{line: "sub -t retained/1 -C 1 -F '%t|%p|%q|%r|%l|%x|%X|%%|\\t|@@'"},
		{line: "sub -t retained/1 -C 1 -D subscribe subscription-identifier 7 -F %S"},
		{line: "sub -t retained/1 -C 1 -D connect receive-maximum 2 -d -i me"},
		{line: "sub -L mqtt://localhost:@PORT/retained/1 -C 1 -v"},
		{line: "sub -t retained/1 -C 1 --cafile @CA -p @TLS"},
		{line: "sub -t denied -W 3 -V 5 -d -i me", differs: "the exit status is the reason, where Mosquitto's is 0"},
		{line: "sub -t a -p 1"},
		{line: "sub -h nosuch.invalid -t a"},
		{line: "sub"},
		{line: "sub -t a -C 0"},
		{line: "sub -t a -W 0"},
		{line: "sub -t a#"},
		{line: "sub -t a -T b#"},
		{line: "sub -t a -U b#"},
		{line: "sub -t a -c"},
		{line: "sub -t a -i b -I c"},
		{line: "sub -t a -R --retained-only"},
		{line: "sub -t a -F %"},
		{line: "sub -t a -F %z"},
		{line: "sub -t a -F \\q"},
		{line: "sub -t a --random-filter 0"},
		{line: "sub -t a --random-filter 1001"},
		{line: "sub -t a -m b"},
		{line: "sub -t a --retain-handling new -E", differs: "it is new in 2.1"},
		{line: "sub -t a -w -E", differs: "it is new in 2.1"},
	}
}

func rrLines() []sideBySide {
	return []sideBySide{
		{line: "rr -t e -e e -m x"},
		{line: "rr -t e -e e -m x -v -q 1"},
		{line: "rr -t e -e e -m x -N -q 2"},
		{line: "rr -t e -e e -n -v"},
		{line: "rr -t e -e e -m x -V 311"},
		{line: "rr -t e -e e -s", stdin: "1\n2", differs: "2.0 does not read it"},
		{line: "rr -t e -e e -f /etc/hostname", differs: "2.0 does not read it"},
		{line: "rr -t e -e e -m x -F '%t %R %p'"},
		{line: "rr -t e -e e -m x -D publish correlation-data y -F %D"},
		{line: "rr -t e -e e -m x -d -i me", differs: "it says DISCONNECT at the end, where Mosquitto's leaves its will to be published"},
		{line: "rr -t e -e other -m x -W 1 -d -i me"},
		{line: "rr -t e -e e -m x -p 1"},
		{line: "rr -t e -m x"},
		{line: "rr -t e -e e#  -m x"},
		{line: "rr -t e -e e -m x -l"},
		{line: "rr -t e -e e -m x -D publish response-topic y"},
		{line: "rr -t e -e e -m x --latency", differs: "it is new in 2.1"},
		{line: "rr -t e -e denied -m x -W 3", differs: "the exit status is the reason, where Mosquitto's is 0"},
	}
}

// compare runs both.
func (s *sideBySide) compare(t *testing.T, values map[string]string) {
	t.Helper()
	line := s.line
	for name, value := range values {
		line = strings.ReplaceAll(line, name, value)
	}
	tool, rest, _ := strings.Cut(line, " ")
	args := words(rest)
	if !strings.Contains(line, "-p ") && !strings.Contains(line, "-L ") && !strings.Contains(line, "--unix") {
		args = append(args, "-p", values["@PORT"])
	}
	want := runProgram(t, "mosquitto_"+tool, args, s.stdin)
	got := runOurs(t, tool, args, s.stdin)
	same := got.stdout == want.stdout && got.status == want.status && says(got.stderr, want.stderr)
	switch {
	case s.differs == "" && !same:
		t.Errorf("ours   %+v\ntheirs %+v", got, want)
	case s.differs != "" && same:
		t.Errorf("no longer differs, though %s: %+v", s.differs, got)
	}
}

// words splits a line at blanks that are not between single quotes.
func words(line string) (all []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			all = append(all, part)
		} else {
			all = append(all, strings.Fields(part)...)
		}
	}
	return all
}

// says reports whether each line of what theirs says is in ours, which may go on
// where theirs ends, and whether both say anything at all.
func says(ours, theirs string) bool {
	for line := range strings.Lines(theirs) {
		line = strings.TrimRight(line, ".\n")
		if line != "" && !strings.Contains(ours, line) {
			return false
		}
	}
	return (ours == "") == (theirs == "")
}

// needTools skips a test without Mosquitto's tools.
func needTools(t *testing.T) {
	t.Helper()
	for _, program := range []string{"mosquitto_pub", "mosquitto_sub", "mosquitto_rr"} {
		need(t, program, "mosquitto-clients")
	}
}

// nobody may subscribe to denied.
type nobody struct{}

func (nobody) Authorize(_ *broker.Client, a broker.Action, topic string) error {
	if a == broker.Subscribe && topic == "denied" {
		return packet.NotAuthorized
	}
	return nil
}

// serve runs a broker, with messages retained at retained/1 and retained/2, and
// returns where it listens.
func serve(t *testing.T) (values map[string]string) {
	t.Helper()
	dir := t.TempDir()
	_, certificate, err := certificates(dir)
	must(t, err)
	b, port := serveBroker(t, broker.Options{Authorizer: nobody{}})
	for _, name := range []string{"1", "2"} {
		must(t, b.Publish(&packet.Message{Topic: "retained/" + name, Payload: []byte(name), QoS: 1, Retain: true}))
	}
	secure := func(l net.Listener) net.Listener {
		return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}})
	}
	return map[string]string{
		"@PORT": port, "@TLS": listen(t, b, secure),
		"@CA": filepath.Join(dir, "ca.crt"), "@CERT": filepath.Join(dir, "client.crt"), "@KEY": filepath.Join(dir, "client.key"),
		"@DIR": filepath.Join(dir, "cas"),
	}
}

// serveBroker runs a broker on a free port.
func serveBroker(t *testing.T, o broker.Options) (b *broker.Broker, port string) {
	t.Helper()
	b = broker.New(o)
	return b, listen(t, b, func(l net.Listener) net.Listener { return l })
}

// listen has a broker listen on a free port.
func listen(t *testing.T, b *broker.Broker, wrap func(net.Listener) net.Listener) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	must(t, err)
	done := make(chan error)
	go func() { done <- b.Serve(wrap(l)) }()
	t.Cleanup(func() {
		b.Close()
		<-done
	})
	return portOf(l)
}

func runProgram(t *testing.T, program string, args []string, stdin string) run {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return run{c.ProcessState.ExitCode(), assignedID.ReplaceAllString(stdout.String(), "auto"), stderr.String()}
}

func runOurs(t *testing.T, tool string, args []string, stdin string) run {
	t.Helper()
	var stdout, stderr buffer
	status := Main(t.Context(), append([]string{"mosquitto_" + tool}, args...), strings.NewReader(stdin), &stdout, &stderr)
	return run{status, assignedID.ReplaceAllString(stdout.String(), "auto"), stderr.String()}
}

// assignedID is a client identifier that a broker gave.
var assignedID = regexp.MustCompile(`auto-[0-9A-Z-]+`)
