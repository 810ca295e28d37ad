package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
)

// Opener opens a store on one medium. It is called again only when the store
// that it returned last is closed.
type Opener func() (broker.Store, error)

// Run is the contract of broker.Store. For each part of it, medium makes a new
// empty medium.
func Run(t *testing.T, medium func(t *testing.T) Opener) {
	t.Helper()
	for _, p := range parts() {
		t.Run(p.name, func(t *testing.T) { p.run(t, medium(t)) })
	}
}

// Violations runs the contract and returns the parts that fail, with what was
// said; a good store has none.
func Violations(medium func() Opener) []string {
	var all []string
	for _, p := range parts() {
		r := recorder{name: p.name}
		ended := make(chan struct{})
		go func() { // Fatalf ends it
			defer close(ended)
			p.run(&r, medium())
		}()
		<-ended
		if text := r.text(); text != "" {
			all = append(all, p.name+": "+text)
		}
	}
	return all
}

type part struct {
	name string
	test func(*bench)
}

func parts() []part {
	return []part{
		{"an empty store has no facts", empty},
		{"keys are ordered as bytes", ordered},
		{"from is in the range, to is not", bounded},
		{"facts of a batch apply in order", batchInOrder},
		{"batches apply in order", batchesInOrder},
		{"what is appended eventually is seen at once", eventuallySeen},
		{"a range removal takes what waits", eventuallyRemoved},
		{"a bad fact refuses its batch", badFacts},
		{"the caller may use its bytes again", bytesReused},
		{"a range does not see what comes later", rangeIsSnapshot},
		{"large values and batches", large},
		{"facts survive closing", reopened},
		{"a closed store refuses", closed},
		{"many goroutines append", concurrent},
		{"no reader sees half a batch", wholeBatches},
		{"random operations", model},
	}
}

// run tests one part on a new medium.
func (p *part) run(r reporter, open Opener) {
	b := &bench{reporter: r, open: open}
	b.reopen()
	defer func() {
		if err := b.store.Close(); err != nil {
			b.Errorf("close: %v", err)
		}
	}()
	p.test(b)
}

// bench holds the store under test.
type bench struct {
	reporter
	open  Opener
	store broker.Store
}

// reopen closes the store, if there is one, and opens it again.
func (b *bench) reopen() {
	b.Helper()
	if b.store != nil {
		if err := b.store.Close(); err != nil {
			b.Fatalf("close: %v", err)
		}
	}
	s, err := b.open()
	if err != nil {
		b.Fatalf("open: %v", err)
	}
	b.store = s
}

func (b *bench) append(d broker.Durability, facts ...broker.Fact) {
	b.Helper()
	if err := b.store.Append(facts, d); err != nil {
		b.Fatalf("append %s: %v", Text(facts), err)
	}
}

// holds compares all facts with want, "key=value" each.
func (b *bench) holds(want ...string) {
	b.Helper()
	b.between(nil, nil, want...)
}

func (b *bench) between(from, to []byte, want ...string) {
	b.Helper()
	got, err := Facts(b.store, from, to)
	if err != nil {
		b.Fatalf("range: %v", err)
	}
	if !slices.Equal(got, want) {
		b.Fatalf("range from %q to %q:\n got %q\nwant %q", from, to, got, want)
	}
}

// Put is the fact that key has value.
func Put(key, value string) broker.Fact { return broker.Fact{Key: []byte(key), Value: []byte(value)} }

// Remove is the fact that key is no more.
func Remove(key string) broker.Fact { return broker.Fact{Key: []byte(key)} }

// RemoveRange is the fact that nothing is left from key up to end.
func RemoveRange(key, end string) broker.Fact {
	return broker.Fact{Key: []byte(key), End: []byte(end)}
}

// Facts returns what Range yields, "key=value" each.
func Facts(s broker.Store, from, to []byte) ([]string, error) {
	var all []string
	err := s.Range(from, to, func(key, value []byte) bool {
		all = append(all, string(key)+"="+string(value))
		return true
	})
	return all, err
}

