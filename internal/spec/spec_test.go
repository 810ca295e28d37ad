package spec_test

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/spec"
)

// Where citations count: below these directories, in dialogues and scripts (testdata/**/*.txt) and in Go tests.
var shown = []string{"broker", "packet", "topic", "internal/session"}

// TestEveryStatementIsShown fails on the gap: what binds a server and neither a dialogue nor a test cites.
func TestEveryStatementIsShown(t *testing.T) {
	statements, err := spec.Statements()
	if err != nil {
		t.Fatal(err)
	}
	cited := citations(t)
	var gap []string
	excepted := 0
	for _, s := range statements {
		where, found := cited[s.ID]
		delete(cited, s.ID)
		switch {
		case s.Exception != "" && found:
			t.Errorf("%s is an exception (%s), yet %s shows it; take the reason out of statements.txt", s.ID, s.Exception, where)
		case s.Exception != "":
			excepted++
			t.Logf("excepted: %s, %s", s.ID, s.Exception)
		case s.Binds != spec.Client && !found:
			gap = append(gap, s.ID)
		}
	}
	for id, where := range cited {
		t.Errorf("%s cites %s, which no standard has; statements of 3.1.1 that 5.0 kept are cited by their number in 5.0", where, id)
	}
	t.Logf("%d statements, %d excepted, %d in the gap", len(statements), excepted, len(gap))
	if len(gap) > 0 {
		t.Errorf("no dialogue or test shows:\n%s", strings.Join(gap, "\n"))
	}
}

// citations maps each cited id to a file that cites it.
func citations(t *testing.T) map[string]string {
	t.Helper()
	root := os.DirFS("../..")
	cited := map[string]string{}
	for _, dir := range shown {
		err := fs.WalkDir(root, dir, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			script := path.Ext(name) == ".txt" && strings.Contains(name, "/testdata/")
			if !script && !strings.HasSuffix(name, "_test.go") {
				return nil
			}
			text, err := fs.ReadFile(root, name)
			if err != nil {
				return err
			}
			for line := range strings.Lines(string(text)) {
				if script && !strings.HasPrefix(line, "#") {
					continue
				}
				for _, id := range spec.Cited(line) {
					cited[id] = name
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return cited
}

func TestStatements(t *testing.T) {
	statements, err := spec.Statements()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range statements {
		if got := spec.Cited(s.ID); !slices.Equal(got, []string{s.ID}) {
			t.Errorf("%s: a citation of it reads as %v", s.ID, got)
		}
		if seen[s.ID] {
			t.Errorf("%s is listed twice", s.ID)
		}
		seen[s.ID] = true
		if s.Exception != "" && s.Binds == spec.Client {
			t.Errorf("%s binds the client only and needs no exception", s.ID)
		}
	}
}

func TestCited(t *testing.T) {
	tests := map[string][]string{
		"# keep alive [MQTT-3.1.2-22]":        {"MQTT-3.1.2-22"},
		"[MQTT-4.2-1, MQTT3-3.1.3-8]":         {"MQTT-4.2-1", "MQTT3-3.1.3-8"},
		"MQTT-5, MQTT 3.1.1 and MQTT-3.1.1":   nil,
		"[MQTT-1.5.4-1][MQTT-1.5.4-2] follow": {"MQTT-1.5.4-1", "MQTT-1.5.4-2"},
	}
	for text, want := range tests {
		if got := spec.Cited(text); !slices.Equal(got, want) {
			t.Errorf("Cited(%q) = %v, want %v", text, got, want)
		}
	}
}
