package interop

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience is how long anything may take that must happen.
const patience = 30 * time.Second

// mosq is Mosquitto's programs in one protocol version.
type mosq struct {
	host, port, version string
	topic               string // of the exchange
}

// mosquitto goes through the exchanges with mosquitto_pub, mosquitto_sub and mosquitto_rr.
func mosquitto(t *testing.T, host, port, version string) {
	t.Helper()
	for _, name := range []string{"mosquitto_pub", "mosquitto_sub", "mosquitto_rr"} {
		program(t, name, "mosquitto-clients")
	}
	program(t, "stdbuf", "coreutils")
	run := map[string]func(*testing.T, mosq){
		"qos0":          func(t *testing.T, m mosq) { t.Helper(); m.delivered(t, "0") },
		"qos1":          func(t *testing.T, m mosq) { t.Helper(); m.delivered(t, "1") },
		"qos2":          func(t *testing.T, m mosq) { t.Helper(); m.delivered(t, "2") },
		"retained":      func(t *testing.T, m mosq) { t.Helper(); m.retained(t) },
		"will":          func(t *testing.T, m mosq) { t.Helper(); m.will(t) },
		"large":         func(t *testing.T, m mosq) { t.Helper(); m.sized(t, 1_000_000) },
		"largest":       func(t *testing.T, m mosq) { t.Helper(); m.sized(t, 1_999_900) },
		"session":       func(t *testing.T, m mosq) { t.Helper(); m.session(t) },
		"assigned":      func(t *testing.T, m mosq) { t.Helper(); m.assigned(t) },
		"request":       func(t *testing.T, m mosq) { t.Helper(); m.request(t) },
		"expiry":        func(t *testing.T, m mosq) { t.Helper(); m.expiry(t) },
		"identifiers":   func(t *testing.T, m mosq) { t.Helper(); m.identifiers(t) },
		"sessionexpiry": func(t *testing.T, m mosq) { t.Helper(); m.sessionExpiry(t) },
		"shared":        func(t *testing.T, m mosq) { t.Helper(); m.shared(t) },
		"alias":         func(t *testing.T, m mosq) { t.Helper(); m.alias(t) },
	}
	for _, name := range list(version) {
		t.Run(name, func(t *testing.T) {
			run[name](t, mosq{host, port, version, "mosquitto" + version + "/" + name})
		})
	}
}

func (m mosq) id(name string) string {
	return strings.ReplaceAll(m.topic, "/", "-")[len("mosquitto"):] + name
}

func (m mosq) command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	version := map[string]string{"3": "mqttv31", "4": "mqttv311", "5": "mqttv5"}[m.version]
	// mosquitto_sub keeps its lines in a buffer when it writes to a pipe.
	args = slices.Concat([]string{"-oL", name, "-h", m.host, "-p", m.port, "-V", version}, args)
	cmd := exec.CommandContext(ctx, "stdbuf", args...)
	cmd.WaitDelay = time.Second
	return cmd
}

// do runs a program to its end, which must be a good one.
func (m mosq) do(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := m.command(t, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

func (m mosq) pub(t *testing.T, args ...string) {
	t.Helper()
	m.do(t, "mosquitto_pub", args...)
}

// A subscriber is a mosquitto_sub that runs.
type subscriber struct {
	*exec.Cmd
	lines  chan string   // a message each, or a line of -d
	ended  chan struct{} // when it has
	errors bytes.Buffer
}

// sub starts mosquitto_sub and returns when it has subscribed to as many filters. The format must not begin with
// "Client" or "Subscribed", which are lines of -d.
func (m mosq) sub(t *testing.T, format string, args ...string) *subscriber {
	t.Helper()
	s := &subscriber{lines: make(chan string, 1000), ended: make(chan struct{})}
	s.Cmd = m.command(t, "mosquitto_sub", append([]string{"-d", "-F", format}, args...)...)
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.Stderr = &s.errors
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	subscribed := make(chan bool, 1)
	go func() {
		defer close(s.ended)
		defer close(s.lines)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 8<<20)
		for lines.Scan() {
			switch line := lines.Text(); {
			case strings.HasPrefix(line, "Subscribed"):
				subscribed <- true
			case strings.HasPrefix(line, "Client "):
			default:
				s.lines <- line
			}
		}
		_ = s.Wait() // ended by a test's end, its own, or a deadline
	}()
	t.Cleanup(func() {
		_ = s.Process.Kill() // fails where it has ended
		<-s.ended
	})
	select {
	case <-subscribed:
	case <-s.ended:
		t.Fatalf("mosquitto_sub %q ended: %s", args, &s.errors)
	case <-time.After(patience):
		t.Fatalf("mosquitto_sub %q does not subscribe", args)
	}
	return s
}

// line returns the next message.
func (s *subscriber) line(t *testing.T) string {
	t.Helper()
	select {
	case line, ok := <-s.lines:
		if !ok {
			t.Fatalf("mosquitto_sub ended: %s", &s.errors)
		}
		return line
	case <-time.After(patience):
		t.Fatal("no message for mosquitto_sub")
	}
	return ""
}

func (s *subscriber) expect(t *testing.T, want ...string) {
	t.Helper()
	for _, want := range want {
		if got := s.line(t); got != want {
			t.Fatalf("got %.200q, want %.200q", got, want)
		}
	}
}

// stop interrupts the program, which says DISCONNECT and ends.
func (s *subscriber) stop(t *testing.T) {
	t.Helper()
	if err := s.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-s.ended
}

func (m mosq) delivered(t *testing.T, qos string) {
	t.Helper()
	s := m.sub(t, "%t %q %r %p", "-t", m.topic, "-q", qos)
	pub := m.command(t, "mosquitto_pub", "-t", m.topic, "-q", qos, "-l")
	var want []string
	var in strings.Builder
	for i := range 10 {
		fmt.Fprintln(&in, "message", i)
		want = append(want, fmt.Sprint(m.topic, " ", qos, " 0 message ", i))
	}
	pub.Stdin = strings.NewReader(in.String())
	if out, err := pub.CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_pub: %v\n%s", err, out)
	}
	s.expect(t, want...)
}

