//go:build unix

package main_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/internal/proctest"
	"github.com/zancudomq/zancudo/packet"
)

// A newcomer's minute: start the broker, then in two more terminals a
// subscriber and a publisher.
func TestNewcomersMinute(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name, dir, program string
		args               []string
	}{
		{"go run", filepath.Join("..", ".."), "go", []string{"run", "./cmd/zancudo"}},
		{"binary", "", zancudo, nil},
		{"binary run", "", zancudo, []string{"run"}},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			port := proctest.FreePort(t)
			b := startIn(t, way.dir, way.program, append(way.args, "-p", port)...)
			b.wait(&b.stderr, " of this machine only, open to every program on it; to open it to the network, ")
			for _, host := range hosts(t) {
				t.Run("mosquitto over "+host, func(t *testing.T) {
					need(t, "mosquitto_sub", "mosquitto-clients")
					need(t, "mosquitto_pub", "mosquitto-clients")
					minute(t, []string{"mosquitto_sub"}, []string{"mosquitto_pub"}, host, port)
				})
				t.Run("zancudo over "+host, func(t *testing.T) {
					minute(t, []string{zancudo, "sub"}, []string{zancudo, "pub"}, host, port)
				})
			}
			b.signal(syscall.SIGINT) // as Ctrl-C does
			status, log := b.status(), b.stderr.String()
			// The go command has status 1 whenever it is interrupted; a program
			// that ends with another than 0 makes it say so.
			if status != 0 && way.program != "go" || !strings.Contains(log, " terminating\n") || strings.Contains(log, "exit status") {
				t.Errorf("interrupted, it ends with status %d", status)
			}
		})
	}
}

// minute publishes, as people do who see nothing, until the subscriber prints
// the message.
func minute(t *testing.T, sub, pub []string, host, port string) {
	t.Helper()
	sub = append(sub, "-h", host, "-p", port, "-t", "UnTopicCualquiera", "-v")
	pub = append(pub, "-h", host, "-p", port, "-t", "UnTopicCualquiera", "-m", "Hola")
	s := start(t, sub[0], sub[1:]...)
	deadline := time.Now().Add(patience)
	for s.stdout.String() == "" && time.Now().Before(deadline) {
		if status, _, stderr := run(t, pub[0], pub[1:]...); status != 0 {
			t.Fatalf("the publisher ends with status %d: %s", status, stderr)
		}
	}
	s.wait(&s.stdout, "\n")
	if line, _, _ := strings.Cut(s.stdout.String(), "\n"); line != "UnTopicCualquiera Hola" {
		t.Errorf("the subscriber prints %q", line)
	}
}

// Port 1883 is tried only where nobody has it: the test must not depend on what
// else the machine does, nor disturb it for longer than a moment.
func TestDefaultPort(t *testing.T) {
	t.Parallel()
	if !proctest.PortIsFree(t, "1883") {
		t.Skip("another program has port 1883")
	}
	p := start(t, zancudo)
	select {
	case <-p.ended:
		if strings.Contains(p.stderr.String(), "already in use") {
			t.Skip("another program has just taken port 1883")
		}
	case <-time.After(10 * time.Millisecond):
	}
	p.wait(&p.stderr, "Listening on port 1883 of this machine only")
	p.signal(syscall.SIGTERM)
	if status := p.status(); status != 0 {
		t.Errorf("ends with status %d", status)
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			port := proctest.FreePort(t)
			b := broker(t, "-p", port)
			b.signal(syscall.SIGHUP) // means to reload, not to end
			b.wait(&b.stderr, "Config reloaded, 0 changes.")

			v5 := client(t, port, packet.V5)
			v5.SendText("CONNECT v5 id=five keepalive=60")
			v5.Expect("CONNACK ...")
			v3 := client(t, port, packet.V311)
			v3.SendText("CONNECT id=three keepalive=60 clean")
			v3.Expect("CONNACK")
			dial(t, "127.0.0.1", port).Close() // one that never says a word

			b.signal(s)
			v5.Expect("DISCONNECT 0x8B ...")
			v5.Closed()
			v3.Closed()
			if status := b.status(); status != 0 {
				t.Errorf("ends with status %d", status)
			}
			if log := b.stderr.String(); !strings.Contains(log, " terminating\n") {
				t.Errorf("does not say that it ends:\n%s", log)
			}
		})
	}
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	port := proctest.FreePort(t)
	first := broker(t, "-p", port)
	status, stdout, stderr := run(t, zancudo, "-q", "-p", port)
	pid := first.cmd.Process.Pid
	want := fmt.Sprintf("Error: Address already in use: port %s of 127.0.0.1. zancudo version devel listens there, process %d (zancudo). "+
		"Stop it, with 'kill %d', or choose another port, with -p or in the configuration.\n", port, pid, pid)
	if status != 1 || stdout != "" || stderr != want {
		t.Errorf("status %d, stdout %q, stderr\n%swant\n%s", status, stdout, stderr, want)
	}
}

