//go:build unix

package main_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/internal/proctest"
	"github.com/zancudomq/zancudo/packet"
)

// keeping writes a configuration that keeps its state in dir.
func keeping(t *testing.T, port, dir string) string {
	t.Helper()
	return write(t, "listener "+port+" 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\npersistence true\npersistence_location "+dir+"\n")
}

// absent makes a session that gets messages while its client is away.
func absent(t *testing.T, port, id string) {
	t.Helper()
	sub := client(t, port, packet.V311)
	sub.SendText("CONNECT id=" + id)
	sub.Expect("CONNACK")
	sub.SendText("SUBSCRIBE 1 a/# qos=1")
	sub.Expect("SUBACK 1 1")
	sub.Drop()
}

// load publishes numbers at QoS 1, each when the one before is acknowledged,
// until it is told to stop.
type load struct {
	acknowledged atomic.Int64
	more         chan struct{} // something was acknowledged since somebody looked
	stop         chan struct{}
	publishing   sync.WaitGroup
}

func publishNumbers(t *testing.T, port string) *load {
	t.Helper()
	l := &load{stop: make(chan struct{}), more: make(chan struct{}, 1)}
	pub := client(t, port, packet.V311)
	pub.SendText("CONNECT id=pub clean")
	pub.Expect("CONNACK")
	l.publishing.Go(func() {
		for i := int64(0); ; i++ {
			select {
			case <-l.stop:
				return
			default:
			}
			pub.SendText(fmt.Sprintf("PUBLISH 7 a/b qos=1 %d", i))
			if _, ok := pub.Read().(*packet.Puback); !ok {
				t.Error("no PUBACK")
				return
			}
			l.acknowledged.Store(i + 1)
			select {
			case l.more <- struct{}{}:
			default:
			}
		}
	})
	t.Cleanup(func() { l.end() })
	return l
}

// reach waits until so many are acknowledged and returns how many are.
func (l *load) reach(t *testing.T, n int64) int64 {
	t.Helper()
	deadline := time.After(patience)
	for {
		if acknowledged := l.acknowledged.Load(); acknowledged >= n {
			return acknowledged
		}
		select {
		case <-l.more:
		case <-deadline:
			t.Fatal("the publisher does not get on")
		}
	}
}

func (l *load) end() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.publishing.Wait()
}

// numbers reads what a session has still to get, up to a message that is
// published behind it.
func numbers(t *testing.T, port, id string) (got []int64) {
	t.Helper()
	pub := client(t, port, packet.V311)
	pub.SendText("CONNECT id=last clean", "PUBLISH 1 a/b qos=1 last")
	pub.Expect("CONNACK", "PUBACK 1")
	sub := client(t, port, packet.V311)
	sub.SendText("CONNECT id=" + id)
	sub.Expect("CONNACK present")
	for {
		p := publishOf(t, sub)
		if string(p.Payload) == "last" {
			return got
		}
		n, err := strconv.ParseInt(string(p.Payload), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, n)
		sub.SendText(fmt.Sprintf("PUBACK %d", p.PacketID))
	}
}

func publishOf(t *testing.T, c *mqtttest.Client) *packet.Publish {
	t.Helper()
	p, ok := c.Read().(*packet.Publish)
	if !ok {
		t.Fatal("something else than a PUBLISH")
	}
	return p
}

// TestBackupUnderLoad backs up a broker that is published to, and restores that
// elsewhere: all that was acknowledged before the backup began is there, in order.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	dir, runDir, port := t.TempDir(), filepath.Join(t.TempDir(), "run"), proctest.FreePort(t)
	in := func(args ...string) *process { t.Helper(); return startCommand(t, inRunDir(runDir, zancudo, args...)) }
	b := in("-c", keeping(t, port, dir))
	b.wait(&b.stderr, " running\n")
	absent(t, port, "sub")
	absent(t, port, "other")
	l := publishNumbers(t, port)
	for round, name := range []string{"first.tar", "-", "by-directory.tar"} {
		before := l.reach(t, int64(100*(round+1)))
		file := filepath.Join(t.TempDir(), name)
		args := []string{"backup", file}
		switch name {
		case "-":
			args[1] = "-"
		case "by-directory.tar":
			args = append(args, dir)
		}
		p := in(args...)
		if status := p.status(); status != 0 {
			t.Fatalf("backup ends with status %d", status)
		}
		if name == "-" {
			if err := os.WriteFile(file, []byte(p.stdout.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		} else if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the backup has mode %v, %v", info.Mode(), err)
		}
		if names, err := os.ReadDir(filepath.Dir(file)); err != nil || len(names) != 1 {
			t.Errorf("beside the backup there is something else: %v, %v", names, err)
		}
		elsewhere, otherPort := t.TempDir(), proctest.FreePort(t)
		other := keeping(t, otherPort, elsewhere)
		if status, _, stderr := run(t, zancudo, "restore", "-c", other, file); status != 0 {
			t.Fatalf("restore ends with status %d and %s", status, stderr)
		}
		restored := broker(t, "-c", other)
		for _, id := range []string{"sub", "other"} {
			got := numbers(t, otherPort, id)
			for i, n := range got {
				if n != int64(i) {
					t.Fatalf("%s gets message %d in the place of %d", id, n, i)
				}
			}
			if int64(len(got)) < before {
				t.Errorf("%s gets %d messages of %d that were acknowledged before the backup", id, len(got), before)
			}
		}
		restored.signal(syscall.SIGTERM)
		restored.status()
	}
	l.end()
	b.signal(syscall.SIGTERM)
	if status := b.status(); status != 0 {
		t.Errorf("the broker ends with status %d", status)
	}
}

