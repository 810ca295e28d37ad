package metrics

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// Root is what the topics of the tree begin with.
const Root = "$SYS/broker/"

// TreeOptions say what a Tree publishes.
type TreeOptions struct {
	Interval time.Duration // zero: nothing is published
	Version  string        // as "zancudo version 1.2.3"
	// Timestamp and Changeset say when and of what the program was built; empty:
	// they are not published.
	Timestamp, Changeset string
	// Publish takes a retained message.
	Publish func(*packet.Message) error
	// Sample returns the figures of now.
	Sample func() Sample
}

// Tree publishes the figures below $SYS/broker, as Mosquitto does: when they
// change, at times that the clock on the wall divides by the interval.
type Tree struct {
	options TreeOptions

	mu       sync.Mutex // guards interval
	interval time.Duration
	changed  chan struct{} // has room for one

	// Of Run.
	published map[string]string // what each topic says
	at        time.Time         // of the last sample
	before    []int64           // the counters of loads, then
	averages  []average
}

// NewTree returns a tree that has published nothing.
func NewTree(o TreeOptions) *Tree {
	return &Tree{
		options: o, interval: o.Interval, changed: make(chan struct{}, 1), published: make(map[string]string),
		before: make([]int64, len(loads)), averages: make([]average, len(loads)*len(spans)),
	}
}

// Change has the tree published at another interval. With zero, what was
// published is removed: nobody shall take it for true later.
func (t *Tree) Change(interval time.Duration) {
	t.mu.Lock()
	t.interval = interval
	t.mu.Unlock()
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// Run publishes until ctx is done.
func (t *Tree) Run(ctx context.Context) {
	for ctx.Err() == nil {
		interval := t.every()
		if interval <= 0 {
			t.clear()
			select {
			case <-t.changed:
			case <-ctx.Done():
			}
			continue
		}
		if len(t.published) == 0 {
			t.begin()
		}
		timer := time.NewTimer(untilNext(time.Now(), interval))
		select {
		case <-timer.C:
			t.update()
		case <-t.changed:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (t *Tree) every() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.interval
}

// untilNext is how long it takes until the seconds since 1970 are a multiple of
// the interval.
func untilNext(now time.Time, interval time.Duration) time.Duration {
	return interval - time.Duration(now.UnixNano())%interval
}

// begin publishes everything, averages as nothing: they begin here.
func (t *Tree) begin() {
	for _, fixed := range [...]struct{ name, text string }{
		{"version", t.options.Version}, {"timestamp", t.options.Timestamp}, {"changeset", t.options.Changeset},
	} {
		if fixed.text != "" {
			t.say(fixed.name, fixed.text)
		}
	}
	s := t.options.Sample()
	t.at = time.Now()
	t.figures(&s)
	clear(t.averages)
	for i := range loads {
		t.before[i] = loads[i].value(&s)
		for j := range spans {
			t.say("load/"+loads[i].name+"/"+spans[j].name, "0.00")
		}
	}
}

// update publishes what has changed.
func (t *Tree) update() {
	s := t.options.Sample()
	now := time.Now()
	if passed := now.Sub(t.at); passed > 0 {
		t.load(&s, passed)
	}
	t.at = now
	t.figures(&s)
}

func (t *Tree) load(s *Sample, passed time.Duration) {
	for i := range loads {
		value := loads[i].value(s)
		for j := range spans {
			a := &t.averages[i*len(spans)+j]
			a.grow(value-t.before[i], passed, spans[j].over)
			t.say("load/"+loads[i].name+"/"+spans[j].name, string(a.append(nil)))
		}
		t.before[i] = value
	}
}

// figures publishes how long the broker runs, and what the table has.
func (t *Tree) figures(s *Sample) {
	t.say("uptime", strconv.FormatInt(int64(s.Uptime/time.Second), 10)+" seconds")
	t.certificates(s, time.Now())
	for i := range table {
		text := table[i].text(s)
		for _, name := range table[i].Topics {
			t.say(name, text)
		}
	}
}

// text is what the topics of a row say.
func (r *Row) text(s *Sample) string {
	if r.Text != nil {
		return r.Text(s)
	}
	return strconv.FormatInt(r.Value(s), 10)
}

// say publishes what a topic says, unless it says so already.
func (t *Tree) say(name, text string) {
	if said, ok := t.published[name]; ok && said == text {
		return
	}
	m := &packet.Message{Topic: Root + name, Payload: []byte(text), QoS: packet.ExactlyOnce, Retain: true}
	if t.options.Publish(m) == nil { // else it is tried again, or the broker has ended
		t.published[name] = text
	}
}

// clear removes what was published.
func (t *Tree) clear() {
	for name := range t.published {
		t.remove(name)
	}
}

func (t *Tree) remove(name string) {
	_ = t.options.Publish(&packet.Message{Topic: Root + name, Retain: true}) // only a broker that has ended refuses
	delete(t.published, name)
}
