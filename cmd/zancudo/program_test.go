//go:build unix

package main_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what should happen at once, on a
// machine that has other things to do.
const patience = 60 * time.Second

// zancudo is the program, built once for all tests.
var zancudo string

func TestMain(m *testing.M) { os.Exit(build(m)) }

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "zancudo")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	zancudo = filepath.Join(dir, "zancudo")
	// As root, a broker becomes another user, who may not see the files of a test.
	// Where it keeps its state is startCommand's to say.
	if err := errors.Join(os.Setenv("ZANCUDO_USER", "root"), os.Unsetenv("STATE_DIRECTORY")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	args := []string{"build", "-o", zancudo}
	if race {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build zancudo: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// A process is a program that runs, in a process group of its own, as in a
// terminal.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout text
	stderr text
	ended  chan struct{}
}

// start starts a program, which is killed at the end of the test.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	return startIn(t, "", name, args...)
}

func startIn(t *testing.T, dir, name string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	return startCommand(t, cmd)
}

// startCommand starts what the caller has prepared. A broker that is told of no
// other place keeps its state in a directory of its own.
func startCommand(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	cmd.Env = append([]string{"STATE_DIRECTORY=" + t.TempDir()}, cmd.Environ()...)
	p := &process{t: t, cmd: cmd, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if p.cmd.SysProcAttr == nil {
		p.cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	p.cmd.SysProcAttr.Setpgid = true
	p.cmd.WaitDelay = patience
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // its status is in ProcessState
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // fails where it has ended
		<-p.ended
		if t.Failed() {
			t.Logf("%s printed\n%s%s", strings.Join(cmd.Args, " "), &p.stdout, &p.stderr)
		}
	})
	return p
}

// broker starts a broker and returns it when it serves.
func broker(t *testing.T, args ...string) *process {
	t.Helper()
	p := start(t, zancudo, args...)
	p.wait(&p.stderr, " running\n")
	return p
}

// signal sends a signal to the group, as a terminal does.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := syscall.Kill(-p.cmd.Process.Pid, s); err != nil {
		p.t.Fatal(err)
	}
}

// status waits for the end.
func (p *process) status() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatal("does not end")
		return -1
	}
}

// wait waits until the process has printed something.
func (p *process) wait(where *text, want string) {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		found, more := where.has(want)
		if found {
			return
		}
		select {
		case <-more:
		case <-p.ended:
			if found, _ = where.has(want); !found {
				p.t.Fatalf("ended with status %d and never printed %q", p.cmd.ProcessState.ExitCode(), want)
			}
		case <-deadline:
			p.t.Fatalf("has not printed %q", want)
		}
	}
}

// run runs a program to its end and returns what it printed.
func run(t *testing.T, name string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	p := start(t, name, args...)
	status = p.status()
	return status, p.stdout.String(), p.stderr.String()
}

// text is what a process prints, for others to wait for.
type text struct {
	mu   sync.Mutex
	buf  []byte
	more chan struct{} // closed by the next write
}

func (t *text) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if t.more != nil {
		close(t.more)
		t.more = nil
	}
	return len(b), nil
}

func (t *text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}

func (t *text) has(s string) (found bool, more <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.more == nil {
		t.more = make(chan struct{})
	}
	return strings.Contains(string(t.buf), s), t.more
}

// need skips a test whose program is not installed.
func need(t *testing.T, program, debian string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	say := t.Skipf
	if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
		say = t.Fatalf
	}
	say("%s is not installed; it is in Debian's %s", program, debian)
}

// hosts are the loopback addresses of this machine.
func hosts(t *testing.T) []string {
	t.Helper()
	all := []string{"127.0.0.1"}
	if l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "[::1]:0"); err == nil {
		l.Close()
		all = append(all, "::1")
	}
	return all
}

// dial connects to a broker, waiting for it to listen.
func dial(t *testing.T, host, port string) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
		if err == nil {
			return c
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// inRunDir prepares a command that finds its broker in a directory, or is one
// that is found there.
func inRunDir(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "RUNTIME_DIRECTORY="+dir)
	return cmd
}
