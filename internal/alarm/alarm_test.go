package alarm

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The heap rings what a sorted list would ring, in that order, whatever is set,
// set again and stopped.
func TestAlarmsRingInOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			k := NewClock()
			go k.Run()
			defer k.Close()
			r := rand.New(rand.NewPCG(seed, 1))
			begin := time.Now()
			alarms := make([]Alarm, 200)
			var mu sync.Mutex
			due := map[int]time.Duration{}
			var rung []time.Duration
			for i := range alarms {
				alarms[i].Ring = func(t time.Time) {
					mu.Lock()
					defer mu.Unlock()
					at, ok := due[i]
					if !ok || t.Sub(begin) != at {
						panic("rang at the wrong time")
					}
					delete(due, i)
					rung = append(rung, at)
				}
			}
			for range 1000 {
				i := r.IntN(len(alarms))
				mu.Lock()
				if r.IntN(4) == 0 {
					k.Stop(&alarms[i])
					delete(due, i)
				} else {
					due[i] = time.Since(begin) + time.Duration(1+r.IntN(1000))*time.Millisecond
					k.Set(&alarms[i], begin.Add(due[i]))
				}
				mu.Unlock()
				if r.IntN(10) == 0 {
					time.Sleep(time.Duration(r.IntN(200)) * time.Millisecond)
				}
				synctest.Wait()
				checkHeap(t, k, len(due))
			}
			mu.Lock()
			want := len(rung) + len(due)
			mu.Unlock()
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if len(due) > 0 || len(rung) != want || !slices.IsSorted(rung) {
				t.Errorf("%d never rang, %d of %d rang, sorted %v", len(due), len(rung), want, slices.IsSorted(rung))
			}
		})
	}
}

func checkHeap(t *testing.T, k *Clock, n int) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.heap) != n {
		t.Fatalf("%d alarms are set, want %d", len(k.heap), n)
	}
	for i, a := range k.heap {
		if a.place != i+1 || i > 0 && k.before(i+1, (i+1)/2) {
			t.Fatalf("alarm %d says it is at %d, or is out of order", i+1, a.place)
		}
	}
}

// An alarm may set itself and others while it rings, and one in the past rings
// at once. Nothing rings after close.
func TestAlarmsWhileRinging(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := NewClock()
		go k.Run()
		ringsA, ringsB := 0, 0
		var a, b Alarm
		a.Ring = func(t time.Time) {
			if ringsA++; ringsA < 5 {
				k.Set(&a, t.Add(time.Hour*24*30))
				k.Set(&b, t.Add(-time.Second))
			}
		}
		b.Ring = func(time.Time) {
			k.Stop(&b)
			ringsB++
		}
		k.Set(&a, time.Now())
		time.Sleep(time.Hour * 24 * 30 * 10)
		synctest.Wait()
		if ringsA != 5 || ringsB != 4 {
			t.Errorf("%d and %d rings, want 5 and 4", ringsA, ringsB)
		}
		k.Set(&a, time.Now().Add(time.Minute))
		k.Close()
		k.Set(&b, time.Now())
		k.Stop(&a)
		time.Sleep(time.Hour)
		if ringsA != 5 || ringsB != 4 {
			t.Error("rang after close")
		}
	})
}
