package topic

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
)

// TestLinear holds every operation to time linear in its input: one run on 32 times the
// input may take 8 times as long as 32 runs, while quadratic work takes 32 times as
// long. One of ten attempts must do, so that a busy machine fails nobody.
func TestLinear(t *testing.T) {
	const small, factor, tolerance, attempts = 1000, 32, 8, 10
	tests := []struct {
		desc string
		work func(size int) (run func())
	}{
		{"Match +/+/…", func(size int) func() {
			filter, name := strings.Repeat("+/", size)+"b", strings.Repeat("a/", size)+"c"
			return func() { Match(filter, name) }
		}},
		{"Filters.Add and Remove", func(size int) func() {
			filter := strings.Repeat("+/a/", size/2)
			return func() {
				var f Filters[int]
				f.Add(filter, 1)
				f.Remove(filter, 1)
			}
		}},
		{"Filters.Match two ways at every level", func(size int) func() {
			var f Filters[int]
			f.Add(strings.Repeat("a/", size)+"+", 1)
			for i := range 8 { // leave the way of "a" after a few levels
				f.Add(strings.Repeat("a/", i)+"+/"+strings.Repeat("a/", size-i)+"c", 1)
			}
			name := strings.Repeat("a/", size) + "b"
			return func() { f.Match(nil, name) }
		}},
		{"Names.Set, Match and Delete of a deep name", func(size int) func() {
			name := strings.Repeat("a/", size)
			filter := strings.Repeat("+/", size)
			return func() {
				var n Names[int]
				n.Set(name, 1)
				for range n.Match(filter) {
				}
				for range n.All() {
				}
				n.Delete(name)
			}
		}},
		{"many values of one filter", func(size int) func() {
			return func() {
				var f Filters[int]
				for v := range size {
					f.Add("a", v)
				}
				for v := range size {
					f.Remove("a", v)
				}
			}
		}},
		{"many filters", func(size int) func() {
			filters := make([]string, size)
			for i := range filters {
				filters[i] = fmt.Sprint(i, "/+")
			}
			return func() {
				var f Filters[int]
				for _, filter := range filters {
					f.Add(filter, 1)
				}
				for _, filter := range filters {
					f.Remove(filter, 1)
				}
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.desc, func(t *testing.T) {
			short, long := tt.work(small), tt.work(small*factor)
			var many, one time.Duration
			for range attempts {
				many, one = elapsed(factor, short), elapsed(1, long)
				if one <= many*tolerance {
					return
				}
			}
			t.Errorf("%d times the input takes %v, and %d runs %v", factor, one, factor, many)
		})
	}
}

func elapsed(times int, run func()) time.Duration {
	start := time.Now()
	for range times {
		run()
	}
	return time.Since(start)
}

// TestHostileDepth gives 32,000 levels, which no Validate function would let pass, to all.
func TestHostileDepth(t *testing.T) {
	t.Parallel()
	const depth = 32000
	name := strings.Repeat("a/", depth) + "a"
	for _, filter := range []string{name, strings.Repeat("+/", depth) + "+", strings.Repeat("a/", depth) + "#", strings.Repeat("/", 2*depth)} {
		want := filter[0] != '/'
		var f Filters[int]
		f.Add(filter, 1)
		f.Add(strings.Repeat("a/", depth/2)+"#", 1)
		if got := len(f.Match(nil, name)) == 2; got != want || Match(filter, name) != want {
			t.Errorf("%.4s… matches: %v and %v, want %v", filter, got, Match(filter, name), want)
		}
		f.Remove(filter, 1)
		if got := nodes(&f.wild); got != depth/2+1 {
			t.Errorf("%.4s…: %d nodes left, want %d", filter, got, depth/2+1)
		}
		var n Names[int]
		n.Set(name, 1)
		got := false
		for range n.Match(filter) {
			got = true
		}
		if got != want {
			t.Errorf("%.4s… matches the name: %v, want %v", filter, got, want)
		}
	}
}

// TestHostileWildcards adds all filters of twelve levels of "a" or "+": a name that all
// of them match must still be cheap, and yield each once.
func TestHostileWildcards(t *testing.T) {
	t.Parallel()
	const levels = 12
	var f Filters[int]
	for bits := range 1 << levels {
		filter := make([]string, levels)
		for i := range filter {
			filter[i] = "a+"[bits>>i&1:][:1]
		}
		f.Add(strings.Join(filter, "/"), bits)
	}
	seen := map[int]bool{}
	for _, v := range f.Match(nil, strings.Repeat("a/", levels-1)+"a") {
		if seen[v] {
			t.Errorf("%b matches twice", v)
		}
		seen[v] = true
	}
	if len(seen) != 1<<levels {
		t.Errorf("%d filters match, want %d", len(seen), 1<<levels)
	}
}

// TestMemoryReturns fills indexes and empties them, first nearly and then wholly.
func TestMemoryReturns(t *testing.T) {
	const n = 20_000
	var f Filters[int]
	var names Names[int]
	each := func(from int, visit func(filter, name string, i int)) {
		for i := from; i < n; i++ {
			for _, k := range kinds {
				visit(fmt.Sprintf(k.filter, i), fmt.Sprintf(k.name, i), i)
			}
		}
	}
	empty := heap()
	each(0, func(filter, name string, i int) {
		f.Add(filter, i)
		f.Add("many/+", i)
		f.Add("many", i)
		names.Set(name, i)
	})
	full := heap() - empty
	remove := func(filter, name string, i int) {
		f.Remove(filter, i)
		f.Remove("many/+", i)
		f.Remove("many", i)
		names.Delete(name)
	}
	each(n/20, remove)
	if left := heap() - empty; left > full/5 {
		t.Errorf("with a twentieth left, %d of %d bytes are in use, want at most %d", left, full, full/5)
	}
	each(0, remove)
	if left := heap() - empty; left > full/100 {
		t.Errorf("with nothing left, %d of %d bytes are in use, want at most %d", left, full, full/100)
	}
	if f.Len() != 0 || names.Len() != 0 {
		t.Errorf("%d pairs and %d names are left, want none", f.Len(), names.Len())
	}
	runtime.KeepAlive(&f)
	runtime.KeepAlive(&names)
}

// TestFiltersMemory bounds what a distinct filter costs.
func TestFiltersMemory(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.kind, func(t *testing.T) {
			const n, want = 100_000, 250
			before := heap()
			f := fill(k.filter, n)
			if got := (heap() - before) / n; got > want {
				t.Errorf("%d bytes a filter, want at most %d", got, want)
			}
			runtime.KeepAlive(f)
		})
	}
}

