package store_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/store"
	"github.com/zancudomq/zancudo/internal/store/storetest"
)

func open(t *testing.T, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func put(t *testing.T, s broker.Store, d broker.Durability, facts ...broker.Fact) {
	t.Helper()
	if err := s.Append(facts, d); err != nil {
		t.Fatal(err)
	}
}

func holds(t *testing.T, s broker.Store, want ...string) {
	t.Helper()
	got, err := storetest.Facts(s, nil, nil)
	if err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
}

func closed(t *testing.T, s *store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestRefused: each obstacle has its sentence, and nothing is changed.
func TestRefused(t *testing.T) {
	t.Parallel()
	write := func(name, text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name    string
		prepare func(*testing.T, string)
		want    string
	}{
		{"a file", func(t *testing.T, dir string) {
			t.Helper()
			_ = os.WriteFile(dir, nil, 0o600)
		}, "it is a file, not a directory; choose another persistence_location"},
		{"foreign content", write("photo.jpg", ""), "the directory holds other things (photo.jpg); choose an empty directory"},
		{"a later format", write("zancudo-store", "zancudo store\nformat 2\n"), "it has format 2, and this version knows formats up to 1; use the version that wrote it"},
		{"a damaged mark", write("zancudo-store", "zan"), "does not say what it should; if the directory facts beside it is a store, remove the file"},
		{"facts gone", write("zancudo-store", "zancudo store\nformat 1\n"), "nothing is left to read in"},
		{"not ours", func(t *testing.T, dir string) {
			t.Helper()
			if os.Geteuid() == 0 {
				t.Skip("the superuser may write anywhere; run as another user")
			}
			if err := os.MkdirAll(dir, 0o500); err != nil {
				t.Fatal(err)
			}
		}, "user id"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "store")
			tt.prepare(t, dir)
			for range 2 {
				s, err := store.Open(store.Options{Dir: dir})
				if err == nil {
					_ = s.Close()
					t.Fatal("it was opened")
				}
				if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), dir) {
					t.Fatalf("got  %v\nwant %s", err, tt.want)
				}
			}
		})
	}
}

// TestSecondInstance: within the process, and from another one.
func TestSecondInstance(t *testing.T) {
	if dir := os.Getenv("ZANCUDO_STORE_DIR"); dir != "" {
		_, err := store.Open(store.Options{Dir: dir})
		_, _ = os.Stderr.WriteString(err.Error())
		return
	}
	t.Parallel()
	dir := t.TempDir()
	s := open(t, store.Options{Dir: dir})
	want := "process " + strconv.Itoa(os.Getpid()) + " has it open"
	if _, err := store.Open(store.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSecondInstance$")
	cmd.Env = append(os.Environ(), "ZANCUDO_STORE_DIR="+dir)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
		t.Errorf("another process: %v: %s", err, out)
	}
	put(t, s, broker.Durable, storetest.Put("a", "1"))
	closed(t, s)
	holds(t, open(t, store.Options{Dir: dir}), "a=1")
}

// TestPrivate: nobody else can read what is stored.
func TestPrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "store")
	s := open(t, store.Options{Dir: dir, MemTableBytes: 64 << 10})
	for i := range 300 {
		put(t, s, broker.Eventually, storetest.Put(strconv.Itoa(i), strings.Repeat("x", 1000)))
	}
	put(t, s, broker.Durable)
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // removed meanwhile
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		files++
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[entry.IsDir()]; info.Mode().Perm() != want && entry.Name() != "lock" {
			t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil || files < 6 {
		t.Errorf("%d files, %v", files, err)
	}
}

// TestMarker: removing the marker resets the state, and nothing else does.
func TestMarker(t *testing.T) {
	t.Parallel()
	o := store.Options{Dir: filepath.Join(t.TempDir(), "store")}
	s := open(t, o)
	put(t, s, broker.Durable, storetest.Put("a", "1"))
	closed(t, s)

	o.Marker = filepath.Join(filepath.Dir(o.Dir), "mosquitto.db")
	s = open(t, o) // a marker that was never made is not missing
	holds(t, s, "a=1")
	closed(t, s)
	info, err := os.Stat(o.Marker)
	if err != nil || !info.Mode().IsRegular() {
		t.Fatalf("after a clean stop the marker is %v, %v", info, err)
	}
	s = open(t, o)
	holds(t, s, "a=1")
	_ = os.Remove(o.Marker) // while it runs: the stop saves the state again
	closed(t, s)
	s = open(t, o)
	holds(t, s, "a=1")
	closed(t, s)

	_ = os.Remove(o.Marker)
	s = open(t, o)
	holds(t, s)
	put(t, s, broker.Durable, storetest.Put("b", "1"))
	closed(t, s)
	other := o
	other.Marker = filepath.Join(filepath.Dir(o.Dir), "other.db")
	s = open(t, other) // another name in the configuration is no removal
	holds(t, s, "b=1")
	closed(t, s)
}

// TestMarkerCrash resets while the power goes at every operation: the state is
// the old one or none, and after a reset it stays reset.
func TestMarkerCrash(t *testing.T) {
	t.Parallel()
	for n := int64(1); ; n++ {
		disk := storetest.NewDisk()
		marked := onDisk(func(o *store.Options) { o.Marker = "/state/mosquitto.db" })
		s, err := marked(disk)
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, broker.Durable, storetest.Put("a", "1"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_ = disk.FS().Remove("/state/mosquitto.db")
		dir, _ := disk.FS().OpenDir("/state")
		_ = dir.Sync()
		var left *storetest.Disk
		disk.BeforeChange(disk.Changes()+n, func() { left = disk.Crash(uint64(n), int(n%3)*50) })
		s, err = marked(disk)
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Close() // and what cleans up behind it has ended
		if left == nil {
			return // every operation of the reset had its turn
		}
		s, err = marked(left)
		if err != nil {
			t.Fatalf("operation %d: %v", n, err)
		}
		holds(t, s)
		_ = s.Close()
	}
}

// TestEventually: a value that changes often is written once a second.
func TestEventually(t *testing.T) {
	t.Parallel()
	s := open(t, store.Options{Dir: t.TempDir()})
	before := s.Stats()
	for i := range 1000 {
		put(t, s, broker.Eventually, storetest.Put("sensor", strconv.Itoa(i)))
	}
	put(t, s, broker.Durable)
	after := s.Stats()
	if groups, bytes := after.Groups-before.Groups, after.LogBytes-before.LogBytes; groups > 2 || bytes > 200 {
		t.Errorf("1000 values of a sensor took %d groups and %d bytes", groups, bytes)
	}
	holds(t, s, "sensor=999")

	put(t, s, broker.Eventually, storetest.Put("alone", "1"))
	for deadline := time.Now().Add(5 * time.Second); s.Stats().Groups == after.Groups; <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("what may wait was not written by itself")
		}
	}
}
