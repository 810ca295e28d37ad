package simulation_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/history"
	"github.com/zancudomq/zancudo/internal/store"
	"github.com/zancudomq/zancudo/internal/store/simulation"
	"github.com/zancudomq/zancudo/internal/store/storetest"
)

// tell tells a story in a bubble of its own, where time costs nothing.
func tell(t *testing.T, o simulation.Options) (report *history.Report) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var err error
		if report, err = simulation.Run(o); err != nil {
			t.Fatalf("seed %d: %v", o.Seed, err)
		}
	})
	return report
}

// check tells a story that must break no promise. The same seed gives the same
// clients and failures, but goroutines take turns as they like: a failure may
// need some tries to come again.
func check(t *testing.T, o simulation.Options) *history.Report {
	t.Helper()
	report := tell(t, o)
	if err := report.Err(); err != nil {
		t.Errorf("seed %d: %v\nagain with %s -count=100 -failfast", o.Seed, err, storetest.Repro(t, o.Seed))
		if os.Getenv("ZANCUDO_VERBOSE") != "" {
			t.Log(report.Story())
		}
	}
	return report
}

// stories is how many are told; ZANCUDO_STORIES=5000 are.
func stories(t *testing.T, n int) []uint64 {
	t.Helper()
	if testing.Short() {
		n = max(n/10, 1)
	}
	if text := os.Getenv("ZANCUDO_STORIES"); text != "" {
		more, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("ZANCUDO_STORIES: %v", err)
		}
		n = more
	}
	return storetest.Seeds(t, n)
}

// each calls f with each seed, in some goroutines.
func each(t *testing.T, seeds []uint64, f func(t *testing.T, seed uint64)) {
	t.Helper()
	const groups = 4
	var failed atomic.Bool // one failure is enough
	for i := range groups {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for k := i; k < len(seeds) && !failed.Load(); k += groups {
				f(t, seeds[k])
				failed.Store(failed.Load() || t.Failed())
			}
		})
	}
}

// TestPowerFailures is the promise: whenever the power fails, whatever of the
// unsynced blocks is left, the clients see nothing that they were not promised.
func TestPowerFailures(t *testing.T) {
	t.Parallel()
	seeds := stories(t, 200)
	var all history.Report
	var mu sync.Mutex
	each(t, seeds, func(t *testing.T, seed uint64) {
		t.Helper()
		report := check(t, simulation.Options{Seed: seed})
		mu.Lock()
		defer mu.Unlock()
		all.Add(report)
	})
	t.Cleanup(func() {
		t.Logf("%d stories: %v", len(seeds), &all)
		if len(seeds) >= 20 && !t.Failed() && all.Blank() {
			t.Errorf("something was not put to the test: %v", &all)
		}
	})
}

// TestKilled: the end of the process alone loses nothing, even if nothing is synced.
func TestKilled(t *testing.T) {
	t.Parallel()
	each(t, stories(t, 40), func(t *testing.T, seed uint64) {
		t.Helper()
		check(t, simulation.Options{
			Seed: seed,
			Open: func(d *storetest.Disk) (broker.Store, error) { return simulation.OpenStoreWith(d, store.SyncNever) },
			End: func(w *simulation.World, r *rand.Rand, _ int) error {
				w.Fail(1+r.Int64N(400), time.Duration(1+r.IntN(20))*time.Second, r.Uint64(), 100)
				return nil
			},
		})
	})
}

// TestControl proves that the tests above can fail: a store that acknowledges
// what it has not synced loses it, and the checkers see that.
func TestControl(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]simulation.Opener{
		"never synced": func(d *storetest.Disk) (broker.Store, error) { return simulation.OpenStoreWith(d, store.SyncNever) },
		"synced later": func(d *storetest.Disk) (broker.Store, error) { return simulation.OpenStoreWith(d, store.SyncInterval) },
		"nothing is durable": func(d *storetest.Disk) (broker.Store, error) {
			s, err := simulation.OpenStore(d)
			return lazy{s}, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const rounds = 15
			lost, broken := 0, map[string]int{}
			for seed := range uint64(rounds) {
				report := tell(t, simulation.Options{Seed: seed, Open: open, End: func(w *simulation.World, r *rand.Rand, _ int) error {
					w.Fail(40+r.Int64N(200), 10*time.Second, r.Uint64(), 0)
					return nil
				}})
				if len(report.Violations) > 0 {
					lost++
				}
				for _, v := range report.Violations {
					broken[v.Invariant]++
				}
			}
			t.Logf("%d of %d stories lost something: %v", lost, rounds, broken)
			if lost < 4 || broken["I1"]+broken["I5"]+broken["I6"] == 0 {
				t.Errorf("only %d of %d stories lost something, though the store lies: %v", lost, rounds, broken)
			}
		})
	}
}

// lazy is a store that makes nothing durable before it answers.
type lazy struct{ broker.Store }

func (s lazy) Append(facts []broker.Fact, _ broker.Durability) error {
	return s.Store.Append(facts, broker.Eventually)
}
