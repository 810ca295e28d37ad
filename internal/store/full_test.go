package store_test

import (
	"errors"
	"math"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/store"
	"github.com/zancudomq/zancudo/internal/store/storetest"
	"github.com/zancudomq/zancudo/packet"
)

// TestOpenWithoutSpace: when not a byte can be written the store opens to be read,
// and goes on when there is space.
func TestOpenWithoutSpace(t *testing.T) {
	t.Parallel()
	disk := storetest.NewDisk()
	working := make(chan struct{}, 1)
	o := store.Options{FS: disk.FS(), Dir: "/state/store", ReserveBytes: 4096, Retry: time.Millisecond, RetryLimit: 10 * time.Millisecond}
	s := open(t, o)
	put(t, s, broker.Durable, storetest.Put("a", "1"), storetest.Put("b", "2"))
	closed(t, s)

	// All of what was synced is there after this; the reserve has been given up.
	disk = disk.Crash(1, 0)
	o.FS = disk.FS()
	o.Changed = func(state store.State) {
		if state.Condition == store.Ready {
			working <- struct{}{}
		}
	}
	if err := o.FS.Remove("/state/store/reserve"); err != nil {
		t.Fatal(err)
	}
	disk.Fail(storetest.Fault{From: 1, For: math.MaxInt64 / 2, Err: &osError{syscall.ENOSPC}, Only: "write"})
	s = open(t, o)
	if state := s.State(); state.Condition != store.Full || state.Text != "no space is left for /state/store; it goes on when there is" {
		t.Errorf("state %+v", state)
	}
	for _, d := range []broker.Durability{broker.Durable, broker.Eventually} {
		if err := s.Append([]broker.Fact{storetest.Put("c", "3")}, d); !errors.Is(err, packet.QuotaExceeded) {
			t.Errorf("got %v", err)
		}
	}
	disk.Fail(storetest.Fault{})
	<-working
	holds(t, s, "a=1", "b=2")
	put(t, s, broker.Durable, storetest.Put("c", "3"))
	closed(t, s)

	// One that is closed before there is space leaves everything as it was.
	disk.Fail(storetest.Fault{From: 1, For: math.MaxInt64 / 2, Err: &osError{syscall.ENOSPC}, Only: "write"})
	_ = o.FS.Remove("/state/store/reserve")
	o.Retry, o.RetryLimit = time.Hour, time.Hour
	s = open(t, o)
	holds(t, s, "a=1", "b=2", "c=3")
	closed(t, s)
	disk.Fail(storetest.Fault{})
	s = open(t, o)
	holds(t, s, "a=1", "b=2", "c=3")
}
