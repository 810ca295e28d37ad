package session_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// diary is the store of a durable session in a model: what is written in it
// survives a crash, but for the last removals.
type diary struct {
	records map[uint64]session.Record
	removed []session.Record // might come back
	held    []heldMessage    // not written yet
}

type heldMessage struct {
	number int // of the message in the model
	record session.Record
}

func (d *diary) hold(number int, r session.Record) { d.held = append(d.held, heldMessage{number, r}) }

// release writes that a message of QoS 2 is released.
func (d *diary) release(number uint64) {
	if d == nil || number == 0 {
		return
	}
	d.records[number] = session.Record{Number: number, Released: true}
	d.removed = nil
}

func (d *diary) remove(number uint64) {
	d.removed = append(d.removed, d.records[number])
	delete(d.records, number)
}

// from returns n records from a number on, in order.
func (d *diary) from(number uint64, n int) (some []session.Record) {
	var numbers []uint64
	for k := range d.records {
		if k >= number {
			numbers = append(numbers, k)
		}
	}
	slices.Sort(numbers)
	for _, k := range numbers[:min(n, len(numbers))] {
		some = append(some, d.records[k])
	}
	return some
}

// settle writes a held message, or fails to.
func (m *model) settle(arg byte) {
	d := m.store
	if len(d.held) == 0 {
		return
	}
	i := int(arg>>2) % len(d.held)
	h := d.held[i]
	d.held = slices.Delete(d.held, i, i+1)
	if arg&3 == 3 {
		m.session.Fail(h.record.Number)
		return
	}
	d.records[h.record.Number] = h.record
	d.removed = nil
	m.pushed[h.number] = true
	m.session.Settle(h.record.Number, 0)
	m.session.Fill(&m.out, m.now)
}

// crash begins a new process with what the diary has.
func (m *model) crash(arg byte) {
	d := m.store
	for range min(int(arg), len(d.removed)) {
		last := len(d.removed) - 1
		d.records[d.removed[last].Number] = d.removed[last]
		d.removed = d.removed[:last]
		m.revived++
	}
	d.removed, d.held = nil, nil
	m.revived += int(m.limits.MaxInflight) // what was under way may have to wait again
	m.session = session.New(&m.limits)
	m.session.SetDurable()
	m.out.Take()
	for _, r := range d.from(0, len(d.records)) {
		if from, n := m.session.Paged(); n > 0 && r.Released {
			m.session.Page(from, n, d.from(from, n))
		}
		m.session.Restore(r)
	}
}

// keepUp does what a broker does after each call.
func (m *model) keepUp() error {
	for {
		for _, e := range m.session.TakeEnded() {
			m.store.remove(e.Number)
		}
		from, n := m.session.Missing()
		if n == 0 {
			return nil
		}
		if lost := m.session.Page(from, n, m.store.from(from, n)); lost != 0 {
			return fmt.Errorf("%d of %d messages from %d on are not in the store", lost, n, from)
		}
		m.session.Fill(&m.out, m.now)
		if err := m.read(); err != nil {
			return err
		}
	}
}

// runDurable plays operations of two bytes on a durable session.
func runDurable(ops []byte) error {
	if len(ops) < 2 {
		return nil
	}
	m := newModel(session.Limits{
		MaxInflight: uint16(ops[0]&7) + 1, MaxQueued: int(ops[0]>>3) * 2, MaxLoaded: int(ops[1]&7) + 1, MaxLoadedBytes: 30 + int(ops[1]>>3),
	})
	m.store = &diary{records: map[uint64]session.Record{}}
	m.session.SetDurable()
	for i := 2; i+1 < len(ops); i += 2 {
		op, arg := ops[i], ops[i+1]
		var err error
		switch {
		case op < 100:
			err = m.step(op, arg)
		case op < 200:
			m.settle(arg)
			err = m.read()
		case op < 210:
			m.crash(arg)
		}
		if err == nil {
			err = m.keepUp()
		}
		if err != nil {
			return fmt.Errorf("step %d: %w", i/2, err)
		}
	}
	for len(m.store.held) > 0 {
		m.settle(0)
	}
	m.connect(0)
	for range 10 * (len(ops) + 1) {
		if err := m.read(); err != nil {
			return err
		}
		for op := byte(4); op < 8; op++ {
			if err := m.step(op, 0); err != nil {
				return err
			}
		}
		if err := m.keepUp(); err != nil {
			return err
		}
	}
	for number, accepted := range m.pushed {
		if accepted != m.arrived[number] {
			return fmt.Errorf("message %d: accepted %v, arrived %v", number, accepted, m.arrived[number])
		}
	}
	if n := len(m.store.records); n > 0 {
		return fmt.Errorf("%d messages stay in the store", n)
	}
	if n, bytes := m.session.Queued(); n != 0 || bytes != 0 {
		return fmt.Errorf("%d messages of %d bytes wait for nothing", n, bytes)
	}
	return nil
}

// A durable session loses nothing that is stored, sends nothing twice that must
// come once, and keeps order and identifiers, whatever crashes.
func TestDurableModel(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 1000 {
		ops := make([]byte, 2+r.IntN(400))
		for i := range ops {
			ops[i] = byte(r.Uint32())
		}
		if err := runDurable(ops); err != nil {
			t.Fatalf("seed %d: %v: %x", seed, err, ops)
		}
	}
}

func FuzzDurableSession(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 2, 1, 150, 0, 2, 2, 150, 0, 4, 0, 205, 1, 0, 1, 5, 0, 6, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 4096 {
			return
		}
		if err := runDurable(ops); err != nil {
			t.Fatal(err)
		}
	})
}

// A packet identifier follows from the number also when those between have
// failed, and past the last identifier.
func TestNumbersGiveIdentifiers(t *testing.T) {
	t.Parallel()
	s := session.New(&session.Limits{MaxLoaded: 10, MaxLoadedBytes: 1000})
	s.SetDurable()
	s.Restore(session.Record{Number: 65534, Message: message(1, []byte("a")), QoS: 1})
	s.Attach(&packet.Connect{Version: packet.V311}, &session.Terms{})
	var out session.Output
	s.Fill(&out, start)
	for _, fails := range []bool{false, true, false, false} {
		push(s, &out, message(1, []byte("b")))
		if n := s.LastHeld().Number; fails {
			s.Fail(n)
		} else {
			s.Settle(n, 0)
		}
		s.Fill(&out, start)
	}
	if got, want := sentIDs(t, &out), []uint16{65534, 65535, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("identifiers %v, want %v", got, want)
	}
}

// The numbers that NextNumber gives go up and have the identifiers asked for.
func TestNextNumber(t *testing.T) {
	t.Parallel()
	const identifiers = 65535
	last := uint64(0)
	for _, id := range []uint16{0, 1, 7, 0, 65535, 0, 3, 2, 2, 65535} {
		next := session.NextNumber(last, id)
		if got := uint16((next-1)%identifiers + 1); next <= last || next > last+identifiers || id != 0 && got != id {
			t.Errorf("after %d, %d has identifier %d, want %d", last, next, got, id)
		}
		last = next
	}
}
