package logs

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// Log is an open log. What it writes where may change while it is in use.
type Log struct {
	setup   atomic.Pointer[setup]
	publish atomic.Pointer[func(*packet.Message) error]

	changes sync.Mutex // one at a time

	mu     sync.Mutex // of a line and of the queues
	line   record     // that is being written; its memory is used again
	folded folded
	limits limits
	timer  *time.Timer // calls tick; nil until it is needed
	armed  bool        // tick will be called
	closed bool
}

// setup is what a Log does now. It is never changed, but put in place of another.
type setup struct {
	options      Options
	destinations []*destination
}

// Open opens what o names. Nothing is left open if that fails.
func Open(o Options) (*Log, error) {
	l := &Log{}
	l.setup.Store(&setup{})
	if err := l.Change(o); err != nil {
		return nil, err
	}
	return l, nil
}

// Logger returns a logger that writes to l.
func (l *Log) Logger() *slog.Logger { return slog.New(&handler{log: l}) }

// Change goes on as o says. A destination that stays is not opened again; if one
// cannot be opened, nothing changes.
func (l *Log) Change(o Options) error {
	l.changes.Lock()
	defer l.changes.Unlock()
	old := l.setup.Load()
	next := &setup{options: o}
	var opened []*destination
	for _, w := range wanted(o) {
		i := slices.IndexFunc(old.destinations, func(d *destination) bool { return d.key == w.key })
		if i >= 0 {
			next.destinations = append(next.destinations, old.destinations[i])
			continue
		}
		s, err := w.open(l)
		if err != nil {
			for _, d := range opened {
				l.end(d)
			}
			return fmt.Errorf("open log %s: %w", w.key.name, err)
		}
		d := newDestination(l, w.key, s)
		opened, next.destinations = append(opened, d), append(next.destinations, d)
	}
	l.mu.Lock()
	for _, d := range next.destinations {
		d.form = form(&next.options, d.key)
	}
	l.setup.Store(next)
	l.mu.Unlock()
	for _, d := range old.destinations {
		if !slices.Contains(next.destinations, d) {
			l.end(d)
		}
	}
	return nil
}

// Reopen opens files again, which somebody may have renamed.
func (l *Log) Reopen() error {
	for _, d := range l.setup.Load().destinations {
		if f, ok := d.sink.(*file); ok {
			if err := f.reopen(); err != nil {
				return err
			}
		}
	}
	return nil
}

// PublishTo gives the lines for topics to f, which takes the message and may
// lead to further lines: none of them is published that would lead to another.
func (l *Log) PublishTo(f func(*packet.Message) error) { l.publish.Store(&f) }

// closeLimit is how long a destination may take to write what waits for it.
const closeLimit = 2 * time.Second

// Flush returns when what was logged before is written, or cannot be.
func (l *Log) Flush() {
	l.tick()
	for _, d := range l.setup.Load().destinations {
		d.flush(closeLimit)
	}
}

// Close writes what waits and closes the destinations. What is logged later is
// lost.
func (l *Log) Close() {
	l.changes.Lock()
	defer l.changes.Unlock()
	l.tick()
	l.mu.Lock()
	l.closed = true
	if l.timer != nil {
		l.timer.Stop()
	}
	l.mu.Unlock()
	old := l.setup.Swap(&setup{})
	for _, d := range old.destinations {
		l.end(d)
	}
}

// end lets a destination write what waits for it, and closes it.
func (l *Log) end(d *destination) {
	l.mu.Lock()
	d.ending = true
	l.mu.Unlock()
	close(d.hurry)
	d.awake()
	t := time.NewTimer(closeLimit)
	defer t.Stop()
	select {
	case <-d.ended:
	case <-t.C:
	}
}

// tick says what was not said: lines that were folded or left out.
func (l *Log) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = false
	s, now := l.setup.Load(), time.Now()
	l.folded.report(now, func(r *record) { s.queue(r) })
	l.limits.report(now, func(r *record) { s.queue(r) })
}

// later has tick called in a while. The lock is held.
func (l *Log) later() {
	switch {
	case l.armed || l.closed:
		return
	case l.timer == nil:
		l.timer = time.AfterFunc(foldDelay, l.tick)
	default:
		l.timer.Reset(foldDelay)
	}
	l.armed = true
}

// queue gives a line to all destinations. The lock is held.
func (s *setup) queue(r *record) {
	for _, d := range s.destinations {
		d.add(r)
	}
}
