package daemon

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/zancudomq/zancudo/internal/listen"
	"github.com/zancudomq/zancudo/packet"
)

// renewInterval is how often the files of TLS are looked at. Looking is cheap, and
// works where nobody tells of changes: on network file systems, in containers.
const renewInterval = 5 * time.Second

// warn logs what is wrong with a file of keys.
func (d *daemon) warn(s *secrets) {
	for _, text := range s.warnings {
		d.logger.Warn("configuration warning", "text", text)
	}
}

// renew puts other certificates, authorities and revocations in the place of
// those of an entrance. Who has come by it stays, unless they speak against it.
func (d *daemon) renew(e *entrance, s *secrets) {
	e.seal.current.Store(s)
	d.warn(s)
	e.way.Expel(func(c net.Conn) error {
		s, ok := unwrap(c).(*listen.Secured)
		if !ok || !s.Open() {
			return nil // a handshake that goes on is looked at when it is done
		}
		if err := e.seal.recheck(s); err != nil {
			return fmt.Errorf("%w: %w", err, packet.NotAuthorized)
		}
		return nil
	})
}

// startRenewing begins to look for files that have changed, until stop is called.
func (d *daemon) startRenewing(ctx context.Context) (stop func()) {
	return every(ctx, d.options.renewInterval(), d.renewAll)
}

// every calls f in each interval, one call at a time, until stop is called, which
// waits for the last.
func every(ctx context.Context, interval time.Duration, f func()) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				f()
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// renewAll has the entrances renewed whose files have changed.
func (d *daemon) renewAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.entrances {
		if e.seal != nil {
			d.renewChanged(e)
		}
	}
	d.noteEnds()
}

func (o *Options) renewInterval() time.Duration {
	if o.RenewInterval > 0 {
		return o.RenewInterval
	}
	return renewInterval
}

// renewChanged renews an entrance if its files have changed. What is half written,
// or does not belong together, is not used: it may be whole the next time. If it
// is not, that is told once.
func (d *daemon) renewChanged(e *entrance) {
	old := e.seal.current.Load()
	if !old.changed() {
		e.stale = stale{}
		return
	}
	s, err := old.load()
	if err == nil {
		e.stale = stale{}
		d.renew(e, s)
		what := "certificates"
		if s.trust == nil {
			what = "keys"
		}
		d.logger.Info("secrets renewed", "listener", e.place.String(), "kind", what)
		return
	}
	if text := err.Error(); text != e.stale.text {
		e.stale = stale{text: text}
	} else if !e.stale.told {
		e.stale.told = true
		d.logger.Error("secrets not renewed", "listener", e.place.String(), "err", err)
	}
}

// stale is why the files of an entrance could not be used when they were looked
// at last; empty: nothing was wrong.
type stale struct {
	text string
	told bool
}
