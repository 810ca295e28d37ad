package zancudo_test

import (
	"bytes"
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/proctest"
)

// Code blocks of the documentation are tests. A sh block has a comment in the line above it that says how it is run:
//
//	<!-- doc: run -->           to its end, which must be exit code 0
//	<!-- doc: serve -->         until the page ends; it must listen, and stop with exit code 0 when interrupted
//	<!-- doc: listen TEXT -->   until the page ends; by then it must have printed TEXT
//	<!-- doc: until heard -->   again and again until every listen has printed its text
//	<!-- doc: skip REASON -->   not at all
//
// The blocks of a page share a HOME and a port of their own: small programs in front of zancudo and Mosquitto's clients
// add -p, and "go run ./cmd/zancudo" is the binary built once for all pages. A go block is a whole program and compiles,
// or it is part of an example_test.go.

const pageLimit = 60 * time.Second // for all blocks of one page

type block struct {
	lang, verb, arg, code string
	line                  int
}

var directive = regexp.MustCompile(`^<!-- doc: (run|serve|listen|until|skip)(?: (.+))? -->$`)

// blocks returns the fenced blocks of a page.
func blocks(page string) []block {
	var all []block
	var open *block
	var above string
	n := 0
	for line := range strings.Lines(page) {
		n++
		text := strings.TrimSpace(line)
		lang, fence := strings.CutPrefix(text, "```")
		switch {
		case open != nil && fence:
			all = append(all, *open)
			open, above = nil, ""
		case open != nil:
			open.code += line
		case fence:
			open = &block{lang: lang, line: n}
			if m := directive.FindStringSubmatch(above); m != nil {
				open.verb, open.arg = m[1], m[2]
			}
		case text != "":
			above = text
		}
	}
	return all
}

func TestDocs(t *testing.T) {
	pages := documents(t)
	dir := t.TempDir()
	zancudo := sync.OnceValues(func() (string, error) { return build(dir) })
	for _, name := range pages {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var shell []block
			for _, b := range blocks(string(text)) {
				switch {
				case b.verb == "skip" && b.arg == "":
					t.Errorf("%s:%d: skip needs a reason", name, b.line)
				case b.verb == "skip":
				case b.lang == "go":
					compile(t, fmt.Sprintf("%s:%d", name, b.line), b.code)
				case b.lang == "sh" && b.verb == "":
					t.Errorf("%s:%d: say in a comment above how this block is run (see docs_test.go)", name, b.line)
				case b.lang == "sh":
					shell = append(shell, b)
				case slices.Contains([]string{"bash", "shell", "console", "golang"}, b.lang):
					t.Errorf("%s:%d: write %q as sh or go", name, b.line, b.lang)
				}
			}
			if len(shell) == 0 {
				return
			}
			if _, err := exec.LookPath("sh"); err != nil {
				t.Skip("the pages are written for a Unix shell")
			}
			bin, err := zancudo()
			if err != nil {
				t.Fatal(err)
			}
			// Not t.Context, which ends before the cleanups that interrupt what still runs.
			ctx, cancel := context.WithTimeout(context.Background(), pageLimit)
			t.Cleanup(cancel)
			newPage(ctx, t, name, bin).play(ctx, shell)
		})
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

// A page runs the sh blocks of one document.
type page struct {
	*testing.T
	name      string
	port      string
	env       []string
	listeners []*listener
}

type listener struct {
	want string
	out  *proctest.Output
}

