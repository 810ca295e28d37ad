package topic

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

// kinds are the indexes that the benchmarks fill: n distinct filters, each with the
// name that matches it alone.
var kinds = []struct {
	kind         string
	filter, name string
}{
	{"exact", "p/%d", "p/%d"},
	{"plus-last", "dev/%d/+", "dev/%d/t"},
	{"plus-inside", "a/17/+/x%d", "a/17/b/x%d"},
	{"plus-hash", "+/%d/#", "p/%d/t/u"},
}

func fill(filter string, n int) *Filters[*int] {
	var f Filters[*int]
	v := new(int)
	for i := range n {
		f.Add(fmt.Sprintf(filter, i), v)
	}
	return &f
}

// BenchmarkFiltersMatch publishes to names drawn at random from all (so that 200,000
// filters do not fit the processor's cache), and to one name again and again.
func BenchmarkFiltersMatch(b *testing.B) {
	for _, k := range kinds {
		for _, n := range []int{1000, 200_000} {
			f := fill(k.filter, n)
			names := make([]string, 8192)
			for i := range names {
				names[i] = fmt.Sprintf(k.name, rand.IntN(n))
			}
			for _, draw := range []struct {
				desc string
				mask int
			}{{"any", len(names) - 1}, {"same", 0}} {
				b.Run(fmt.Sprintf("%s/n=%d/%s", k.kind, n, draw.desc), func(b *testing.B) {
					b.ReportAllocs()
					var dst []*int
					for i := 0; b.Loop(); i++ {
						if dst = f.Match(dst[:0], names[i&draw.mask]); len(dst) != 1 {
							b.Fatalf("%d values match, want 1", len(dst))
						}
					}
				})
			}
		}
	}
}

func BenchmarkFiltersMatchFanOut(b *testing.B) {
	var f Filters[*int]
	for range 1000 {
		f.Add("house/+/temperature", new(int))
	}
	var dst []*int
	b.ReportAllocs()
	for b.Loop() {
		dst = f.Match(dst[:0], "house/kitchen/temperature")
	}
	if len(dst) != 1000 {
		b.Fatalf("%d values match, want 1000", len(dst))
	}
}

// BenchmarkFiltersAddRemove adds and removes one filter beside others.
func BenchmarkFiltersAddRemove(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.kind, func(b *testing.B) {
			f := fill(k.filter, 100_000)
			filter, v := fmt.Sprintf(k.filter, 100_001), new(int)
			b.ReportAllocs()
			for b.Loop() {
				f.Add(filter, v)
				f.Remove(filter, v)
			}
		})
	}
}

// BenchmarkFiltersLeave adds 10,000 values to one filter and removes them, first come
// first gone; the time is that of one value.
func BenchmarkFiltersLeave(b *testing.B) {
	values := make([]*int, 10_000)
	for i := range values {
		values[i] = new(int)
	}
	for b.Loop() {
		var f Filters[*int]
		for _, v := range values {
			f.Add("a/+", v)
		}
		for _, v := range values {
			f.Remove("a/+", v)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(values)), "ns/value")
}

// BenchmarkFiltersMemory reports what a distinct filter costs, nodes and strings.
func BenchmarkFiltersMemory(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.kind, func(b *testing.B) {
			const n = 200_000
			var f *Filters[*int]
			before := heap()
			for b.Loop() {
				f = fill(k.filter, n)
			}
			b.ReportMetric(float64(heap()-before)/n, "B/filter")
			runtime.KeepAlive(f)
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, filter := range []string{"house/kitchen/oven/temperature", "house/+/oven/+", "house/#"} {
		b.Run(filter, func(b *testing.B) {
			for b.Loop() {
				Match(filter, "house/kitchen/oven/temperature")
			}
		})
	}
}

func BenchmarkValidateName(b *testing.B) {
	for b.Loop() {
		ValidateName("house/kitchen/oven/temperature")
	}
}

// BenchmarkNamesMatch looks among 100,000 names; the time is that of one name found.
func BenchmarkNamesMatch(b *testing.B) {
	var names Names[*int]
	for i := range 100_000 {
		names.Set(fmt.Sprintf("house/%d/room/%d", i/10, i%10), new(int))
	}
	for _, filter := range []string{"#", "house/+/room/3", "house/77/#", "house/77/room/7"} {
		b.Run(filter, func(b *testing.B) {
			b.ReportAllocs()
			found := 0
			for b.Loop() {
				for range names.Match(filter) {
					found++
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(found), "ns/name")
		})
	}
}

func BenchmarkNamesMemory(b *testing.B) {
	const n = 200_000
	var names Names[*int]
	v := new(int)
	before := heap()
	for b.Loop() {
		names = Names[*int]{}
		for i := range n {
			names.Set(fmt.Sprintf("house/%d/state", i), v)
		}
	}
	b.ReportMetric(float64(heap()-before)/n, "B/name")
	runtime.KeepAlive(&names)
}

// heap returns how many bytes are in use after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
