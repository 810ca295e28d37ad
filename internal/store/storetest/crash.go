package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zancudomq/zancudo/broker"
)

// OpenOn opens the store under test on a disk.
type OpenOn func(d *Disk) (broker.Store, error)

// CrashRound lets goroutines append, takes the power away at a random change of
// the disk, opens what is left and checks the promise: of each goroutine all
// batches are there up to one, whole and in order, and none is missing that a
// Durable Append had acknowledged. kept is as in Disk.Crash. The error says what
// was broken.
func CrashRound(seed uint64, kept int, open OpenOn) error {
	r := rand.New(rand.NewPCG(seed, 2))
	disk := NewDisk()
	s, err := open(disk)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	writers := make([]*writer, 1+r.IntN(3))
	for i := range writers {
		writers[i] = newWriter(i, r.Uint64())
	}
	var left *Disk
	acknowledged := make([]int64, len(writers))
	power := func() {
		for i, w := range writers {
			acknowledged[i] = w.acknowledged.Load()
		}
		left = disk.Crash(seed, kept)
	}
	disk.BeforeChange(disk.Changes()+1+int64(r.IntN(80)), power)
	var all sync.WaitGroup
	for _, w := range writers {
		all.Go(func() { w.run(s, 15) })
	}
	all.Wait()
	_ = s.Close()
	if left == nil { // it did less than was expected
		power()
	}
	after, err := open(left)
	if err != nil {
		return fmt.Errorf("open after the crash: %w", err)
	}
	defer func() { _ = after.Close() }()
	for i, w := range writers {
		if err := w.check(after, acknowledged[i]); err != nil {
			return err
		}
	}
	return nil
}

// A writer appends random batches to keys of its own and knows what must be
// there after each.
type writer struct {
	prefix       string
	r            *rand.Rand
	memory       Memory
	model        broker.Store
	states       [][]string   // after n batches
	acknowledged atomic.Int64 // batches that are durable
	refused      [][]string   // what refused batches would have made
	failures     int
}

func newWriter(i int, seed uint64) *writer {
	w := &writer{prefix: string(rune('A' + i)), r: rand.New(rand.NewPCG(seed, 3)), states: [][]string{nil}}
	w.model, _ = w.memory.Open()
	return w
}

func (w *writer) run(s broker.Store, batches int) {
	for range batches {
		d := broker.Durable
		if w.r.IntN(3) == 0 {
			d = broker.Eventually
		}
		_ = w.append(s, d)
	}
}

// append appends one batch. One that fails must leave nothing behind.
func (w *writer) append(s broker.Store, d broker.Durability) error {
	facts := RandomBatch(w.r, w.prefix)
	facts = append(facts, Put(w.prefix+"z", strconv.Itoa(len(w.states)+w.failures))) // no two states are the same
	before := w.states[len(w.states)-1]
	_ = w.model.Append(facts, broker.Durable)
	state, _ := Facts(w.model, nil, nil)
	w.states = append(w.states, state) // known before it may be on the disk
	if err := s.Append(facts, d); err != nil {
		w.failures++
		w.refused = append(w.refused, state)
		w.states = w.states[:len(w.states)-1]
		w.restore(before)
		return err
	}
	if d == broker.Durable {
		w.acknowledged.Store(int64(len(w.states) - 1))
	}
	return nil
}

func (w *writer) restore(state []string) {
	w.memory = Memory{}
	w.model, _ = w.memory.Open()
	for _, fact := range state {
		key, value, _ := strings.Cut(fact, "=")
		_ = w.model.Append([]broker.Fact{Put(key, value)}, broker.Durable)
	}
}

// check compares what a store holds of the writer with its states.
func (w *writer) check(s broker.Store, acknowledged int64) error {
	got, err := Facts(s, []byte(w.prefix), []byte{w.prefix[0] + 1})
	if err != nil {
		return fmt.Errorf("range: %w", err)
	}
	for n, state := range w.states {
		if slices.Equal(got, state) {
			if int64(n) < acknowledged {
				return fmt.Errorf("writer %s: batch %d was acknowledged, and only %d are there", w.prefix, acknowledged, n)
			}
			return nil
		}
	}
	return fmt.Errorf("writer %s: what is there was never there: %q; %d were acknowledged: %q",
		w.prefix, got, acknowledged, w.states[acknowledged])
}

// checkBroken opens the store on what a broken disk has. Nobody will ever know
// of a refused batch whether it was there when the power went.
func (w *writer) checkBroken(disk *Disk, open OpenOn) error {
	s, err := open(disk)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer func() { _ = s.Close() }()
	err = w.check(s, w.acknowledged.Load())
	if err == nil {
		return nil
	}
	got, _ := Facts(s, nil, nil)
	if slices.ContainsFunc(w.refused, func(state []string) bool { return slices.Equal(got, state) }) {
		return nil
	}
	return err
}

// FaultRound makes one writer append while the disk has a fault, counted from
// the first append on. It checks that nothing is acknowledged that is not
// durable, that of a refused batch nothing is there, that appending works again
// when the fault is over, and all that again after a crash.
func FaultRound(seed uint64, fault Fault, open OpenOn) error {
	disk := NewDisk()
	s, err := open(disk)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	w := newWriter(0, seed)
	fault.From += disk.Operations()
	disk.Fail(fault)
	w.run(s, 12)
	disk.Fail(Fault{})
	if err := w.checkBroken(disk.Crash(seed, 0), open); err != nil {
		return fmt.Errorf("power failure while it is broken: %w", err)
	}
	for tries := 0; ; tries++ {
		err := w.append(s, broker.Durable)
		if err == nil {
			break
		}
		if tries > 2000 {
			return fmt.Errorf("it does not recover: %w", err)
		}
		<-time.After(time.Millisecond)
	}
	w.states = w.states[len(w.states)-1:] // now exactly what was acknowledged
	if err := w.check(s, 0); err != nil {
		return fmt.Errorf("after it recovered: %w", err)
	}
	if err := s.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	after, err := open(disk.Crash(seed, 0))
	if err != nil {
		return fmt.Errorf("open after the end: %w", err)
	}
	defer func() { _ = after.Close() }()
	return w.check(after, 0)
}
