package access

import (
	"cmp"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zancudomq/zancudo/internal/acl"
)

// Denials tell the log what clients were not allowed. A client that tries again
// and again what the same rule denies has a line at once, and then one with a
// count, less and less often.
type Denials struct {
	logger *slog.Logger

	mu      sync.Mutex
	told    map[kind]*told
	crowded int // denials of which nothing is told, for there are too many kinds
	timer   *time.Timer
	closed  bool
}

// kind is denials that are told of together.
type kind struct {
	user, client string
	action       acl.Action
	why          error // equal ones for denials by the same rule
	mode         Mode
}

// told is what the log knows of a kind.
type told struct {
	until  time.Time     // when the next line may come
	wait   time.Duration // how long that was put off
	hidden int           // since the last line
}

const (
	maxKinds  = 10_000
	firstWait = time.Minute
	lastWait  = time.Hour
)

// NewDenials returns Denials that write to a logger. Close them.
func NewDenials(logger *slog.Logger) *Denials {
	return &Denials{logger: logger, told: make(map[kind]*told)}
}

// Close writes the counts that are left.
func (d *Denials) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if d.timer != nil {
		d.timer.Stop()
	}
	d.report(func(*told) bool { return true })
}

// tell is told of a denial; nil Denials pass it over.
func (d *Denials) tell(q acl.Question, why error, mode Mode) {
	if d == nil {
		return
	}
	k := kind{q.User, q.Client, q.Action, why, mode}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch t := d.told[k]; {
	case d.closed:
	case t != nil:
		t.hidden++
	case len(d.told) >= maxKinds:
		d.crowded++
	default:
		d.told[k] = &told{until: time.Now().Add(firstWait), wait: firstWait}
		d.write(k, strings.Clone(q.Topic), 0)
		if len(d.told) == 1 {
			d.timer = time.AfterFunc(firstWait, d.sweep)
		}
	}
}

// sweep writes the lines that were put off, and forgets those who have stopped.
func (d *Denials) sweep() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	now := time.Now()
	due := func(t *told) bool { return !now.Before(t.until) }
	d.report(due)
	for k, t := range d.told {
		if !due(t) {
			continue
		}
		if t.hidden == 0 {
			delete(d.told, k)
			continue
		}
		t.hidden, t.wait = 0, min(2*t.wait, lastWait)
		t.until = now.Add(t.wait)
	}
	if len(d.told) > 0 {
		d.timer = time.AfterFunc(firstWait, d.sweep)
	}
}

// report writes a line for each kind that is due and has a count.
func (d *Denials) report(due func(*told) bool) {
	var kinds []kind
	for k, t := range d.told {
		if t.hidden > 0 && due(t) {
			kinds = append(kinds, k)
		}
	}
	slices.SortFunc(kinds, func(a, b kind) int {
		return cmp.Or(cmp.Compare(a.client, b.client), cmp.Compare(a.user, b.user), cmp.Compare(a.action, b.action), cmp.Compare(a.why.Error(), b.why.Error()))
	})
	for _, k := range kinds {
		d.write(k, "", d.told[k].hidden)
	}
	if d.crowded > 0 {
		d.logger.Warn("access denied to many", "denials", d.crowded)
		d.crowded = 0
	}
}

// write writes one line.
func (d *Denials) write(k kind, topic string, more int) {
	attrs := []any{"client", k.client}
	if k.user != "" {
		attrs = append(attrs, "user", k.user)
	}
	attrs = append(attrs, "action", k.action.String())
	switch {
	case more > 0:
		attrs = append(attrs, "more", more)
	case k.action == acl.Subscribe:
		attrs = append(attrs, "filter", topic)
	default:
		attrs = append(attrs, "topic", topic)
	}
	attrs = append(attrs, "err", k.why)
	switch {
	case k.mode == Warn:
		d.logger.Warn("access would be denied", attrs...)
	case k.action == acl.Receive: // many subscribe to more than they may receive, which is nothing wrong
		d.logger.Info("access denied", attrs...)
	default:
		d.logger.Warn("access denied", attrs...)
	}
}
