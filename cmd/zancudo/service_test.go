//go:build unix

package main_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/proctest"
	"github.com/zancudomq/zancudo/packet"
)

// write writes a configuration and returns the name of its file.
func write(t *testing.T, conf string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// open is a configuration of one listener for this machine, and more lines.
func open(t *testing.T, port string, more ...string) string {
	t.Helper()
	return write(t, "listener "+port+" 127.0.0.1\nallow_anonymous true\n"+strings.Join(more, "\n")+"\n")
}

// exchange has a client of MQTT get the message that it sends.
func exchange(t *testing.T, port string) {
	t.Helper()
	c := client(t, port, packet.V311)
	c.SendText("CONNECT id=" + t.Name() + " clean")
	c.Expect("CONNACK")
	c.SendText("SUBSCRIBE 1 a qos=0", "PUBLISH a hello")
	c.Expect("SUBACK 1 0", "PUBLISH a hello")
	c.Close()
}

// manager plays systemd's side: what the service tells it comes here.
type manager struct {
	*net.UnixConn
	t *testing.T
}

// until reads messages until one matches. Others are of the watchdog only.
func (m *manager) until(pattern string) {
	m.t.Helper()
	want := regexp.MustCompile("^(?:" + pattern + ")$")
	m.SetReadDeadline(time.Now().Add(patience))
	for {
		b := make([]byte, 4096)
		n, err := m.Read(b)
		if err != nil {
			m.t.Fatalf("%v; want %s", err, pattern)
		}
		switch got := string(b[:n]); {
		case want.MatchString(got):
			return
		case got != "WATCHDOG=1":
			m.t.Fatalf("got %q, want %s", got, pattern)
		}
	}
}

// A service manager hands over a socket that clients have used already, is told
// when the broker serves, reloads and ends, and has its watchdog fed.
func TestServiceManager(t *testing.T) {
	t.Parallel()
	address := filepath.Join(t.TempDir(), "notify")
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	m := &manager{notify, t}
	var files []*os.File
	var ports []string
	for range 2 {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		f, err := l.File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files, ports = append(files, f), append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	early := client(t, ports[0], packet.V311) // before the broker is there
	early.SendText("CONNECT id=early clean")

	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$0" "$@"`, zancudo, "-c", open(t, ports[0]))
	cmd.ExtraFiles = files
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+address, "WATCHDOG_USEC=200000", "LISTEN_FDS=2", "LISTEN_FDNAMES=mqtt:stray")
	b := startCommand(t, cmd)
	m.until(`READY=1\nSTATUS=Serving on port ` + ports[0] + ` of 127\.0\.0\.1`)
	early.Expect("CONNACK")
	exchange(t, ports[0])
	b.wait(&b.stderr, "stray is open at 127.0.0.1:"+ports[1]+", and no listener is for it")
	for range 3 {
		m.until("WATCHDOG=1")
	}
	b.signal(syscall.SIGHUP)
	m.until(`RELOADING=1\nMONOTONIC_USEC=\d+`)
	m.until(`READY=1\nSTATUS=Serving on .*`)
	b.signal(syscall.SIGTERM)
	m.until("STOPPING=1")
	m.until(`EXTEND_TIMEOUT_USEC=\d+`)
	if status := b.status(); status != 0 {
		t.Errorf("it ends with status %d", status)
	}
}

// systemd's own program for trying socket activation starts the broker at the
// first connection.
func TestSystemdSocketActivate(t *testing.T) {
	t.Parallel()
	need(t, "systemd-socket-activate", "systemd")
	port := proctest.FreePort(t)
	b := start(t, "systemd-socket-activate", "-l", "127.0.0.1:"+port, "-E", "ZANCUDO_USER=root", zancudo, "-c", open(t, port))
	b.wait(&b.stderr, "Listening on 127.0.0.1:"+port)
	exchange(t, port)
	b.wait(&b.stderr, " running\n")
}

func TestDaemonMode(t *testing.T) {
	t.Parallel()
	port, pidFile := proctest.FreePort(t), filepath.Join(t.TempDir(), "zancudo.pid")
	file := open(t, port, "pid_file "+pidFile)
	status, stdout, stderr := run(t, zancudo, "-d", "-c", file)
	if status != 0 || stdout != "" || !strings.Contains(stderr, " running\n") {
		t.Fatalf("status %d, stdout %q, stderr\n%s", status, stdout, stderr)
	}
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) }) // fails where it has ended
	exchange(t, port)
	if session, err := sessionOf(pid); err == nil && session != pid {
		t.Errorf("the daemon is of session %d, want one of its own", session)
	}

	status, _, stderr = run(t, zancudo, "-d", "-c", file)
	if want := fmt.Sprintf("the program runs already, as process %d;", pid); status != 1 || !strings.Contains(stderr, want) {
		t.Errorf("a second one ends with status %d and\n%s", status, stderr)
	}
	status, _, stderr = run(t, zancudo, "-d", "-c", open(t, port))
	if status != 1 || !strings.Contains(stderr, "Error: Address already in use: port "+port) {
		t.Errorf("one on the same port ends with status %d and\n%s", status, stderr)
	}
	status, _, stderr = run(t, zancudo, "-d", "-c", write(t, "max_qos 3\n"))
	if status != 3 || !strings.Contains(stderr, "'max_qos' must be between 0 and 2 inclusive.") {
		t.Errorf("a broken configuration ends with status %d and\n%s", status, stderr)
	}

	if status, _, stderr := run(t, zancudo, "signal", "-p", strconv.Itoa(pid), "shutdown"); status != 0 {
		t.Errorf("signal ends with status %d and\n%s", status, stderr)
	}
	gone(t, pidFile)
}

