package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// InUseError says that another process has a store open.
type InUseError struct {
	Dir string
	PID int // of that process; 0: not known
	Err error
}

func (e *InUseError) Error() string {
	who := "another process"
	if e.PID != 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("open the store in %s: %s has it open; stop that, or choose another persistence_location: %v", e.Dir, who, e.Err)
}

func (e *InUseError) Unwrap() error { return e.Err }

// NoStoreError says that a directory has no store.
type NoStoreError struct {
	Dir    string
	Others []string // what is in it instead; empty: nothing is, or there is no such directory
}

func (e *NoStoreError) Error() string {
	if len(e.Others) == 0 {
		return "there is no store in " + e.Dir
	}
	return fmt.Sprintf("there is no store in %s, but other things (%s)", e.Dir, someOf(e.Others))
}

// Is says that it is an error about something that does not exist.
func (e *NoStoreError) Is(target error) bool { return target == fs.ErrNotExist }

// A Pass gets facts in the order of their keys, until it returns false. Key and
// value are valid during the call only.
type Pass func(key, value []byte) bool

// Read gives the facts of the store of a directory that nobody has open to each
// of the passes, one after the other. It reads and changes nothing. Where files
// are damaged it yields what can be read of them, and the report has what could
// not in Damages.
func Read(o Options, passes ...Pass) (Report, error) {
	o.setDefaults()
	below := o.FS
	s := &Store{options: o, base: below, fs: below}
	m, err := s.existing()
	if err != nil {
		return Report{}, err
	}
	unlock, err := s.lockToRead()
	if err != nil {
		return Report{}, err
	}
	defer unlock()
	s.base = newOverlay(below)
	s.fs = s.base
	return s.read(s.complete(), m, passes)
}

// Check reads all of a store as Read does and tells only what it has found.
func Check(o Options) (Report, error) {
	return Read(o, func(_, _ []byte) bool { return true })
}

// Marked reports whether a directory says that it is a store.
func Marked(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, markName))
	return err == nil
}

// existing reads the mark of a directory that must have a store already. One
// whose mark is lost is fresh, though it has facts.
func (s *Store) existing() (m mark, err error) {
	if _, err := s.base.Stat(s.options.Dir); errors.Is(err, errNotExist) {
		return m, &NoStoreError{Dir: s.options.Dir}
	}
	b, err := readFile(s.base, s.path(markName))
	switch {
	case err == nil:
		return s.parseMark(b)
	case !errors.Is(err, errNotExist):
		return m, s.explain("read the store", err)
	}
	m.fresh = true
	foreign, err := s.foreign()
	if err != nil {
		return m, err
	}
	if len(foreign) == 0 {
		for _, name := range []string{s.facts(), s.path(savedName)} {
			if _, err := s.base.Stat(name); err == nil {
				return m, nil
			}
		}
	}
	return m, &NoStoreError{Dir: s.options.Dir, Others: foreign}
}

// complete is the directory with the facts. Saved ones are in their place when
// a crash has kept them from being moved there.
func (s *Store) complete() string {
	if _, err := s.base.Stat(s.path(savedName)); err == nil {
		return s.path(savedName)
	}
	return s.facts()
}

// lockToRead keeps others out while the store is read. Where nothing can be
// written nobody else writes either.
func (s *Store) lockToRead() (unlock func(), err error) {
	lock, err := s.lockDir()
	switch {
	case errors.Is(err, syscall.EROFS):
		return func() {}, nil
	case err != nil:
		return nil, err
	}
	return func() { _ = lock.Close() }, nil
}

// lockDir locks the directory.
func (s *Store) lockDir() (io.Closer, error) {
	lock, err := s.base.Lock(s.path(lockName))
	if err == nil {
		s.giveToOwner(s.path(lockName))
		return lock, nil
	}
	if path := (*fs.PathError)(nil); errors.As(err, &path) { // the file cannot be opened; a lock that another has is no PathError
		return nil, s.explain("lock the store", err)
	}
	return nil, s.inUse(err)
}

// read reads the facts in dir; s.base is an overlay.
func (s *Store) read(dir string, m mark, passes []Pass) (r Report, err error) {
	for _, pass := range passes {
		r = Report{When: time.Now(), Cause: "checked"}
		from, err := s.sources(dir)
		if err != nil {
			return r, s.explain("read the store", err)
		}
		from.merge(func(key, value []byte) bool {
			r.Facts++
			return pass(key, value)
		})
		r.Damages = from.damages
		from.close()
	}
	if len(r.Damages) == 0 {
		if err := s.opens(dir); err != nil {
			r.Damages = append(r.Damages, Damage{File: factsName, Err: firstLine(err)})
		}
	}
	if m.fresh {
		r.Damages = append(r.Damages, Damage{File: markName, Err: "the file is missing"})
	}
	return r, nil
}

// opens tries whether Pebble opens the facts in dir as a broker would.
func (s *Store) opens(dir string) error {
	e := &engine{dead: make(chan struct{})}
	e.fence = &fence{FS: s.fs, meter: &s.meter, failed: e.fail}
	if err := e.open(dir, s.pebbleOptions(e, readOnly)); err != nil {
		e.fence.close()
		return err
	}
	return e.close()
}

// Repair rewrites the store of a directory that nobody has open from all that
// can be read of it, without the facts that are unwanted; nil: none is. The
// report says what could not be read, and where the old files are.
func Repair(o Options, unwanted func(key []byte) bool) (Report, error) {
	o.setDefaults()
	s := &Store{options: o, base: o.FS, fs: o.FS}
	m, err := s.existing()
	if err != nil {
		return Report{}, err
	}
	if err := s.enterDir(); err != nil {
		return Report{}, err
	}
	defer func() { _ = s.lock.Close() }()
	if _, err := s.finishSwap(); err != nil {
		return Report{}, err
	}
	if err := s.rescue(errors.New("repair was asked for"), unwanted); err != nil {
		return Report{}, err
	}
	if m.fresh { // one that is there may know a marker that the options do not
		if err := s.writeMark(m); err != nil {
			return Report{}, err
		}
	}
	s.giveAllToOwner()
	return s.reports[0], nil
}

// someOf names a few.
func someOf(names []string) string {
	names = slices.Sorted(slices.Values(names))
	if len(names) > 3 {
		names = append(names[:3], "…")
	}
	return strings.Join(names, ", ")
}
