package zancudo_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/proctest"
)

// logPatience is how long a line of a log may take.
const logPatience = 20 * time.Second

// A page plays the blocks of one document, on its machine.
type page struct {
	*testing.T
	name      string
	words     []string // what stands for what, for strings.NewReplacer
	last      string   // what the last run has printed
	server    *server
	listeners []*listener
}

type listener struct {
	want string
	out  *proctest.Output
}

type server struct {
	line  int
	cmd   *exec.Cmd
	out   proctest.Output
	ended chan struct{}
}

func play(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	p := &page{T: t, name: name}
	all := readBlocks(t, name)
	for _, b := range all {
		if slices.Contains(runnable, b.verb) && b.verb != "skip" {
			p.need(ctx, b)
		}
	}
	defer func() {
		if p.server != nil {
			p.stop(p.server)
		}
	}()
	for _, b := range all {
		b.code = strings.NewReplacer(p.words...).Replace(b.code)
		p.step(ctx, b)
	}
	if !p.heard() {
		p.Errorf("%s: a listen block stayed silent", p.name)
	}
}

func (p *page) step(ctx context.Context, b block) {
	p.Helper()
	switch b.verb {
	case "run":
		p.run(ctx, b, "0")
	case "fails":
		p.run(ctx, b, strings.Split(b.arg, " or ")...)
	case "serve":
		p.serve(ctx, b)
	case "listen":
		p.listen(ctx, b)
	case "until":
		for !p.heard() {
			p.run(ctx, b, "0")
		}
	case "output":
		if !printed(b.code).MatchString(trimmed(p.last)) {
			p.Errorf("%s:%d: the block above has printed\n%s", p.name, b.line, p.last)
		}
	case "says":
		p.missing(b, p.last)
	case "log":
		p.log(b)
	case "file", "append":
		p.write(b)
	case "config":
		p.config(ctx, b)
	case "take":
		p.take(b)
	}
}

// need fails where a program is not installed, which the page's machine has from the one around it.
func (p *page) need(ctx context.Context, b block) {
	p.Helper()
	code := strings.ReplaceAll(b.code, "\\\n", " ")
	for line := range strings.Lines(code) {
		words := strings.Fields(line)
		if len(words) == 0 || !regexp.MustCompile(`^[a-z][a-z0-9_.-]*$`).MatchString(words[0]) {
			continue
		}
		if slices.Contains([]string{"if", "then", "else", "fi", "for", "do", "done", "while", "until", "zancudo"}, words[0]) {
			continue
		}
		if machineCommand(ctx, "command -v "+words[0], b.root).Run() == nil {
			continue
		}
		say := p.Skipf
		if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
			say = p.Fatalf
		}
		say("%s:%d: %s is not installed; .ci/run has the list of Debian's packages that the pages need", p.name, b.line, words[0])
	}
}

// run runs a block, which ends with one of some exit codes.
func (p *page) run(ctx context.Context, b block, codes ...string) {
	p.Helper()
	cmd := machineCommand(ctx, b.code, b.root)
	cmd.WaitDelay = time.Second // for what is left in the background
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || err != nil && cmd.ProcessState.Success() && !errors.Is(err, exec.ErrWaitDelay) {
		p.Fatalf("%s:%d: %v\n%s", p.name, b.line, err, out)
	}
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); !slices.Contains(codes, got) {
		p.Fatalf("%s:%d: exit code %s\n%s", p.name, b.line, got, out)
	}
	if !b.hidden {
		p.last = string(out)
	}
}

func (p *page) serve(ctx context.Context, b block) {
	p.Helper()
	if p.server != nil {
		p.stop(p.server)
	}
	port := b.arg
	if port == "" {
		port = "1883"
	}
	s := &server{line: b.line, cmd: machineCommand(ctx, "exec "+b.code, b.root), ended: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	p.server = s
	if err := s.cmd.Start(); err != nil {
		p.Fatalf("%s:%d: %v", p.name, b.line, err)
	}
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait() // its exit code is in ProcessState
	}()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort("localhost", port))
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-s.ended:
			p.Fatalf("%s:%d: ended before it listened", p.name, b.line)
		case <-ctx.Done():
			p.Fatalf("%s:%d: does not listen on port %s: %v", p.name, b.line, port, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *page) stop(s *server) {
	p.Helper()
	_ = s.cmd.Process.Signal(os.Interrupt) // fails where it has ended by itself
	<-s.ended
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		p.Errorf("%s:%d: interrupted, it stops with exit code %d", p.name, s.line, code)
	}
	if p.Failed() {
		p.Logf("%s:%d printed:\n%s", p.name, s.line, s.out.String())
	}
}

func (p *page) listen(ctx context.Context, b block) {
	p.Helper()
	l := &listener{want: b.arg, out: &proctest.Output{}}
	p.listeners = append(p.listeners, l)
	cmd := machineCommand(ctx, "exec "+b.code, b.root)
	cmd.Stdout, cmd.Stderr = l.out, l.out
	if err := cmd.Start(); err != nil {
		p.Fatalf("%s:%d: %v", p.name, b.line, err)
	}
	p.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // interrupted
		if p.Failed() {
			p.Logf("%s:%d printed:\n%s", p.name, b.line, l.out)
		}
	})
}