// sessionOf is the session of a process, the sixth word of its stat.
func sessionOf(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	words := strings.Fields(rest)
	if len(words) < 4 {
		return 0, errors.New("a short line")
	}
	return strconv.Atoi(words[3])
}

// gone waits until a file is removed.
func gone(t *testing.T, file string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			return
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%s is still there", file)
		}
	}
}

func TestPIDFile(t *testing.T) {
	t.Parallel()
	port, pidFile := proctest.FreePort(t), filepath.Join(t.TempDir(), "zancudo.pid")
	b := broker(t, "-c", open(t, port, "pid_file "+pidFile))
	if text, err := os.ReadFile(pidFile); string(text) != strconv.Itoa(b.cmd.Process.Pid)+"\n" {
		t.Errorf("the file says %q, %v", text, err)
	}
	b.signal(syscall.SIGTERM)
	b.status()
	gone(t, pidFile)

	status, _, stderr := run(t, zancudo, "-c", open(t, port, "pid_file /nonexistent/pid"))
	if status != 1 || !strings.Contains(stderr, "Error: write PID file /nonexistent/pid: no such file or directory; the directory must exist") {
		t.Errorf("status %d, stderr\n%s", status, stderr)
	}
}

func TestDropsPrivileges(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else; run the tests as root, as in a container")
	}
	for _, tt := range []struct {
		name string
		env  []string
		line string // of the configuration
		want string // of /proc/PID/status; empty: it does not start
		log  string
	}{
		{"word", nil, "user nobody", "Uid:\t65534\t65534\t65534\t65534\n", "Running as user nobody, uid 65534 and gid 65534.\n"},
		{"numbers", []string{"PUID=12345", "PGID=23456"}, "user nobody", "Gid:\t23456\t23456\t23456\t23456\n", "Running as uid 12345 and gid 23456.\n"},
		{"root", nil, "user root", "Uid:\t0\t0\t0\t0\n", "Warning: The broker should not be run as root"},
		{"unknown", nil, "user no-such-user", "", "Error: invalid user 'no-such-user': "},
		{"umask", []string{"UMASK_SET=0o7"}, "user nobody", "", "Error: UMASK_SET is \"0o7\", which is not an octal number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(zancudo, "-c", open(t, proctest.FreePort(t), tt.line))
			cmd.Env = append(os.Environ(), append(tt.env, "ZANCUDO_USER=")...)
			for i, e := range cmd.Env {
				if e == "ZANCUDO_USER=root" {
					cmd.Env[i] = "ZANCUDO_NOTHING="
				}
			}
			b := startCommand(t, cmd)
			if b.wait(&b.stderr, tt.log); tt.want == "" {
				if status := b.status(); status != 1 {
					t.Errorf("it ends with status %d", status)
				}
				return
			}
			b.wait(&b.stderr, " running\n")
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.cmd.Process.Pid))
			if err != nil || !strings.Contains(string(text), tt.want) {
				t.Errorf("want %q in\n%s%v", tt.want, text, err)
			}
		})
	}
}

func TestSignalCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	port, log := proctest.FreePort(t), filepath.Join(dir, "log")
	b := broker(t, "-c", open(t, port, "log_dest stderr", "log_dest file "+log))
	c := client(t, port, packet.V311)
	c.SendText("CONNECT id=somebody", "SUBSCRIBE 1 some/# qos=1", "PUBLISH kept retain hello")
	c.Expect("CONNACK", "SUBACK 1 1")
	c.SendText("PINGREQ")
	c.Expect("PINGRESP")

	pid := strconv.Itoa(b.cmd.Process.Pid)
	signal := filepath.Join(dir, "mosquitto_signal")
	if err := os.Symlink(zancudo, signal); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ request, want string }{
		{"tree-print", "subscription: client somebody, filter some/#.\n"},
		{"tree-print", "retained message: topic kept, qos 0, bytes 5.\n"},
		{"tree-print", "tree printed: subscriptions 1, retained 1, most_lines 1000.\n"},
		{"xtreport", "figures: clients 1, "},
	} {
		if status, _, stderr := run(t, signal, "-p", pid, tt.request); status != 0 {
			t.Fatalf("%s ends with %d and\n%s", tt.request, status, stderr)
		}
		b.wait(&b.stderr, tt.want)
	}
	if status, _, stderr := run(t, signal, "-p", pid, "log-rotate"); status != 0 {
		t.Fatalf("log-rotate ends with %d and\n%s", status, stderr)
	}
	appears(t, log)

	for _, tt := range []struct {
		args   []string
		status int
		stderr string
	}{
		{[]string{"-p", pid}, 3, "Error: "},
		{[]string{"shutdown"}, 3, "Error: Give either -a"},
		{[]string{"-a", "-p", pid, "shutdown"}, 3, "Error: Give either -a"},
		{[]string{"-p", pid, "restart"}, 3, "Error: "},
		{[]string{"-p", "0", "shutdown"}, 3, "Error: "},
	} {
		status, _, stderr := run(t, signal, tt.args...)
		if status != tt.status || !strings.HasPrefix(stderr, tt.stderr) {
			t.Errorf("%q: status %d, stderr\n%s", tt.args, status, stderr)
		}
	}
	run(t, signal, "-p", pid, "shutdown")
	if status := b.status(); status != 0 {
		t.Errorf("told to end, it ends with status %d", status)
	}
}

// appears waits until there is a file.
func appears(t *testing.T, file string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		if _, err := os.Stat(file); err == nil {
			return
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%s does not appear", file)
		}
	}
}
