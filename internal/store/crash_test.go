package store_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/store"
	"github.com/zancudomq/zancudo/internal/store/storetest"
)

// onDisk opens the store with small sizes, so that tables are written and
// merged in a short test.
func onDisk(change ...func(*store.Options)) storetest.OpenOn {
	return func(d *storetest.Disk) (broker.Store, error) {
		o := store.Options{
			FS: d.FS(), Dir: "/state/store", MemTableBytes: 64 << 10, ReserveBytes: 4096,
			Retry: time.Millisecond, RetryLimit: 4 * time.Millisecond,
		}
		for _, c := range change {
			c(&o)
		}
		return store.Open(o)
	}
}

// undamaged opens a store in which nothing may be found damaged.
func undamaged(open storetest.OpenOn) storetest.OpenOn {
	return func(d *storetest.Disk) (broker.Store, error) {
		s, err := open(d)
		if err != nil {
			return nil, err
		}
		if reports := s.(*store.Store).Reports(); len(reports) > 0 {
			return nil, errors.Join(fmt.Errorf("what a crash has left is taken for damage: %v", reports), s.Close())
		}
		return s, nil
	}
}

var keeps = []int{0, 50, 100}

// TestCrash takes the power away at a random write or sync, hundreds of times.
func TestCrash(t *testing.T) {
	t.Parallel()
	n := 300
	if testing.Short() {
		n = 30
	}
	for _, seed := range storetest.Seeds(t, n) {
		for _, kept := range keeps {
			if err := storetest.CrashRound(seed, kept, undamaged(onDisk())); err != nil {
				t.Fatalf("%d %% kept: %v\nagain with %s", kept, err, storetest.Repro(t, seed))
			}
		}
	}
}

// TestCrashControl proves that the test above can fail: without a sync before
// the acknowledgement something must be lost.
func TestCrashControl(t *testing.T) {
	t.Parallel()
	for _, sync := range []store.Sync{store.SyncNever, store.SyncInterval} {
		lost := 0
		for seed := range uint64(40) {
			if storetest.CrashRound(seed, 0, onDisk(func(o *store.Options) { o.Sync = sync })) != nil {
				lost++
			}
		}
		if lost < 5 {
			t.Errorf("sync %d: only %d of 40 crashes lost something", sync, lost)
		}
	}
}

// TestKilled: whatever the sync, the end of the process alone loses nothing.
func TestKilled(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		if err := storetest.CrashRound(seed, 100, onDisk(func(o *store.Options) { o.Sync = store.SyncNever })); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

var errIO = &osError{syscall.EIO}

type osError struct{ errno syscall.Errno }

func (e *osError) Error() string { return "injected: " + e.errno.Error() }
func (e *osError) Unwrap() error { return e.errno }

// TestFaults makes each operation fail in turn, alone, three in a row, and for a long time.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, err := range []error{errIO, &osError{syscall.ENOSPC}} {
		for _, length := range []int64{1, 3, 40} {
			for _, only := range []string{"", "sync", "write", "short write"} {
				t.Run(fmt.Sprintf("%v/%d/%s", errors.Unwrap(err), length, only), func(t *testing.T) {
					t.Parallel()
					for n := int64(1); n < 60; n++ {
						f := storetest.Fault{From: n, For: length, Err: err}
						f.Only, f.Short = strings.CutPrefix(only, "short ")
						if err := storetest.FaultRound(uint64(n), f, onDisk()); err != nil {
							t.Fatalf("operation %d: %v", n, err)
						}
					}
				})
			}
		}
	}
}
