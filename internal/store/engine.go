package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// formatVersion is Pebble's own version of its files. It is pinned: a newer one
// is a new version of ours too.
const formatVersion = pebble.FormatTableFormatV6

// An engine is one open Pebble and the fence around its files. It lives until
// it fails or is closed; a store that recovers gets a new one.
type engine struct {
	db    *pebble.DB
	fence *fence
	ready atomic.Bool // opened; compactions may begin

	once  sync.Once
	cause error         // why it failed; valid when dead is closed
	dead  chan struct{} // closed when it failed
}

// openEngine opens Pebble in dir, for reading only if sync is readOnly.
func (s *Store) openEngine(access access) (*engine, error) {
	e := &engine{dead: make(chan struct{})}
	e.fence = &fence{
		FS: s.fs, meter: &s.meter, syncing: &s.syncing, failed: e.fail,
	}
	err := e.open(s.facts(), s.pebbleOptions(e, access))
	if err != nil {
		e.fence.close()
		return nil, err
	}
	return e, nil
}

type access byte

const (
	create access = iota
	readWrite
	readOnly
)

// open calls Pebble.
func (e *engine) open(dir string, options *pebble.Options) error {
	opened := make(chan *pebble.DB, 1)
	err := e.do(func() error {
		db, err := pebble.Open(dir, options)
		opened <- db
		return err
	})
	if err == nil {
		e.db = <-opened
		e.ready.Store(true)
		if ok, grant := options.Experimental.CompactionScheduler.TrySchedule(); ok {
			grant.Done() // which begins those that were held back
		}
	}
	return err
}

// do calls f. When the engine fails meanwhile it does not wait long for f, which
// may hang for ever, for a flush that cannot be.
func (e *engine) do(f func() error) error {
	finished := e.run(f)
	select {
	case err := <-finished:
		if err != nil && e.isDead() {
			return e.cause // rather than what followed from it
		}
		return err
	case <-e.dead:
	}
	select {
	case err := <-finished: // done before the engine failed, or failed with it
		if err != nil {
			return e.cause
		}
		return nil
	case <-time.After(lastWait):
		return e.cause
	}
}

const lastWait = 100 * time.Millisecond

// run calls f in a goroutine and turns what Pebble may do there into an error:
// it returns one, or it panics, and then the engine is no longer of use. After
// Fatalf it does neither, and the goroutine stays.
func (e *engine) run(f func() error) <-chan error {
	result := make(chan error, 1)
	go func() {
		var err error
		returned := false
		defer func() {
			if !returned {
				e.fail(panicError(recover()))
				err = e.cause
			}
			result <- err
		}()
		err = f()
		returned = true
	}()
	return result
}

func panicError(r any) error {
	if err, ok := r.(error); ok {
		return err
	}
	return fmt.Errorf("%v", r)
}

// fail gives the engine up. Nothing of it changes a file from now on.
func (e *engine) fail(err error) {
	e.once.Do(func() {
		e.cause = err
		e.fence.shut.Store(true)
		close(e.dead)
	})
}

func (e *engine) isDead() bool {
	select {
	case <-e.dead:
		return true
	default:
		return false
	}
}

// bury lets go of a failed engine's files. Pebble is not closed: that may never
// return once it has failed, and may panic in a goroutine of a compaction.
func (e *engine) bury() { e.fence.close() }

// close ends a healthy engine.
func (e *engine) close() error {
	err := e.do(e.db.Close)
	e.fence.close()
	return err
}

// compactions runs them one at a time; none while Pebble opens, for if that fails
// while one runs, Pebble panics in a goroutine that nobody can guard; and none
// of an engine that failed, which would be tried again without end.
type compactions struct {
	*pebble.ConcurrencyLimitScheduler
	engine *engine
}

// Register is called when Pebble opens.
func (c *compactions) Register(goroutines int, db pebble.DBForCompaction) {
	c.ConcurrencyLimitScheduler.Register(goroutines, granted{db, c.engine})
}

// TrySchedule asks whether a compaction may begin.
func (c *compactions) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	if !c.engine.ready.Load() || c.engine.isDead() {
		return false, nil
	}
	ok, handle := c.ConcurrencyLimitScheduler.TrySchedule()
	return ok, grant{handle, c.engine}
}

// granted begins compactions that waited.
type granted struct {
	pebble.DBForCompaction
	engine *engine
}

// Schedule begins one.
func (g granted) Schedule(handle pebble.CompactionGrantHandle) bool {
	return !g.engine.isDead() && g.DBForCompaction.Schedule(grant{handle, g.engine})
}

// grant is the leave to run one compaction.
type grant struct {
	pebble.CompactionGrantHandle
	engine *engine
}

// Done ends it, and lets the next begin.
func (g grant) Done() {
	if !g.engine.isDead() {
		g.CompactionGrantHandle.Done()
	}
}

// pebbleOptions keeps memory small: a table in memory that is replaced while it
// is flushed, a small cache, one compaction at a time.
func (s *Store) pebbleOptions(e *engine, access access) *pebble.Options {
	o := &pebble.Options{
		FS:                          e.fence,
		Logger:                      &engineLogger{engine: e, log: s.options.Logger},
		FormatMajorVersion:          formatVersion,
		ErrorIfNotExists:            access != create,
		ReadOnly:                    access == readOnly,
		MemTableSize:                uint64(s.options.MemTableBytes),
		MemTableStopWritesThreshold: 2,
		CacheSize:                   s.options.CacheBytes,
		MaxOpenFiles:                200,
		MaxManifestFileSize:         1 << 20,
		FlushDelayDeleteRange:       10 * time.Minute,
		DisableTableStats:           true, // of a damaged table it would try to get them without end
	}
	o.Experimental.CompactionScheduler = &compactions{pebble.NewConcurrencyLimitSchedulerWithNoPeriodicGrantingForTest(), e}
	o.TargetFileSizes[0] = 2 << 20
	o.EventListener = &pebble.EventListener{
		BackgroundError: func(err error) {
			if !errors.Is(err, context.Canceled) {
				e.fail(err)
			}
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			e.fail(fmt.Errorf("file %s: %w", info.Path, info.Details))
		},
	}
	return o
}

// engineLogger hears Pebble. What it calls fatal ends the engine, not the process.
type engineLogger struct {
	engine *engine
	log    *slog.Logger
}

func (l *engineLogger) Infof(string, ...any) {}

func (l *engineLogger) Errorf(format string, args ...any) {
	l.log.Debug("storage engine reported an error", "err", fmt.Sprintf(format, args...))
}

// Fatalf must not return. Ending the goroutine would run what Pebble has deferred,
// which may panic; so it stays, and nobody waits for it.
func (l *engineLogger) Fatalf(format string, args ...any) {
	err := fmt.Errorf("%s", fmt.Sprintf(format, args...))
	for _, a := range args {
		if cause, ok := a.(error); ok {
			err = fmt.Errorf(format, args...)
			err = fmt.Errorf("%w%.0w", err, cause)
		}
	}
	l.engine.fail(err)
	select {}
}

// isFull reports whether an error is for want of space.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || vfs.IsNoSpaceError(err)
}
