package store_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
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

// backup is one of a store with a few facts.
func backup(tb testing.TB) []byte {
	tb.Helper()
	s, err := store.Open(store.Options{Dir: "store", FS: vfs.NewMem()})
	if err != nil {
		tb.Fatal(err)
	}
	defer s.Close()
	if err := s.Append([]broker.Fact{storetest.Put("a", "1"), storetest.Put("b", "2")}, broker.Durable); err != nil {
		tb.Fatal(err)
	}
	var b bytes.Buffer
	if err := s.Backup(&b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// archive makes a backup of entries, with sums that are right.
func archive(tb testing.TB, entries ...tar.Header) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	var sums strings.Builder
	for _, e := range append(entries, tar.Header{Name: "SHA256SUMS"}) {
		text := "contents of " + e.Name
		switch {
		case e.Name == "SHA256SUMS":
			text = sums.String()
		case e.Name == "zancudo-store":
			text = "zancudo store\nformat 1\n"
		case e.Typeflag != 0 && e.Typeflag != tar.TypeReg:
			text = ""
		}
		e.Size, e.Mode, e.Format = int64(len(text)), 0o600, tar.FormatPAX
		if err := w.WriteHeader(&e); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			tb.Fatal(err)
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256([]byte(text)), e.Name)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// TestRestoreHostile unpacks archives that lead elsewhere.
func TestRestoreHostile(t *testing.T) {
	t.Parallel()
	mark := tar.Header{Name: "zancudo-store"}
	for name, e := range map[string]tar.Header{
		"up":                {Name: "facts/../../escaped"},
		"up from the top":   {Name: "../escaped"},
		"absolute":          {Name: "/escaped"},
		"absolute in facts": {Name: "facts//escaped"},
		"another directory": {Name: "quarantine/escaped"},
		"the top":           {Name: "escaped"},
		"below":             {Name: "facts/below/escaped"},
		"dots":              {Name: "facts/.."},
		"hidden":            {Name: "facts/.escaped"},
		"a symbolic link":   {Name: "facts/link", Typeflag: tar.TypeSymlink, Linkname: "/etc"},
		"a hard link":       {Name: "facts/link", Typeflag: tar.TypeLink, Linkname: "../../escaped"},
		"a directory":       {Name: "facts/escaped/", Typeflag: tar.TypeDir},
		"a device":          {Name: "facts/escaped", Typeflag: tar.TypeChar},
		"a pipe":            {Name: "facts/escaped", Typeflag: tar.TypeFifo},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			top := t.TempDir()
			_, err := store.Restore(store.Options{Dir: filepath.Join(top, "in", "store")}, bytes.NewReader(archive(t, mark, e)))
			if err == nil || !strings.Contains(err.Error(), "does not belong into a backup") {
				t.Errorf("got %v", err)
			}
			for file := range snapshot(t, top) {
				t.Errorf("%s is there", file)
			}
		})
	}
}

