package logs

import (
	"log/slog"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

// record is one line before it has a form.
type record struct {
	time    time.Time
	kind    Types
	message string
	attrs   attrs
	text    []byte // its sentence, without prefix or time
}

// set makes r the line of a slog.Record, in the memory that it has.
func (r *record) set(h *handler, from *slog.Record, kind Types) {
	r.time, r.kind, r.message = from.Time, kind, from.Message
	clear(r.attrs)
	r.attrs = append(r.attrs[:0], h.attrs...)
	from.Attrs(func(one slog.Attr) bool {
		one.Key = h.group + one.Key
		r.attrs = append(r.attrs, one)
		return true
	})
	r.text = appendSentence(r.text[:0], r.message, r.attrs)
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