func (m mosq) retained(t *testing.T) {
	t.Helper()
	live := m.sub(t, "%r %p", "-t", m.topic)
	m.pub(t, "-t", m.topic, "-q", "1", "-r", "-m", "kept")
	live.expect(t, "0 kept")
	m.sub(t, "%r %p", "-t", m.topic).expect(t, "1 kept")
	m.pub(t, "-t", m.topic, "-q", "1", "-r", "-n")
	live.expect(t, "0 ")
	later := m.sub(t, "%r %p", "-t", m.topic)
	m.pub(t, "-t", m.topic, "-q", "1", "-m", "marker")
	later.expect(t, "0 marker")
}

func (m mosq) will(t *testing.T) {
	t.Helper()
	observer := m.sub(t, "%q %p", "-t", m.topic, "-q", "1")
	arg := []string{"-i", m.id("w"), "-t", "other", "--will-topic", m.topic, "--will-payload", "gone", "--will-qos", "1"}
	if err := m.sub(t, "%p", arg...).Process.Kill(); err != nil {
		t.Fatal(err)
	}
	observer.expect(t, "1 gone")
	if m.version == "5" { // interrupted, it says Disconnect with Will Message
		m.sub(t, "%p", arg...).stop(t)
		observer.expect(t, "1 gone")
	}
	m.do(t, "mosquitto_sub", append(arg, "-E")...)
	m.pub(t, "-i", m.id("w"), "-t", m.topic, "-q", "1", "-m", "marker")
	observer.expect(t, "1 marker")
}

func (m mosq) sized(t *testing.T, size int) {
	t.Helper()
	pattern := make([]byte, 251)
	for i := range pattern {
		pattern[i] = byte(i)
	}
	payload := bytes.Repeat(pattern, size/len(pattern)+1)[:size]
	file := filepath.Join(t.TempDir(), "payload")
	if err := os.WriteFile(file, payload, 0o600); err != nil {
		t.Fatal(err)
	}
	s := m.sub(t, "%q %x", "-t", m.topic, "-q", "2")
	for _, qos := range []string{"0", "1", "2"} {
		m.pub(t, "-t", m.topic, "-q", qos, "-f", file)
		q, digits, _ := strings.Cut(s.line(t), " ")
		got, err := hex.DecodeString(digits)
		if q != qos || err != nil || sha256.Sum256(got) != sha256.Sum256(payload) {
			t.Fatalf("got QoS %s and %d bytes (%v), want QoS %s and %d bytes", q, len(got), err, qos, len(payload))
		}
	}
}

func (m mosq) session(t *testing.T) {
	t.Helper()
	args := []string{"-i", m.id("s"), "-c", "-q", "2", "-t", m.topic}
	if m.version == "5" {
		args = append(args, "-x", "300")
	}
	m.do(t, "mosquitto_sub", append(args, "-E")...)
	var want, got []string
	for i := range 5 {
		for _, qos := range []string{"1", "2"} {
			m.pub(t, "-t", m.topic, "-q", qos, "-m", strconv.Itoa(i))
			want = append(want, qos+" "+strconv.Itoa(i))
		}
	}
	again := m.sub(t, "%q %p", args...)
	for range want {
		got = append(got, again.line(t))
	}
	again.stop(t)
	// A message of QoS 2 is printed when its PUBREL comes, so the order is that of each QoS.
	byQoS := func(a, b string) int { return strings.Compare(a[:1], b[:1]) }
	slices.SortStableFunc(want, byQoS)
	slices.SortStableFunc(got, byQoS)
	if !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	m.pub(t, "-t", m.topic, "-q", "1", "-m", "nobody gets this")
	clean := m.sub(t, "%q %p", "-i", m.id("s"), "-q", "1", "-t", m.topic)
	m.pub(t, "-t", m.topic, "-q", "1", "-m", "marker")
	clean.expect(t, "1 marker")
}

// assigned leaves the Client Identifier out; with MQTT 5.0 the programs then send an empty one.
func (m mosq) assigned(t *testing.T) {
	t.Helper()
	s := m.sub(t, "%p", "-t", m.topic)
	m.pub(t, "-t", m.topic, "-m", "hello")
	s.expect(t, "hello")
}

