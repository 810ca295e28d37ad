package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var errFailed = errors.New("it failed")

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// only fails the test unless a directory holds these files and no others.
func only(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the directory holds %v, want %v", got, want)
	}
}

func holds(t *testing.T, path, want string, mode fs.FileMode) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	info, err := os.Stat(path)
	must(t, err)
	if string(text) != want || info.Mode() != mode {
		t.Errorf("%s holds %q with mode %v, want %q with %v", path, text, info.Mode(), want, mode)
	}
}

func TestMode(t *testing.T) {
	t.Parallel()
	like := filepath.Join(t.TempDir(), "like")
	must(t, os.WriteFile(like, nil, 0o600))
	must(t, os.Chmod(like, 0o640))
	info, err := os.Stat(like)
	must(t, err)
	for _, test := range []struct {
		name string
		o    Options
		want fs.FileMode
	}{
		{"none given", Options{}, 0o600},
		{"given", Options{Mode: 0o644}, 0o644},
		{"more than the umask leaves", Options{Mode: 0o666}, 0o666},
		{"as another's", Options{Like: info}, 0o640},
		{"as another's, which decides", Options{Like: info, Mode: 0o644}, 0o640},
		{"as the directory's", Options{Mode: 0o644, Inherit: true}, 0o644},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			must(t, Write(path, []byte("new"), test.o))
			holds(t, path, "new", test.want)
			must(t, os.Chmod(path, 0o604)) // of an old file, which is not asked
			must(t, Write(path, []byte("newer"), test.o))
			holds(t, path, "newer", test.want)
			only(t, dir, "file")
		})
	}
}

// TestLinks: a link gives way, and what it leads to stays as it was.
func TestLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, soft, hard := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	must(t, os.WriteFile(target, []byte("old"), 0o600))
	must(t, os.Symlink(target, soft))
	must(t, os.Link(target, hard))
	for _, path := range []string{soft, hard} {
		must(t, Write(path, []byte("new"), Options{}))
		info, err := os.Lstat(path)
		must(t, err)
		if !info.Mode().IsRegular() {
			t.Errorf("%s is %v", path, info.Mode())
		}
		holds(t, path, "new", 0o600)
		holds(t, target, "old", 0o600)
	}
}

// TestLeftovers: what a crash has left neither hinders nor is taken for our own.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, ".file.new.1"), []byte("half"), 0o600))
	must(t, Write(filepath.Join(dir, "file"), []byte("new"), Options{}))
	holds(t, filepath.Join(dir, ".file.new.1"), "half", 0o600)
	only(t, dir, ".file.new.1", "file")
}

// TestFailures: the old file stays alone, and the error names the file that was asked for.
func TestFailures(t *testing.T) {
	t.Parallel()
	refuse := func(io.Writer) error { return errFailed }
	for _, test := range []struct {
		name  string
		o     Options
		write func(io.Writer) error
	}{
		{"the source", Options{}, refuse},
		{"half of the source", Options{}, func(w io.Writer) error {
			_, err := io.WriteString(w, "half")
			return errors.Join(err, errFailed)
		}},
		{"what is asked before", Options{Before: func() error { return errFailed }}, func(io.Writer) error { return nil }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			must(t, os.WriteFile(path, []byte("old"), 0o600))
			if err := Stream(path, test.o, test.write); !errors.Is(err, errFailed) {
				t.Errorf("got %v", err)
			}
			holds(t, path, "old", 0o600)
			only(t, dir, "file")
		})
	}
}

func TestErrorTexts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	none, taken := filepath.Join(dir, "none"), filepath.Join(dir, "taken")
	must(t, os.Mkdir(taken, 0o700))
	for path, want := range map[string]string{
		filepath.Join(none, "file"): "write " + none + "/file: open the directory " + none + ": no such file or directory",
		taken:                       "write " + taken + ": file exists",
	} {
		err := Write(path, nil, Options{})
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	only(t, dir, "taken")
}

