package auth

import (
	"context"
	"errors"
	"sync"
	"time"
)

// How failed logins slow down those that follow. A user of an address has a few
// without delay, an address as a whole more: only the free failures of its users
// count against it, so that one device with a wrong password does not lock out
// its neighbours.
const (
	freeForUser   = 5
	freeForSource = 5 * freeForUser
	firstDelay    = time.Second
	longestDelay  = 5 * time.Minute
	// localDelay bounds the delay on this machine, where all programs, and all
	// clients of some proxies, share an address: nobody is locked out there.
	localDelay = patience
	// patience is how long a login is held until its time has come. Those whose
	// time is further away are refused then.
	patience = 5 * time.Second
	// amnesty is how long after a delay has passed its failures are forgotten.
	amnesty = 15 * time.Minute
)

// maxOrigins is how many origins of failures are known; the one that failed
// longest ago is forgotten first.
const maxOrigins = 10_000

// origin is what failures are counted for: a user of a source, or without a user
// the source.
type origin struct {
	source source
	user   string
}

// failures are those of one origin.
type failures struct {
	count int
	until time.Time // the next login waits for
}

// throttle counts failures and says how long to wait because of them.
type throttle struct {
	mu      sync.Mutex // guards what follows
	origins *recent[origin, failures]
	turns   map[origin]*turn
}

// turn is held by the one login of an origin that is being decided: many at once
// are not many guesses for the price of one.
type turn struct {
	held    chan struct{} // has room while nobody holds it
	over    chan struct{} // closed when those who wait need not wait any more: the next one has to wait itself
	waiting int           // with the holder
}

func newThrottle() *throttle {
	return &throttle{origins: newRecent[origin, failures](maxOrigins), turns: make(map[origin]*turn)}
}

// enter waits until no other login of the origin is being decided. The caller
// must call leave. When failures slow the origin down, one waits at a time, and
// the others get errSlowed: who guesses must not hold many connections.
func (t *throttle) enter(ctx context.Context, o origin) (leave func(), err error) {
	t.mu.Lock()
	own := t.turns[o]
	if own == nil {
		own = &turn{held: make(chan struct{}, 1), over: make(chan struct{})}
		t.turns[o] = own
	} else if t.left(o) > 0 {
		t.mu.Unlock()
		return nil, errSlowed
	}
	own.waiting++
	over := own.over
	t.mu.Unlock()
	select {
	case own.held <- struct{}{}:
		leave = func() { <-own.held; t.forget(o, own) }
		select {
		case <-over: // at the same time
			leave()
			return nil, errSlowed
		default:
			return leave, nil
		}
	case <-over:
		t.forget(o, own)
		return nil, errSlowed
	case <-ctx.Done():
		t.forget(o, own)
		return nil, context.Cause(ctx)
	}
}

// errSlowed is the error of a login that would have to wait where another does.
var errSlowed = errors.New("another login of the user waits already")

// disperse ends the waiting for the turn of an origin.
func (t *throttle) disperse(o origin) {
	if own := t.turns[o]; own != nil {
		close(own.over)
		own.over = make(chan struct{})
	}
}

func (t *throttle) forget(o origin, own *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own.waiting--; own.waiting == 0 {
		delete(t.turns, o)
	}
}

// delay is how long the next login of an origin must wait.
func (t *throttle) delay(o origin) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.left(o)
}

func (t *throttle) left(o origin) time.Duration {
	f := t.origins.use(o)
	if f == nil {
		return 0
	}
	if time.Since(f.until) > amnesty {
		t.origins.remove(o)
		return 0
	}
	return max(time.Until(f.until), 0)
}

// failed counts a failed login. It returns how many the user of the source has
// had, and how long the next one will wait.
func (t *throttle) failed(o origin) (count int, delay time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	count, delay = t.count(o, freeForUser)
	if delay > 0 {
		t.disperse(o)
	}
	if count <= freeForUser {
		_, all := t.count(origin{source: o.source}, freeForSource)
		delay = max(delay, all)
	}
	return count, delay
}

func (t *throttle) count(o origin, free int) (int, time.Duration) {
	f := t.origins.use(o)
	if f == nil {
		f = t.origins.add(o, failures{})
	}
	f.count++
	delay := delayAfter(f.count, free)
	if o.source.local() {
		delay = min(delay, localDelay)
	}
	f.until = time.Now().Add(delay)
	return f.count, delay
}

// delayAfter is the delay after so many failures.
func delayAfter(count, free int) time.Duration {
	const doublings = 9 // more than longestDelay
	if count < free {
		return 0
	}
	return min(firstDelay<<min(count-free, doublings), longestDelay)
}

// succeeded forgives a user of a source.
func (t *throttle) succeeded(o origin) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.origins.remove(o)
}

// slowed are the origins whose next login would wait, those that failed last
// first.
func (t *throttle) slowed() (all []Slowed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.origins.all(func(o origin, f *failures) {
		if left := time.Until(f.until); left > 0 {
			all = append(all, Slowed{Source: o.source.String(), User: o.user, Failures: f.count, Left: left})
		}
	})
	return all
}

// lift forgets the failures of those that f names, and returns how many of them
// would have waited.
func (t *throttle) lift(f func(origin) bool) (lifted int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.origins.all(func(o origin, one *failures) {
		if !f(o) {
			return
		}
		t.origins.remove(o)
		if time.Until(one.until) > 0 {
			lifted++
		}
	})
	return lifted
}
