package tree

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// house is a tree with a bit of everything, as it is 12 seconds after noon.
func house(t *testing.T) *Tree {
	t.Helper()
	tree := New(Options{Title: "localhost:1883  #"})
	for second := range 12 {
		at := noon.Add(time.Duration(second) * time.Second)
		tree.Add(Message{Topic: "house/kitchen/temperature", Payload: fmt.Appendf(nil, "21.%d", second)}, at)
		if second == 3 {
			tree.Add(Message{Topic: "house/kitchen/lamp", Payload: []byte("on"), Retained: true}, at)
			tree.Add(Message{Topic: "house", Payload: []byte("{\n\t\"name\": \"Häuschen 家 🏠\"\n}"), Retained: true}, at)
			tree.Add(Message{Topic: "$SYS/broker/uptime", Payload: []byte("12 seconds")}, at)
		}
		if second == 10 {
			tree.Add(Message{Topic: "house/cellar/camera", Payload: []byte("\xff\xd8\xff\xe0")}, at)
			tree.Add(Message{Topic: "house/cellar/door"}, at)
		}
	}
	return tree
}

var codes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// screen is what a person sees, with a > before the row of the cursor.
func screen(tree *Tree, width, height int, now time.Time) string {
	var b strings.Builder
	for i, line := range tree.Lines(width, height, now) {
		mark := "|"
		if strings.HasPrefix(line, reverse) && i > 0 {
			mark = ">"
		}
		b.WriteString(mark + strings.TrimRight(codes.ReplaceAllString(line, ""), " ") + "\n")
	}
	return b.String()
}

var update = flag.Bool("update", false, "write the golden files anew")

// TestScreens compares screens with those in testdata.
func TestScreens(t *testing.T) {
	now := noon.Add(12 * time.Second)
	for _, test := range []struct {
		name          string
		width, height int
		keys          string
	}{
		{"wide", 120, 12, ""},
		{"usual", 80, 14, ""},
		{"narrow", 40, 12, ""},
		{"tiny", 12, 5, ""},
		{"cursor", 80, 12, "jjj"},
		{"up-again", 80, 12, "jjj\x1b[A\x1b[A"},
		{"the-end", 80, 6, "G"},
		{"page-down", 80, 6, "j\x1b[6~"},
		{"page-up", 80, 6, "G\x1b[5~"},
		{"home", 80, 6, "Gg"},
		{"folded", 80, 12, "jjjj "},
		{"unfolded", 80, 12, "jjjj  "},
		{"left-folds", 80, 12, "jjjj\x1b[D"},
		{"left-goes-up", 80, 12, "jjjjjj\x1b[D"},
		{"right-unfolds", 80, 12, "jjjjh\x1bOC"},
		{"all-folded", 80, 12, "j kjj jj "},
		{"typing", 80, 12, "/TEMP"},
		{"typing-and-deleting", 80, 12, "/tempx\x7f"},
		{"filter", 80, 12, "/kitchen\r"},
		{"filter-shows-what-is-folded", 80, 12, "jjjj /temp\r"},
		{"filter-without-a-match", 80, 12, "/nothing\r"},
		{"escape-while-typing", 80, 12, "/temp\x1b"},
		{"escape", 80, 12, "/temp\r\x1b"},
		{"unknown-keys", 80, 12, "x\x1b[15~\x1b[200\xff"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := house(t)
			tree.Lines(test.width, test.height, now)
			if tree.Input([]byte(test.keys), now) {
				t.Error("quits")
			}
			golden(t, test.name, screen(tree, test.width, test.height, now))
		})
	}
}

// golden compares with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestQuit(t *testing.T) {
	for keys, want := range map[string]bool{"q": true, "\x03": true, "jjq": true, "/q": false, "/q\x03": true, "/q\rq": true, "Q": false} {
		if got := house(t).Input([]byte(keys), noon); got != want {
			t.Errorf("%q: got %v", keys, got)
		}
	}
}

// TestPause: what is shown stands still, with its ages, and goes on with what has
// come meanwhile.
func TestPause(t *testing.T) {
	tree := house(t)
	now := noon.Add(12 * time.Second)
	tree.Input([]byte("p"), now)
	before := screen(tree, 80, 12, now)
	for second := range 10 {
		at := now.Add(time.Duration(second) * time.Second)
		tree.Add(Message{Topic: "house/kitchen/lamp", Payload: []byte("off")}, at)
		tree.Add(Message{Topic: "house/attic", Payload: []byte("new")}, at)
	}
	later := now.Add(10 * time.Second)
	golden(t, "paused", screen(tree, 80, 12, later))
	if diff := cmp.Diff(strings.Split(before, "\n")[:11], strings.Split(screen(tree, 80, 12, later), "\n")[:11]); diff != "" {
		t.Error(diff)
	}
	tree.Input([]byte("p"), later)
	golden(t, "goes-on", screen(tree, 80, 13, later))
}

