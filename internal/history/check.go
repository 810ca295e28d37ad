package history

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Options say what the broker under test was told. The zero value is its defaults.
type Options struct {
	// MaxSessionExpiry bounds how long sessions last; zero: nothing does.
	MaxSessionExpiry time.Duration
	// WillGrace is how long at most after a crash the wills of clients that were
	// connected wait, beyond their delay; zero: a minute.
	WillGrace time.Duration
	// Slack is how late an event may be seen; zero: five seconds.
	Slack time.Duration
	// Bounds are what may be measured.
	Bounds Figures
}

// Violation is a broken promise.
type Violation struct {
	Invariant string // I1 to I13
	At        int    // the line of the log where it shows
	Text      string
}

func (v Violation) String() string { return fmt.Sprintf("%s at %d: %s", v.Invariant, v.At, v.Text) }

// Report is what Check has found.
type Report struct {
	Violations []Violation // in the order of the log

	// What was there to be checked: a test that checks nothing proves nothing.
	Messages, Obligations, Deliveries, Repeated int
	Crashes, Sessions, Resumed                  int
	WillsDue, RetainedReads, DurableAnswers     int

	events []event
}

// Check judges the log as it is now.
func (l *Log) Check(o Options) *Report {
	l.mu.Lock()
	events := slices.Clip(l.events)
	l.mu.Unlock()
	orElse(&o.WillGrace, time.Minute)
	orElse(&o.Slack, 5*time.Second)
	r := &Report{events: events}
	m := newModel(&o, r)
	for i := range events {
		m.step(i, &events[i])
	}
	m.finish(len(events))
	figures(events, o.Bounds, r)
	configurations(events, r)
	slices.SortStableFunc(r.Violations, func(a, b Violation) int { return a.At - b.At })
	return r
}

func orElse[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (r *Report) accuse(invariant string, at int, format string, args ...any) {
	r.Violations = append(r.Violations, Violation{invariant, at, fmt.Sprintf(format, args...)})
}

// Add adds up what was there to be checked.
func (r *Report) Add(other *Report) {
	mine, theirs := r.counts(), other.counts()
	for i := range mine {
		*mine[i].n += *theirs[i].n
	}
}

// Blank reports whether there was nothing of some kind.
func (r *Report) Blank() bool {
	return slices.ContainsFunc(r.counts(), func(c count) bool { return *c.n == 0 })
}

type count struct {
	name string
	n    *int
}

func (r *Report) counts() []count {
	return []count{
		{"messages", &r.Messages},
		{"obligations", &r.Obligations},
		{"deliveries", &r.Deliveries},
		{"repeated", &r.Repeated},
		{"ends of the broker", &r.Crashes},
		{"sessions", &r.Sessions},
		{"resumed", &r.Resumed},
		{"wills due", &r.WillsDue},
		{"retained messages read", &r.RetainedReads},
		{"answers that need the store", &r.DurableAnswers},
	}
}

// String is what was there to be checked.
func (r *Report) String() string {
	var b strings.Builder
	for i, c := range r.counts() {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d %s", *c.n, c.name)
	}
	return b.String()
}

// Err tells what was broken, with the lines around the first; nil: nothing.
func (r *Report) Err() error {
	if len(r.Violations) == 0 {
		return nil
	}
	var b strings.Builder
	for i, v := range r.Violations {
		if i == 8 {
			fmt.Fprintf(&b, "and %d more\n", len(r.Violations)-i)
			break
		}
		fmt.Fprintln(&b, v)
	}
	return fmt.Errorf("%d promises are broken:\n%saround the first:\n%s", len(r.Violations), &b, r.lines(r.Violations[0].At))
}

// lines are those around one.
func (r *Report) lines(at int) string {
	return lines(r.events, max(0, at-10), min(at+3, len(r.events)))
}

// Story is the whole log that was judged, for people.
func (r *Report) Story() string { return lines(r.events, 0, len(r.events)) }

// figures is I10: nothing that was measured exceeds its bound.
func figures(events []event, bounds Figures, r *Report) {
	for i := range events {
		if events[i].kind != measured {
			continue
		}
		f := &events[i].figures
		for _, one := range []struct {
			name       string
			got, bound int64
		}{
			{"bytes of heap", f.HeapBytes, bounds.HeapBytes},
			{"bytes in the store", f.StoreBytes, bounds.StoreBytes},
			{"goroutines", int64(f.Goroutines), int64(bounds.Goroutines)},
			{"open files", int64(f.Files), int64(bounds.Files)},
		} {
			if one.bound > 0 && one.got > one.bound {
				r.accuse("I10", i, "%d %s, at most %d are allowed", one.got, one.name, one.bound)
			}
		}
	}
}

// configurations is I11: what is read was acknowledged last, or is being asked for.
func configurations(events []event, r *Report) {
	var versions register
	open := make(map[string]*write)
	for i := range events {
		switch e := &events[i]; e.kind {
		case configuring:
			open[e.text] = versions.write(e.text, i)
		case configured:
			if w := open[e.text]; w != nil {
				versions.done(w, i)
			}
		case configurationRead:
			switch w := open[e.text]; {
			case w == nil:
				r.accuse("I11", i, "nobody has asked for the configuration that was read: %.100q", e.text)
			case versions.stale(w, i):
				r.accuse("I11", i, "an old configuration was read: %.100q", e.text)
			}
		default:
		}
	}
}
