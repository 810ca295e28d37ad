package password

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zancudomq/zancudo/internal/atomicfile"
)

// Options say what a file may be that is read or edited.
type Options struct {
	// AllowSymlinks lifts the rules that a file with passwords must be no
	// symbolic link and belong to whoever edits it. A link's target is edited.
	AllowSymlinks bool
	// Interrupted says whether the user has given up; it is asked before the
	// new file takes the place of the old one. Nil: never.
	Interrupted func() error
}

// maxFile bounds the password files that are read: a million users.
const maxFile = 256 << 20

// Edit changes a password file, which must exist. The new file takes the place
// of the old one at once, with its mode and owner; whatever fails, the old one
// stays as it was.
func Edit(path string, o Options, change func(*File) error) error {
	target, err := o.resolve(path)
	if err != nil {
		return err
	}
	before, err := os.Stat(target)
	if err != nil {
		return err
	}
	text, err := readAll(target)
	if err != nil {
		return err
	}
	f, err := ParseFile(text)
	if err != nil {
		return err
	}
	if err := change(f); err != nil {
		return err
	}
	return o.replace(target, before, f)
}

// Create makes a password file that holds what fill puts in. A file that exists
// is replaced; a new one can be read by its owner only.
func Create(path string, o Options, fill func(*File) error) error {
	target, err := o.resolve(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	before, err := os.Stat(target)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f := &File{}
	if err := fill(f); err != nil {
		return err
	}
	return o.replace(target, before, f)
}

// Read reads a password file without keeping it open.
func Read(path string, o Options) (*File, error) {
	target, err := o.resolve(path)
	if err != nil {
		return nil, err
	}
	text, err := readAll(target)
	if err != nil {
		return nil, err
	}
	return ParseFile(text)
}

// resolve returns the file that path stands for, and refuses what no file with
// passwords should be.
func (o Options) resolve(path string) (target string, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return path, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		if !o.AllowSymlinks {
			return path, &fs.PathError{Op: "open", Path: path, Err: errors.New("it is a symbolic link, which MOSQUITTO_UNSAFE_ALLOW_SYMLINKS allows")}
		}
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return path, err
		}
		if info, err = os.Stat(path); err != nil {
			return path, err
		}
	}
	switch {
	case !info.Mode().IsRegular():
		return path, &fs.PathError{Op: "open", Path: path, Err: errors.New("it is not a file")}
	case !o.AllowSymlinks && !ours(info):
		return path, &fs.PathError{Op: "open", Path: path, Err: errors.New("it belongs to another user")}
	}
	return path, nil
}

func readAll(path string) ([]byte, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if closed := r.Close(); err == nil {
		err = closed
	}
	if err == nil && len(text) > maxFile {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("it is larger than %d MB", maxFile>>20)}
	}
	if err == nil && bytes.IndexByte(text, 0) >= 0 {
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("it is not text")}
	}
	return text, err
}

// replace puts f in the place of a file, which was as before says when it was
// read; before is nil if there was none.
func (o Options) replace(path string, before fs.FileInfo, f *File) error {
	return atomicfile.Write(path, f.Append(nil), atomicfile.Options{Like: before, Before: func() error {
		if o.Interrupted != nil {
			if err := o.Interrupted(); err != nil {
				return err
			}
		}
		return unchanged(path, before)
	}})
}

// unchanged reports an edit of somebody else, which would be lost.
func unchanged(path string, before fs.FileInfo) error {
	now, err := os.Stat(path)
	switch {
	case before == nil && errors.Is(err, fs.ErrNotExist):
		return nil
	case before == nil && err == nil:
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	case err != nil:
		return err
	case !os.SameFile(before, now) || before.Size() != now.Size() || !before.ModTime().Equal(now.ModTime()):
		return &fs.PathError{Op: "replace", Path: path, Err: errors.New("somebody else has changed it meanwhile")}
	}
	return nil
}