func newPage(ctx context.Context, t *testing.T, name, zancudo string) *page {
	t.Helper()
	p := &page{T: t, name: name, port: proctest.FreePort(t)}
	home := t.TempDir()
	front := filepath.Join(home, "front")
	script := func(name, body string) {
		if err := os.WriteFile(filepath.Join(front, name), []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(front, 0o700); err != nil {
		t.Fatal(err)
	}
	script("zancudo", fmt.Sprintf(`case "${1-}" in
run | pub | sub | rr | record | replay) verb=$1 && shift && exec %[1]q "$verb" -p %[2]s "$@" ;;
"" | -*) exec %[1]q -p %[2]s "$@" ;;
*) exec %[1]q "$@" ;;
esac`, zancudo, p.port))
	for _, program := range []string{"mosquitto_pub", "mosquitto_sub"} {
		if real, err := exec.LookPath(program); err == nil {
			script(program, fmt.Sprintf(`exec %q -p %s "$@"`, real, p.port))
		}
	}
	goProgram, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	script("go", fmt.Sprintf(`if [ "${1-} ${2-}" = "run ./cmd/zancudo" ]; then shift 2 && exec zancudo "$@"; fi
exec %q "$@"`, goProgram))
	p.env = append(os.Environ(), "HOME="+home, "XDG_STATE_HOME="+filepath.Join(home, "state"), "ZANCUDO_USER=root", "GOPATH="+filepath.Join(home, "go"), "GOBIN=",
		"PATH="+front+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, name := range []string{"GOENV", "GOCACHE", "GOMODCACHE"} { // where they were, though HOME is another
		value, err := exec.CommandContext(ctx, "go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		p.env = append(p.env, name+"="+strings.TrimSpace(string(value)))
	}
	return p
}

func (p *page) play(ctx context.Context, all []block) {
	p.Helper()
	for _, b := range all {
		p.need(ctx, b)
	}
	for _, b := range all {
		switch b.verb {
		case "run":
			p.run(ctx, b)
		case "serve":
			p.serve(ctx, b)
		case "listen":
			l := &listener{want: b.arg, out: &proctest.Output{}}
			p.listeners = append(p.listeners, l)
			p.start(ctx, b, l.out)
		case "until":
			for !p.heard() {
				p.run(ctx, b)
			}
		}
	}
	if !p.heard() {
		p.Errorf("%s: a listen block stayed silent", p.name)
	}
}

// need skips the page when a program is not installed.
func (p *page) need(ctx context.Context, b block) {
	p.Helper()
	for line := range strings.Lines(b.code) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if p.command(ctx, "command -v "+words[0]).Run() == nil {
			continue
		}
		say := p.Skipf
		if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
			say = p.Fatalf
		}
		say("%s:%d: %s is not installed; mosquitto_pub and mosquitto_sub are in Debian's mosquitto-clients", p.name, b.line, words[0])
	}
}

func (p *page) command(ctx context.Context, script string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-euc", script)
	cmd.Env = p.env
	cmd.WaitDelay = time.Second
	return cmd
}

func (p *page) run(ctx context.Context, b block) {
	p.Helper()
	if out, err := p.command(ctx, b.code).CombinedOutput(); err != nil {
		p.Fatalf("%s:%d: %v\n%s", p.name, b.line, err, out)
	}
}

// start runs a block of one command until the page ends.
func (p *page) start(ctx context.Context, b block, out *proctest.Output) (ended <-chan struct{}) {
	p.Helper()
	cmd := p.command(ctx, "exec "+b.code)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		p.Fatalf("%s:%d: %v", p.name, b.line, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // its exit code is in ProcessState
	}()
	p.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // fails where it has ended by itself
		<-done
		if code := cmd.ProcessState.ExitCode(); b.verb == "serve" && code != 0 {
			p.Errorf("%s:%d: interrupted, it stops with exit code %d\n%s", p.name, b.line, code, out)
		}
		if p.Failed() {
			p.Logf("%s:%d printed:\n%s", p.name, b.line, out)
		}
	})
	return done
}

func (p *page) serve(ctx context.Context, b block) {
	p.Helper()
	ended := p.start(ctx, b, &proctest.Output{})
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort("localhost", p.port))
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-ended:
			p.Fatalf("%s:%d: ended before it listened", p.name, b.line)
		case <-ctx.Done():
			p.Fatalf("%s:%d: does not listen on port %s: %v", p.name, b.line, p.port, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *page) heard() bool {
	return !slices.ContainsFunc(p.listeners, func(l *listener) bool { return !strings.Contains(l.out.String(), l.want) })
}

func TestBlocks(t *testing.T) {
	got := blocks("# A\n\n<!-- doc: listen a b -->\n```sh\none\ntwo\n```\nwords\n```go\npackage x\n```\n\n<!-- doc: skip no -->\ntext\n```sh\nx\n```\n```\nplain\n```\n")
	want := []block{
		{lang: "sh", verb: "listen", arg: "a b", code: "one\ntwo\n", line: 4},
		{lang: "go", code: "package x\n", line: 9},
		{lang: "sh", code: "x\n", line: 15}, // the comment is not right above
		{code: "plain\n", line: 18},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

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

// TestLinks follows the relative links of every page.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	for _, name := range documents(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), string(m[1]))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
