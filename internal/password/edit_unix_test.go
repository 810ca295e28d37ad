//go:build unix

package password

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestOwnerIsKept runs as root, who edits the files of a broker's user.
func TestOwnerIsKept(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("run as root to see the owner kept")
	}
	path := write(t, "ann:old\n")
	must(t, os.Chown(path, 1234, 4321))
	must(t, os.Chmod(path, 0o640))
	must(t, Edit(path, Options{}, add(t, "eve")))
	info, err := os.Stat(path)
	must(t, err)
	if s := info.Sys().(*syscall.Stat_t); s.Uid != 1234 || s.Gid != 4321 || info.Mode() != 0o640 {
		t.Errorf("got owner %d, group %d, mode %v", s.Uid, s.Gid, info.Mode())
	}
}

// TestFullDisk limits the size of files in place of filling a disk.
func TestFullDisk(t *testing.T) {
	path := write(t, "ann:old\n"+strings.Repeat("# a long comment\n", 1000))
	want := read(t, path)
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	small := limit
	small.Cur = 4096
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small))
	err := Edit(path, Options{}, add(t, "eve"))
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	if !errors.Is(err, syscall.EFBIG) || read(t, path) != want {
		t.Errorf("got %v; the file has %d bytes, not %d", err, len(read(t, path)), len(want))
	}
	alone(t, path)
}

func TestDirectoryWithoutPermission(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	path := write(t, "ann:old\n")
	must(t, os.Chmod(filepath.Dir(path), 0o500))
	defer os.Chmod(filepath.Dir(path), 0o700)
	if err := Edit(path, Options{}, add(t, "eve")); !errors.Is(err, fs.ErrPermission) || read(t, path) != "ann:old\n" {
		t.Errorf("got %v", err)
	}
}

func TestBelongs(t *testing.T) {
	for _, test := range []struct {
		owner, user int
		want        bool
	}{{0, 0, true}, {5, 0, true}, {0, 5, true}, {5, 5, true}, {5, 6, false}} {
		if got := belongs(test.owner, test.user); got != test.want {
			t.Errorf("a file of %d to %d: got %v", test.owner, test.user, got)
		}
	}
}
