//go:build unix

package service

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long what should happen at once may take.
const patience = 30 * time.Second

// role is the environment variable that makes a program of its own out of the
// tests.
const role = "ZANCUDO_TEST_ROLE"

// roles are what the tests start.
var roles = map[string]func() error{
	"wait":       func() error { _, err := io.Copy(io.Discard, os.Stdin); return err },
	"drop":       beDropped,
	"background": beBackground,
	"failing":    beBackground,
}

func TestMain(m *testing.M) {
	play, ok := roles[os.Getenv(role)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := play(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// as returns a command that plays a role.
func as(t *testing.T, name string, env ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(append(os.Environ(), role+"="+name), env...)
	return cmd
}

// beDropped becomes who the environment says, and tells who it is.
func beDropped() error {
	i, err := DropPrivileges(IdentityOptions{User: os.Getenv("AS"), UID: os.Getenv("PUID"), GID: os.Getenv("PGID")})
	if err != nil {
		return err
	}
	groups, err := os.Getgroups()
	if err != nil {
		return err
	}
	threads, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil {
		return err
	}
	for _, name := range threads {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			if ids, ok := strings.CutPrefix(line, "Uid:"); ok && strings.Contains("\t"+strings.TrimSpace(ids)+"\t", "\t0\t") && i != nil {
				return fmt.Errorf("a thread is still root: %s", line)
			}
		}
	}
	fmt.Println(i != nil, os.Getuid(), os.Getgid(), groups)
	return nil
}

func TestDropPrivileges(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else; run the tests as root, as in a container")
	}
	nobody, err := lookUp("nobody")
	if err != nil {
		t.Fatal(err)
	}
	some := fmt.Sprintf("true %d %d %v\n", nobody.UID, nobody.GID, nobody.Groups)
	for _, tt := range []struct {
		env  []string
		want string
	}{
		{[]string{"AS=nobody"}, some},
		{[]string{"AS=root"}, "false 0 "},
		{[]string{"PUID=12345", "PGID=23456"}, "true 12345 23456 [23456]\n"},
		{[]string{"AS=root", "PUID=12345", "PGID=23456"}, "true 12345 23456 [23456]\n"},
		{[]string{"AS=nobody", "PUID=12345"}, fmt.Sprintf("true 12345 %d [%d]\n", nobody.GID, nobody.GID)},
		{[]string{"AS=no-such-user"}, "invalid user 'no-such-user': "},
		{[]string{"PUID=many", "PGID=1"}, "PUID is \"many\", which is not the number of a user or group\n"},
		{[]string{"PUID=-1", "PGID=1"}, "PUID is \"-1\""},
	} {
		out, _ := as(t, "drop", tt.env...).CombinedOutput()
		if !strings.HasPrefix(string(out), tt.want) {
			t.Errorf("%v: it says %q, want %q", tt.env, out, tt.want)
		}
	}
}

// Without a user it is mosquitto, if there is one.
func TestDefaultUser(t *testing.T) {
	t.Parallel()
	got, err := lookUp("")
	if err != nil {
		t.Skip(err)
	}
	want, err := lookUp("mosquitto")
	if err != nil {
		want, err = lookUp("nobody")
	}
	if err != nil || got.String() != want.String() {
		t.Errorf("got %v, want %v, %v", got, want, err)
	}
}

func TestSetUmask(t *testing.T) {
	old := syscall.Umask(0o022)
	defer syscall.Umask(old)
	for _, text := range []string{"", "8", "1000", "-1", "0o22"} {
		if err := SetUmask(text); err == nil || !strings.Contains(err.Error(), strconv.Quote(text)) {
			t.Errorf("%q: got %v", text, err)
		}
	}
	if err := SetUmask("0027"); err != nil {
		t.Error(err)
	}
	if got := syscall.Umask(0o022); got != 0o027 {
		t.Errorf("the umask is %o", got)
	}
}

// beBackground is a daemon that writes its number into a file, and what it
// prints once it is ready into nowhere.
func beBackground() error {
	parent := InBackground()
	if parent == nil {
		status, err := Background(context.Background())
		if err == nil {
			os.Exit(status)
		}
		return err
	}
	fmt.Println("beginning")
	if os.Getenv(role) == "failing" {
		fmt.Println("no port")
		os.Exit(7)
	}
	if os.Getenv(backgroundFile) != "" {
		return errors.New("the environment still speaks of the parent")
	}
	fifo, err := os.OpenFile(os.Getenv("FIFO"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if err := parent.Ready(); err != nil {
		return err
	}
	fmt.Println("nobody sees this")
	fmt.Fprintln(fifo, os.Getpid())
	_, err = io.Copy(io.Discard, os.Stdin) // it is nowhere
	fmt.Fprintln(fifo, "read", err)
	return fifo.Close()
}

func TestBackground(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := as(t, "background", "FIFO="+fifo)
	out := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := cmd.Wait(); err != nil || out.String() != "beginning\n" { // Wait ends when nobody holds the output
		t.Errorf("it ends with %v and %q", err, out)
	}
	lines := bufio.NewScanner(in)
	lines.Scan()
	if pid, err := strconv.Atoi(lines.Text()); err != nil || pid == cmd.Process.Pid {
		t.Errorf("the daemon is %q", lines.Text())
	}
	if lines.Scan(); lines.Text() != "read <nil>" {
		t.Errorf("the daemon says %q", lines.Text())
	}
}

// A daemon that cannot serve says so where it was started, and how it ended.
func TestFailingBackground(t *testing.T) {
	t.Parallel()
	out, err := as(t, "failing").CombinedOutput()
	status, ok := errors.AsType[*exec.ExitError](err)
	if !ok || status.ExitCode() != 7 || string(out) != "beginning\nno port\n" {
		t.Errorf("it ends with %v and %q", err, out)
	}
}

func TestRequests(t *testing.T) {
	requests, stop := Requests()
	defer stop()
	for _, r := range []Request{Reload, RotateLog, Save, PrintTree, Report} {
		if err := Send(os.Getpid(), r); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-requests:
			if got != r {
				t.Errorf("got %v, want %v", got, r)
			}
		case <-time.After(patience):
			t.Fatalf("%v does not come", r)
		}
	}
	if err := syscall.Kill(os.Getpid(), rtminMusl); err != nil {
		t.Fatal(err)
	}
	if got := <-requests; got != RotateLog {
		t.Errorf("got %v", got)
	}
	for range 3 * waiting { // more than anybody waits for
		if err := Send(os.Getpid(), Save); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	want := []string{"config-reload", "log-rotate", "shutdown", "tree-print", "xtreport"}
	if got := Words(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for _, w := range want {
		if r, ok := ParseRequest(w); !ok || words[r] != w {
			t.Errorf("%s is %v, %v", w, r, ok)
		}
	}
	for _, w := range []string{"", "reload"} {
		if _, ok := ParseRequest(w); ok {
			t.Errorf("%q is a request", w)
		}
	}
}

func TestSendToNobody(t *testing.T) {
	t.Parallel()
	cmd := as(t, "wait")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if err := Send(cmd.Process.Pid, Reload); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("got %v", err)
	}
	if err := Send(os.Getpid(), Request(99)); err == nil {
		t.Error("an unknown request is sent")
	}
}

// waiting starts a process that waits until the test ends.
func startWaiting(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd.Process.Pid
}

func TestBrokers(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		t.Skip("this system has no /proc")
	}
	cmd := as(t, "wait")
	cmd.Args = []string{"broker-of-a-test", strconv.Itoa(os.Getpid()), ""}
	pid := startWaiting(t, cmd)
	got, err := Brokers(func(args []string) bool { return slices.Equal(args, cmd.Args) })
	if err != nil || !slices.Equal(got, []int{pid}) {
		t.Errorf("got %v, %v, want %d", got, err, pid)
	}
}

func TestPIDFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pid")
	want := strconv.Itoa(os.Getpid()) + "\n"
	for _, there := range []string{"", "none", "99999999\n", want, strings.Repeat("1", 100), strconv.Itoa(os.Getppid())} {
		if there != "none" {
			if err := os.WriteFile(path, []byte(there), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f, err := WritePIDFile(path)
		if err != nil {
			t.Fatalf("over %q: %v", there, err)
		}
		got, err := os.ReadFile(path)
		info, _ := os.Stat(path)
		if err != nil || string(got) != want || info.Mode() != 0o644 {
			t.Errorf("over %q: it is %q, %v, %v", there, got, info.Mode(), err)
		}
		if err := f.Remove(); err != nil {
			t.Error(err)
		}
		if rest, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(rest) > 0 {
			t.Errorf("over %q: there is %v left", there, rest)
		}
		if err := f.Remove(); err != nil {
			t.Errorf("removed again: %v", err)
		}
	}
}

func TestPIDFileOfAnother(t *testing.T) {
	t.Parallel()
	if _, err := os.Readlink("/proc/self/exe"); err != nil {
		t.Skip("this system does not tell what a process runs")
	}
	path := filepath.Join(t.TempDir(), "pid")
	pid := startWaiting(t, as(t, "wait"))
	theirs := strconv.Itoa(pid) + "\n"
	if err := os.WriteFile(path, []byte(theirs), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := WritePIDFile(path); err == nil || !strings.Contains(err.Error(), "the program runs already, as process "+strconv.Itoa(pid)) {
		t.Errorf("got %v", err)
	}
	if err := (&PIDFile{path}).Remove(); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(path); string(got) != theirs {
		t.Errorf("their file is %q, %v", got, err)
	}
}

func TestPIDFileErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := WritePIDFile(filepath.Join(dir, "none", "pid")); err == nil || !strings.Contains(err.Error(), "pid: no such file or directory; the directory must exist") {
		t.Errorf("got %v", err)
	}
	if _, err := WritePIDFile(dir); err == nil {
		t.Error("a directory is replaced")
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		t.Error("a directory was replaced", err)
	}
	// What is no file, as /dev/null, is written and not replaced.
	null := filepath.Join(dir, "null")
	if err := os.Symlink(os.DevNull, null); err != nil {
		t.Fatal(err)
	}
	f, err := WritePIDFile(null)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Remove(); err != nil {
		t.Error(err)
	}
	if to, err := os.Readlink(null); to != os.DevNull {
		t.Errorf("the link is %q, %v", to, err)
	}
}

// A directory that takes no new files may have one that is ours to write.
func TestPIDFileInPlace(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root may write into every directory")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "pid")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	if _, err := WritePIDFile(path); err != nil {
		t.Error(err)
	}
	if _, err := WritePIDFile(path + "2"); err == nil {
		t.Error("a file was made where none can be")
	}
}
