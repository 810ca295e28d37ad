package store

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// overlay is a file system that is only read: what Pebble writes when it opens,
// logs that become tables and a new list of them, goes to memory, and what it
// removes is hidden.
type overlay struct {
	vfs.FS        // what is there
	above  vfs.FS // what was written

	mu     sync.Mutex
	hidden map[string]bool // of what is there
}

func newOverlay(below vfs.FS) *overlay {
	return &overlay{FS: below, above: vfs.NewMem(), hidden: map[string]bool{}}
}

var errOnlyRead = errors.New("the store is only read")

func (o *overlay) hide(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hidden[name] = true
}

// holder returns the file system that has a file now.
func (o *overlay) holder(name string) vfs.FS {
	o.mu.Lock()
	hidden := o.hidden[name]
	o.mu.Unlock()
	if _, err := o.above.Stat(name); err == nil || hidden {
		return o.above
	}
	return o.FS
}

// Create makes a file in memory.
func (o *overlay) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := o.above.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, err
	}
	o.hide(name)
	return o.above.Create(name, c)
}

// ReuseForWrite does not reuse the old file.
func (o *overlay) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := o.Remove(oldname); err != nil {
		return nil, err
	}
	return o.Create(newname, c)
}

// Open opens a file for reading.
func (o *overlay) Open(name string, options ...vfs.OpenOption) (vfs.File, error) {
	return o.holder(name).Open(name, options...)
}

// OpenDir opens a directory for syncing, which means nothing here.
func (o *overlay) OpenDir(name string) (vfs.File, error) {
	if err := o.above.MkdirAll(name, 0o700); err != nil {
		return nil, err
	}
	return o.above.OpenDir(name)
}

// Remove hides a file.
func (o *overlay) Remove(name string) error {
	fs := o.holder(name)
	if _, err := fs.Stat(name); err != nil {
		return err
	}
	o.hide(name)
	if fs == o.above {
		return o.above.Remove(name)
	}
	return nil
}

// Rename renames what was written.
func (o *overlay) Rename(oldname, newname string) error {
	if o.holder(oldname) != o.above {
		return errOnlyRead
	}
	o.hide(newname)
	return o.above.Rename(oldname, newname)
}

// MkdirAll makes a directory in memory.
func (o *overlay) MkdirAll(dir string, mode os.FileMode) error { return o.above.MkdirAll(dir, mode) }

// List lists what is there and was written.
func (o *overlay) List(dir string) ([]string, error) {
	below, err := o.FS.List(dir)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	o.mu.Lock()
	for _, name := range below {
		if !o.hidden[filepath.Join(dir, name)] {
			names[name] = true
		}
	}
	o.mu.Unlock()
	above, err := o.above.List(dir)
	if err != nil && !errors.Is(err, errNotExist) {
		return nil, err
	}
	for _, name := range above {
		names[name] = true
	}
	return slices.Collect(maps.Keys(names)), nil
}

// Stat tells of a file.
func (o *overlay) Stat(name string) (vfs.FileInfo, error) { return o.holder(name).Stat(name) }

// Link and the others are not for who only reads.
func (o *overlay) Link(string, string) error { return errOnlyRead }

// OpenReadWrite fails.
func (o *overlay) OpenReadWrite(string, vfs.DiskWriteCategory, ...vfs.OpenOption) (vfs.File, error) {
	return nil, errOnlyRead
}

// RemoveAll fails.
func (o *overlay) RemoveAll(string) error { return errOnlyRead }

// Lock locks nothing.
func (o *overlay) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// Unwrap says that this is not the operating system's, whose owners and modes matter.
func (o *overlay) Unwrap() vfs.FS { return nil }
