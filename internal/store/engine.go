package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
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

	once  sync.Once
	cause error         // why it failed; valid when dead is closed
	dead  chan struct{} // closed when it failed
}

// openEngine opens Pebble in dir, for reading only if sync is readOnly.
func (s *Store) openEngine(access access) (*engine, error) {
	e := &engine{dead: make(chan struct{})}
	e.fence = &fence{
		FS: s.fs, meter: &s.meter, sync: s.options.Sync, interval: s.options.SyncInterval,
		failed: e.fail, private: isOS(s.fs),
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
	}
	return err
}

// do calls f. When the engine fails meanwhile it does not wait long for f, which
// may hang for ever, for a flush that cannot be.
func (e *engine) do(f func() error) error {
	finished := e.run(f)
	select {
	case err := <-finished:
		return err
	case <-e.dead:
	}
	select {
	case err := <-finished: // done before the engine failed, or failed with it
		return err
	case <-time.After(lastWait):
		return e.cause
	}
}

const lastWait = 100 * time.Millisecond

// run calls f in a goroutine and turns each way in which Pebble may end it into
// an error: it returns one, it panics, or it calls Fatalf, which ends the
// goroutine. In the last two cases the engine is no longer of use.
func (e *engine) run(f func() error) <-chan error {
	result := make(chan error, 1)
	go func() {
		var err error
		returned := false
		defer func() {
			if !returned {
				e.fail(panicError(recover())) // unless Fatalf did
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

// bury lets go of a failed engine's files. Closing Pebble may never return when
// it has failed, so nobody waits for it.
func (e *engine) bury() {
	e.fence.close()
	e.run(e.db.Close)
}

// close ends a healthy engine.
func (e *engine) close() error {
	err := e.do(e.db.Close)
	e.fence.close()
	return err
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
		DisableTableStats:           false,
	}
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

// Fatalf must not return. The goroutine ends; run or nobody waits for it.
func (l *engineLogger) Fatalf(format string, args ...any) {
	err := fmt.Errorf("%s", fmt.Sprintf(format, args...))
	for _, a := range args {
		if cause, ok := a.(error); ok {
			err = fmt.Errorf(format, args...)
			err = fmt.Errorf("%w%.0w", err, cause)
		}
	}
	l.engine.fail(err)
	runtime.Goexit()
}

// isFull reports whether an error is for want of space.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || vfs.IsNoSpaceError(err)
}
