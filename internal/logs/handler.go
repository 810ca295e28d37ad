package logs

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"unicode"
	"unicode/utf8"
)

// LevelInformation is below slog.LevelInfo, which is Mosquitto's notice.
const LevelInformation = slog.LevelInfo - 2

// Types is a set of kinds of log lines.
type Types uint16

// The kinds of log lines, as Mosquitto knows them.
const (
	Error Types = 1 << iota
	Warning
	Notice
	Information
	Debug
	Subscribe
	Unsubscribe
	WebSockets
	Internal

	All Types = 1<<iota - 1
)

// Options say what is written where.
type Options struct {
	Types              Types
	Writers            []io.Writer // none: nothing is logged
	Timestamp          bool
	ConnectionMessages bool // those that say who connects and disconnects
}

// New returns the logger that o asks for.
func New(o Options) *slog.Logger {
	if len(o.Writers) == 0 {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(&classic{
		out: &output{writers: o.Writers}, types: o.Types, timestamp: o.Timestamp, connections: o.ConnectionMessages,
	})
}

// classic writes log lines as Mosquitto does, one write a line. People read
// them, and programs such as fail2ban.
type classic struct {
	out         *output
	types       Types
	timestamp   bool
	connections bool // those that say who connects and disconnects
	attrs       []slog.Attr
	group       string
}

// output is shared by all the handlers of a logger.
type output struct {
	mu      sync.Mutex
	writers []io.Writer
	line    []byte
}

var _ slog.Handler = (*classic)(nil)

func typeOf(level slog.Level) Types {
	switch {
	case level >= slog.LevelError:
		return Error
	case level >= slog.LevelWarn:
		return Warning
	case level >= slog.LevelInfo:
		return Notice
	case level >= LevelInformation:
		return Information
	default:
		return Debug
	}
}

// Enabled reports whether lines of a level are written.
func (h *classic) Enabled(_ context.Context, level slog.Level) bool {
	return h.types&typeOf(level) != 0
}

// Handle writes a line.
func (h *classic) Handle(_ context.Context, r slog.Record) error {
	if !h.connections && (r.Message == msgAccepted || r.Message == msgConnected || r.Message == msgDisconnected) {
		return nil
	}
	var buf [8]slog.Attr
	a := append(attrs(buf[:0]), h.attrs...)
	r.Attrs(func(one slog.Attr) bool {
		one.Key = h.group + one.Key
		a = append(a, one)
		return true
	})
	o := h.out
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.line[:0]
	if h.timestamp && !r.Time.IsZero() {
		b = strconv.AppendInt(b, r.Time.Unix(), 10)
		b = append(b, ": "...)
	}
	switch typeOf(r.Level) {
	case Error:
		b = append(b, "Error: "...)
	case Warning:
		b = append(b, "Warning: "...)
	default:
	}
	b = appendSentence(b, r.Message, a)
	b = append(b, '\n')
	o.line = b
	var err error
	for _, w := range o.writers {
		if _, failed := w.Write(b); failed != nil {
			err = failed
		}
	}
	return err
}

// WithAttrs returns a handler that adds attributes to each line.
func (h *classic) WithAttrs(more []slog.Attr) slog.Handler {
	fresh := *h
	fresh.attrs = append([]slog.Attr(nil), h.attrs...)
	for _, one := range more {
		one.Key = h.group + one.Key
		fresh.attrs = append(fresh.attrs, one)
	}
	return &fresh
}

// WithGroup returns a handler that begins the names of further attributes with
// that of the group.
func (h *classic) WithGroup(name string) slog.Handler {
	fresh := *h
	if name != "" {
		fresh.group = h.group + name + "."
	}
	return &fresh
}

// attrs are the attributes of a record.
type attrs []slog.Attr

func (a attrs) find(key string) (slog.Value, bool) {
	for _, one := range a {
		if one.Key == key {
			return one.Value.Resolve(), true
		}
	}
	return slog.Value{}, false
}

func (a attrs) text(key string) string {
	v, ok := a.find(key)
	if !ok {
		return ""
	}
	return v.String()
}

func (a attrs) err() error {
	v, _ := a.find("err")
	err, _ := v.Any().(error)
	return err
}

// appendText appends what may have come from a peer: nothing in it can begin a
// new line or move the cursor of a terminal.
func appendText(b []byte, s string) []byte {
	for i, r := range s {
		switch {
		case r == utf8.RuneError:
			b = appendInvalid(b, s[i:])
		case unicode.IsPrint(r):
			b = utf8.AppendRune(b, r)
		default:
			quoted := strconv.AppendQuoteRuneToASCII(nil, r)
			b = append(b, quoted[1:len(quoted)-1]...)
		}
	}
	return b
}

// appendInvalid appends the replacement character, or the byte that it stands
// for.
func appendInvalid(b []byte, s string) []byte {
	if _, size := utf8.DecodeRuneInString(s); size > 1 {
		return utf8.AppendRune(b, utf8.RuneError)
	}
	const hex = "0123456789abcdef"
	return append(b, '\\', 'x', hex[s[0]>>4], hex[s[0]&15])
}
