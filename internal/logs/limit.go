package logs

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// limits bound how many lines of one message are written: a peer that connects
// again and again must not fill a disk. The lock of the Log guards them.
type limits struct {
	buckets map[string]*bucket // by message: a closed set, for messages are constants
}

// bucket holds what one message may still have.
type bucket struct {
	kind   Types
	lines  float64
	at     time.Time // when lines was right
	hidden int       // lines left out and not told yet
}

// allowance returns how many lines of one message a kind may have at once, and
// how many more each second; zero: as many as there are. What was switched on
// to look for something is not bounded.
func (t Types) allowance() (burst, rate float64) {
	switch t {
	case Error, Warning:
		return 200, 20
	case Notice:
		return 20_000, 2_000
	default:
		return 0, 0
	}
}

// hide reports whether a line of a message is one too many.
func (l *limits) hide(message string, kind Types, now time.Time) bool {
	burst, rate := kind.allowance()
	if burst == 0 {
		return false
	}
	b := l.buckets[message]
	if b == nil {
		if l.buckets == nil {
			l.buckets = make(map[string]*bucket)
		}
		b = &bucket{kind: kind, lines: burst, at: now}
		l.buckets[message] = b
	}
	if passed := now.Sub(b.at); passed > 0 {
		b.lines, b.at = min(burst, b.lines+rate*passed.Seconds()), now
	}
	if b.lines < 1 {
		b.hidden++
		return true
	}
	b.lines--
	return false
}

// report says how many lines were left out, if any were.
func (l *limits) report(now time.Time, queue func(*record)) {
	for _, message := range slices.Sorted(maps.Keys(l.buckets)) {
		b := l.buckets[message]
		if b.hidden == 0 {
			continue
		}
		text := append(strconv.AppendInt(nil, int64(b.hidden), 10), " lines were left out, because there were too many: "...)
		b.hidden = 0
		queue(&record{time: now, kind: b.kind, message: msgLeftOut, text: append(append(text, message...), '.')})
	}
}
