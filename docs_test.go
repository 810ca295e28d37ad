package zancudo_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Code blocks of the documentation are tests. A comment in the line above a block says how it is run:
//
//	<!-- doc: run -->           to its end, which must be exit code 0
//	<!-- doc: fails N -->       to its end, which must be exit code N; "1 or 8" is one of them
//	<!-- doc: serve PORT -->    until the next serve, or the page ends; it must listen (on 1883, unless given), and stop
//	                            with exit code 0 when interrupted
//	<!-- doc: listen TEXT -->   until the page ends; by then it must have printed TEXT
//	<!-- doc: until heard -->   again and again until every listen has printed its text
//	<!-- doc: skip REASON -->   not at all
//
// Other blocks are what those above have printed, or are about:
//
//	<!-- doc: output -->        the run above has printed it, no more and no less
//	<!-- doc: says -->          the run above has printed these lines, among others
//	<!-- doc: log -->           the serve above prints these lines, in this order, among others
//	<!-- doc: file NAME -->     it is written into a file
//	<!-- doc: append NAME -->   it is added to a file
//	<!-- doc: config -->        zancudo check finds no error in it
//
// There, … stands for anything in a line, and a line of its own for any lines. What readers need not see is in comments:
//
//	<!-- doc: take WORD TEXT --> in the blocks below, WORD stands for the word after TEXT in what the run above has printed
//	<!-- doc: VERB …             without its end: a block of this comment's further lines
//
// A page has a machine of its own, by the name of shelf with the address 192.168.1.10, where its commands are those of an
// ordinary user who may sudo, in an empty home; "as root" behind a verb makes them root's, in the checkout. What is
// not real there is in docs_standins_test.go. A go block is a whole program and compiles, or is part of an example_test.go.

const pageLimit = 2 * time.Minute // for all blocks of one page

type block struct {
	lang, verb, arg, code string
	root, hidden          bool
	line                  int
}

var (
	directive = regexp.MustCompile(`^<!-- doc: (run|fails|serve|listen|until|skip|output|says|log|file|append|config|take)( as root)?(?: (.+))?$`)
	runnable  = []string{"run", "fails", "serve", "listen", "until", "skip"}
	quoted    = []string{"output", "says", "log", "file", "append", "config", "skip"}
)

// blocks returns the fenced blocks of a page, and its comments for the test.
func blocks(page string) []block {
	var all []block
	var open *block
	var above block
	n := 0
	for line := range strings.Lines(page) {
		n++
		text := strings.TrimSpace(line)
		lang, fence := strings.CutPrefix(text, "```")
		m := directive.FindStringSubmatch(strings.TrimSuffix(text, " -->"))
		switch {
		case open != nil && (open.hidden && text == "-->" || !open.hidden && fence):
			all = append(all, *open)
			open, above = nil, block{}
		case open != nil:
			open.code += line
		case fence:
			open = &block{lang: lang, verb: above.verb, arg: above.arg, root: above.root, line: n}
		case m != nil && !strings.HasSuffix(text, " -->"):
			open = &block{verb: m[1], root: m[2] != "", arg: m[3], hidden: true, line: n}
		case m != nil && m[1] == "take":
			all = append(all, block{verb: "take", arg: m[3], line: n})
		case m != nil:
			above = block{verb: m[1], root: m[2] != "", arg: m[3]}
		case text != "":
			above = block{}
		}
	}
	return all
}

