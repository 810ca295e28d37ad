package daemon

import (
	"crypto/x509"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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
	return endText(fmt.Sprintf("'%s' of %v", e.Path, e.place), e.Until, now)
}

func endText(what string, until, now time.Time) string {
	left, day := until.Sub(now), until.Format(time.DateOnly)
	switch {
	case left <= 0:
		return fmt.Sprintf("%s has ended on %s: clients refuse it, or are refused. Get a new one.", what, day)
	case left < 48*time.Hour:
		return fmt.Sprintf("%s ends in %d hours, on %s.", what, int(left.Hours()), day)
	default:
		return fmt.Sprintf("%s ends in %d days, on %s.", what, int(left.Hours()/24), day)
	}
}

// maxClientEnds bounds the names that are remembered; then all are forgotten, and
// told of again.
const maxClientEnds = 10_000

// clientEnds are the certificates of clients that end soon, as they connect with them.
type clientEnds struct {
	count atomic.Uint64 // of connections with one

	mu   sync.Mutex
	told map[string]clientEnd // by the name in the certificate
}

// clientEnd is what was told of a name last.
type clientEnd struct {
	until time.Time
	near  int
}

// due counts a connection, and reports whether its certificate is to be told of:
// once for each step nearer to its end.
func (c *clientEnds) due(now time.Time, name string, until time.Time) bool {
	next := clientEnd{until, nearness(until.Sub(now))}
	if next.near == 0 {
		return false
	}
	c.count.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if last, known := c.told[name]; known && last.until.Equal(until) && last.near >= next.near {
		return false
	}
	if c.told == nil || len(c.told) >= maxClientEnds {
		c.told = make(map[string]clientEnd)
	}
	c.told[name] = next
	return true
}

// noteClientEnd tells of the certificate of a client that has come, if it ends soon.
func (d *daemon) noteClientEnd(c *x509.Certificate, remote net.Addr) {
	now, name := time.Now(), c.Subject.CommonName
	if name == "" {
		name = "number " + c.SerialNumber.String()
	}
	if d.clientEnds.due(now, name, c.NotAfter) {
		what := fmt.Sprintf("'%s', which came from %v,", name, remote)
		d.logger.Warn("certificate ends", "word", "certificate of client", "text", endText(what, c.NotAfter, now))
	}
}