func TestLoopbackOnly(t *testing.T) {
	t.Parallel()
	port := proctest.FreePort(t)
	broker(t, "-p", port)
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Skip(err)
	}
	for _, a := range addresses {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.IsLoopback() || n.IP.IsLinkLocalUnicast() {
			continue
		}
		if c, err := net.DialTimeout("tcp", net.JoinHostPort(n.IP.String(), port), time.Second); err == nil {
			c.Close()
			t.Errorf("listens on %v", n.IP)
		}
	}
}

// The name it is called by decides what it is, and how it ends.
func TestNamesAndStatuses(t *testing.T) {
	t.Parallel()
	mosquitto := filepath.Join(t.TempDir(), "mosquitto")
	if err := os.Symlink(zancudo, mosquitto); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		program        string
		args           []string
		status         int
		stdout, stderr string // how they begin
	}{
		{mosquitto, []string{"-h"}, 0, "mosquitto: run the broker\n", ""},
		{mosquitto, []string{"--x"}, 3, "", "Error: Unknown option '--x'.\n"},
		{zancudo, []string{"-p", "0"}, 3, "", "Error: Invalid port specified (0). -p takes "},
		{zancudo, []string{"-p"}, 3, "", "Error: -p argument given, but no port specified.\n"},
		{zancudo, []string{"-c", "/nonexistent"}, 3, "", "Error: Unable to open config file '/nonexistent'.\n"},
		{zancudo, []string{"--version"}, 0, "zancudo version ", ""},
		{zancudo, []string{"brocker"}, 3, "", "Error: Unknown command 'brocker'"},
	} {
		status, stdout, stderr := run(t, tt.program, tt.args...)
		if status != tt.status || !strings.HasPrefix(stdout, tt.stdout) || !strings.HasPrefix(stderr, tt.stderr) ||
			(tt.stdout == "") != (stdout == "") || (tt.stderr == "") != (stderr == "") {
			t.Errorf("%s %v: status %d, want %d\nstdout %q\nstderr %q", filepath.Base(tt.program), tt.args, status, tt.status, stdout, stderr)
		}
	}
}

func TestConfigured(t *testing.T) {
	t.Parallel()
	port := proctest.FreePort(t)
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	conf := "listener " + port + " localhost\nallow_anonymous true\nmax_qos 1\nlog_dest stdout\nlog_timestamp false\n"
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	b := start(t, zancudo, "-c", file, "-p", "1") // which a listener overrules
	b.wait(&b.stdout, " running\n")
	c := client(t, port, packet.V5)
	c.SendText("CONNECT v5 id=me keepalive=60")
	c.Expect("CONNACK maximum-qos=1 ...")
	b.wait(&b.stdout, " as me (p5, c0, k60).\n")
	b.signal(syscall.SIGTERM)
	if status := b.status(); status != 0 || b.stderr.String() != "" {
		t.Errorf("ends with status %d, stderr %q", status, &b.stderr)
	}
	for _, line := range []string{"Config loaded from " + file + ".\n", "Warning: -p is ignored, because the configuration has a listener.\n", "Opening ipv4 listen socket on port " + port + ".\n"} {
		if !strings.Contains("\n"+b.stdout.String(), "\n"+line) {
			t.Errorf("%q is missing in\n%s", line, &b.stdout)
		}
	}
}

