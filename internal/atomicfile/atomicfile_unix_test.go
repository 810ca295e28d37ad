//go:build unix

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func owner(t *testing.T, path string) [2]uint32 {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	s := info.Sys().(*syscall.Stat_t)
	return [2]uint32{s.Uid, s.Gid}
}

func TestOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("run as root, who gives files away")
	}
	dir := t.TempDir()
	must(t, os.Chown(dir, 1234, 4321))
	path := filepath.Join(dir, "file")
	must(t, os.WriteFile(path, []byte("old"), 0o600))
	must(t, os.Chown(path, 2345, 5432))
	before, err := os.Stat(path)
	must(t, err)
	for _, test := range []struct {
		name string
		o    Options
		want [2]uint32
	}{
		{"that of the old file", Options{Like: before}, [2]uint32{2345, 5432}},
		{"that of the directory", Options{Inherit: true}, [2]uint32{1234, 4321}},
		{"whoever writes", Options{}, [2]uint32{uint32(os.Geteuid()), uint32(os.Getegid())}},
	} {
		must(t, Write(path, []byte("new"), test.o))
		if got := owner(t, path); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func TestReadOnlyDirectory(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	must(t, os.WriteFile(path, []byte("old"), 0o600))
	must(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { must(t, os.Chmod(dir, 0o700)) })
	err := Write(path, []byte("new"), Options{})
	if want := "write " + path + ": make a file in " + dir + ": permission denied"; err == nil || err.Error() != want || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v, want %s", err, want)
	}
	holds(t, path, "old", 0o600)
}

// TestFullDisk limits the size of files in place of filling a disk.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, []byte("old"), 0o600))
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	small := limit
	small.Cur = 4096
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small))
	err := Write(path, []byte(strings.Repeat("new", 4096)), Options{})
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	if want := "write " + path + ": file too large"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	holds(t, path, "old", 0o600)
	only(t, filepath.Dir(path), "file")
}