// Text writes facts for people.
func Text(facts []broker.Fact) string {
	var b bytes.Buffer
	for i, f := range facts {
		if i > 0 {
			b.WriteString(", ")
		}
		switch {
		case f.End != nil:
			fmt.Fprintf(&b, "remove %.40q up to %.40q", f.Key, f.End)
		case f.Value != nil:
			fmt.Fprintf(&b, "%.40q=%.40q", f.Key, f.Value)
		default:
			fmt.Fprintf(&b, "remove %.40q", f.Key)
		}
	}
	return b.String()
}

func empty(b *bench) {
	b.holds()
	b.append(broker.Durable)
	b.append(broker.Eventually)
	b.holds()
}

func ordered(b *bench) {
	keys := []string{"\x00", "\x00\x00", "\x01", "a", "a\x00", "a\x00b", "aa", "ab", "b", "\xff", "\xff\xff"}
	for i := range keys {
		b.append(broker.Durability(i%2), Put(keys[(i*7)%len(keys)], ""))
	}
	want := make([]string, len(keys))
	for i, k := range keys {
		want[i] = k + "="
	}
	b.holds(want...)
}

func bounded(b *bench) {
	b.append(broker.Durable, Put("a", "1"), Put("b", "2"), Put("c", "3"))
	b.between([]byte("b"), nil, "b=2", "c=3")
	b.between(nil, []byte("b"), "a=1")
	b.between([]byte("b"), []byte("c"), "b=2")
	b.between([]byte("a\x00"), []byte("b\x00"), "b=2")
	b.between([]byte("b"), []byte("b"))
	b.between([]byte("c"), []byte("a"))
	b.between([]byte("d"), nil)
	n := 0
	err := b.store.Range(nil, nil, func(_, _ []byte) bool { n++; return n < 2 })
	if err != nil || n != 2 {
		b.Fatalf("stopped at the second fact: %d were yielded, %v", n, err)
	}
}

func batchInOrder(b *bench) {
	b.append(broker.Durable, Put("a", "1"), Put("a", "2"), Remove("a"), Put("a", "3"))
	b.holds("a=3")
	b.append(broker.Durable, Put("b", "1"), RemoveRange("a", "c"), Put("b", "2"), Put("c", "1"))
	b.holds("b=2", "c=1")
	b.append(broker.Durable, Put("bb", "1"), Remove("bb"), Remove("none"), RemoveRange("x", "z"))
	b.holds("b=2", "c=1")
}

func batchesInOrder(b *bench) {
	for i := range 100 {
		b.append(broker.Durability(i%2), Put("a", strconv.Itoa(i)), Put(fmt.Sprintf("b%02d", i), ""))
		b.between(nil, []byte("b"), fmt.Sprintf("a=%d", i))
	}
	b.append(broker.Eventually, RemoveRange("b", "c"))
	b.append(broker.Durable, Put("c", "1"))
	b.holds("a=99", "c=1")
	b.append(broker.Eventually, Remove("c"))
	b.holds("a=99")
	b.append(broker.Eventually, Put("c", "2"))
	b.append(broker.Durable, Remove("c"))
	b.holds("a=99")
}

func eventuallySeen(b *bench) {
	b.append(broker.Durable, Put("a", "1"), Put("c", "1"), Put("e", "1"))
	b.append(broker.Eventually, Put("b", "1"), Remove("c"), Put("d", "1"), Put("e", "2"), Put("f", ""))
	b.holds("a=1", "b=1", "d=1", "e=2", "f=")
	b.between([]byte("b"), []byte("e"), "b=1", "d=1")
	b.reopen()
	b.holds("a=1", "b=1", "d=1", "e=2", "f=")
}

func eventuallyRemoved(b *bench) {
	b.append(broker.Durable, Put("a", "1"), Put("b", "1"), Put("c", "1"))
	b.append(broker.Eventually, Put("bb", "1"))
	b.append(broker.Eventually, RemoveRange("b", "c"))
	b.holds("a=1", "c=1")
	b.append(broker.Eventually, Put("bbb", "2"))
	b.holds("a=1", "bbb=2", "c=1")
	b.append(broker.Durable, RemoveRange("bb", "d"))
	b.holds("a=1")
	b.append(broker.Eventually, RemoveRange("a", "b"))
	b.append(broker.Eventually, Put("a", "2"))
	b.append(broker.Eventually, RemoveRange("aa", "b"))
	b.reopen()
	b.holds("a=2")
}

