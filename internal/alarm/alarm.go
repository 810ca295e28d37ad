package alarm

import (
	"slices"
	"sync"
	"time"
)

// Alarm is something that happens at a time. Ring must be set before it is.
type Alarm struct {
	// Ring is called when the time has come, in the clock's goroutine: it must
	// not block. It may set the alarm again.
	Ring func(now time.Time)

	at    time.Duration // since the clock began
	place int           // in the heap, from 1; zero: not set
}

// Clock rings alarms. Create it with NewClock.
type Clock struct {
	began time.Time

	mu     sync.Mutex
	heap   []*Alarm
	closed bool
	fired  chan struct{} // wakes Run when an earlier alarm was set
	ended  chan struct{} // closed when Run has ended
}

// NewClock returns a clock that rings nothing until Run.
func NewClock() *Clock {
	return &Clock{began: time.Now(), fired: make(chan struct{}, 1), ended: make(chan struct{})}
}

// Set has a ring at that time, in place of any other time it was set to.
func (k *Clock) Set(a *Alarm, at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return
	}
	a.at = at.Sub(k.began)
	if a.place == 0 {
		k.heap = append(k.heap, a)
		a.place = len(k.heap)
	}
	k.down(k.up(a.place))
	if a.place == 1 {
		select {
		case k.fired <- struct{}{}:
		default:
		}
	}
}

// Stop unsets a, which may be ringing.
func (k *Clock) Stop(a *Alarm) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.remove(a)
}

func (k *Clock) remove(a *Alarm) {
	place, last := a.place, len(k.heap)
	if place == 0 {
		return
	}
	a.place = 0
	moved := k.heap[last-1]
	k.heap[last-1] = nil
	k.heap = k.heap[:last-1]
	if place < last {
		k.heap[place-1], moved.place = moved, place
		k.down(k.up(place))
	}
}

// Len is how many alarms are set.
func (k *Clock) Len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.heap)
}

// Run rings alarms until Close.
func (k *Clock) Run() {
	defer close(k.ended)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		due, wait, closed := k.due()
		if closed {
			return
		}
		for _, a := range due {
			a.Ring(time.Now())
		}
		if len(due) > 0 {
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-k.fired:
		}
	}
}

// due removes the alarms whose time has come, some at a time, and says how long
// until the next.
func (k *Clock) due() (due []*Alarm, wait time.Duration, closed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := time.Since(k.began)
	for len(k.heap) > 0 && len(due) < 256 && k.heap[0].at <= t {
		due = append(due, k.heap[0])
		k.remove(k.heap[0])
	}
	if len(k.heap) == 0 {
		return due, time.Hour, k.closed
	}
	return due, k.heap[0].at - t, k.closed
}

// RingAll rings all alarms before their time: each has to look for itself
// whether anything is due.
func (k *Clock) RingAll() {
	k.mu.Lock()
	all := slices.Clone(k.heap)
	k.mu.Unlock()
	for _, a := range all {
		a.Ring(time.Now())
	}
}

// Close ends Run and waits for it.
func (k *Clock) Close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	select {
	case k.fired <- struct{}{}:
	default:
	}
	<-k.ended
}

// up moves the alarm at a place towards the root and returns where it ended.
func (k *Clock) up(place int) int {
	for place > 1 && k.before(place, place/2) {
		k.swap(place, place/2)
		place /= 2
	}
	return place
}

// down moves the alarm at a place away from the root.
func (k *Clock) down(place int) {
	for {
		child := 2 * place
		if child > len(k.heap) {
			return
		}
		if child < len(k.heap) && k.before(child+1, child) {
			child++
		}
		if !k.before(child, place) {
			return
		}
		k.swap(child, place)
		place = child
	}
}

func (k *Clock) before(i, j int) bool { return k.heap[i-1].at < k.heap[j-1].at }

func (k *Clock) swap(i, j int) {
	a, b := k.heap[i-1], k.heap[j-1]
	k.heap[i-1], k.heap[j-1] = b, a
	a.place, b.place = j, i
}
