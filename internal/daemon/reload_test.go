package daemon

import (
	"errors"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/console"
	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
)

// reloadable is a running broker whose configuration is a text that a test
// changes.
type reloadable struct {
	*running
	t    *testing.T
	text atomic.Pointer[string]
	dir  string
}

func startReloadable(t *testing.T, text string) *reloadable {
	t.Helper()
	r := &reloadable{t: t, dir: filepath.Join(t.TempDir(), "run")}
	r.running = startOptions(t, Options{
		Config: parse(t, text), RunDir: r.dir,
		Reload: func() (*config.Config, error) { return config.Parse("a.conf", []byte(*r.text.Load())) },
	})
	r.wait(t, " running\n")
	return r
}

// reload has the broker read another text, and returns what has changed.
func (r *reloadable) reload(text string) ([]string, error) {
	r.t.Helper()
	r.text.Store(&text)
	deadline := time.Now().Add(patience)
	for {
		found, err := console.Find(r.dir)
		if err != nil {
			r.t.Fatal(err)
		}
		if len(found) == 1 {
			var told Reloaded
			err := found[0].Call(r.t.Context(), "reload", nil, &told)
			return told.Changes, err
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("no console in %s; the log is\n%s", r.dir, r.log)
		}
	}
}

func (r *reloadable) must(text string, want ...string) {
	r.t.Helper()
	if got, err := r.reload(text); err != nil || !slices.Equal(got, want) {
		r.t.Fatalf("%q changed %q, %v, want %q", text, got, err, want)
	}
}

// connect connects to a port with the words of a CONNECT.
func (r *reloadable) connect(port int, words, connack string) *mqtttest.Client {
	r.t.Helper()
	c := r.attempt(port, words)
	c.Expect("CONNACK " + connack)
	return c
}

// attempt connects, whatever comes of it.
func (r *reloadable) attempt(port int, words string) *mqtttest.Client {
	r.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(r.t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		r.t.Fatal(err)
	}
	c := mqtttest.NewClient(r.t, conn, packet.V5)
	c.Timeout = patience
	c.SendText("CONNECT " + words)
	return c
}

func alive(c *mqtttest.Client) {
	c.SendText("PINGREQ")
	c.Expect("PINGRESP")
}

func refuses(t *testing.T, port int) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil {
		conn.Close()
		t.Errorf("port %d is open", port)
	}
}

// freePorts are ports that were free a moment ago.
func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func TestReload(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, 2)
	one, two := strconv.Itoa(ports[0]), strconv.Itoa(ports[1])
	base := "allow_anonymous true\nlistener " + one + " 127.0.0.1\n"
	r := startReloadable(t, base)
	c := r.connect(ports[0], "v5 id=stays clean", "receive-maximum=20 maximum-packet-size=2000000 alias-maximum=10")
	c.SendText("SUBSCRIBE 1 a qos=1")
	c.Expect("SUBACK 1 1")

	r.must(base)
	r.must(base+"max_topic_alias 3\nmax_qos 1\n",
		"~max_qos 2 → 1 (listener "+one+" 127.0.0.1)", "~max_topic_alias 10 → 3 (listener "+one+" 127.0.0.1)")
	r.connect(ports[0], "v5 id=new clean", "receive-maximum=20 maximum-packet-size=2000000 alias-maximum=3 maximum-qos=1").Drop()
	c.SendText("PUBLISH 7 a qos=2 still") // as it was told
	c.Expect("PUBLISH 1 a qos=1 still", "PUBREC 7")

	r.must(base+"listener "+two+" 127.0.0.1\nmount_point m/\nmax_inflight_messages 5\nlog_type all\n",
		"~max_inflight_messages 20 → 5", "~log_type error, warning, notice, information → error, warning, notice, information, debug, subscribe, unsubscribe, websockets, internal",
		"~max_qos 1 → 2 (listener "+one+" 127.0.0.1)", "~max_topic_alias 3 → 10 (listener "+one+" 127.0.0.1)", "+listener "+two+" 127.0.0.1")
	mounted := r.connect(ports[1], "v5 id=mounted clean", "receive-maximum=5 ...")
	mounted.SendText("PUBLISH 1 x qos=1 y")
	mounted.Expect("PUBACK 1 0x10")
	alive(c)

	r.must(base, "~max_inflight_messages 5 → 20",
		"~log_type error, warning, notice, information, debug, subscribe, unsubscribe, websockets, internal → error, warning, notice, information",
		"-listener "+two+" 127.0.0.1")
	mounted.Expect("DISCONNECT 0x98 ...")
	mounted.Closed()
	refuses(t, ports[1])
	alive(c)

	r.must(base+"pid_file /nowhere\n", "~pid_file (none) → /nowhere, from the next start on")
	// Who loses the right to be connected is disconnected.
	r.must("allow_anonymous false\nlistener "+one+" 127.0.0.1\n", "~pid_file /nowhere → (none), from the next start on", "~allow_anonymous true → false",
		"-1 clients, who may not be connected any more")
	c.Expect("DISCONNECT 0x87 ...")
	c.Closed()
	r.connect(ports[0], "v5 id=stays clean", "0x87 ...").Closed()
}

