package store_test

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/store"
	"github.com/zancudomq/zancudo/internal/store/storetest"
)

// snapshot returns the sums of all files in a directory.
func snapshot(t *testing.T, dir string) map[string][sha256.Size]byte {
	t.Helper()
	sums := map[string][sha256.Size]byte{}
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		sums[name] = sha256.Sum256(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

func read(t *testing.T, o store.Options) ([]string, store.Report) {
	t.Helper()
	var facts []string
	r, err := store.Read(o, func(key, value []byte) bool {
		facts = append(facts, string(key)+"="+string(value))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Facts != len(facts) {
		t.Errorf("the report counts %d facts of %d", r.Facts, len(facts))
	}
	return facts, r
}

// TestRead reads tables and a log, and leaves all as it was.
func TestRead(t *testing.T) {
	t.Parallel()
	o, want := filled(t, 2)
	before := snapshot(t, o.Dir)
	got, r := read(t, o)
	if len(r.Damages) > 0 {
		t.Errorf("damages: %v", &r)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, snapshot(t, o.Dir)); diff != "" {
		t.Errorf("files have changed (-before +after):\n%s", diff)
	}
	n := 0
	if r, err := store.Read(o, func(_, _ []byte) bool { n++; return n < 3 }); err != nil || n != 3 || r.Facts != 3 {
		t.Errorf("it goes on for %d facts: %v, %v", n, &r, err)
	}
}

// TestReadAfterCrash reads a log that nobody has closed.
func TestReadAfterCrash(t *testing.T) {
	t.Parallel()
	disk := vfs.NewCrashableMem()
	s := open(t, store.Options{Dir: "store", FS: disk})
	put(t, s, broker.Durable, storetest.Put("a", "1"), storetest.Put("b", "2"))
	put(t, s, broker.Durable, storetest.Remove("a"))
	crashed := disk.CrashClone(vfs.CrashCloneCfg{})
	closed(t, s)
	got, r := read(t, store.Options{Dir: "store", FS: crashed})
	if diff := cmp.Diff([]string{"b=2"}, got); diff != "" || len(r.Damages) > 0 {
		t.Errorf("facts (-want +got):\n%s%v", diff, &r)
	}
}

// TestReadSaved: facts that were saved from damage and not yet put in place count.
func TestReadSaved(t *testing.T) {
	t.Parallel()
	o := store.Options{Dir: filepath.Join(t.TempDir(), "store")}
	s := open(t, o)
	put(t, s, broker.Durable, storetest.Put("a", "1"))
	closed(t, s)
	if err := os.Rename(filepath.Join(o.Dir, "facts"), filepath.Join(o.Dir, "facts.saved")); err != nil {
		t.Fatal(err)
	}
	if got, r := read(t, o); len(got) != 1 || len(r.Damages) > 0 {
		t.Errorf("facts %v, %v", got, &r)
	}
}

// TestReadLostMark: the facts of a directory that no longer says what it is can be
// read, and repaired.
func TestReadLostMark(t *testing.T) {
	t.Parallel()
	o := store.Options{Dir: filepath.Join(t.TempDir(), "store")}
	s := open(t, o)
	put(t, s, broker.Durable, storetest.Put("a", "1"))
	closed(t, s)
	if err := os.Remove(filepath.Join(o.Dir, "zancudo-store")); err != nil {
		t.Fatal(err)
	}
	if got, r := read(t, o); len(got) != 1 || len(r.Damages) != 1 || r.Damages[0].File != "zancudo-store" {
		t.Errorf("facts %v, %v", got, &r)
	}
	if _, err := store.Repair(o, nil); err != nil {
		t.Fatal(err)
	}
	if got, r := read(t, o); len(got) != 1 || len(r.Damages) != 0 {
		t.Errorf("after the repair: facts %v, %v", got, &r)
	}
}

// TestOpenLost: a directory that has lost its mark and the list of tables is no
// empty one.
func TestOpenLost(t *testing.T) {
	t.Parallel()
	for _, rounds := range []int{0, 1} { // facts in a log only, and in tables too
		o, want := filled(t, rounds)
		if rounds == 0 {
			s := open(t, o)
			put(t, s, broker.Durable, storetest.Put("a", "1"))
			closed(t, s)
			want = []string{"a=1"}
		}
		for _, name := range append(files(t, o, "MANIFEST*"), append(files(t, o, "marker.manifest*"), filepath.Join(o.Dir, "zancudo-store"))...) {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		s := open(t, o)
		got, err := storetest.Facts(s, nil, nil)
		if err != nil || len(got) < len(want) {
			t.Errorf("%d of %d facts are there: %v", len(got), len(want), err)
		}
		if reports := s.Reports(); len(reports) != 1 {
			t.Errorf("reports: %v", reports)
		}
		closed(t, s)
	}
}

// TestReadNoStore leaves nothing where no store is.
func TestReadNoStore(t *testing.T) {
	t.Parallel()
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "letters"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		foreign:                         "there is no store in " + foreign + ", but other things (letters)",
		filepath.Join(foreign, "store"): "there is no store in " + filepath.Join(foreign, "store"),
	} {
		_, err := store.Check(store.Options{Dir: dir})
		if none := (*store.NoStoreError)(nil); !errors.As(err, &none) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if _, err := store.Repair(store.Options{Dir: dir}, nil); err == nil || err.Error() != want {
			t.Errorf("repair: got %v, want %s", err, want)
		}
	}
	if _, err := store.Open(store.Options{Dir: foreign}); err == nil {
		t.Error("a store was opened among other things")
	}
	if names := snapshot(t, foreign); len(names) != 1 {
		t.Errorf("files: %v", names)
	}
}

// TestReadInUse names the process that has the store open.
func TestReadInUse(t *testing.T) {
	t.Parallel()
	o := store.Options{Dir: filepath.Join(t.TempDir(), "store")}
	open(t, o)
	_, err := store.Check(o)
	if used := (*store.InUseError)(nil); !errors.As(err, &used) || used.PID != os.Getpid() {
		t.Errorf("got %v", err)
	}
}

// TestRepairWithout leaves out what is unwanted.
func TestRepairWithout(t *testing.T) {
	t.Parallel()
	o, want := filled(t, 1)
	r, err := store.Repair(o, func(key []byte) bool { return !strings.HasSuffix(string(key), "7") })
	if err != nil || r.Facts >= len(want)/5 || r.Facts < len(want)/15 {
		t.Errorf("%v, %v", &r, err)
	}
	if r.Facts+r.Useless != len(want) {
		t.Errorf("%d facts are kept and %d put aside, of %d", r.Facts, r.Useless, len(want))
	}
	aside, err := os.Open(filepath.Join(r.Quarantine, "useless.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer aside.Close()
	if done, err := store.Restore(store.Options{Dir: filepath.Join(t.TempDir(), "aside")}, aside); err != nil || done.Facts != r.Useless {
		t.Errorf("what was put aside: %+v, %v", done, err)
	}
	got, _ := read(t, o)
	if len(got) != r.Facts || !strings.HasPrefix(got[0], "k00007=") {
		t.Errorf("%d facts, the first is %.20s", len(got), got[0])
	}
}
