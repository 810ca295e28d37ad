package store

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Restored tells what was restored.
type Restored struct {
	Facts int
	Aside string // the directory with what was there; empty: nothing was
}

// Restore makes the store of a directory that has none, from a backup or an
// export. All of it is read before it takes its place, by the passes too, which
// may be none. There is no store when it returns an error.
func Restore(o Options, r io.Reader, passes ...Pass) (Restored, error) {
	return restore(o, r, passes, func(s *Store, m mark, err error) error {
		if err != nil {
			return err
		}
		if _, err := s.base.Stat(s.facts()); err == nil || !m.fresh {
			return &ExistsError{o.Dir}
		}
		return nil
	})
}

// Replace is Restore for a directory that may have a store, even one that cannot
// be read. What was there goes into quarantine, or stays when there is an error.
func Replace(o Options, r io.Reader, passes ...Pass) (Restored, error) {
	return restore(o, r, passes, func(*Store, mark, error) error { return nil })
}

// ExistsError says that there is a store already.
type ExistsError struct{ Dir string }

func (e *ExistsError) Error() string {
	return "there is a store in " + e.Dir + " already"
}

// restore restores if allowed has no objection to what the mark says.
func restore(o Options, r io.Reader, passes []Pass, allowed func(*Store, mark, error) error) (done Restored, err error) {
	o.setDefaults()
	s := &Store{options: o, base: o.FS, fs: o.FS}
	_, statErr := s.base.Stat(o.Dir)
	if err := s.enterDir(); err != nil {
		return done, err
	}
	defer func() {
		_ = s.lock.Close()
		if err != nil && statErr != nil { // it was made for this
			_ = s.base.Remove(s.path(ownerName))
			_ = s.base.Remove(s.path(lockName))
			_ = s.base.Remove(o.Dir)
		}
	}()
	if statErr != nil {
		s.giveToParent()
	}
	m, err := s.readMark()
	if err := allowed(s, m, err); err != nil {
		return done, err
	}
	orElse(&s.options.Marker, m.marker)
	if _, err := s.finishSwap(); err != nil {
		return done, err
	}
	if done.Facts, err = s.unpack(r, passes); err != nil {
		return done, errors.Join(fmt.Errorf("restore into %s: %w", o.Dir, err), s.base.RemoveAll(s.path(unfinishedName)))
	}
	if err := syncDir(s.base, s.path(unfinishedName)); err != nil {
		return done, s.explain("restore", err)
	}
	if err := s.base.Rename(s.path(unfinishedName), s.path(savedName)); err != nil {
		return done, s.explain("restore", err)
	}
	if err := syncDir(s.base, o.Dir); err != nil {
		return done, s.explain("restore", err)
	}
	if done.Aside, err = s.finishSwap(); err != nil {
		return done, err
	}
	err = s.writeMark(mark{fresh: true})
	s.giveAllToOwner()
	return done, err
}

// unpack puts what it reads beside the facts, and reads it again: the sums may be
// right and the contents not.
func (s *Store) unpack(r io.Reader, passes []Pass) (facts int, err error) {
	dir := s.path(unfinishedName)
	if err := s.base.RemoveAll(dir); err != nil && !errors.Is(err, errNotExist) {
		return 0, err
	}
	if err := s.base.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	in := bufio.NewReader(r)
	start, err := in.Peek(1)
	switch {
	case errors.Is(err, io.EOF):
		return 0, errors.New("the file is empty")
	case err != nil:
		return 0, err
	case bytes.Equal(start, []byte("{")):
		err = s.fill(func(add Pass) error { return readExport(in, add) })
	default:
		err = s.restoreFiles(in)
	}
	if err != nil {
		return 0, err
	}
	return s.inspect(dir, passes)
}

// inspect reads what was unpacked. Files may have been made by somebody who wants
// reading them to go wrong.
func (s *Store) inspect(dir string, passes []Pass) (facts int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("what it holds is damaged: %w", panicError(r))
		}
	}()
	if len(passes) == 0 {
		passes = []Pass{func(_, _ []byte) bool { return true }}
	}
	report, err := s.readBeside(dir, passes...)
	if err == nil && len(report.Damages) > 0 {
		err = fmt.Errorf("what it holds is damaged: %s", &report.Damages[0])
	}
	return report.Facts, err
}

// restoreFiles unpacks a backup.
func (s *Store) restoreFiles(r io.Reader) error {
	in := tar.NewReader(r)
	var sums strings.Builder
	for range mostFiles {
		header, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("the backup ends early: %w", io.ErrUnexpectedEOF)
		case err != nil && sums.Len() == 0:
			return errors.New("it is neither a backup nor an export of a store")
		case err != nil:
			return fmt.Errorf("the backup is damaged: %w", err)
		case header.Name == sumsName:
			return checkSums(in, sums.String())
		}
		sum, err := s.restoreFile(header, in)
		if err != nil {
			return fmt.Errorf("file %q of the backup: %w", header.Name, err)
		}
		fmt.Fprintf(&sums, "%s  %s\n", sum, header.Name)
	}
	return errors.New("the backup has too many files")
}

// restoreFile writes a file of the backup and returns its sum. Names that lead
// elsewhere are refused.
func (s *Store) restoreFile(header *tar.Header, r io.Reader) (sum string, err error) {
	hash := sha256.New()
	finish := func(err error) (string, error) { return hex.EncodeToString(hash.Sum(nil)), err }
	if header.Name == markName {
		b, err := io.ReadAll(io.TeeReader(io.LimitReader(r, 4096), hash))
		if err == nil {
			_, err = s.parseMark(b)
		}
		return finish(err)
	}
	parent, name := path.Split(header.Name)
	if header.Typeflag != tar.TypeReg || parent != factsName+"/" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return "", errors.New("it does not belong into a backup")
	}
	f, err := s.base.Create(filepath.Join(s.path(unfinishedName), name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(io.MultiWriter(f, hash), r)
	if err == nil {
		err = f.Sync()
	}
	return finish(errors.Join(err, f.Close(), makePrivate(s.base, filepath.Join(s.path(unfinishedName), name))))
}

func checkSums(r io.Reader, got string) error {
	want, err := io.ReadAll(io.LimitReader(r, longestNames))
	if err != nil {
		return err
	}
	if string(want) != got {
		return errors.New("the backup is damaged: its sums do not match")
	}
	return nil
}