// After a reload that fails all is as it was.
func TestReloadFails(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	occupied := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	ports := freePorts(t, 2)
	one, two := strconv.Itoa(ports[0]), strconv.Itoa(ports[1])
	base := "allow_anonymous true\nlistener " + one + " 127.0.0.1\n"
	r := startReloadable(t, base)
	c := r.connect(ports[0], "v5 id=stays clean", "...")
	for _, tt := range []struct{ name, text, want string }{
		{"unknown word", base + "max_qoss 1\n", "Unknown configuration variable 'max_qoss'"},
		{"bad value", base + "max_qos 3\n", "'max_qos' must be between 0 and 2 inclusive."},
		{"refused", base + "plugin /x.so\n", "The plugin '/x.so' is not supported."},
		{"password file that is not there", base + "password_file /nowhere/x\n", "Unable to open the password file '/nowhere/x'.\nError found at a.conf:3. There is no such file"},
		{"port in use", base + "max_qos 0\nlistener " + two + " 127.0.0.1\nlistener " + occupied + " 127.0.0.1\n", "Address already in use"},
		{"sockets of another kind, and a port in use", base + "protocol websockets\nlistener " + occupied + " 127.0.0.1\n", "Address already in use"},
		{"another address of the port, and a port in use", "allow_anonymous true\nlistener " + one + "\nlistener " + occupied + " 127.0.0.1\n", "Address already in use"},
		{"file of the log", base + "max_qos 0\nlistener " + two + " 127.0.0.1\nlog_dest file /nowhere/x.log\n", "/nowhere/x.log"},
	} {
		_, err := r.reload(tt.text)
		var told *console.Error
		if !errors.As(err, &told) || !strings.Contains(told.Text, tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
		refuses(t, ports[1])
		alive(c)
		r.connect(ports[0], "v5 id=new clean", "receive-maximum=20 maximum-packet-size=2000000 alias-maximum=10").Drop()
		r.must(base)
		r.wait(t, "Config not reloaded, and nothing has changed: ")
	}
}

// The sockets of a listener may become others, whose clients stay.
func TestReloadSockets(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	base := "allow_anonymous true\nlistener " + strconv.Itoa(port) + " 127.0.0.1\n"
	r := startReloadable(t, base)
	c := r.connect(port, "v5 id=stays clean", "...")
	name := " (listener " + strconv.Itoa(port) + " 127.0.0.1)"
	r.must(base+"protocol websockets\n", "~protocol mqtt → websockets"+name)
	alive(c)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 8)
	if _, err := conn.Read(answer); err != nil || string(answer) != "HTTP/1.1" {
		t.Errorf("a WebSocket listener answers %q, %v", answer, err)
	}
	r.must(base+"protocol websockets\nwebsockets_proxy 10.0.0.0/8 ::1\n", "~websockets_proxy (none) → 10.0.0.0/8 ::1"+name)
	alive(c)
	if _, err := r.reload(base + "protocol websockets\nwebsockets_proxy 10.0.0.0/99\n"); err == nil || !strings.Contains(err.Error(), "Invalid 'websockets_proxy' value (10.0.0.0/99)") {
		t.Errorf("with a network that is none: %v", err)
	}
	r.must(base+"protocol websockets\n", "~websockets_proxy 10.0.0.0/8 ::1 → (none)"+name)
	r.must(base, "~protocol websockets → mqtt"+name)
	r.connect(port, "v5 id=new clean", "...").Drop()
	// The same port at all addresses: the old sockets are in the way.
	r.must("allow_anonymous true\nlistener "+strconv.Itoa(port)+"\n",
		"-listener "+strconv.Itoa(port)+" 127.0.0.1", "+listener "+strconv.Itoa(port))
	c.Expect("DISCONNECT 0x98 ...")
	r.connect(port, "v5 id=new clean", "...").Drop()
}

