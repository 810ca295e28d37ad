package atomicfile

import (
	"errors"
	"fmt"
	"os"
)

// system is the file system of the machine.
type system struct{}

var _ disk = system{}

func (system) openDir(dir string) (directory, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	return openDirectory{d}, nil
}

func (system) create(dir, pattern string, o Options) (file, error) {
	f, err := os.CreateTemp(dir, pattern) // with mode 0600
	if err != nil {
		return nil, err
	}
	if err := dress(f, dir, o); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f, nil
}

func (system) rename(from, to string) error { return os.Rename(from, to) }
func (system) remove(name string) error     { return os.Remove(name) }

// dress gives a new file its owner and then, when nobody else's is meant, its mode.
func dress(f *os.File, dir string, o Options) error {
	mode := o.Mode
	if mode == 0 {
		mode = private
	}
	switch {
	case o.Like != nil:
		if err := takeOwner(f, o.Like); err != nil {
			return fmt.Errorf("keep the owner of %s: %w", o.Like.Name(), cause(err))
		}
		mode = o.Like.Mode().Perm()
	case o.Inherit:
		if err := Inherit(f, dir); err != nil {
			return err
		}
	}
	return f.Chmod(mode)
}

// Inherit gives an open file or directory to whom another directory belongs to,
// if an administrator runs this.
func Inherit(f *os.File, dir string) error {
	info, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return err
	}
	return takeOwner(f, info)
}

// SyncDir makes the names in a directory last, where the system can do so.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(openDirectory{d}.Sync(), d.Close())
}

type openDirectory struct{ *os.File }

// Sync passes over that a file system syncs no directories: there is nothing
// that could be done instead.
func (d openDirectory) Sync() error {
	err := d.File.Sync()
	if err != nil && cannotSync(err) {
		return nil
	}
	return err
}
