package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/zancudomq/zancudo/internal/format"
	"github.com/zancudomq/zancudo/packet"
)

// output is the standard output of a tool: many messages are written at once.
type output struct {
	mu  sync.Mutex
	w   io.Writer
	buf []byte
}

// outputSize is how many bytes are written at once.
const outputSize = 64 << 10

func newOutput(w io.Writer) *output { return &output{w: w} }

func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.write()
}

// write writes what is buffered, with o.mu held.
func (o *output) write() {
	if len(o.buf) == 0 {
		return
	}
	_, _ = o.w.Write(o.buf) // a broken pipe ends the process by SIGPIPE
	if o.buf = o.buf[:0]; cap(o.buf) > 4*outputSize {
		o.buf = nil
	}
}

// printf prints a line that somebody waits for.
func (o *output) printf(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = fmt.Appendf(o.buf, format, args...)
	o.write()
}

// message prints what sub or rr received: when flush is called, or much of it
// has come together.
func (o *output) message(f *format.Format, p *packet.Publish) error {
	var now time.Time
	if f.NeedsTime() {
		now = time.Now()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var err error
	o.buf, err = f.Append(o.buf, p, now)
	o.grown()
	return err
}

// grown writes what is buffered if it is much, with o.mu held.
func (o *output) grown() {
	if len(o.buf) >= outputSize {
		o.write()
	}
}

// A printer prints a message.
type printer func(p *packet.Publish)

// printer returns the one that the flags ask for.
func (t *tool) printer(how *printing) (printer, error) {
	f, err := how.how()
	if err != nil {
		return nil, err
	}
	plain := func(p *packet.Publish) {
		if err := t.out.message(f, p); err != nil {
			say(t.env.Stderr, "Error: %s.\n", err)
		}
	}
	switch {
	case how.watch:
		return t.watch(plain), nil
	case how.verbose && !how.hasFormat && !how.json && !how.noNewline && t.env.colourful():
		return t.coloured(), nil
	}
	return plain, nil
}

// colourful reports whether the output is seen by a person who may like colours.
// Under Mosquitto's names it is what Mosquitto's tools print.
func (e Env) colourful() bool {
	return isTerminal(e.Stdout) && !e.mosquitto() && e.getenv("NO_COLOR") == "" && e.getenv("TERM") != "dumb"
}

func (e Env) getenv(name string) string {
	if e.Getenv == nil {
		return ""
	}
	return e.Getenv(name)
}

// isTerminal reports whether w is one.
func isTerminal(w any) bool { return terminalOf(w) != nil }

// maxColumn bounds the column of topics.
const maxColumn = 40

// coloured returns a printer of topics in colour, each with its payload in a
// second column.
func (t *tool) coloured() printer {
	column := 0
	return func(p *packet.Publish) {
		width := utf8.RuneCountInString(p.Topic)
		column = max(column, min(width, maxColumn))
		payload := p.Payload
		if len(payload) == 0 {
			payload = []byte("\x1b[2m(null)\x1b[0m")
		}
		t.out.mu.Lock()
		defer t.out.mu.Unlock()
		t.out.buf = append(append(append(t.out.buf, "\x1b[36m"...), p.Topic...), "\x1b[0m "...)
		t.out.buf = append(t.out.buf, strings.Repeat(" ", max(0, column-width))...)
		t.out.buf = append(append(t.out.buf, payload...), '\n')
		t.out.grown()
	}
}

// watch returns a printer that prints each topic in a line of its own, below
// the first.
func (t *tool) watch(plain printer) printer {
	lines := map[string]int{}
	t.out.printf("\x1b[2J\x1b[H")
	return func(p *packet.Publish) {
		line, known := lines[p.Topic]
		if !known {
			line = len(lines) + 1
			lines[p.Topic] = line
		}
		t.out.mu.Lock()
		t.out.buf = fmt.Appendf(t.out.buf, "\x1b[%d;1H\x1b[2K", line)
		t.out.mu.Unlock()
		plain(p)
	}
}