func TestBlocks(t *testing.T) {
	got := blocks("# A\n\n<!-- doc: listen a b -->\n```sh\none\ntwo\n```\nwords\n```go\npackage x\n```\n\n<!-- doc: skip no -->\ntext\n```sh\nx\n```\n```\nplain\n```\n" +
		"<!-- doc: run as root\nrm x\n-->\n<!-- doc: take WORD After that -->\n<!-- doc: serve as root 8883 -->\n```sh\ny\n```\n")
	want := []block{
		{lang: "sh", verb: "listen", arg: "a b", code: "one\ntwo\n", line: 4},
		{lang: "go", code: "package x\n", line: 9},
		{lang: "sh", code: "x\n", line: 15}, // the comment is not right above
		{code: "plain\n", line: 18},
		{verb: "run", root: true, hidden: true, code: "rm x\n", line: 21},
		{verb: "take", arg: "WORD After that", line: 24},
		{lang: "sh", verb: "serve", root: true, arg: "8883", code: "y\n", line: 26},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestDocs(t *testing.T) {
	if name := thisMachine(t); name != "" {
		ctx, cancel := context.WithTimeout(context.Background(), pageLimit)
		t.Cleanup(cancel)
		play(ctx, t, name)
		return
	}
	t.Parallel()
	dir := t.TempDir()
	zancudo := sync.OnceValues(func() (string, error) { return build(dir) })
	for _, name := range documents(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := readBlocks(t, name)
			for _, b := range all {
				lint(t, name, b)
			}
			if !slices.ContainsFunc(all, block.plays) {
				return
			}
			bin, err := zancudo()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), pageLimit+10*time.Second)
			defer cancel()
			onMachine(ctx, t, name, bin)
		})
	}
}

func readBlocks(t *testing.T, name string) []block {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return blocks(string(text))
}

// plays reports whether a machine is needed for a block.
func (b block) plays() bool { return b.verb != "" && b.verb != "skip" }

// lint checks that a block says how it is run, and compiles programs.
func lint(t *testing.T, name string, b block) {
	t.Helper()
	where := fmt.Sprintf("%s:%d", name, b.line)
	switch {
	case b.hidden || b.verb == "take":
	case b.verb == "skip":
		if b.arg == "" {
			t.Errorf("%s: skip needs a reason", where)
		}
		if b.lang == "sh" && filepath.Dir(name) == "docs" && !slices.Contains(excused, name) {
			t.Errorf("%s: every command of this page is run; a program that it cannot have is for docs_standins_test.go", where)
		}
	case b.lang == "go":
		compile(t, where, b.code)
	case b.lang == "sh":
		if !slices.Contains(runnable, b.verb) {
			t.Errorf("%s: say in a comment above how this block is run (see docs_test.go)", where)
		}
	case slices.Contains([]string{"bash", "shell", "console", "golang"}, b.lang):
		t.Errorf("%s: write %q as sh or go", where, b.lang)
	case b.verb != "" && !slices.Contains(quoted, b.verb):
		t.Errorf("%s: %q is for blocks of sh", where, b.verb)
	case b.verb == "" && b.lang == "" && strings.HasPrefix(name, "docs/") && !strings.HasPrefix(name, "docs/adr/"):
		t.Errorf("%s: say in a comment above what this block is (see docs_test.go)", where)
	}
}

// documents returns the Markdown of the root, of docs and of bench.
func documents(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, dir := range []string{"*.md", "bench/*.md"} {
		found, err := filepath.Glob(dir)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	err := fs.WalkDir(os.DirFS("."), "docs", func(name string, _ fs.DirEntry, err error) error {
		if filepath.Ext(name) == ".md" {
			all = append(all, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// compile builds a whole program as a user would, outside this module's tree, or finds a fragment in an example.
func compile(t *testing.T, where, code string) {
	t.Helper()
	if !strings.HasPrefix(code, "package ") {
		if !inExample(t, code) {
			t.Errorf("%s: neither a whole program nor a part of an example_test.go", where)
		}
		return
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", os.DevNull, file).CombinedOutput(); err != nil {
		t.Errorf("%s does not compile: %v\n%s", where, err, out)
	}
}

func inExample(t *testing.T, code string) bool {
	t.Helper()
	words := strings.Join(strings.Fields(code), " ")
	found := false
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || found || !strings.HasSuffix(name, "example_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		found = strings.Contains(strings.Join(strings.Fields(string(text)), " "), words)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// build makes the program in dir and returns its path.
func build(dir string) (string, error) {
	bin := filepath.Join(dir, "zancudo")
	if out, err := exec.Command("go", "build", "-o", bin, "./cmd/zancudo").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build zancudo: %w\n%s", err, out)
	}
	return bin, nil
}