// TestRestoreOther refuses what is something else.
func TestRestoreOther(t *testing.T) {
	t.Parallel()
	later := archive(t, tar.Header{Name: "zancudo-store"})
	later = bytes.Replace(later, []byte("format 1"), []byte("format 9"), 1)
	for name, tt := range map[string]struct {
		file []byte
		want string
	}{
		"text":           {[]byte(strings.Repeat("a line of text\n", 100)), "it is neither a backup nor an export of a store"},
		"nothing":        {nil, "the file is empty"},
		"a short file":   {[]byte("x"), "it is neither a backup nor an export of a store"},
		"other JSON":     {[]byte("{}\n"), "line 1: this is no export of a store"},
		"no facts":       {archive(t, tar.Header{Name: "zancudo-store"}), "what it holds is damaged"},
		"files of facts": {archive(t, tar.Header{Name: "zancudo-store"}, tar.Header{Name: "facts/000004.sst"}), "what it holds is damaged"},
		"a later format": {later, "it has format 9, and this version knows formats up to 1"},
	} {
		o := store.Options{Dir: filepath.Join(t.TempDir(), "store")}
		if _, err := store.Restore(o, bytes.NewReader(tt.file)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
		if _, err := store.Restore(o, bytes.NewReader(backup(t))); err != nil {
			t.Errorf("%s is in the way: %v", name, err)
		}
	}
}

// TestReplace keeps what was there, and leaves it in place when there is an error.
func TestReplace(t *testing.T) {
	t.Parallel()
	whole := backup(t)
	marker := filepath.Join(t.TempDir(), "marker")
	for name, change := range map[string]func(t *testing.T, o store.Options){
		"whole": func(*testing.T, store.Options) {},
		"damaged": func(t *testing.T, o store.Options) {
			t.Helper()
			flip(t, files(t, o, "MANIFEST*")[0], func(int) int { return 3 })
		},
		"of a later format": func(t *testing.T, o store.Options) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(o.Dir, "zancudo-store"), []byte("zancudo store\nformat 9\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		o, want := filled(t, 1)
		o.Marker = marker
		change(t, o)
		before := snapshot(t, o.Dir)
		if _, err := store.Replace(o, bytes.NewReader(whole[:len(whole)/2])); err == nil {
			t.Errorf("%s: replaced by half a backup", name)
		}
		after := snapshot(t, o.Dir)
		for _, mine := range []string{"lock", "owner"} {
			delete(before, filepath.Join(o.Dir, mine))
			delete(after, filepath.Join(o.Dir, mine))
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%s: a failed restore changes files (-before +after):\n%s", name, diff)
		}
		done, err := store.Replace(o, bytes.NewReader(whole))
		if err != nil || done.Facts != 2 || done.Aside == "" {
			t.Fatalf("%s: %+v, %v", name, done, err)
		}
		s := open(t, o)
		holds(t, s, "a=1", "b=2")
		closed(t, s)
		if err := os.Rename(filepath.Join(done.Aside, "facts"), filepath.Join(o.Dir, "facts.saved")); err != nil {
			t.Fatal(err)
		}
		s = open(t, o) // what was put aside is there again
		if got, err := storetest.Facts(s, nil, nil); err != nil || len(got) < len(want)-many/10 {
			t.Errorf("%s: %d facts of %d, %v", name, len(got), len(want), err)
		}
		closed(t, s)
	}
}

// TestBackupOfDamage: what is damaged is no backup.
func TestBackupOfDamage(t *testing.T) {
	t.Parallel()
	o, _ := filled(t, 2)
	names := files(t, o, "*.sst")
	flip(t, names[len(names)-1], func(size int) int { return size / 2 })
	var damaged *store.DamagedError
	if err := store.Backup(o, io.Discard); !errors.As(err, &damaged) || len(damaged.Damages) != 1 {
		t.Errorf("got %v", err)
	}
}

// TestBackupClosed backs up a store that nobody has open.
func TestBackupClosed(t *testing.T) {
	t.Parallel()
	o, want := filled(t, 2)
	before := snapshot(t, o.Dir)
	var b bytes.Buffer
	if err := store.Backup(o, &b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, snapshot(t, o.Dir)); diff != "" {
		t.Errorf("files have changed (-before +after):\n%s", diff)
	}
	o.Dir = filepath.Join(t.TempDir(), "copy")
	if _, err := store.Restore(o, &b); err != nil {
		t.Fatal(err)
	}
	got, _ := read(t, o)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestVerify reads a store that is written to.
func TestVerify(t *testing.T) {
	t.Parallel()
	s := open(t, store.Options{Dir: t.TempDir()})
	put(t, s, broker.Eventually, storetest.Put("a", "1"))
	var got []string
	r, err := s.Verify(func(key, value []byte) bool {
		put(t, s, broker.Durable, storetest.Put("b", "2"))
		got = append(got, string(key)+"="+string(value))
		return true
	})
	if err != nil || r.Facts != 1 || len(r.Damages) > 0 || len(got) != 1 || got[0] != "a=1" {
		t.Errorf("%q, %v, %v", got, &r, err)
	}
}

// FuzzRestore restores any bytes in a file system where nothing else may change.
func FuzzRestore(f *testing.F) {
	f.Add(backup(f))
	f.Add(archive(f, tar.Header{Name: "zancudo-store"}, tar.Header{Name: "facts/../x"}))
	f.Add([]byte("{\"zancudo_export\":1}\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		disk := vfs.NewMem()
		done, err := store.Restore(store.Options{Dir: "/top/store", FS: disk, ReserveBytes: -1}, bytes.NewReader(file))
		for _, dir := range []string{"/", "/top"} {
			if names, _ := disk.List(dir); len(names) > 1 {
				t.Fatalf("%s has %q", dir, names)
			}
		}
		if err != nil {
			return
		}
		if r, err := store.Check(store.Options{Dir: "/top/store", FS: disk}); err != nil || len(r.Damages) > 0 || r.Facts != done.Facts {
			t.Errorf("restored %+v, then %v, %v", done, &r, err)
		}
	})
}