func TestFiltersMatchAllocatesNothing(t *testing.T) {
	var f Filters[int]
	for _, filter := range []string{"a/b/c", "a/+/c", "a/#", "#", "+/+/+", "+/b/+", "a/+/#"} {
		f.Add(filter, 1)
	}
	dst := make([]int, 0, 7)
	if got := testing.AllocsPerRun(100, func() { dst = f.Match(dst[:0], "a/b/c") }); got != 0 || len(dst) != 7 {
		t.Errorf("%d values match with %v allocations, want 7 with none", len(dst), got)
	}
}

// TestValuesOrder pins the order that values documents, and that a pair counts once.
func TestValuesOrder(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, maxSearch, maxSearch + 1, 1000} {
		var f Filters[int]
		for v := range n {
			f.Add("a", v)
			f.Add("a", v)
		}
		got := f.Match(nil, "a")
		if len(got) != n || f.Len() != n {
			t.Fatalf("%d values match and Len() = %d, want %d", len(got), f.Len(), n)
		}
		for i, v := range got {
			if v != i {
				t.Fatalf("of %d values the one at %d is %d", n, i, v)
			}
		}
		if f.Remove("a", n) || f.Remove("b", 0) || f.Remove("a/+", 0) {
			t.Errorf("of %d values one is removed that was not there", n)
		}
		if !f.Remove("a", 0) {
			t.Errorf("of %d values the first is not removed", n)
		}
		if got := f.Match(nil, "a"); n > 1 && got[0] != n-1 {
			t.Errorf("of %d values the last does not take the place of the first: %v", n, got[0])
		}
	}
}

// TestZeroValues asks empty indexes everything.
func TestZeroValues(t *testing.T) {
	t.Parallel()
	var f Filters[int]
	if got := f.Match(nil, "a"); got != nil || f.Len() != 0 || f.Remove("a", 1) || f.Remove("+", 1) {
		t.Errorf("an empty Filters matches %v or removes", got)
	}
	var n Names[int]
	if _, ok := n.Get("a"); ok {
		t.Error("an empty Names has a")
	}
	if _, deleted := n.Delete("a"); deleted {
		t.Error("an empty Names deletes a")
	}
	for name := range n.Match("#") {
		t.Errorf("an empty Names yields %q", name)
	}
}

// TestIndexesDoNotBorrow changes the bytes behind the strings, as the next packet in a
// read buffer does.
func TestIndexesDoNotBorrow(t *testing.T) {
	t.Parallel()
	buffer := make([]byte, 16)
	borrow := func(s string) string { return unsafe.String(&buffer[0], copy(buffer, s)) }
	var f Filters[int]
	f.Add(borrow("exact/a/b/c"), 1)
	f.Add(borrow("exact/a/b/+"), 2)
	var n Names[int]
	n.Set(borrow("exact/a/b/c"), 3)
	clear(buffer)
	if got := f.Match(nil, "exact/a/b/c"); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("Filters.Match = %v, want [1 2]", got)
	}
	if got, want := maps.Collect(n.All()), map[string]int{"exact/a/b/c": 3}; !maps.Equal(got, want) {
		t.Errorf("Names.All = %v, want %v", got, want)
	}
}

func TestNamesStopEarly(t *testing.T) {
	t.Parallel()
	var n Names[int]
	for i := range 100 {
		n.Set(fmt.Sprintf("a/%d", i), i)
	}
	found := 0
	for range n.Match("a/+") {
		if found++; found == 10 {
			break
		}
	}
	if found != 10 {
		t.Errorf("the loop ran %d times, want 10", found)
	}
	for name := range n.All() { // not allowed: some may be missed, but it must not crash
		n.Delete(name)
		n.Set("b", 1)
	}
}

// TestMatchConcurrently lets the race detector look for writes in what only reads.
func TestMatchConcurrently(t *testing.T) {
	t.Parallel()
	f := fill("a/%d/+", 1000)
	var n Names[int]
	n.Set("a/1/b", 1)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 1000 {
				if got := len(f.Match(nil, fmt.Sprintf("a/%d/b", i))); got != 1 {
					t.Errorf("%d values match, want 1", got)
				}
				for range n.Match("a/+/b") {
				}
			}
		})
	}
	wg.Wait()
}
