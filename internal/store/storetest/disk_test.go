package storetest

import (
	"errors"
	"io"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestShortWrite: a write that fails leaves a half behind, and the next one is as usual.
func TestShortWrite(t *testing.T) {
	t.Parallel()
	disk := NewDisk()
	f, err := disk.FS().Create("/a.log", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("full")
	disk.Fail(Fault{From: disk.Operations() + 1, For: 1, Err: full, Only: "write", Short: true})
	if n, err := f.Write([]byte("abcdef")); n != 3 || !errors.Is(err, full) {
		t.Errorf("%d bytes are written, %v", n, err)
	}
	if n, err := f.Write([]byte("ghi")); n != 3 || err != nil {
		t.Errorf("%d bytes are written, %v", n, err)
	}
	r, err := disk.FS().Open("/a.log")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); string(b) != "abcghi" || err != nil {
		t.Errorf("the file holds %q, %v", b, err)
	}
}
