package simulation_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/history"
	"github.com/zancudomq/zancudo/internal/store/simulation"
	"github.com/zancudomq/zancudo/internal/store/storetest"
)

// faultOf is the fault of a seed: after n operations on the disk one, some or many
// of a kind fail.
func faultOf(seed uint64) storetest.Fault {
	kinds := []string{"", "sync", "write", "create", "rename", "read"}
	return storetest.Fault{
		From: int64(seed * 3), For: []int64{1, 3, 100}[seed%3], Only: kinds[seed%uint64(len(kinds))], Short: seed/uint64(len(kinds))%2 == 1,
		Err: []error{syscall.EIO, syscall.ENOSPC}[seed/2%2],
	}
}

// TestFaults has operations of the disk fail while the broker runs, lets it
// recover, and then takes the power away. Nothing is acknowledged that is not
// durable, nothing panics, and it goes on without a restart. Engines that are
// given up leave goroutines behind, so this is outside of a bubble, in real time.
func TestFaults(t *testing.T) {
	t.Parallel()
	n := uint64(16)
	switch {
	case testing.Short():
		n = 6
	case os.Getenv("ZANCUDO_TEST_ALL") == "1":
		n = 96
	}
	var all history.Report
	var mu sync.Mutex
	var done sync.WaitGroup
	together := make(chan struct{}, 24) // they sleep most of the time
	for seed := range n {
		fault := faultOf(seed)
		together <- struct{}{}
		done.Go(func() {
			defer func() { <-together }()
			report, err := simulation.Run(simulation.Options{Seed: seed, Phases: 2, Drain: 3 * time.Second, End: failing(fault)})
			if err == nil {
				err = report.Err()
			}
			if err != nil {
				t.Errorf("seed %d, %+v: %v", seed, fault, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			all.Add(report)
		})
	}
	done.Wait()
	t.Logf("%v", &all)
	if all.Obligations == 0 || all.DurableAnswers == 0 || all.Resumed == 0 {
		t.Errorf("it was not put to the test: %v", &all)
	}
}

// failing ends a phase with the fault, some time without it, and a power failure.
func failing(fault storetest.Fault) func(*simulation.World, *rand.Rand, int) error {
	return func(w *simulation.World, r *rand.Rand, _ int) error {
		<-time.After(300 * time.Millisecond)
		fault := fault
		fault.From += w.Disk().Operations()
		w.Disk().Fail(fault)
		<-time.After(time.Second)
		w.Disk().Fail(storetest.Fault{})
		if err := w.Recovered(30 * time.Second); err != nil {
			return fmt.Errorf("it has not recovered from %+v: %w", fault, err)
		}
		<-time.After(2 * time.Second) // with the broker that has seen it
		w.Fail(1+r.Int64N(50), time.Second, r.Uint64(), 0)
		return nil
	}
}
