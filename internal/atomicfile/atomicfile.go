package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Options say how a file is written, and whose it becomes.
type Options struct {
	// Mode is what the new file may be used for, whatever the umask is. 0: read
	// and written by its owner only.
	Mode fs.FileMode
	// Like is a file, most often the one that is replaced, whose owner, group and
	// mode the new one gets; that they cannot be had is an error. Nil: it belongs
	// to whoever runs this, and Mode holds.
	Like fs.FileInfo
	// Inherit gives the file to whom its directory belongs to, if an
	// administrator runs this. False: as Like says.
	Inherit bool
	// Before is called when the new file is safe on disk and has not taken its
	// name yet; its error leaves everything as it was. Nil: nothing is called.
	Before func() error
}

// private is the mode of a file that others must not read.
const private fs.FileMode = 0o600

// Write puts a file with this text in the place of one that may be there.
// Whatever fails, the old one stays; only when nothing but the directory cannot
// be synced is the new one there. A symbolic link is replaced itself: nobody
// leads the writer to another file by it. An error of writing is an
// *fs.PathError with this path.
func Write(path string, text []byte, o Options) error {
	return Stream(path, o, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// Stream is Write for what is not in memory: write says what the file holds, and
// its own errors are returned as they are.
func Stream(path string, o Options, write func(io.Writer) error) error {
	return replace(system{}, path, o, write)
}

// A disk is what replacing a file asks of a file system.
type disk interface {
	openDir(dir string) (directory, error)
	create(dir, pattern string, o Options) (file, error)
	rename(from, to string) error
	remove(name string) error
}

type file interface {
	io.WriteCloser
	Name() string
	Sync() error
}

type directory interface {
	io.Closer
	Sync() error
}

// replace keeps this order: the contents are safe before the name stands for
// them, and the name is safe before the caller hears that all went well. The
// directory is opened first, so that one which cannot be synced is found while
// the old file is still in its place.
func replace(d disk, path string, o Options, write func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	within, err := d.openDir(dir)
	if err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: fmt.Errorf("open the directory %s: %w", dir, cause(err))}
	}
	defer func() { _ = within.Close() }() // nothing was written to it
	temp, err := d.create(dir, "."+filepath.Base(path)+".new.*", o)
	if err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: fmt.Errorf("make a file in %s: %w", dir, cause(err))}
	}
	defer func() {
		if err != nil {
			_ = temp.Close() // it may be closed already
			_ = d.remove(temp.Name())
			err = named(err, path, temp.Name())
		}
	}()
	if err := write(temp); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	if o.Before != nil {
		if err := o.Before(); err != nil {
			return err
		}
	}
	if err := d.rename(temp.Name(), path); err != nil {
		return err
	}
	if err := within.Sync(); err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: fmt.Errorf("sync the directory %s: %w", dir, cause(err))}
	}
	return nil
}

// named tells an error of the new file with the name that the user knows.
func named(err error, path, temp string) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok && p.Path == temp {
		return &fs.PathError{Op: "write", Path: path, Err: p.Err}
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok && l.Old == temp {
		return &fs.PathError{Op: "write", Path: path, Err: l.Err}
	}
	return err
}

// cause is an error without the name of a file, which is told already.
func cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
