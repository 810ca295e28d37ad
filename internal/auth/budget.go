package auth

import (
	"context"
	"sync"
	"time"
)

// How many failed logins there may be in all, from however many addresses.
const (
	failuresPerSecond = 20
	failuresAtOnce    = 100
)

// budget bounds the rate of failures: a login that has to be verified takes one
// beforehand, and gives it back when it succeeds.
type budget struct {
	mu    sync.Mutex // guards what follows
	left  float64
	since time.Time // it was filled up to left
}

func newBudget() *budget { return &budget{left: failuresAtOnce, since: time.Now()} }

// take waits until there is one, and takes it.
func (b *budget) take(ctx context.Context) error {
	wait := b.reserve()
	if wait < 0 {
		return errBusy
	}
	if err := sleep(ctx, wait); err != nil {
		b.giveBack()
		return err
	}
	return nil
}

// reserve takes one that is there, or will be after wait. A negative wait says
// that it would be too long.
func (b *budget) reserve() (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.left = min(b.left+now.Sub(b.since).Seconds()*failuresPerSecond, failuresAtOnce)
	b.since = now
	if b.left >= 1 {
		b.left--
		return 0
	}
	wait = time.Duration((1 - b.left) / failuresPerSecond * float64(time.Second))
	if wait > patience {
		return -1
	}
	b.left--
	return wait
}

func (b *budget) giveBack() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = min(b.left+1, failuresAtOnce)
}

// sleep waits, unless ctx is done first.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
