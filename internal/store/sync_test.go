package store_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/store"
	"github.com/zancudomq/zancudo/internal/store/storetest"
)

// TestChangeSync changes when facts are safe while the store is open, and takes
// the power away after each change.
func TestChangeSync(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk := storetest.NewDisk()
		s := open(t, store.Options{FS: disk.FS(), Dir: "/state/store", Sync: store.SyncNever})
		survives := func(want ...string) {
			t.Helper()
			after := open(t, store.Options{FS: disk.Crash(1, 0).FS(), Dir: "/state/store"})
			holds(t, after, want...)
			closed(t, after)
		}
		put(t, s, broker.Durable, storetest.Put("a", "never"))
		time.Sleep(time.Minute)
		survives()

		s.ChangeSync(store.SyncAlways, 0)
		put(t, s, broker.Durable, storetest.Put("b", "always"))
		survives("a=never", "b=always")

		s.ChangeSync(store.SyncNever, 0)
		put(t, s, broker.Durable, storetest.Put("c", "never"))
		s.ChangeSync(store.SyncInterval, 200*time.Millisecond)
		time.Sleep(time.Minute)
		put(t, s, broker.Durable, storetest.Put("d", "interval"))
		survives("a=never", "b=always")
		time.Sleep(250 * time.Millisecond)
		survives("a=never", "b=always", "c=never", "d=interval")
		put(t, s, broker.Durable, storetest.Put("e", "interval"))
		time.Sleep(150 * time.Millisecond)
		put(t, s, broker.Durable, storetest.Put("f", "interval"))
		time.Sleep(100 * time.Millisecond) // the interval counts from the first
		survives("a=never", "b=always", "c=never", "d=interval", "e=interval", "f=interval")
		closed(t, s)
	})
}

// TestCloseDuringSync closes the store while a late sync of its log is under
// way: the log is closed after it, with all that it was given.
func TestCloseDuringSync(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			disk := storetest.NewDisk()
			s := open(t, store.Options{FS: disk.FS(), Dir: "/state/store", Sync: store.SyncInterval, SyncInterval: time.Second})
			put(t, s, broker.Durable, storetest.Put("a", "interval"))
			disk.SlowSync(time.Minute)
			time.Sleep(time.Second + time.Millisecond)
			closed(t, s)
			after := open(t, store.Options{FS: disk.Crash(seed, 0).FS(), Dir: "/state/store"})
			holds(t, after, "a=interval")
			closed(t, after)
		})
	}
}
