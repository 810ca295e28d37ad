package password

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var errGivenUp = errors.New("given up")

func add(t *testing.T, user string) func(*File) error {
	t.Helper()
	h := mustHash(t, newHash)
	return func(f *File) error {
		f.Set(user, h)
		return nil
	}
}

func TestEditReplacesTheFile(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o640, 0o644} {
		path := write(t, "ann:old\n")
		must(t, os.Chmod(path, mode))
		before, err := os.Stat(path)
		must(t, err)
		must(t, Edit(path, Options{}, add(t, "eve")))
		after, err := os.Stat(path)
		must(t, err)
		if read(t, path) != "ann:old\neve:new\n" || after.Mode() != mode || os.SameFile(before, after) {
			t.Errorf("got %q, mode %v", read(t, path), after.Mode())
		}
		alone(t, path)
	}
}

func TestCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passwd")
	must(t, Create(path, Options{}, add(t, "eve")))
	info, err := os.Stat(path)
	must(t, err)
	if read(t, path) != "eve:new\n" || info.Mode() != 0o600 {
		t.Errorf("got %q, mode %v", read(t, path), info.Mode())
	}
	must(t, os.Chmod(path, 0o640))
	must(t, Create(path, Options{}, add(t, "ann")))
	if info, err = os.Stat(path); err != nil || info.Mode() != 0o640 || read(t, path) != "ann:new\n" {
		t.Errorf("got %q, mode %v, %v", read(t, path), info.Mode(), err)
	}
	alone(t, path)
}

// TestFailureLeavesTheFileAlone has all that can go wrong before the rename.
func TestFailureLeavesTheFileAlone(t *testing.T) {
	for _, test := range []struct {
		name   string
		text   string
		o      Options
		change func(path string) func(*File) error
	}{
		{name: "the change fails", change: func(string) func(*File) error {
			return func(*File) error { return errGivenUp }
		}},
		{name: "the user gives up", o: Options{Interrupted: func() error { return errGivenUp }}},
		{name: "a damaged line", text: "ann:old\nnobody\n"},
		{name: "not text", text: "ann:\x00\n"},
		{name: "somebody else changes it", change: func(path string) func(*File) error {
			return func(*File) error { return os.WriteFile(path, []byte("ann:old\n# changed\n"), 0o600) }
		}},
		{name: "somebody else replaces it", change: func(path string) func(*File) error {
			return func(*File) error {
				return errors.Join(os.WriteFile(path+"2", []byte("ann:old\n"), 0o600), os.Rename(path+"2", path))
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := test.text
			if text == "" {
				text = "ann:old\n"
			}
			path := write(t, text)
			change := add(t, "eve")
			if test.change != nil {
				change = test.change(path)
			}
			if err := Edit(path, test.o, change); err == nil {
				t.Error("no error")
			}
			if got := read(t, path); !strings.HasPrefix(got, text) || strings.Contains(got, "eve") {
				t.Errorf("the file is %q", got)
			}
			alone(t, path)
		})
	}
}

func TestCreateDoesNotReplaceAFileThatComesMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passwd")
	err := Create(path, Options{}, func(*File) error { return os.WriteFile(path, []byte("ann:old\n"), 0o600) })
	if !errors.Is(err, fs.ErrExist) || read(t, path) != "ann:old\n" {
		t.Errorf("got %v and %q", err, read(t, path))
	}
}

func TestNoFile(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "passwd")
	if err := Edit(missing, Options{}, add(t, "eve")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := Read(missing, Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := Create(filepath.Join(missing, "passwd"), Options{}, add(t, "eve")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := Edit(t.TempDir(), Options{}, add(t, "eve")); err == nil || !strings.Contains(err.Error(), "it is not a file") {
		t.Errorf("got %v", err)
	}
}

func TestSymlinks(t *testing.T) {
	path := write(t, "ann:old\n")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Skipf("this system or user makes no symbolic links: %v", err)
	}
	for _, do := range []func() error{
		func() error { return Edit(link, Options{}, add(t, "eve")) },
		func() error { return Create(link, Options{}, add(t, "eve")) },
		func() error { _, err := Read(link, Options{}); return err },
	} {
		if err := do(); err == nil || !strings.Contains(err.Error(), "it is a symbolic link") {
			t.Errorf("got %v", err)
		}
	}
	must(t, Edit(link, Options{AllowSymlinks: true}, add(t, "eve")))
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 || read(t, path) != "ann:old\neve:new\n" {
		t.Errorf("the link is %v, %v, its target %q", info.Mode(), err, read(t, path))
	}
}

// write makes a file in a directory of its own; old and new stand for hashes.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "passwd")
	must(t, os.WriteFile(path, []byte(strings.ReplaceAll(text, "old", oldHash)), 0o600))
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return strings.NewReplacer(oldHash, "old", newHash, "new").Replace(string(b))
}

// alone fails if anything was left beside the file.
func alone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	for _, e := range entries {
		if e.Name() != filepath.Base(path) {
			t.Errorf("%s is left over", e.Name())
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