func (m mosq) request(t *testing.T) {
	t.Helper()
	s := m.sub(t, "%R|%D|%C|%F|%P|%p", "-t", m.topic)
	property := []string{"-D", "publish"}
	rr := m.command(t, "mosquitto_rr", slices.Concat([]string{"-t", m.topic, "-e", m.topic + "/answer", "-m", "question"},
		property, []string{"correlation-data", "abc"}, property, []string{"content-type", "text/plain"},
		property, []string{"payload-format-indicator", "1"}, property, []string{"user-property", "a", "1"},
		property, []string{"user-property", "b", "2"}, property, []string{"user-property", "a", "3"})...)
	printed := make(chan string, 1)
	go func() {
		out, err := rr.CombinedOutput()
		printed <- fmt.Sprint(string(out), err)
	}()
	s.expect(t, m.topic+"/answer|abc|text/plain|1|a:1 b:2 a:3|question")
	m.pub(t, "-t", m.topic+"/answer", "-m", "answer", "-D", "publish", "correlation-data", "abc")
	if got, want := <-printed, "answer\n<nil>"; got != want {
		t.Errorf("mosquitto_rr: %q, want %q", got, want)
	}
}

func (m mosq) expiry(t *testing.T) {
	t.Helper()
	s := m.sub(t, "%E %p", "-t", m.topic)
	m.pub(t, "-t", m.topic, "-m", "fresh", "-D", "publish", "message-expiry-interval", "100")
	var seconds int
	if line := s.line(t); !strings.HasSuffix(line, " fresh") {
		t.Fatalf("got %q", line)
	} else if _, err := fmt.Sscan(line, &seconds); err != nil || seconds < 90 || seconds > 100 {
		t.Fatalf("got %q", line)
	}
	topic := m.topic + "/stale"
	m.pub(t, "-t", topic, "-m", "stale", "-r", "-D", "publish", "message-expiry-interval", "1")
	for deadline := time.Now().Add(patience); ; { // it is handed out until it has expired
		late := m.sub(t, "%p", "-t", topic)
		m.pub(t, "-t", topic, "-m", "marker")
		if late.line(t) == "marker" {
			return
		}
		late.expect(t, "marker")
		if time.Now().After(deadline) {
			t.Fatal("the retained message does not expire")
		}
	}
}

func (m mosq) identifiers(t *testing.T) {
	t.Helper()
	s := m.sub(t, "%S %p", "-t", m.topic, "-D", "subscribe", "subscription-identifier", "268435455")
	m.pub(t, "-t", m.topic, "-m", "hello")
	s.expect(t, "268435455 hello")
}

func (m mosq) sessionExpiry(t *testing.T) {
	t.Helper()
	args := []string{"-i", m.id("s"), "-c", "-q", "1", "-t", m.topic, "-E", "-x"}
	for _, c := range []struct {
		expiry string
		want   []string
	}{
		{"300", []string{"kept", "marker"}},
		{"0", []string{"marker"}},
	} {
		m.do(t, "mosquitto_sub", append(args, c.expiry)...)
		m.pub(t, "-t", m.topic, "-q", "1", "-m", "kept")
		s := m.sub(t, "%p", "-i", m.id("s"), "-c", "-q", "1", "-t", m.topic)
		m.pub(t, "-t", m.topic, "-q", "1", "-m", "marker")
		s.expect(t, c.want...)
		s.stop(t)
	}
}

func (m mosq) shared(t *testing.T) {
	t.Helper()
	one := m.sub(t, "%p", "-q", "1", "-t", "$share/group/"+m.topic, "-t", m.topic+"/end")
	two := m.sub(t, "%p", "-q", "1", "-t", "$share/group/"+m.topic, "-t", m.topic+"/end")
	pub := m.command(t, "mosquitto_pub", "-t", m.topic, "-q", "1", "-l")
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprintf("message %02d", i))
	}
	pub.Stdin = strings.NewReader(strings.Join(want, "\n") + "\n")
	if out, err := pub.CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_pub: %v\n%s", err, out)
	}
	m.pub(t, "-t", m.topic+"/end", "-q", "1", "-m", "end")
	var got []string
	for _, s := range []*subscriber{one, two} {
		before := len(got)
		for line := s.line(t); line != "end"; line = s.line(t) {
			got = append(got, line)
		}
		if len(got) == before {
			t.Error("a member got nothing")
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("the members got %q, want %q", got, want)
	}
}

// alias shows only that the broker bears the property: mosquitto_pub sends the topic with every message.
func (m mosq) alias(t *testing.T) {
	t.Helper()
	s := m.sub(t, "%t %p", "-t", m.topic)
	pub := m.command(t, "mosquitto_pub", "-t", m.topic, "-l", "-D", "publish", "topic-alias", "1")
	pub.Stdin = strings.NewReader("one\ntwo\n")
	if out, err := pub.CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_pub: %v\n%s", err, out)
	}
	s.expect(t, m.topic+" one", m.topic+" two")
}