func TestCursorStaysOnItsTopic(t *testing.T) {
	tree := house(t)
	now := noon.Add(12 * time.Second)
	tree.Input([]byte("jjjj"), now)
	tree.Add(Message{Topic: "before/it", Payload: []byte("x")}, now)
	golden(t, "cursor-stays", screen(tree, 80, 14, now))
	tree.Input([]byte("jjk"), now)                     // to the camera
	tree.Input([]byte("kkh"), now)                     // and what is above it is folded
	tree.Input([]byte("/kitchen\r\x1b/cellar\r"), now) // and looked for
	golden(t, "cursor-goes-up", screen(tree, 80, 14, now))
}

// TestBounds: what is published without end is not kept without end.
func TestBounds(t *testing.T) {
	tree := New(Options{Title: "x", MaxNodes: 5})
	for i := range 1000 {
		tree.Add(Message{Topic: fmt.Sprintf("a/%03d", i), Payload: []byte(strings.Repeat("x", 10_000))}, noon)
	}
	golden(t, "full", screen(tree, 80, 8, noon))
	if n := len(tree.root.children[0].children[0].value); tree.nodes != 5 || n != maxValue {
		t.Errorf("%d nodes, %d bytes", tree.nodes, n)
	}
	deep := New(Options{})
	deep.Add(Message{Topic: strings.Repeat("/", 65535)}, noon)
	if deep.nodes != maxDepth {
		t.Errorf("a deep topic takes %d nodes", deep.nodes)
	}
}

func TestText(t *testing.T) {
	golden(t, "text", house(t).Text())
	full := New(Options{MaxNodes: 1})
	full.Add(Message{Topic: "a", Payload: []byte("1")}, noon)
	full.Add(Message{Topic: "b", Payload: []byte("2")}, noon)
	if got, want := full.Text(), "a  1\n1 message on more topics\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestStyles: colours are for those who want them; what came just now stands out.
func TestStyles(t *testing.T) {
	for _, noColour := range []bool{false, true} {
		tree := New(Options{NoColour: noColour})
		tree.Add(Message{Topic: "old", Payload: []byte("1")}, noon)
		tree.Add(Message{Topic: "new", Payload: []byte("2")}, noon.Add(time.Minute))
		tree.Add(Message{Topic: "new/below", Payload: nil}, noon.Add(time.Minute))
		tree.Notice("lost\x1b[2J")
		lines := strings.Join(tree.Lines(40, 6, noon.Add(time.Minute)), "\n")
		if coloured := strings.Contains(lines, cyan) || strings.Contains(lines, yellow); coloured == noColour {
			t.Errorf("NoColour %v: got %q", noColour, lines)
		}
		for _, want := range []string{reverse, bold + "▾ new", dim + "(empty)", `lost\x1b[2J`} {
			if !strings.Contains(lines, want) {
				t.Errorf("NoColour %v: no %q in %q", noColour, want, lines)
			}
		}
		if fresh := strings.Contains(lines, yellow+"2 "); fresh == noColour {
			t.Errorf("NoColour %v: got %q", noColour, lines)
		}
	}
}

func TestRate(t *testing.T) {
	for _, perSecond := range []int{1, 10, 100} {
		var s state
		at := noon
		for range 30 * perSecond {
			at = at.Add(time.Second / time.Duration(perSecond))
			s.received(at, false)
		}
		if got := s.rate(at); got < 0.94*float64(perSecond) || got > 1.06*float64(perSecond) {
			t.Errorf("%d a second: got %v", perSecond, got)
		}
		if got := s.rate(at.Add(time.Minute)); got > 0.01*float64(perSecond) {
			t.Errorf("a minute after %d a second: got %v", perSecond, got)
		}
	}
	var s state
	if s.received(noon, false); s.rate(noon) != 0 {
		t.Errorf("one message has the rate %v", s.rate(noon))
	}
	for range 5 {
		s.received(noon, true)
	}
	if s.rate(noon) != 0 {
		t.Errorf("retained messages have the rate %v", s.rate(noon))
	}
}

// FuzzTree: whatever is published and typed, the lines fit and are printable.
func FuzzTree(f *testing.F) {
	f.Add("a/b", []byte("x"), "jj \x1b[A/a\r", 80, 24)
	f.Add("/é/家/🏠\u202e", []byte("\x1b[2J\xff"), "pG\x1bO", 10, 3)
	f.Fuzz(func(t *testing.T, topic string, payload []byte, keys string, width, height int) {
		width, height = 1+abs(width)%200, 1+abs(height)%60
		tree := New(Options{Title: topic, MaxNodes: 10})
		for i := range 4 {
			tree.Add(Message{Topic: topic + strings.Repeat("/x", i), Payload: payload}, noon)
			tree.Input([]byte(keys), noon)
		}
		lines := tree.Lines(width, height, noon.Add(time.Hour))
		if len(lines) != height {
			t.Errorf("%d lines of %d", len(lines), height)
		}
		for _, line := range lines {
			plain := codes.ReplaceAllString(line, "")
			if w := textWidth(plain); w > width || strings.ContainsFunc(plain, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%d columns of %d: %q", w, width, line)
			}
		}
		if text := tree.Text(); strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
			t.Errorf("%q", text)
		}
	})
}

func abs(n int) int { return max(n, -(n + 1)) }
