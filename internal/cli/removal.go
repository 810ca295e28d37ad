package cli

import (
	"context"
	"sync"
	"time"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/packet"
)

// A removal removes retained messages by publishing empty ones. A goroutine does
// it, as the reader of the connection, which finds them, must not wait for the
// broker.
type removal struct {
	client *client.Client
	cancel context.CancelFunc
	ended  chan struct{}

	mu      sync.Mutex
	topics  []string
	wake    sync.Cond // for the goroutine
	stopped bool
}

// maxRemovals bounds the topics that wait to be removed; those beyond stay.
const maxRemovals = 1 << 20

func newRemoval(c *client.Client) *removal {
	ctx, cancel := context.WithCancel(context.Background())
	r := &removal{client: c, cancel: cancel, ended: make(chan struct{})}
	r.wake.L = &r.mu
	go r.run(ctx)
	return r
}

func (r *removal) add(topic string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.topics) < maxRemovals {
		r.topics = append(r.topics, topic)
	}
	r.wake.Signal()
}

// run removes what is added, and ends with the last when it is told to stop.
func (r *removal) run(ctx context.Context) {
	defer close(r.ended)
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		for len(r.topics) == 0 && !r.stopped {
			r.wake.Wait()
		}
		if len(r.topics) == 0 {
			return
		}
		topics := r.topics
		r.topics = nil
		r.mu.Unlock()
		for _, t := range topics {
			if r.client.Publish(ctx, &packet.Publish{Message: packet.Message{Topic: t, QoS: packet.AtLeastOnce, Retain: true}}) != nil {
				break // the end of the connection is told elsewhere
			}
		}
		r.mu.Lock()
	}
}

// stop ends the removal when the broker has removed the last, but waits for that
// no longer than it is told.
func (r *removal) stop(patience time.Duration) {
	if r == nil {
		return
	}
	r.mu.Lock()
	r.stopped = true
	r.wake.Signal()
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case <-r.ended:
		_ = r.client.Wait(ctx) // a broker that does not answer is left
	case <-ctx.Done():
	}
	r.cancel()
	<-r.ended
}
