package store_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/store"
	"github.com/zancudomq/zancudo/internal/store/storetest"
)

const many = 2000

// filled makes a store with tables and a log: many facts, some replaced, some removed.
func filled(t *testing.T, rounds int) (store.Options, []string) {
	t.Helper()
	o := store.Options{Dir: filepath.Join(t.TempDir(), "store"), MemTableBytes: 128 << 10}
	s := open(t, o)
	for round := range rounds {
		for i := range many {
			put(t, s, broker.Eventually, storetest.Put(fmt.Sprintf("k%05d", i), fmt.Sprintf("%d/%d/%s", i, round, strings.Repeat("x", 200))))
			if i%100 == 99 {
				put(t, s, broker.Durable)
			}
		}
	}
	put(t, s, broker.Durable, storetest.RemoveRange("k00500", "k00600"), storetest.Remove("k00001"))
	want, err := storetest.Facts(s, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	return o, want
}

// files returns the names of the store's files, the largest last.
func files(t *testing.T, o store.Options, pattern string) []string {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(o.Dir, "facts", pattern))
	if len(names) == 0 {
		t.Fatalf("there is no %s", pattern)
	}
	size := func(name string) int64 { info, _ := os.Stat(name); return info.Size() }
	for i, name := range names {
		if size(name) > size(names[len(names)-1]) {
			names[i], names[len(names)-1] = names[len(names)-1], name
		}
	}
	return names
}

func flip(t *testing.T, name string, at func(size int) int) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	i := at(len(b))
	for j := i; j < min(i+8, len(b)); j++ {
		b[j] ^= 0x55
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	middle := func(size int) int { return size / 2 }
	tests := []struct {
		name   string
		damage func(t *testing.T, o store.Options)
		least  int // facts that are saved
	}{
		{"a block of a table", func(t *testing.T, o store.Options) {
			t.Helper()
			flip(t, files(t, o, "*.sst")[len(files(t, o, "*.sst"))-1], middle)
		}, many / 2},
		{"the end of a table", func(t *testing.T, o store.Options) {
			t.Helper()
			flip(t, files(t, o, "*.sst")[0], func(size int) int { return size - 8 })
		}, 100},
		{"a table is gone", func(t *testing.T, o store.Options) {
			t.Helper()
			_ = os.Remove(files(t, o, "*.sst")[0])
		}, 100},
		{"the list of tables", func(t *testing.T, o store.Options) {
			t.Helper()
			for _, name := range files(t, o, "MANIFEST*") {
				flip(t, name, func(int) int { return 3 })
			}
		}, many - 200},
		{"the list of tables is gone", func(t *testing.T, o store.Options) {
			t.Helper()
			for _, name := range append(files(t, o, "MANIFEST*"), files(t, o, "marker.manifest*")...) {
				_ = os.Remove(name)
			}
		}, many - 200},
		{"the first block of a log", func(t *testing.T, o store.Options) {
			t.Helper()
			names := files(t, o, "*.log")
			flip(t, names[len(names)-1], func(int) int { return 300 })
		}, many - 200},
		{"a byte of a log", func(t *testing.T, o store.Options) {
			t.Helper()
			names := files(t, o, "*.log")
			flip(t, names[len(names)-1], middle)
		}, many / 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, want := filled(t, 2)
			if r, err := store.Check(o); err != nil || len(r.Damages) > 0 || r.Facts != len(want) {
				t.Fatalf("before: %v, %v", &r, err)
			}
			tt.damage(t, o)
			before := snapshot(t, o.Dir)
			r, err := store.Check(o)
			if diff := cmp.Diff(before, snapshot(t, o.Dir)); diff != "" {
				t.Errorf("the check has changed files (-before +after):\n%s", diff)
			}
			if err != nil || len(r.Damages) == 0 {
				t.Fatalf("the check finds nothing: %v, %v", &r, err)
			}
			s := open(t, o)
			got, err := storetest.Facts(s, nil, nil) // may be where the damage is met
			if err != nil {
				t.Fatal(err)
			}
			if len(got) < tt.least || len(got) > many {
				t.Errorf("%d facts of %d are there", len(got), len(want))
			}
			reports := s.Reports()
			if len(reports) != 1 || len(reports[0].Damages) == 0 {
				t.Fatalf("reports: %v", reports)
			}
			if b, err := os.ReadFile(filepath.Join(reports[0].Quarantine, "report.txt")); err != nil || string(b) != reports[0].String() {
				t.Errorf("report.txt: %q, %v", b, err)
			}
			put(t, s, broker.Durable, storetest.Put("after", "1"))
			closed(t, s)
			if r, err := store.Check(o); err != nil || len(r.Damages) > 0 {
				t.Errorf("after: %v, %v", &r, err)
			}
		})
	}
}

