package daemon

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/internal/metrics"
	"github.com/zancudomq/zancudo/internal/trust"
)

// end is when a file of a listener has to be renewed.
type end struct {
	place place
	trust.End
}

// noteEnds looks when what the entrances have ends, for the figures and, when it
// is not long until then, for the log.
func (d *daemon) noteEnds() {
	var all []end
	first := make(map[metrics.Certificate]time.Time)
	for _, e := range d.entrances {
		if e.seal == nil || e.seal.current.Load().trust == nil {
			continue
		}
		for _, one := range e.seal.current.Load().trust.Ends() {
			all = append(all, end{e.place, one})
			key := metrics.Certificate{Listener: e.place.label(), Word: one.Word}
			if t, ok := first[key]; !ok || one.Until.Before(t) {
				first[key] = one.Until
			}
		}
	}
	shown := make([]metrics.Certificate, 0, len(first))
	for c, until := range first {
		c.Until = until
		shown = append(shown, c)
	}
	d.certificates.Store(&shown)
	for _, due := range d.warned.due(time.Now(), all) {
		d.logger.Warn("certificate ends", "word", due.Word, "text", due.text(time.Now()))
	}
}

// certificatesNow are for who may not wait.
func (d *daemon) certificatesNow() []metrics.Certificate {
	if all := d.certificates.Load(); all != nil {
		return *all
	}
	return nil
}

// label is what topics and series call a place.
func (p place) label() string {
	switch {
	case p.path != "":
		return strings.Trim(p.path, "/")
	case p.address != "":
		return net.JoinHostPort(p.address, strconv.Itoa(p.port))
	default:
		return strconv.Itoa(p.port)
	}
}

// warned are the ends that were told of, and how near they were then.
type warned map[end]int

// nearness is told of when it grows: 30, 7 and 1 days before an end, and after it.
func nearness(left time.Duration) (n int) {
	for _, days := range []int{30, 7, 1, 0} {
		if left <= time.Duration(days)*24*time.Hour {
			n++
		}
	}
	return n
}

// due are the ends that are to be told of now. What is not among them any more is
// forgotten.
func (w *warned) due(now time.Time, all []end) (due []end) {
	next := make(warned, len(all))
	for _, e := range all {
		next[e] = nearness(e.Until.Sub(now))
		if next[e] > (*w)[e] {
			due = append(due, e)
		}
	}
	*w = next
	return due
}

// text is the end of a sentence.
func (e *end) text(now time.Time) string {
	left, day := e.Until.Sub(now), e.Until.Format(time.DateOnly)
	switch {
	case left <= 0:
		return fmt.Sprintf("'%s' of %v has ended on %s: clients refuse it, or are refused. Get a new one.", e.Path, e.place, day)
	case left < 48*time.Hour:
		return fmt.Sprintf("'%s' of %v ends in %d hours, on %s.", e.Path, e.place, int(left.Hours()), day)
	default:
		return fmt.Sprintf("'%s' of %v ends in %d days, on %s.", e.Path, e.place, int(left.Hours()/24), day)
	}
}