func badFacts(b *bench) {
	b.append(broker.Durable, Put("a", "1"))
	for _, f := range []broker.Fact{
		{},
		{Value: []byte("1")},
		{Key: []byte("b"), End: []byte("b")},
		{Key: []byte("b"), End: []byte("a")},
		{Key: []byte("b"), Value: []byte("1"), End: []byte("c")},
	} {
		for _, d := range []broker.Durability{broker.Durable, broker.Eventually} {
			err := b.store.Append([]broker.Fact{Remove("a"), f, Put("c", "1")}, d)
			b.refused(err, "fact "+Text([]broker.Fact{f}))
			b.holds("a=1")
		}
	}
}

// refused fails unless the error tells the peer what kind it is.
func (b *bench) refused(err error, what string) {
	b.Helper()
	var code packet.ReasonCode
	switch {
	case err == nil:
		b.Errorf("%s: no error", what)
	case !errors.As(err, &code):
		b.Errorf("%s: error %q carries no reason code", what, err)
	}
}

func bytesReused(b *bench) {
	key, value, end := []byte("b"), []byte("1"), []byte("c")
	facts := []broker.Fact{{Key: key, Value: value}}
	for _, d := range []broker.Durability{broker.Durable, broker.Eventually} {
		copy(key, "b")
		copy(value, "1")
		facts[0] = broker.Fact{Key: key, Value: value}
		b.append(d, facts...)
		facts[0] = broker.Fact{}
		key[0], value[0] = 'x', 'x'
		b.holds("b=1")
		key[0] = 'b'
		b.append(d, broker.Fact{Key: key, End: end})
		key[0], end[0] = 'x', 'x'
		end[0] = 'c'
		b.holds()
	}
}

func rangeIsSnapshot(b *bench) {
	b.append(broker.Durable, Put("a", "1"), Put("c", "1"))
	b.append(broker.Eventually, Put("e", "1"))
	var got []string
	err := b.store.Range(nil, nil, func(key, value []byte) bool {
		got = append(got, string(key)+"="+string(value))
		b.append(broker.Eventually, Put("b", "2"), Put("f", "2"))
		b.append(broker.Durable, Put("c", "2"), Remove("e"))
		return b.store.Range(nil, nil, func(_, _ []byte) bool { return false }) == nil
	})
	if want := []string{"a=1", "c=1", "e=1"}; err != nil || !slices.Equal(got, want) {
		b.Fatalf("got %q, %v; want %q", got, err, want)
	}
	b.holds("a=1", "b=2", "c=2", "f=2")
}

func large(b *bench) {
	value := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	var facts []broker.Fact
	for i := range 12 {
		facts = append(facts, broker.Fact{Key: fmt.Appendf(nil, "k%02d", i), Value: value})
	}
	b.append(broker.Durable, facts...)
	b.append(broker.Eventually, facts[0], broker.Fact{Key: []byte("k98"), Value: value})
	b.append(broker.Durable, broker.Fact{Key: bytes.Repeat([]byte("k"), 1<<17), Value: []byte("1")})
	b.reopen()
	n := 0
	err := b.store.Range(nil, []byte("kk"), func(_, v []byte) bool {
		n++
		return bytes.Equal(v, value)
	})
	if err != nil || n != 13 {
		b.Fatalf("%d of 13 large values are whole, %v", n, err)
	}
	b.append(broker.Durable, RemoveRange("k", "l"))
	b.holds()
}

func reopened(b *bench) {
	b.append(broker.Durable, Put("a", "1"), Put("b", "1"))
	b.reopen()
	b.append(broker.Eventually, Put("c", "1"), Remove("a"))
	b.reopen()
	b.reopen()
	b.holds("b=1", "c=1")
	b.append(broker.Durable, RemoveRange("a", "d"))
	b.reopen()
	b.holds()
}

func closed(b *bench) {
	s := b.store
	b.append(broker.Durable, Put("a", "1"))
	b.reopen()
	b.refused(s.Append([]broker.Fact{Put("a", "2")}, broker.Durable), "append when closed")
	b.refused(s.Append([]broker.Fact{Put("a", "3")}, broker.Eventually), "append eventually when closed")
	b.refused(s.Range(nil, nil, func(_, _ []byte) bool { return true }), "range when closed")
	b.holds("a=1")
}