// TestDamageIsExact: of one damaged block nothing is lost outside the keys that the report names.
func TestDamageIsExact(t *testing.T) {
	t.Parallel()
	o, want := filled(t, 1)
	names := files(t, o, "*.sst")
	flip(t, names[len(names)-1], func(size int) int { return size / 2 })
	s := open(t, o)
	got, err := storetest.Facts(s, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, fact := range got {
		there[fact] = true
	}
	damages := s.Reports()[0].Damages
	if len(damages) != 1 || damages[0].From == nil || damages[0].To == nil {
		t.Fatalf("damages: %v", damages)
	}
	lost := 0
	for _, fact := range want {
		if there[fact] {
			continue
		}
		lost++
		if key := []byte(fact[:6]); bytes.Compare(key, damages[0].From) <= 0 || bytes.Compare(key, damages[0].To) >= 0 {
			t.Errorf("%s is lost, outside of %s", key, &damages[0])
		}
	}
	if lost == 0 || lost > 100 {
		t.Errorf("%d facts are lost by one block", lost)
	}
}

// TestDamagedShortLog: a flipped bit in a log of one block is told of, and costs one
// fact, or, where it hides the lengths, those that follow in the block.
func TestDamagedShortLog(t *testing.T) {
	t.Parallel()
	o := store.Options{Dir: filepath.Join(t.TempDir(), "store")}
	s := open(t, o)
	const all = 20
	for i := range all {
		put(t, s, broker.Durable, storetest.Put(fmt.Sprintf("k%02d", i), strings.Repeat("x", 100)))
	}
	crashed := filepath.Join(t.TempDir(), "crashed")
	if err := os.CopyFS(crashed, os.DirFS(o.Dir)); err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	for _, tt := range []struct {
		name string
		fact int
		at   int // byte of it
		left int
		told bool
	}{
		{"in a fact", 5, 40, all - 1, true},
		{"in the first", 0, 40, all - 1, true},
		{"in the length of one", 5, 4, 5, true},
		{"in the last one", all - 1, 40, all - 1, false}, // a crash may leave it so
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := store.Options{Dir: filepath.Join(t.TempDir(), "store")}
			if err := os.CopyFS(o.Dir, os.DirFS(crashed)); err != nil {
				t.Fatal(err)
			}
			name := files(t, o, "*.log")[0]
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/all*tt.fact+tt.at] ^= 1
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if r, err := store.Check(o); err != nil || len(r.Damages) > 0 != tt.told || r.Facts != tt.left {
				t.Errorf("the check finds %v, %v", &r, err)
			}
			s := open(t, o)
			got, err := storetest.Facts(s, nil, nil)
			if err != nil || len(got) != tt.left || len(s.Reports()) > 0 != tt.told {
				t.Errorf("%d facts are left, %v, reports %v", len(got), err, s.Reports())
			}
		})
	}
}

func TestRepair(t *testing.T) {
	t.Parallel()
	o, want := filled(t, 2)
	r, err := store.Repair(o, nil)
	if err != nil || len(r.Damages) > 0 || r.Facts != len(want) {
		t.Fatalf("%v, %v", &r, err)
	}
	holds(t, open(t, o), want...)
	if _, err := store.Repair(store.Options{Dir: t.TempDir()}, nil); err == nil {
		t.Error("an empty directory was repaired")
	}
}
