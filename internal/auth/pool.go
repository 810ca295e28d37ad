package auth

import (
	"container/list"
	"context"
	"sync"
)

// pool bounds how many secrets are verified at a time and how much memory that
// takes. Those that wait are served in their order.
type pool struct {
	mu      sync.Mutex // guards what follows
	workers int        // that are free
	memory  int        // bytes that are free
	busy    int        // workers that are not
	queue   list.List  // of *waiter
	longest int
}

// waiter is somebody who waits for a worker.
type waiter struct {
	memory int
	ready  chan struct{} // closed when it has one
}

// do calls f when there is a worker and memory for it. It does not, and returns
// an error, when too many wait already, or ctx is done.
func (p *pool) do(ctx context.Context, memory int, f func()) error {
	p.mu.Lock()
	if p.queue.Len() == 0 && p.fits(memory) {
		p.take(memory)
		p.mu.Unlock()
	} else if p.queue.Len() >= p.longest {
		p.mu.Unlock()
		return errBusy
	} else {
		w := &waiter{memory, make(chan struct{})}
		place := p.queue.PushBack(w)
		p.mu.Unlock()
		if err := p.wait(ctx, w, place); err != nil {
			return err
		}
	}
	defer p.release(memory)
	f()
	return nil
}

// fits reports whether somebody who needs so much memory can begin. What needs
// more than there is begins when it is alone.
func (p *pool) fits(memory int) bool {
	return p.workers > 0 && (memory <= p.memory || p.busy == 0)
}

func (p *pool) take(memory int) {
	p.workers--
	p.busy++
	p.memory -= memory
}

func (p *pool) wait(ctx context.Context, w *waiter, place *list.Element) error {
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	select {
	case <-w.ready: // in the last moment
		p.mu.Unlock()
		p.release(w.memory)
	default:
		p.queue.Remove(place)
		p.serve() // it may have been in the way of others
		p.mu.Unlock()
	}
	return context.Cause(ctx)
}

func (p *pool) release(memory int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.workers++
	p.busy--
	p.memory += memory
	p.serve()
}

// serve lets those begin who are next and fit.
func (p *pool) serve() {
	for first := p.queue.Front(); first != nil; first = p.queue.Front() {
		w := first.Value.(*waiter)
		if !p.fits(w.memory) {
			return
		}
		p.take(w.memory)
		p.queue.Remove(first)
		close(w.ready)
	}
}

// waiting is how many wait for a worker.
func (p *pool) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queue.Len()
}