// TestDatabaseOfRunningBroker asks a broker that runs, or is told why it cannot.
func TestDatabaseOfRunningBroker(t *testing.T) {
	t.Parallel()
	dir, runDir, port := t.TempDir(), filepath.Join(t.TempDir(), "run"), proctest.FreePort(t)
	in := func(args ...string) (status int, stdout, stderr string) {
		t.Helper()
		p := startCommand(t, inRunDir(runDir, zancudo, args...))
		status = p.status()
		return status, p.stdout.String(), p.stderr.String()
	}
	b := startCommand(t, inRunDir(runDir, zancudo, "-c", keeping(t, port, dir)))
	b.wait(&b.stderr, " running\n")
	absent(t, port, "sub")
	publish(t, port, "a/b", "secret")
	store, pid := filepath.Join(dir, "zancudo"), b.cmd.Process.Pid
	export := filepath.Join(t.TempDir(), "export.jsonl")
	const holds = "1 session, 1 subscription, 1 queued message"
	for _, tt := range []struct {
		args         []string
		status       int
		output, text string // one of them is nothing
	}{
		{[]string{"db", "check", dir}, 0, store + " is fine. It holds " + holds + ".\n", ""},
		{[]string{"db", "dump", dir}, 0, `session 1 of "sub", message 1: QoS 1, published as "a/b", QoS 1, 6 bytes` + "\n", ""},
		{[]string{"db", "dump", "--payloads", dir}, 0, `payload "secret"`, ""},
		{[]string{"db", "export", "-o", export, dir}, 0, "", ""},
		{[]string{"db", "repair", dir}, 1, "", fmt.Sprintf("Error: Process %d has the store in %s open. Stop it first.\n", pid, store)},
		{[]string{"restore", "--replace", export, store}, 1, "", fmt.Sprintf("Error: Process %d has the store in %s open. Stop it first.\n", pid, store)},
		{[]string{"db", "check", "--run-dir", t.TempDir(), dir}, 1, "", fmt.Sprintf("Error: Process %d has the store in %s open, which cannot be asked: it has no console in ", pid, store)},
	} {
		status, stdout, stderr := in(tt.args...)
		if status != tt.status || !strings.Contains(stdout, tt.output) || !strings.Contains(stderr, tt.text) || tt.text == "" && stderr != "" {
			t.Errorf("%s: status %d\n%s%s", strings.Join(tt.args, " "), status, stdout, stderr)
		}
	}
	b.signal(syscall.SIGKILL)
	<-b.ended
	if status, stdout, _ := in("db", "check", dir); status != 0 || stdout != store+" is fine. It holds "+holds+".\n" {
		t.Errorf("after it was killed: status %d, %s", status, stdout)
	}
	before, err := os.ReadFile(export)
	if err != nil {
		t.Fatal(err)
	}
	if _, after, _ := in("db", "export", dir); after != string(before) {
		t.Errorf("the exports differ:\n%s\n%s", before, after)
	}
	// A byte of the log flips: what it was is lost, what comes after it is not.
	name := flipLog(t, store)
	status, stdout, _ := in("db", "check", dir)
	if status != 1 || !strings.HasPrefix(stdout, store+" is damaged:\n  "+name+": ") || !strings.Contains(stdout, "1 queued message") {
		t.Errorf("with a damaged log: status %d\n%s", status, stdout)
	}
	if status, stdout, _ = in("db", "repair", dir); status != 0 || !strings.Contains(stdout, store+" is fine now. It holds ") {
		t.Errorf("the repair: status %d\n%s", status, stdout)
	}
	if status, stdout, _ = in("db", "check", dir); status != 0 {
		t.Errorf("after the repair: status %d\n%s", status, stdout)
	}
}

// flipLog changes a byte of the first record of the longest log and returns its
// name.
func flipLog(t *testing.T, store string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(store, "facts", "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	var name string
	var longest []byte
	for _, n := range names {
		if b, err := os.ReadFile(n); err == nil && len(b) > len(longest) {
			name, longest = n, b
		}
	}
	longest[40] ^= 0x55
	if err := os.WriteFile(name, longest, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Base(name)
}

// TestBackupOfNothing: a broker without a store says so, and the last backup stays.
func TestBackupOfNothing(t *testing.T) {
	t.Parallel()
	runDir, port := filepath.Join(t.TempDir(), "run"), proctest.FreePort(t)
	b := startCommand(t, inRunDir(runDir, zancudo, "-c", open(t, port)))
	b.wait(&b.stderr, " running\n")
	file := filepath.Join(t.TempDir(), "backup.tar")
	if err := os.WriteFile(file, []byte("the backup of yesterday"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startCommand(t, inRunDir(runDir, zancudo, "backup", file))
	if status := p.status(); status != 1 || p.stderr.String() != fmt.Sprintf("Error: Broker %d keeps nothing on disk: 'persistence' is false.\n", b.cmd.Process.Pid) {
		t.Errorf("status %d", status)
	}
	if b, err := os.ReadFile(file); err != nil || !bytes.Equal(b, []byte("the backup of yesterday")) {
		t.Errorf("the file is %q, %v", b, err)
	}
}