// Clients that are killed leave nothing behind, and the others stay.
func TestKilledClients(t *testing.T) {
	t.Parallel()
	need(t, "mosquitto_sub", "mosquitto-clients")
	port := proctest.FreePort(t)
	b := broker(t, "-p", port)
	watcher := client(t, port, packet.V311)
	watcher.SendText("CONNECT id=watcher clean keepalive=60")
	watcher.Expect("CONNACK")
	watcher.SendText("SUBSCRIBE 1 will/#")
	watcher.Expect("SUBACK 1 0")
	before := files(t, b)

	const killed = 10
	for i := range killed {
		name := fmt.Sprintf("killed-%d", i)
		s := start(t, "mosquitto_sub", "-p", port, "-i", name, "-t", "#", "--will-topic", "will/"+name, "--will-payload", "gone")
		b.wait(&b.stderr, " as "+name+" (")
		s.signal(syscall.SIGKILL)
		watcher.Expect("PUBLISH will/" + name + " gone")
		b.wait(&b.stderr, "Client "+name+" [")
	}
	for range killed { // in the midst of a CONNECT, by a reset
		c := dial(t, "127.0.0.1", port).(*net.TCPConn)
		if _, err := c.Write([]byte{0x10, 0x40, 0, 4, 'M'}); err != nil {
			t.Fatal(err)
		}
		_ = c.SetLinger(0)
		c.Close()
	}
	for deadline := time.Now().Add(patience); ; {
		if now := files(t, b); now <= before {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("%d files are open, before there were %d", now, before)
		}
		watcher.SendText("PINGREQ")
		watcher.Expect("PINGRESP")
	}
}

// files counts the open files of a process.
func files(t *testing.T, p *process) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// A broker whose log nobody reads any more goes on serving.
func TestLogReaderGone(t *testing.T) {
	t.Parallel()
	port := proctest.FreePort(t)
	b := start(t, "sh", "-c", fmt.Sprintf("{ %q -p %s 2>&1; echo status $? >&2; } | head -n 1", zancudo, port))
	b.wait(&b.stdout, "\n")
	c := client(t, port, packet.V5)
	for i := range 3 { // each of them is a line or two in the log
		if i > 0 {
			c = client(t, port, packet.V5)
		}
		c.SendText("CONNECT v5 id=me keepalive=60")
		c.Expect("CONNACK ...")
	}
	c.SendText("PINGREQ")
	c.Expect("PINGRESP")
}

// The program takes all the files it may have.
func TestOpenFiles(t *testing.T) {
	t.Parallel()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Max <= 256 || limit.Max > 1<<30 {
		t.Skip("the limit of open files is of no use here: ", limit, err)
	}
	b := start(t, "sh", "-c", fmt.Sprintf("ulimit -S -n 256 && exec %q -p %s", zancudo, proctest.FreePort(t)))
	b.wait(&b.stderr, " running\n")
	all, but1 := fmt.Sprintf("Up to %d files", limit.Max), fmt.Sprintf("Up to %d files", limit.Max-1) // Go may leave one out
	if log := b.stderr.String(); !strings.Contains(log, all) && !strings.Contains(log, but1) {
		t.Errorf("does not raise the limit to %d:\n%s", limit.Max, log)
	}
}

// client is a client that says what the test wants.
func client(t *testing.T, port string, v packet.Version) *mqtttest.Client {
	t.Helper()
	c := mqtttest.NewClient(t, dial(t, "127.0.0.1", port), v)
	c.Timeout = patience
	return c
}
