package broker

import (
	"slices"
	"sync"
	"time"
)

// alarm is something that happens at a time: a keep alive that has passed, a
// session that expires. Its fields belong to the clock.
type alarm struct {
	at    time.Duration // since the clock began
	place int           // in the heap, from 1; zero: not set
	ring  func(now time.Time)
}

// clock rings alarms. One timer serves them all, however many there are.
type clock struct {
	began time.Time

	mu     sync.Mutex
	heap   []*alarm
	closed bool
	fired  chan struct{} // wakes run when an earlier alarm was set
	ended  chan struct{} // closed when run has ended
}

func newClock() *clock {
	return &clock{began: now(), fired: make(chan struct{}, 1), ended: make(chan struct{})}
}

// set has a ring at that time, in place of any other time it was set to.
func (k *clock) set(a *alarm, at time.Time) {
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

// stop unsets a.
func (k *clock) stop(a *alarm) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.remove(a)
}

func (k *clock) remove(a *alarm) {
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

// run rings alarms until close.
func (k *clock) run() {
	defer close(k.ended)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		due, wait, closed := k.due()
		if closed {
			return
		}
		for _, a := range due {
			a.ring(now())
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
func (k *clock) due() (due []*alarm, wait time.Duration, closed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := now().Sub(k.began)
	for len(k.heap) > 0 && len(due) < 256 && k.heap[0].at <= t {
		due = append(due, k.heap[0])
		k.remove(k.heap[0])
	}
	if len(k.heap) == 0 {
		return due, time.Hour, k.closed
	}
	return due, k.heap[0].at - t, k.closed
}

// ringAll rings all alarms before their time: each has to look for itself
// whether anything is due.
func (k *clock) ringAll() {
	k.mu.Lock()
	all := slices.Clone(k.heap)
	k.mu.Unlock()
	for _, a := range all {
		a.ring(now())
	}
}

// close ends run and waits for it.
func (k *clock) close() {
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
func (k *clock) up(place int) int {
	for place > 1 && k.before(place, place/2) {
		k.swap(place, place/2)
		place /= 2
	}
	return place
}

// down moves the alarm at a place away from the root.
func (k *clock) down(place int) {
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

func (k *clock) before(i, j int) bool { return k.heap[i-1].at < k.heap[j-1].at }

func (k *clock) swap(i, j int) {
	a, b := k.heap[i-1], k.heap[j-1]
	k.heap[i-1], k.heap[j-1] = b, a
	a.place, b.place = j, i
}

func now() time.Time { return time.Now() }
