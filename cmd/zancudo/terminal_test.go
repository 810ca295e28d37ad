//go:build unix

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/password"
)

// A terminal is one of tmux, 24 lines high, with a shell in it.
type terminal struct {
	t      *testing.T
	socket string
}

func newTerminal(t *testing.T, width int) *terminal {
	t.Helper()
	need(t, "tmux", "tmux")
	need(t, "pgrep", "procps")
	term := &terminal{t, filepath.Join(t.TempDir(), "tmux")}
	term.tmux("-f", "/dev/null", "new-session", "-d", "-x", strconv.Itoa(width), "-y", "24", "env PS1='$ ' sh")
	t.Cleanup(func() { term.tmux("kill-server") })
	term.wait("$")
	return term
}

func (term *terminal) tmux(args ...string) string {
	term.t.Helper()
	c := exec.Command("tmux", append([]string{"-S", term.socket}, args...)...)
	c.Env = append(os.Environ(), "TMUX=", "LC_ALL=C.UTF-8")
	out, err := c.CombinedOutput()
	if err != nil {
		term.t.Fatalf("tmux %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// keys presses keys, by tmux's names for those that are no text.
func (term *terminal) keys(keys ...string) {
	term.t.Helper()
	term.tmux(append([]string{"send-keys"}, keys...)...)
}

func (term *terminal) screen() string {
	term.t.Helper()
	return term.tmux("capture-pane", "-p")
}

// wait waits until the screen shows something and returns it.
func (term *terminal) wait(want string) string {
	term.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		screen := term.screen()
		if strings.Contains(screen, want) {
			return screen
		}
		if time.Now().After(deadline) {
			term.t.Fatalf("the terminal does not show %q but\n%s", want, screen)
		}
		select {
		case <-term.t.Context().Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// question waits for a question whose answer is not shown.
func (term *terminal) question(text string) {
	term.t.Helper()
	term.wait(text)
	tty := strings.TrimSpace(term.tmux("display-message", "-p", "#{pane_tty}"))
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		modes, err := exec.Command("stty", "-a", "-F", tty).Output()
		if err != nil {
			term.t.Fatal(err)
		}
		if strings.Contains(string(modes), " -echo ") {
			return
		}
	}
	term.t.Fatalf("the terminal goes on to show what is typed")
}

// TestPasswordAtATerminal: it is asked for twice and not shown.
func TestPasswordAtATerminal(t *testing.T) {
	t.Parallel()
	term := newTerminal(t, 100)
	file := filepath.Join(t.TempDir(), "passwd")
	term.keys(zancudo+" passwd -c "+file+" ann; echo status=$?", "Enter")
	term.question("\nPassword:")
	term.keys("sesame", "Enter")
	term.question("\nReenter password:")
	term.keys("sesame", "Enter")
	if screen := term.wait("status=0"); strings.Contains(screen, "sesame") || !strings.Contains(screen, "Adding password for user ann\n") {
		t.Errorf("the terminal shows\n%s", screen)
	}
	f, err := password.Read(file, password.Options{})
	if err != nil {
		t.Fatal(err)
	}
	users, err := f.Users()
	if err != nil || !users["ann"].Verify([]byte("sesame")) {
		t.Errorf("the file is %q, %v", f.Append(nil), err)
	}
}

// TestPasswordInterrupted: Ctrl-C at the question leaves a terminal that shows
// what is typed, and no file.
func TestPasswordInterrupted(t *testing.T) {
	t.Parallel()
	term := newTerminal(t, 100)
	file := filepath.Join(t.TempDir(), "passwd")
	term.keys(zancudo+" passwd -c "+file+" ann; echo status=$?", "Enter")
	term.question("\nPassword:")
	term.keys("ses", "C-c")
	term.wait("status=130")
	term.keys("echo v''isible", "Enter")
	if screen := term.wait("\nvisible"); !strings.Contains(screen, "$ echo v''isible") {
		t.Errorf("the terminal does not show what is typed:\n%s", screen)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file: %v", err)
	}
}