func (p *page) heard() bool {
	return !slices.ContainsFunc(p.listeners, func(l *listener) bool { return !strings.Contains(l.out.String(), l.want) })
}

// log waits until the server has printed the lines of a block.
func (p *page) log(b block) {
	p.Helper()
	if p.server == nil {
		p.Fatalf("%s:%d: nothing serves", p.name, b.line)
	}
	deadline := time.Now().Add(logPatience)
	for !among(b.code, p.server.out.String()) {
		if time.Now().After(deadline) {
			p.missing(b, p.server.out.String())
			return
		}
		<-time.After(20 * time.Millisecond)
	}
}

func (p *page) missing(b block, out string) {
	p.Helper()
	if !among(b.code, out) {
		p.Errorf("%s:%d: not all of it is in\n%s", p.name, b.line, out)
	}
}

func (p *page) write(b block) {
	p.Helper()
	name, home := b.arg, machineEnviron(b.root)[0][len("HOME="):]
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		name = filepath.Join(home, rest)
	}
	if !filepath.IsAbs(name) {
		p.Fatalf("%s:%d: say where %s is to be", p.name, b.line, name)
	}
	flag := os.O_TRUNC
	if b.verb == "append" {
		flag = os.O_APPEND
	}
	mode := os.FileMode(0o644)
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|flag, mode)
	if err == nil {
		_, err = f.WriteString(b.code)
	}
	if err == nil && strings.HasPrefix(name, machineHome+"/") {
		err = f.Chown(machineID, machineID)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		p.Fatalf("%s:%d: %v", p.name, b.line, err)
	}
}

// config has zancudo check a piece of a configuration.
func (p *page) config(ctx context.Context, b block) {
	p.Helper()
	file := filepath.Join(p.TempDir(), "zancudo.conf")
	if err := os.WriteFile(file, []byte(b.code), 0o600); err != nil {
		p.Fatal(err)
	}
	if out, err := machineCommand(ctx, "zancudo check "+file, true).CombinedOutput(); err != nil {
		p.Errorf("%s:%d: %v\n%s", p.name, b.line, err, out)
	}
}

// take remembers what a word of the page stands for.
func (p *page) take(b block) {
	p.Helper()
	word, before, _ := strings.Cut(b.arg, " ")
	_, after, found := strings.Cut(p.last, before)
	fields := strings.Fields(after)
	if !found || len(fields) == 0 {
		p.Fatalf("%s:%d: no %q in\n%s", p.name, b.line, before, p.last)
	}
	p.words = append(p.words, word, fields[0])
}

const gap = "…"

// printed makes a pattern of what a page says that a command prints.
func printed(text string) *regexp.Regexp {
	var all strings.Builder
	all.WriteString(`\A`)
	for line := range strings.Lines(trimmed(text)) {
		if strings.TrimSpace(line) == gap {
			all.WriteString(`(?:.*\n)*`)
			continue
		}
		all.WriteString(linePattern(strings.TrimSuffix(line, "\n")) + `\n`)
	}
	return regexp.MustCompile(all.String() + `\z`)
}

// among reports whether the lines of a page are all in an output, in this order. Times at the beginning count for nothing.
func among(text, out string) bool {
	lines := strings.Split(trimmed(out), "\n")
	for want := range strings.Lines(trimmed(text)) {
		pattern := regexp.MustCompile(`^(?:\d+: )?` + linePattern(strings.TrimSpace(want)) + `$`)
		i := slices.IndexFunc(lines, func(line string) bool { return pattern.MatchString(strings.TrimSpace(line)) })
		if i < 0 {
			return false
		}
		lines = lines[i+1:]
	}
	return true
}

func linePattern(line string) string {
	return strings.ReplaceAll(regexp.QuoteMeta(line), gap, `.*`)
}

// trimmed is a text without blanks at the ends of lines and empty lines at the end.
func trimmed(text string) string {
	var all []string
	for line := range strings.Lines(text) {
		all = append(all, strings.TrimRight(line, " \t\r\n"))
	}
	return strings.TrimRight(strings.Join(all, "\n"), "\n") + "\n"
}

func TestPrinted(t *testing.T) {
	for _, c := range []struct {
		text, out string
		all, some bool
	}{
		{"a\nb\n", "a  \nb\n\n", true, true},
		{"a\n", "a\nb\n", false, true},
		{"b\na\n", "a\nb\n", false, false},
		{"a … c\n", "a b c\n", true, true},
		{"a … c\n", "1700000000: a b c\n", false, true},
		{"a\n…\nz\n", "a\nb\nc\nz\n", true, true},
		{"a.c\n", "abc\n", false, false},
	} {
		if got := printed(c.text).MatchString(trimmed(c.out)); got != c.all {
			t.Errorf("%q is %q: %v", c.text, c.out, got)
		}
		if got := among(c.text, c.out); got != c.some {
			t.Errorf("%q is among %q: %v", c.text, c.out, got)
		}
	}
}
