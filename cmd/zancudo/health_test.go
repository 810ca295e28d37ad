//go:build unix

package main_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/proctest"
)

// What a health check sees: a broker that asks clients for a password, one whose
// store takes nothing, and none.
func TestHealth(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), proctest.FreePort(t)
	b := startCommand(t, inRunDir(dir, zancudo, "-c", write(t, "listener "+port+" 127.0.0.1\n")))
	b.wait(&b.stderr, " running\n")
	for _, args := range [][]string{{"health"}, {"health", "--pid", strconv.Itoa(b.cmd.Process.Pid), "--run-dir", dir}} {
		p := startCommand(t, inRunDir(dir, zancudo, args...))
		if status := p.status(); status != 0 || p.stdout.String() != "Serving on port "+port+" of 127.0.0.1.\n" || p.stderr.String() != "" {
			t.Errorf("%v: status %d, printed %q and %q", args, status, &p.stdout, &p.stderr)
		}
	}
	p := startCommand(t, inRunDir(t.TempDir(), zancudo, "health"))
	if status := p.status(); status != 1 || !strings.HasPrefix(p.stderr.String(), "Error: No broker of this user runs on this machine") {
		t.Errorf("status %d, printed %q", status, &p.stderr)
	}
}

func TestHealthOfFullDisk(t *testing.T) {
	t.Parallel()
	disk, run := smallDisk(t, "size=12m"), t.TempDir()
	port := proctest.FreePort(t)
	b := startCommand(t, inRunDir(run, zancudo, "-c", open(t, port, "persistence true", "persistence_location "+disk+"/")))
	b.wait(&b.stderr, " running\n")
	fill(t, disk+"/filler")
	c := client(t, port, 5)
	c.SendText("CONNECT v5 id=c clean")
	c.Expect("CONNACK ...")
	c.SendText("PUBLISH 1 a qos=1 retain x")
	c.Read() // refused, whatever the reason code
	p := startCommand(t, inRunDir(run, zancudo, "health"))
	if status := p.status(); status != 0 || !strings.HasPrefix(p.stderr.String(), "Warning: Store full: ") {
		t.Errorf("status %d, printed %q and %q", status, &p.stdout, &p.stderr)
	}
}
