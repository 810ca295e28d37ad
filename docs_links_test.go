package zancudo_test

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// TestReading keeps ARCHITECTURE.md true: its eight files exist and are together under 2,000 lines, and it is short itself.
func TestReading(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n")); n > 200 {
		t.Errorf("ARCHITECTURE.md has %d lines, at most 200 are read", n)
	}
	files := regexp.MustCompile("(?m)^\\d\\. `(.+?)`").FindAllSubmatch(text, -1)
	if len(files) != 8 {
		t.Errorf("ARCHITECTURE.md lists %d files to read first, want 8", len(files))
	}
	lines := 0
	for _, m := range files {
		src, err := os.ReadFile(string(m[1]))
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), string(m[1]), src, parser.PackageClauseOnly); err != nil {
			t.Error(err)
		}
		lines += bytes.Count(src, []byte("\n"))
	}
	if lines > 2000 {
		t.Errorf("the files to read first have %d lines, at most 2,000 are read", lines)
	}
}

// TestLinks follows the relative links of every page, and their anchors.
func TestLinks(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^) ]+)\)`)
	code := regexp.MustCompile("(?ms)^[ ]*```.*?^[ ]*```|`[^`\n]*`")
	for _, name := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(readPage(t, name), ""), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := name
			if file != "" {
				target = filepath.Join(filepath.Dir(name), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
				continue
			}
			if anchor != "" && !anchors(readPage(t, target))[anchor] {
				t.Errorf("%s links to %s: there is no such heading", name, m[1])
			}
		}
	}
}

func readPage(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// anchors are what GitHub calls the headings of a page.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	fenced := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		}
		heading := strings.TrimLeft(line, "#")
		if fenced || heading == line || !strings.HasPrefix(heading, " ") {
			continue
		}
		heading = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`).ReplaceAllString(strings.TrimSpace(heading), "$1")
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, heading)
		for n, first := 1, anchor; all[anchor]; n++ {
			anchor = fmt.Sprintf("%s-%d", first, n)
		}
		all[anchor] = true
	}
	return all
}

func TestAnchors(t *testing.T) {
	t.Parallel()
	got := anchors("# A page, of `words`\ntext # no\n```\n# no\n```\n## [Linked](x.md)\n## `max_qos`\n### Twice?\n### Twice!\n#no\n")
	want := []string{"a-page-of-words", "linked", "max_qos", "twice", "twice-1"}
	for _, anchor := range want {
		if !got[anchor] {
			t.Errorf("%q is not in %v", anchor, got)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestFigures: the figures of the page on benchmarks are those that were measured.
func TestFigures(t *testing.T) {
	t.Parallel()
	measured := readPage(t, "bench/README.md")
	rows := 0
	for line := range strings.Lines(readPage(t, "docs/benchmarks.md")) {
		if strings.HasPrefix(line, "|") {
			rows++
			if !strings.Contains(measured, "\n"+line) {
				t.Errorf("docs/benchmarks.md has a row that is not in bench/README.md:\n%s", line)
			}
		}
	}
	if rows < 10 {
		t.Errorf("docs/benchmarks.md has %d rows", rows)
	}
}
