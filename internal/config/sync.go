package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Sync says when what is acknowledged is safe from a power failure.
type Sync struct {
	Mode     string        // always, interval or never
	Interval time.Duration // of interval
}

// longestSync bounds the milliseconds of an interval: an hour.
const longestSync = 3600_000

func (s *Sync) String() string {
	if s.Mode == "interval" {
		return fmt.Sprintf("interval %d", s.Interval.Milliseconds())
	}
	return s.Mode
}

func (s *Sync) read(w *Word, rest string) *Problem {
	mode, number := split(rest)
	number = strings.TrimRight(number, blanks)
	if mode != "interval" {
		switch {
		case !slices.Contains(w.Choices, mode):
			return w.notOneOf(mode)
		case number != "":
			return w.invalid(rest, fmt.Sprintf("Nothing follows '%s'.", mode))
		}
		*s = Sync{Mode: mode}
		return nil
	}
	n, ok := parseInt(number)
	if !ok || n < 1 || n > longestSync {
		return w.invalid(rest, "After 'interval' comes a number of milliseconds, 1 to "+strconv.Itoa(longestSync)+", as in 'interval 1000'.")
	}
	*s = Sync{mode, time.Duration(n) * time.Millisecond}
	return nil
}

// lossy is the warning that an acknowledgement promises less than it could; nil:
// it does not.
func (c *Config) lossy() *Problem {
	if !c.Persistence {
		return nil
	}
	at := c.places[given{Find("persistence_sync"), nil}]
	p := &Problem{Class: Lossy, File: at.file, Line: at.line, Word: "persistence_sync", Remedy: "With 'persistence_sync always' nothing is."}
	if at.file == environment {
		p.Word = variableOf(p.Word)
	}
	switch c.PersistenceSync.Mode {
	case "interval":
		p.Text = fmt.Sprintf("when the power fails, what was acknowledged in the last %v is lost", c.PersistenceSync.Interval)
	case "never":
		p.Text = "when the power fails, what was acknowledged and the system has not yet written is lost"
	default:
		return nil
	}
	return p
}