// fake is a disk that can fail at any step, and lose its power after any: then
// it has what was synced, and of all else anything or nothing.
type fake struct {
	steps  []string
	failAt int // the step that fails, from 0; -1: none
	// names are what the directory stands for, now and after a loss of power;
	// contents are those of files by number.
	names, safeNames map[string]int
	contents, safe   map[int]string
}

func newFake(failAt int) *fake {
	return &fake{
		failAt: failAt,
		names:  map[string]int{"dir/file": 0}, safeNames: map[string]int{"dir/file": 0},
		contents: map[int]string{0: "old"}, safe: map[int]string{0: "old"},
	}
}

func (d *fake) step(name string) error {
	d.steps = append(d.steps, name)
	if len(d.steps)-1 == d.failAt {
		return errFailed
	}
	return nil
}

func (d *fake) openDir(string) (directory, error) { return fakeDir{d}, d.step("open directory") }

func (d *fake) create(dir, pattern string, _ Options) (file, error) {
	if err := d.step("create"); err != nil {
		return nil, err
	}
	name := filepath.Join(dir, strings.Replace(pattern, "*", "1", 1))
	d.names[name] = 1
	return &fakeFile{d, name}, nil
}

func (d *fake) rename(from, to string) error {
	if err := d.step("rename"); err != nil {
		return err
	}
	d.names[to] = d.names[from]
	delete(d.names, from)
	return nil
}

func (d *fake) remove(name string) error {
	delete(d.names, name)
	return nil
}

type fakeDir struct{ d *fake }

func (fakeDir) Close() error { return nil }

func (f fakeDir) Sync() error {
	if err := f.d.step("sync directory"); err != nil {
		return err
	}
	f.d.safeNames = map[string]int{}
	maps.Copy(f.d.safeNames, f.d.names)
	return nil
}

type fakeFile struct {
	d    *fake
	name string
}

func (f *fakeFile) Name() string { return f.name }
func (f *fakeFile) Close() error { return f.d.step("close") }

func (f *fakeFile) Write(b []byte) (int, error) {
	f.d.contents[1] += string(b)
	return len(b), f.d.step("write")
}

func (f *fakeFile) Sync() error {
	if err := f.d.step("sync"); err != nil {
		return err
	}
	f.d.safe[1] = f.d.contents[1]
	return nil
}

// afterPowerLoss are all the contents that the name can have: a change of names
// that was not synced may be lost or not, and so may contents.
func (d *fake) afterPowerLoss() (all []string) {
	for _, names := range []map[string]int{d.names, d.safeNames} {
		for _, contents := range []map[int]string{d.contents, d.safe} {
			all = append(all, contents[names["dir/file"]])
		}
	}
	return all
}

// TestOrder: the disk loses its power or fails at every step, and the name
// stands for all of the old file or all of the new one.
func TestOrder(t *testing.T) {
	t.Parallel()
	write := func(d *fake) error {
		return replace(d, "dir/file", Options{Before: func() error { return d.step("ask") }}, func(w io.Writer) error {
			_, err := w.Write([]byte("new"))
			return err
		})
	}
	well := newFake(-1)
	must(t, write(well))
	if got := strings.Join(well.steps, ", "); got != "open directory, create, write, sync, close, ask, rename, sync directory" {
		t.Errorf("the steps are %s", got)
	}
	for _, got := range well.afterPowerLoss() {
		if got != "new" {
			t.Errorf("after a loss of power it can be %q, though all went well", got)
		}
	}
	for at, name := range well.steps {
		d := newFake(at)
		if err := write(d); !errors.Is(err, errFailed) {
			t.Errorf("%s fails: got %v", name, err)
		}
		for _, got := range d.afterPowerLoss() {
			if got != "old" && got != "new" {
				t.Errorf("%s fails: after a loss of power it can be %q", name, got)
			}
		}
		if name != "sync directory" && d.names["dir/file"] != 0 {
			t.Errorf("%s fails: the old file is gone", name)
		}
		if len(d.names) != 1 {
			t.Errorf("%s fails: there is %v", name, d.names)
		}
	}
}
