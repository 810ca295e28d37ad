package logs

import (
	"bytes"
	"strconv"
	"time"
)

// foldDelay is how long a line may be held back that says how often another was
// repeated, and how soon an equal line must follow to be one.
const foldDelay = 10 * time.Second

// folded remembers the last line, so that equal ones after it become one. The
// lock of the Log guards it.
type folded struct {
	last  record // only what is compared
	count int    // how often it came again
}

// hides reports whether r is the last line again.
func (f *folded) hides(r *record) bool {
	if f.last.kind != r.kind || !bytes.Equal(f.last.text, r.text) || r.time.Sub(f.last.time) > foldDelay {
		return false
	}
	f.last.time = r.time
	f.count++
	return true
}

// remember makes r the last line.
func (f *folded) remember(r *record) {
	f.last.time, f.last.kind = r.time, r.kind
	f.last.text = append(f.last.text[:0], r.text...)
}

// report says how often the last line came again, if it did.
func (f *folded) report(now time.Time, queue func(*record)) {
	if f.count == 0 {
		return
	}
	text := append(strconv.AppendInt([]byte("last message repeated "), int64(f.count), 10), " times"...)
	f.count = 0
	queue(&record{time: now, kind: f.last.kind, message: msgRepeated, text: text})
}
