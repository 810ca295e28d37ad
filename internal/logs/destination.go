package logs

import (
	"io"
	"strconv"
	"time"
)

// maxQueued is how many bytes may wait for a destination. Further lines are
// lost.
const maxQueued = 1 << 20

// retryDelay is how long a destination that failed is left alone.
const retryDelay = time.Second

// sink is where lines go. Only one goroutine calls it.
type sink interface {
	// write writes the lines and returns how many of them are written.
	write(lines *batch) (n int, err error)
	close() error
}

// batch is a number of lines in their form.
type batch struct {
	bytes []byte
	ends  []int   // of each line in bytes
	kinds []Types // of each line
}

// add appends one line, which form has appended to b.bytes.
func (b *batch) add(bytes []byte, kind Types) {
	b.bytes = bytes
	b.ends = append(b.ends, len(bytes))
	b.kinds = append(b.kinds, kind)
}

func (b *batch) reset() { b.bytes, b.ends, b.kinds = b.bytes[:0], b.ends[:0], b.kinds[:0] }

// line returns the i-th.
func (b *batch) line(i int) []byte {
	start := 0
	if i > 0 {
		start = b.ends[i-1]
	}
	return b.bytes[start:b.ends[i]]
}

// key says what a destination is; two are the same if their keys are.
type key struct {
	name     string
	writer   io.Writer // of what has one
	path     string    // of a file or socket
	rotation Rotation
	facility int
	program  string // what the line is said to be of
}

// destination is a sink with what waits for it.
type destination struct {
	log  *Log
	key  key
	sink sink

	// Guarded by the lock of the Log.
	form    func(b []byte, r *record) []byte
	waiting batch
	lost    int  // lines, that nobody was told of
	told    int  // how many the lines under way say were lost
	broken  bool // it could not be written last time
	ending  bool
	busy    bool            // the goroutine is writing
	idle    []chan struct{} // closed when nothing waits any more

	wake  chan struct{} // has room for one
	hurry chan struct{} // closed when it ends
	ended chan struct{}
}

func newDestination(l *Log, k key, s sink) *destination {
	d := &destination{log: l, key: k, sink: s, wake: make(chan struct{}, 1), hurry: make(chan struct{}), ended: make(chan struct{})}
	go d.run()
	return d
}

// add queues a line. The lock is held.
func (d *destination) add(r *record) {
	if d.key.name == toTopic && !publishable(r) {
		return
	}
	if len(d.waiting.bytes) > maxQueued || d.ending {
		d.lost++
		return
	}
	d.waiting.add(d.form(d.waiting.bytes, r), r.kind)
	if len(d.waiting.ends) == 1 {
		d.awake()
	}
}

func (d *destination) awake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// run writes until the destination ends and nothing waits.
func (d *destination) run() {
	defer close(d.ended)
	defer func() { _ = d.sink.close() }() // there is nobody left to tell
	var lines batch
	for {
		ending := d.take(&lines)
		if len(lines.ends) == 0 {
			if ending {
				return
			}
			<-d.wake
			continue
		}
		n, err := d.sink.write(&lines)
		d.written(len(lines.ends)-n, err)
		switch {
		case err == nil:
		case ending:
			return
		default:
			d.pause()
		}
	}
}

// take replaces the lines by those that wait.
func (d *destination) take(lines *batch) (ending bool) {
	d.log.mu.Lock()
	defer d.log.mu.Unlock()
	lines.reset()
	if cap(lines.bytes) > maxQueued/4 {
		*lines = batch{} // one flood is no reason to keep so much
	}
	if d.lost > 0 && len(d.waiting.bytes) < maxQueued/2 {
		d.confess()
	}
	d.waiting, *lines = *lines, d.waiting
	d.busy = len(lines.ends) > 0
	if !d.busy {
		for _, c := range d.idle {
			close(c)
		}
		d.idle = nil
	}
	return d.ending
}

// confess queues a line that says how many are missing. The lock is held.
func (d *destination) confess() {
	text := append(strconv.AppendInt(nil, int64(d.lost), 10), " lines were lost, because they could not be written."...)
	d.lost, d.told = 0, d.lost
	r := &record{time: time.Now(), kind: Warning, message: msgLost, text: text}
	d.waiting.add(d.form(d.waiting.bytes, r), r.kind)
}

// written notes how writing went: how many lines are missing at the end, and
// why. When it begins to fail, the other destinations are told.
func (d *destination) written(missing int, err error) {
	d.log.mu.Lock()
	defer d.log.mu.Unlock()
	if missing > 0 && d.told > 0 { // the last line was the one that told
		missing += d.told - 1
	}
	d.told = 0
	d.lost += missing
	began := err != nil && !d.broken
	d.broken = err != nil
	if !began {
		return
	}
	text := appendText(append(append([]byte("The log cannot be written to "), d.key.place()...), ": "...), err.Error())
	r := &record{time: time.Now(), kind: Error, message: msgFailed, text: append(text, '.')}
	for _, other := range d.log.setup.Load().destinations {
		if other != d {
			other.add(r)
		}
	}
}

func (k *key) place() string {
	if k.path != "" {
		return k.path
	}
	return k.name
}

// pause waits before the sink is tried again; not when it ends.
func (d *destination) pause() {
	t := time.NewTimer(retryDelay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-d.hurry:
	}
}

// flush waits until nothing waits.
func (d *destination) flush(limit time.Duration) {
	d.log.mu.Lock()
	if !d.busy && len(d.waiting.ends) == 0 {
		d.log.mu.Unlock()
		return
	}
	done := make(chan struct{})
	d.idle = append(d.idle, done)
	d.log.mu.Unlock()
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
}
