//go:build unix

package main_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/zancudomq/zancudo/internal/proctest"
	"github.com/zancudomq/zancudo/packet"
)

// withState prepares a broker without a configuration, in an environment that a
// test adds to.
func withState(port string, environ ...string) *exec.Cmd {
	cmd := exec.Command(zancudo, "-p", port)
	cmd.Env = append(append(os.Environ(), "STATE_DIRECTORY="), environ...)
	return cmd
}

// TestWithoutConfiguration: who just starts the program and kills it loses
// nothing, and who starts it twice is told what is in the way.
func TestWithoutConfiguration(t *testing.T) {
	t.Parallel()
	port, home := proctest.FreePort(t), t.TempDir()
	dir := filepath.Join(home, "zancudo", "zancudo")
	b := startCommand(t, withState(port, "XDG_STATE_HOME="+home))
	b.wait(&b.stderr, "Sessions and messages are kept in "+dir+".\n")
	b.wait(&b.stderr, " running\n")
	c := client(t, port, packet.V311)
	c.SendText("CONNECT id=sub")
	c.Expect("CONNACK")
	c.SendText("SUBSCRIBE 1 a qos=1", "PUBLISH 2 kept qos=1 retain hello")
	c.Expect("SUBACK 1 1", "PUBACK 2")

	second := startCommand(t, withState(proctest.FreePort(t), "XDG_STATE_HOME="+home))
	want := fmt.Sprintf("Error: open the store in %s: process %d has it open; stop that, or choose another persistence_location", dir, b.cmd.Process.Pid)
	if status := second.status(); status != 1 || !strings.Contains(second.stderr.String(), want) ||
		!strings.Contains(second.stderr.String(), "\nWithout a configuration the broker keeps its state there. ZANCUDO_PERSISTENCE_LOCATION names another directory for it, ") {
		t.Errorf("a second broker ends with status %d", status)
	}
	for _, way := range []string{"ZANCUDO_PERSISTENCE=false", "ZANCUDO_PERSISTENCE_LOCATION=" + t.TempDir()} {
		other := proctest.FreePort(t)
		second := startCommand(t, withState(other, "XDG_STATE_HOME="+home, way))
		second.wait(&second.stderr, " running\n")
		c := client(t, other, packet.V311)
		c.SendText("CONNECT id=sub")
		c.Expect("CONNACK")
		if inMemory := strings.Contains(second.stderr.String(), "Sessions and messages are in memory only, "); inMemory != strings.HasSuffix(way, "false") {
			t.Errorf("with %s it says\n%s", way, &second.stderr)
		}
	}

	b.signal(syscall.SIGKILL)
	<-b.ended
	b = startCommand(t, withState(port, "XDG_STATE_HOME="+home))
	b.wait(&b.stderr, " running\n")
	c = client(t, port, packet.V311)
	c.SendText("CONNECT id=sub")
	c.Expect("CONNACK present")
	c.SendText("SUBSCRIBE 1 kept")
	c.Expect("SUBACK 1 0", "PUBLISH kept retain hello")
}

// TestConfiguredToForget: with a configuration, persistence means what it says.
func TestConfiguredToForget(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	for _, line := range []string{"", "persistence false"} {
		cmd := exec.Command(zancudo, "-c", open(t, proctest.FreePort(t), line))
		cmd.Env = append(os.Environ(), "STATE_DIRECTORY="+state)
		b := startCommand(t, cmd)
		b.wait(&b.stderr, "Sessions and messages are in memory only, and gone when the broker ends; 'persistence true' keeps them on disk.\n")
		b.wait(&b.stderr, " running\n")
		b.signal(syscall.SIGTERM)
		b.status()
	}
	if found, err := os.ReadDir(state); err != nil || len(found) > 0 {
		t.Errorf("it leaves %v, %v", found, err)
	}
}

// TestStateDirectoryOfAnother: started as root, the broker becomes another user,
// whose the directory is then.
func TestStateDirectoryOfAnother(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else; run the tests as root, as in a container")
	}
	open := t.TempDir()
	if err := errors.Join(os.Chmod(filepath.Dir(open), 0o755), os.Chmod(open, 0o755)); err != nil { // to others, too
		t.Fatal(err)
	}
	port := proctest.FreePort(t)
	for range 2 { // it is there the second time
		b := startCommand(t, withState(port, "XDG_STATE_HOME="+filepath.Join(open, "made"), "ZANCUDO_USER=nobody"))
		b.wait(&b.stderr, " running\n")
		b.signal(syscall.SIGTERM)
		if status := b.status(); status != 0 {
			t.Errorf("it ends with status %d", status)
		}
	}
	info, err := os.Stat(filepath.Join(open, "made", "zancudo"))
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 65534 || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory is of user %d, with mode %v", uid, info.Mode())
	}
	// What root has kept is not given to anybody, and the other is told so.
	rooted := filepath.Join(open, "rooted")
	b := startCommand(t, withState(port, "XDG_STATE_HOME="+rooted))
	b.wait(&b.stderr, " running\n")
	b.signal(syscall.SIGTERM)
	b.status()
	b = startCommand(t, withState(port, "XDG_STATE_HOME="+rooted, "ZANCUDO_USER=nobody"))
	want := "user id 65534 may not write there (" + rooted + " belongs to user id 0 with mode 0700); make that user the owner, or"
	if status := b.status(); status != 1 || !strings.Contains(b.stderr.String(), want) {
		t.Errorf("it ends with status %d, want %s", status, want)
	}
}