// Every word that a file may have is reported when it changes, and with the
// right promise of when it applies.
func TestReloadReportsEveryWord(t *testing.T) {
	t.Parallel()
	reported := 0
	for _, w := range config.Words() {
		before, after, ok := reloadSample(w)
		if !ok {
			continue
		}
		old, err := config.Parse("old.conf", []byte(before))
		if err != nil {
			t.Errorf("%s: %v", w.Name, err)
			continue
		}
		new, err := config.Parse("new.conf", []byte(after))
		if err != nil {
			t.Errorf("%s: %v", w.Name, err)
			continue
		}
		i := slices.IndexFunc(config.Diff(old, new), func(d config.Difference) bool {
			return d.Word != nil && d.Word.Name == w.Name && strings.HasSuffix(d.String(), ", from the next start on") == w.Restart
		})
		if i < 0 {
			t.Errorf("%s: a change from\n%s\nto\n%s\nis not reported: %v", w.Name, before, after, config.Diff(old, new))
		}
		if same := config.Diff(new, new); len(same) > 0 {
			t.Errorf("%s: differs from itself: %v", w.Name, same)
		}
		reported++
	}
	if reported < 100 {
		t.Errorf("only %d words were tried", reported)
	}
}

// reloadSample are two configurations that differ in one word.
func reloadSample(w config.Word) (before, after string, ok bool) {
	frames := map[config.Scope]string{
		config.Global: "", config.PerSecurity: "", config.PerListener: "listener 1883\n", config.DefaultListener: "listener 1883\n",
		config.PerBridge: "connection a\naddress b\ntopic #\n", config.PerPlugin: "plugin a.so\n",
	}
	frame, ok := frames[w.Scope]
	if !ok {
		return "", "", false // it is not a value
	}
	for _, value := range samples(w) {
		line := strings.TrimSuffix(w.Name, "*") + " " + value + "\n"
		if before0, ok0 := strings.CutSuffix(w.Name, "*"); ok0 {
			line = before0 + "key " + value + "\n"
		}
		a, errA := config.Parse("a", []byte(frame))
		b, errB := config.Parse("b", []byte(strings.Replace(frame, "address b\n", map[bool]string{true: "", false: "address b\n"}[w.Name == "address"], 1)+line))
		if errA == nil && errB == nil && len(config.Diff(a, b)) > 0 {
			return frame, strings.Replace(frame, "address b\n", map[bool]string{true: "", false: "address b\n"}[w.Name == "address"], 1) + line, true
		}
	}
	return "", "", false
}

// samples are values of a word, of which one is not its default.
func samples(w config.Word) []string {
	_, example, _ := strings.Cut(w.Example(), " ")
	all := append([]string{example, "true", "false", "21", "1", "2", "3d", "text", "/path"}, w.Choices...)
	return all
}

// When facts are safe changes while the broker runs, and the log says what that means.
func TestReloadSync(t *testing.T) {
	t.Parallel()
	base := "allow_anonymous true\nlistener " + strconv.Itoa(freePorts(t, 1)[0]) + " 127.0.0.1\npersistence true\npersistence_location " + t.TempDir() + "\n"
	r := startReloadable(t, base)
	r.must(base+"persistence_sync interval 200\n", "~persistence_sync always → interval 200")
	r.wait(t, "a.conf:5: when the power fails, what was acknowledged in the last 200ms is lost.")
	r.must(base+"persistence_sync never\n", "~persistence_sync interval 200 → never")
	r.wait(t, "a.conf:5: when the power fails, what was acknowledged and the system has not yet written is lost.")
	r.must(base, "~persistence_sync never → always")
}
