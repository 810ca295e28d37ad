package history

import "sort"

// register is a value that is written and read: what a topic retains, or a
// configuration. A write takes effect between its beginning and its
// acknowledgement; one that was never acknowledged, at any time or never.
type register struct {
	writes []*write
	// How far the register has come: when the write from began was acknowledged,
	// each later than the one before.
	steps []step
}

type write struct {
	value string
	began int
	acked int // zero: never
}

type step struct{ acked, began int }

func (r *register) write(value string, at int) *write {
	w := &write{value: value, began: at}
	r.writes = append(r.writes, w)
	return w
}

func (r *register) done(w *write, at int) {
	if w.acked != 0 {
		return
	}
	w.acked = at
	if n := len(r.steps); n == 0 || r.steps[n-1].began < w.began {
		r.steps = append(r.steps, step{at, w.began})
	}
}

// newest is when the newest write began that was acknowledged before a read
// began; -1: there was none.
func (r *register) newest(reading int) int {
	i := sort.Search(len(r.steps), func(i int) bool { return r.steps[i].acked >= reading })
	if i == 0 {
		return -1
	}
	return r.steps[i-1].began
}

// stale reports whether a read that began then cannot see the write any more:
// another one began after its acknowledgement, and was acknowledged too.
func (r *register) stale(w *write, reading int) bool {
	return w.acked > 0 && r.newest(reading) > w.acked
}

// certain returns the writes one of which a read that begins then must see; nil:
// it may see nothing.
func (r *register) certain(reading int) (all []*write) {
	newest := r.newest(reading)
	if newest < 0 {
		return nil
	}
	for _, w := range r.writes {
		if w.began <= reading && (w.acked == 0 || w.acked >= newest) {
			all = append(all, w)
		}
	}
	return all
}
