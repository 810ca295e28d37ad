package format

import (
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// A Format appends messages in the way that a format string asks for. It is
// never changed and may be shared.
type Format struct {
	steps   []step
	newline bool
	// quiet is set for a message that has no payload to be passed over.
	quiet bool
}

// Options are what belongs to every format. The zero value ends each message
// with a new line.
type Options struct {
	// NoNewline leaves the end of line away that follows each message, and with
	// it a message without a payload in the formats that are not a string.
	NoNewline bool
	// Pretty writes JSON over several lines.
	Pretty bool
}

// step is one thing to append.
type step struct {
	verb      byte   // of the directive; text: text as it is; moment: a part of the time
	text      string // of text
	letter    byte   // of moment: as strftime knows it
	width     int    // least length in bytes; zero: none given
	precision int    // as the verb understands it; negative: none given
	separator byte   // between groups of hexadecimal digits
	pad       byte   // blank or zero
	left      bool   // what is shorter than width is aligned to the left
	pretty    bool   // JSON is written over several lines
}

// Verbs that stand for no letter behind a percent sign.
const (
	text   = '"'
	moment = '@'
)

// Payload is the format of messages when none is asked for: their payload, and
// nothing for a message that has none.
func Payload(o Options) *Format {
	return &Format{steps: []step{{verb: 'p', pad: ' ', precision: -1}}, newline: !o.NoNewline, quiet: true}
}

// Verbose is the format of -v: the topic before the payload, "(null)" in place
// of one that is empty.
func Verbose(o Options) *Format {
	return &Format{steps: []step{{verb: verbose}}, newline: !o.NoNewline, quiet: o.NoNewline}
}

// verbose is the verb of the whole line that -v prints.
const verbose = 'v'

// A PayloadError is a payload that is not what the format takes it for. The
// sentence is for the user.
type PayloadError struct {
	Topic string
	what  string
}

func (e *PayloadError) Error() string { return e.what + " on topic " + e.Topic }

// Append appends p, received at now, and the end of line. An error is a
// *PayloadError; b then has all the rest of the line, as Mosquitto prints it.
func (f *Format) Append(b []byte, p *packet.Publish, now time.Time) ([]byte, error) {
	if f.quiet && len(p.Payload) == 0 {
		return b, nil
	}
	var failed error
	for i := range f.steps {
		s := &f.steps[i]
		var what string
		if b, what = s.append(b, p, now); what != "" && failed == nil {
			failed = &PayloadError{p.Topic, what}
		}
	}
	if f.newline {
		b = append(b, '\n')
	}
	return b, failed
}

// NeedsTime reports whether the format shows the time of receipt; without it,
// the caller may spare the reading of a clock.
func (f *Format) NeedsTime() bool {
	for _, s := range f.steps {
		switch s.verb {
		case moment, 'I', 'U', 'j', 'J':
			return true
		}
	}
	return false
}
