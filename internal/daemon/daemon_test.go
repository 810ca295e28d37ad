package daemon

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
)

// patience is how long a test waits for what should happen at once.
const patience = 60 * time.Second

func TestRun(t *testing.T) {
	t.Parallel()
	r := start(t, "")
	r.wait(t, " running\n")
	for _, line := range []string{
		"zancudo version test starting\n", "Using default config.\n", " of this machine only, open to every program on it; to open it to the network, ",
	} {
		if n := strings.Count(r.log.String(), line); n != 1 {
			t.Errorf("%q is there %d times in\n%s", line, n, r.log)
		}
	}
	c := r.dial(t)
	c.SendText("CONNECT v5 id=me keepalive=60")
	c.Expect("CONNACK ...")
	r.stop()
	if err := r.result(t); err != nil {
		t.Error(err)
	}
	c.Expect("DISCONNECT 0x8B ...")
	c.Closed()
	r.wait(t, "Client me [")
	r.wait(t, "zancudo version test terminating\n")
}

func TestSilent(t *testing.T) {
	t.Parallel()
	c := config.New()
	c.Log.Types = 0
	r := startConfig(t, c)
	r.stop()
	if err := r.result(t); err != nil || r.log.String() != "" {
		t.Errorf("got %v and the log\n%s", err, r.log)
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c := config.New()
	c.Listeners[0].Port = taken.Addr().(*net.TCPAddr).Port
	if err := startConfig(t, c).result(t); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want %v", err, syscall.EADDRINUSE)
	}
	// The first listener is not left open when the second fails.
	c = parse(t, "allow_anonymous true\nlistener 1\nlistener "+strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)+" 127.0.0.1")
	c.Listeners[0].Port, c.Listeners[0].Address = 0, "127.0.0.1"
	r := startConfig(t, c)
	if err := r.result(t); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want %v", err, syscall.EADDRINUSE)
	}
	if conn, err := net.Dial("tcp", "127.0.0.1:"+r.port(t)); err == nil {
		conn.Close()
		t.Error("a listener is left open")
	}
	var problems config.Problems
	if err := startConfig(t, parse(t, "listener 1\nplugin /x.so")).result(t); !errors.As(err, &problems) {
		t.Errorf("got %v, want problems of the configuration", err)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if c, err := Load(file("good", "max_qos 1", 0o600), nil); err != nil || c.Listeners[0].MaxQoS != 1 {
		t.Errorf("got %v, %v", c, err)
	}
	for name, want := range map[string]string{
		filepath.Join(dir, "none"):      "There is no such file or directory: check the name.",
		dir:                             "The reason is: is a directory.",
		file("secret", "", 0o000):       "This process may not read it: " + filepath.Join(dir, "secret") + " has mode 0000 and belongs to ",
		file("bad", "max_qos 3", 0o600): "'max_qos' must be between 0 and 2 inclusive.",
		file("long", string(make([]byte, maxFileBytes+1)), 0o600): "The reason is: it has more than 16 MiB.",
	} {
		if os.Geteuid() == 0 && strings.HasSuffix(name, "secret") {
			continue // root may read everything
		}
		_, err := Load(name, nil)
		var problems config.Problems
		if !errors.As(err, &problems) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
		if want[0] != '\'' && !strings.HasPrefix(err.Error(), "Unable to open config file '"+name+"'.\n") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// running is a broker in this process.
type running struct {
	log   *log
	stop  context.CancelFunc
	ended chan struct{}
	err   error
}

func start(t *testing.T, text string) *running {
	t.Helper()
	c := config.New()
	if text != "" {
		c = parse(t, text)
	}
	return startConfig(t, c)
}

// startConfig runs a broker. A port that nobody chose is any that is free.
func startConfig(t *testing.T, c *config.Config) *running {
	t.Helper()
	if c.Listeners[0].Port == config.DefaultPort {
		c.Listeners[0].Port = 0
	}
	return startOptions(t, Options{Config: c})
}

func startOptions(t *testing.T, o Options) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{log: &log{}, stop: cancel, ended: make(chan struct{})}
	o.Version, o.Stdout, o.Stderr = "zancudo version test", r.log, r.log
	go func() {
		defer close(r.ended)
		r.err = Run(ctx, o)
	}()
	t.Cleanup(func() {
		cancel()
		<-r.ended
	})
	return r
}

// result waits for the end.
func (r *running) result(t *testing.T) error {
	t.Helper()
	select {
	case <-r.ended:
		return r.err
	case <-time.After(patience):
		t.Fatalf("does not end; its log is\n%s", r.log)
		return nil
	}
}

// wait waits until the log has text.
func (r *running) wait(t *testing.T, text string) {
	t.Helper()
	if !r.log.wait(text, time.Now().Add(patience)) {
		t.Fatalf("%q is not in the log\n%s", text, r.log)
	}
}

// port is the port of the first listener.
func (r *running) port(t *testing.T) string {
	t.Helper()
	const before = " listen socket on port "
	r.wait(t, before)
	_, after, _ := strings.Cut(r.log.String(), before)
	port, _, _ := strings.Cut(after, ".")
	return port
}

func (r *running) dial(t *testing.T) *mqtttest.Client {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", r.port(t)))
	if err != nil {
		t.Fatal(err)
	}
	c := mqtttest.NewClient(t, conn, packet.V5)
	c.Timeout = patience
	return c
}

// log is a buffer that is written while somebody waits for a text in it.
type log struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	written chan struct{} // closed by the next write
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written != nil {
		close(l.written)
		l.written = nil
	}
	return l.buf.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *log) wait(text string, deadline time.Time) bool {
	for {
		l.mu.Lock()
		if l.written == nil {
			l.written = make(chan struct{})
		}
		found, written := strings.Contains(l.buf.String(), text), l.written
		l.mu.Unlock()
		if found {
			return true
		}
		select {
		case <-written:
		case <-time.After(time.Until(deadline)):
			return false
		}
	}
}
