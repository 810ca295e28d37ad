//go:build unix

package main_test

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/proctest"
)

// publish publishes with our own tool.
func publish(t *testing.T, port, topic, payload string, args ...string) {
	t.Helper()
	args = append([]string{"pub", "-p", port, "-t", topic, "-m", payload, "-q", "1"}, args...)
	if status, _, stderr := run(t, zancudo, args...); status != 0 {
		t.Fatal(stderr)
	}
}

// TestTree looks at sub --tree as a person does: it fills the screen, changes with
// the messages, the keys and the size, survives a broker that goes and comes, and
// leaves the terminal as it was.
func TestTree(t *testing.T) {
	t.Parallel()
	port := proctest.FreePort(t)
	b := broker(t, "-p", port)
	publish(t, port, "house/kitchen/lamp", "on", "-r")
	term := newTerminal(t, 80)
	term.keys("echo before; "+zancudo+" sub -p "+port+" -t '#' --tree; echo status=$?", "Enter")
	screen := term.wait("lamp  on")
	lines := strings.Split(screen, "\n")
	if !strings.HasPrefix(lines[0], " localhost:"+port+"  #  ") || !strings.Contains(lines[0], "1 topic  1 message") ||
		!strings.HasPrefix(lines[1], "▾ house") || !strings.HasPrefix(lines[3], "      lamp  on ") ||
		lines[23] != "↑↓ move  space fold  / filter  p pause  q quit" || strings.Contains(screen, "before") {
		t.Errorf("shows\n%s", screen)
	}
	publish(t, port, "house/kitchen/lamp", "off")
	term.wait("lamp  off")
	publish(t, port, "house/garden/gnome", "wet\x1b[2J\tand tired")
	term.wait(`gnome wet\x1b[2J\tand tired`)

	term.keys("j", "Space")
	term.wait("▸ house")
	term.keys("Enter", "/")
	term.keys("gno")
	if screen = term.wait("\n/gno"); strings.Contains(screen, "lamp") {
		t.Errorf("the filter shows\n%s", screen)
	}
	term.keys("Escape")
	term.wait("lamp")
	term.tmux("resize-window", "-x", "50", "-y", "8")
	if screen = term.wait("p pause  q quit"); strings.Count(screen, "\n") != 8 {
		t.Errorf("smaller, it shows\n%s", screen)
	}

	b.signal(syscall.SIGTERM)
	b.status()
	term.wait("Warning: ")
	broker(t, "-p", port)
	term.wait("p pause  q quit")

	term.keys("q")
	if screen = term.wait("status=0"); !strings.Contains(screen, "before\n") || strings.Contains(screen, "gnome") {
		t.Errorf("when it has ended, the terminal shows\n%s", screen)
	}
	term.keys("stty -a", "Enter")
	if screen = term.wait("-echonl"); strings.Contains(screen, "-echo ") || strings.Contains(screen, "-icanon") {
		t.Errorf("the terminal is left with\n%s", screen)
	}
}

// TestTreeRestoresTheTerminal: however it ends.
func TestTreeRestoresTheTerminal(t *testing.T) {
	t.Parallel()
	port := proctest.FreePort(t)
	b := broker(t, "-p", port)
	publish(t, port, "some/topic", "x", "-r")
	for _, test := range []struct {
		name, flags string
		end         func(term *terminal)
		want        string
	}{
		{"Ctrl-C", "", func(term *terminal) { term.keys("C-c") }, "status=0"},
		{"a signal", "", func(term *terminal) { term.signal("sub", syscall.SIGTERM) }, "status=0"},
		{"a time", "-W 2", func(*terminal) {}, "Timed out\nsome\n  topic  x\nstatus=27"},
		{"taken over", "-i me", func(*terminal) {
			start(t, zancudo, "sub", "-p", port, "-i", "me", "-t", "x", "-V", "5")
		}, "Error: Server disconnected: session taken over.\nstatus=142"},
	} {
		t.Run(test.name, func(t *testing.T) {
			term := newTerminal(t, 80)
			term.keys(zancudo+" sub -V 5 -p "+port+" -t '#' --tree "+test.flags+"; echo status=$?", "Enter")
			term.wait("topic")
			test.end(term)
			screen := term.wait(test.want)
			if strings.Contains(screen, "p pause") {
				t.Errorf("the terminal shows\n%s", screen)
			}
			term.keys("stty -a", "Enter")
			if screen = term.wait("-echonl"); strings.Contains(screen, "-echo ") || strings.Contains(screen, "-icanon") {
				t.Errorf("the terminal is left with\n%s", screen)
			}
		})
	}
	b.signal(syscall.SIGTERM)
	b.status()
}

// signal signals the program with this subcommand that runs in the terminal.
func (term *terminal) signal(subcommand string, s syscall.Signal) {
	term.t.Helper()
	shell := strings.TrimSpace(term.tmux("display-message", "-p", "#{pane_pid}"))
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		_, out, _ := run(term.t, "pgrep", "-P", shell, "-f", subcommand)
		if pid, err := strconv.Atoi(strings.TrimSpace(out)); err == nil {
			if err := syscall.Kill(pid, s); err != nil {
				term.t.Fatal(err)
			}
			return
		}
	}
	term.t.Fatalf("%s does not run in the terminal", subcommand)
}
