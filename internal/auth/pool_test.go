package auth

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
)

// Never more than the workers work, and never on more memory, unless one alone
// needs it. All are served, in their order.
func TestPool(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &pool{workers: 3, memory: 100, longest: 100}
		var mu sync.Mutex
		working, memory, served := 0, 0, 0
		step := make(chan struct{})
		needs := []int{40, 40, 40, 10, 500, 30, 30, 30, 30, 0, 0}
		for _, need := range needs {
			go p.do(t.Context(), need, func() {
				mu.Lock()
				working, memory, served = working+1, memory+need, served+1
				if working > 3 || memory > 100 && working > 1 {
					t.Errorf("%d work on %d bytes", working, memory)
				}
				mu.Unlock()
				<-step
				mu.Lock()
				working, memory = working-1, memory-need
				mu.Unlock()
			})
			synctest.Wait()
		}
		if served != 2 {
			t.Errorf("%d work at first", served)
		}
		for range needs {
			step <- struct{}{}
			synctest.Wait()
		}
		if served != len(needs) || p.workers != 3 || p.memory != 100 || p.busy != 0 || p.waiting() != 0 {
			t.Errorf("%d were served, and %+v is left", served, p)
		}
	})
}

// Who gives up is in nobody's way.
func TestPoolGivingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &pool{workers: 2, memory: 100, longest: 2}
		release := make(chan struct{})
		go p.do(t.Context(), 60, func() { <-release })
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		large, small := make(chan error, 1), make(chan error, 1)
		go func() { large <- p.do(ctx, 60, func() { t.Error("it gave up") }) }()
		synctest.Wait()
		go func() { small <- p.do(t.Context(), 10, func() {}) }()
		synctest.Wait()
		if err := p.do(t.Context(), 0, func() { t.Error("there was no room to wait") }); !errors.Is(err, errBusy) {
			t.Errorf("got %v", err)
		}
		cancel()
		if err := <-large; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if err := <-small; err != nil {
			t.Errorf("got %v", err)
		}
		close(release)
		synctest.Wait()
		if p.workers != 2 || p.memory != 100 {
			t.Errorf("%+v is left", p)
		}
	})
}
