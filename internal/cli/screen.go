package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"golang.org/x/term"
)

// A screen is a terminal that is drawn upon as a whole: what was on it comes
// back when the screen is left.
type screen struct {
	in            *os.File // nil: there are no keys
	out           *os.File
	before        *term.State // of in
	leaving       sync.Once
	width, height int
	lines         []string // that are shown
	buf           []byte
}

// What is said to the terminal: the other screen, no cursor, no wrapping of
// lines, and how to undo that.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
)

// terminalOf returns the terminal that v is; nil: it is none.
func terminalOf(v any) *os.File {
	if f, ok := v.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// newScreen takes the terminal over. Without a terminal to read from it shows
// only.
func newScreen(stdin io.Reader, out *os.File) (*screen, error) {
	s := &screen{in: terminalOf(stdin), out: out}
	if s.in != nil {
		var err error
		if s.before, err = term.MakeRaw(int(s.in.Fd())); err != nil {
			return nil, fmt.Errorf("use the terminal: %w", err)
		}
	}
	s.write([]byte(enterScreen))
	s.resize()
	return s, nil
}

// leave gives the terminal back as it was. It may be called at any time and by
// anybody, also by one who is in despair.
func (s *screen) leave() {
	s.leaving.Do(func() {
		s.write([]byte(leaveScreen))
		if s.before != nil {
			_ = term.Restore(int(s.in.Fd()), s.before) // nothing more can be done for it
		}
	})
}

// guard leaves the screen if its caller, who defers it, panics: the panic shall
// be read.
func (s *screen) guard() {
	if p := recover(); p != nil {
		s.leave()
		panic(p)
	}
}

// resize asks how large the terminal is. All is drawn anew.
func (s *screen) resize() {
	width, height, err := term.GetSize(int(s.out.Fd()))
	if err != nil || width < 1 || height < 1 {
		width, height = 80, 24
	}
	s.width, s.height, s.lines = width, height, nil
}

// draw shows lines; those that have not changed are not sent.
func (s *screen) draw(lines []string) {
	s.buf = s.buf[:0]
	for i, line := range lines {
		if i < len(s.lines) && s.lines[i] == line {
			continue
		}
		s.buf = fmt.Appendf(s.buf, "\x1b[%d;1H\x1b[2K%s", i+1, line)
	}
	s.lines = slices.Clone(lines)
	s.write(s.buf)
}

func (s *screen) write(b []byte) {
	if len(b) > 0 {
		_, _ = s.out.Write(b) // a terminal that is gone ends the process by a signal
	}
}

// keys returns what is typed, in the pieces in which the terminal sends it. The
// goroutine that reads ends with the process.
func (s *screen) keys() <-chan []byte {
	if s.in == nil {
		return nil
	}
	keys := make(chan []byte)
	go func() {
		for {
			b := make([]byte, 256)
			n, err := s.in.Read(b)
			if err != nil {
				return
			}
			keys <- b[:n]
		}
	}()
	return keys
}
