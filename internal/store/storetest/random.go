package storetest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/zancudomq/zancudo/broker"
)

// SeedVariable names the environment variable that repeats one seed.
const SeedVariable = "ZANCUDO_STORE_SEED"

// Seeds returns n seeds, or only the one that SeedVariable gives. A test that
// fails prints Repro of its seed.
func Seeds(tb reporter, n int) []uint64 {
	tb.Helper()
	if text := os.Getenv(SeedVariable); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			tb.Fatalf("%s: %v", SeedVariable, err)
		}
		return []uint64{seed}
	}
	seeds := make([]uint64, n)
	for i := range seeds {
		seeds[i] = uint64(i + 1)
	}
	return seeds
}

// Repro is the command that runs a test again with one seed.
func Repro(tb reporter, seed uint64) string {
	tb.Helper()
	name, _, _ := strings.Cut(tb.Name(), "/")
	return fmt.Sprintf("%s=%d go test -run '^%s$' .", SeedVariable, seed, name)
}

// RandomBatch makes facts over a few keys, so that they meet often: keys are
// the prefix and two letters.
func RandomBatch(r *rand.Rand, prefix string) []broker.Fact {
	key := func() string { return prefix + string(rune('a'+r.IntN(4))) + string(rune('a'+r.IntN(4))) }
	facts := make([]broker.Fact, 1+r.IntN(4))
	for i := range facts {
		switch r.IntN(8) {
		case 0, 1:
			facts[i] = Remove(key())
		case 2:
			k := key()
			facts[i] = RemoveRange(k, k+strconv.Itoa(r.IntN(10))) // a short range
			if end := key(); end > k {
				facts[i] = RemoveRange(k, end)
			}
		default:
			facts[i] = Put(key(), strconv.Itoa(r.IntN(1000))+strings.Repeat("x", r.IntN(64)))
		}
	}
	return facts
}

// model compares a store with Memory through random batches, ranges and reopening.
func model(b *bench) {
	for _, seed := range Seeds(b, 20) {
		r := rand.New(rand.NewPCG(seed, 0))
		var m Memory
		want, _ := m.Open()
		b.append(broker.Durable, RemoveRange("\x00", "\xff"))
		for range 100 {
			switch r.IntN(20) {
			case 0:
				b.reopen()
			case 1, 2, 3:
				from, to := []byte{byte('a' + r.IntN(4))}, []byte{byte('a' + r.IntN(5))}
				expected, _ := Facts(want, from, to)
				b.between(from, to, expected...)
			default:
				facts := RandomBatch(r, "")
				b.append(broker.Durability(r.IntN(2)), facts...)
				_ = want.Append(facts, broker.Durable)
			}
			if expected, _ := Facts(want, nil, nil); b.differs(expected) {
				b.Fatalf("seed %d: again with %s", seed, Repro(b, seed))
			}
		}
	}
}

func (b *bench) differs(want []string) bool {
	b.Helper()
	got, err := Facts(b.store, nil, nil)
	if err != nil || !slices.Equal(got, want) {
		b.Errorf("got  %q, %v\nwant %q", got, err, want)
		return true
	}
	return false
}

// concurrent lets goroutines append to keys of their own; each counts up.
func concurrent(b *bench) {
	const writers, rounds = 8, 40
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range rounds {
				facts := []broker.Fact{Put(fmt.Sprintf("last%d", w), strconv.Itoa(i)), Put(fmt.Sprintf("each%d/%02d", w, i), "")}
				if err := b.store.Append(facts, broker.Durability(i%2)); err != nil {
					b.Errorf("append: %v", err)
				}
			}
		})
	}
	all.Wait()
	var want []string
	for w := range writers {
		for i := range rounds {
			want = append(want, fmt.Sprintf("each%d/%02d=", w, i))
		}
	}
	for w := range writers {
		want = append(want, fmt.Sprintf("last%d=%d", w, rounds-1))
	}
	b.holds(want...)
	b.reopen()
	b.holds(want...)
}

// wholeBatches has writers that give two keys the same value, and readers that
// compare them.
func wholeBatches(b *bench) {
	const rounds = 100
	b.append(broker.Durable, Put("a", "0"), Put("z", "0"))
	var all sync.WaitGroup
	for w := range 2 {
		all.Go(func() {
			for i := range rounds {
				v := fmt.Sprintf("%d.%d", w, i)
				facts := []broker.Fact{Put("a", v), RemoveRange("b", "y"), Put("m"+v, ""), Put("z", v)}
				if err := b.store.Append(facts, broker.Durability((i+w)%2)); err != nil {
					b.Errorf("append: %v", err)
				}
			}
		})
	}
	all.Go(func() {
		for range rounds {
			got, err := Facts(b.store, nil, nil)
			if err != nil || len(got) < 2 || got[0][2:] != got[len(got)-1][2:] || len(got) > 3 {
				b.Errorf("half a batch is seen: %q, %v", got, err)
				return
			}
		}
	})
	all.Wait()
}
