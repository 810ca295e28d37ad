package cli

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// TestTreeWithoutATerminal: the tree is printed at the end, which there must be.
func TestTreeWithoutATerminal(t *testing.T) {
	for _, test := range []struct {
		line string
		want run
	}{
		{"sub --tree -t a/# -C 3", run{0, "a\n  1  one\n  2\n    x  \\x1b\n    y  (empty)\n", ""}},
		{"sub --tree -t a/# -W 5", run{27, "a\n  1  one\n  2\n    x  \\x1b\n    y  (empty)\n", "Timed out\n"}},
		{"sub --tree -t a/# -T a/2/+ -C 1", run{0, "a\n  1  one\n", ""}},
		{"sub --tree -t a/#", run{1, "", "Error: --tree needs a terminal. Without one it prints the tree at the end, which -C or -W must name.\n"}},
		{"sub --tree -t a -v -C 1", run{1, "", "Error: Combining '--tree' and '-v' makes no sense.\n"}},
		{"sub --tree -t a -F %t -C 1", run{1, "", "Error: Combining '--tree' and '-F' makes no sense.\n"}},
		{"sub --tree -t a --json -d -C 1", run{1, "", "Error: Combining '--tree' and '--json' makes no sense.\n"}},
	} {
		t.Run(test.line, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				p := w.start(nil, test.line)
				for topic, payload := range map[string]string{"a/1": "one", "a/2/x": "\x1b", "a/2/y": ""} {
					must(t, w.broker.Publish(&packet.Message{Topic: topic, Payload: []byte(payload)}))
				}
				if got := p.end(); got != test.want {
					t.Errorf("got %+v, want %+v", got, test.want)
				}
			})
		})
	}
}

// fakeScreen draws into a file.
func fakeScreen(t *testing.T) (s *screen, drawn func() string) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "terminal"))
	must(t, err)
	t.Cleanup(func() { f.Close() })
	s = &screen{out: f, width: 80, height: 24}
	return s, func() string {
		b, err := os.ReadFile(f.Name())
		must(t, err)
		must(t, f.Truncate(0))
		_, err = f.Seek(0, 0)
		must(t, err)
		return string(b)
	}
}

func TestScreenSendsWhatHasChanged(t *testing.T) {
	s, drawn := fakeScreen(t)
	for _, test := range []struct {
		lines []string
		want  string
	}{
		{[]string{"a", "b", "c"}, "\x1b[1;1H\x1b[2Ka\x1b[2;1H\x1b[2Kb\x1b[3;1H\x1b[2Kc"},
		{[]string{"a", "b", "c"}, ""},
		{[]string{"a", "x", "c"}, "\x1b[2;1H\x1b[2Kx"},
	} {
		s.draw(test.lines)
		if got := drawn(); got != test.want {
			t.Errorf("%v: got %q, want %q", test.lines, got, test.want)
		}
	}
	s.resize()
	if s.draw([]string{"a"}); drawn() != "\x1b[1;1H\x1b[2Ka" {
		t.Error("is not drawn anew after a change of the size")
	}
}

// TestPanicLeavesTheScreen: the panic goes on, in a terminal that shows it.
func TestPanicLeavesTheScreen(t *testing.T) {
	s, drawn := fakeScreen(t)
	func() {
		defer func() {
			if p := recover(); p != "broken" {
				t.Errorf("got the panic %v", p)
			}
		}()
		defer s.guard()
		panic("broken")
	}()
	if got := drawn(); got != leaveScreen {
		t.Errorf("got %q", got)
	}
	if s.leave(); drawn() != "" {
		t.Error("the screen is left twice")
	}
}

// TestTreeIsDrawnAtMostTenTimesASecond: and not at all while nothing changes, but
// for the ages.
func TestTreeIsDrawnAtMostTenTimesASecond(t *testing.T) {
	s := &subscriber{tool: &tool{connection: &connection{}}, options: &subOptions{}}
	s.options.count = 1
	v, err := s.newTreeView()
	must(t, err)
	v.screen, _ = fakeScreen(t)
	now := time.Now()
	if v.lines(now, true) == nil {
		t.Error("is not drawn when it is time")
	}
	if v.lines(now, false) != nil {
		t.Error("is drawn again though nothing has changed")
	}
	v.message(&packet.Publish{Message: packet.Message{Topic: "a"}})
	if v.lines(now, false) == nil {
		t.Error("is not drawn though a message has come")
	}
	if v.lines(now, false) != nil {
		t.Error("is drawn twice for a message")
	}
}
