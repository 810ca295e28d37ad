package mqtttest

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// unread says what waits for the clients, but for the one whose line failed.
func (e *engine) unread(but string) (more []string) {
	for _, name := range e.names {
		p := e.peers[name]
		if p == nil || name == but {
			continue
		}
		for _, a := range p.waiting() {
			more = append(more, fmt.Sprintf("unread: %s < %v", name, a))
		}
		if err := p.ended(); err != nil && !p.goodbye {
			more = append(more, fmt.Sprintf("%s: %v", name, p.nothing()))
		}
	}
	return more
}

// explain shows the dialogue with a marker at the line that failed.
func (s *script) explain(d *dialogue, err error) string {
	var p *problem
	if !errors.As(err, &p) {
		return err.Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:\n", cmp.Or(s.name, "script"), p.line+1)
	for i := d.first; i < d.last; i++ {
		mark := "    "
		if i == p.line {
			mark = "  > "
		}
		fmt.Fprintf(&b, "%s%s\n", mark, s.lines[i])
		if i == p.line {
			fmt.Fprintf(&b, "      ^ %v\n", p.err)
			for _, more := range p.more {
				fmt.Fprintf(&b, "        %s\n", more)
			}
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// edits are the changes that -update makes to a script.
type edits struct {
	mu      sync.Mutex
	changed map[int]string   // line → its new text
	gone    map[int]bool     // lines to leave out
	before  map[int][]string // line → new lines before it
}

func (e *edits) replace(line int, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.changed == nil {
		e.changed = map[int]string{}
	}
	e.changed[line] = text
}

func (e *edits) remove(line int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone == nil {
		e.gone = map[int]bool{}
	}
	e.gone[line] = true
}

func (e *edits) insert(line int, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.before == nil {
		e.before = map[int][]string{}
	}
	e.before[line] = append(e.before[line], text)
}

// apply returns the script with the changes.
func (e *edits) apply(s *script) string {
	var out []string
	for i := range len(s.lines) + 1 {
		out = append(out, e.before[i]...)
		if i == len(s.lines) || e.gone[i] {
			continue
		}
		line := s.lines[i]
		if text, ok := e.changed[i]; ok {
			line = text
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n") + "\n"
}

func (e *edits) write(t *testing.T, s *script) {
	t.Helper()
	if len(e.changed)+len(e.gone)+len(e.before) == 0 {
		return
	}
	if err := os.WriteFile(s.name, []byte(e.apply(s)), 0o644); err != nil {
		t.Errorf("update %s: %v", s.name, err)
	}
}
