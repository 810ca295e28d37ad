package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The names in the directory of a store.
const (
	markName       = "zancudo-store" // says that this is a store, and its format
	lockName       = "lock"          // locked while a process has the store open
	ownerName      = "owner"         // the number of that process
	factsName      = "facts"         // Pebble's files
	reserveName    = "reserve"       // given up when the disk is full
	quarantineName = "quarantine"    // damaged files and reports
	uselessName    = "useless.jsonl" // there: facts that a repair has left out
	unfinishedName = "facts.new"     // facts being saved from damaged files
	savedName      = "facts.saved"   // the same, complete
	resetName      = "facts.reset"   // being removed
	backupName     = "facts.backup"  // a checkpoint being copied out
	format         = 1               // of all this
	magic          = "zancudo store" // the first line of the mark
	formatWord     = "format "       // the second
	markerWord     = "marker "       // the third, if there is a marker
	lostAndFound   = "lost+found"    // of a file system's root
	markerSentence = "This file stands for Zancudo's stored state, which is in %s.\n" +
		"Remove it while the broker is stopped, and the broker starts with an empty state.\n"
)

var errNotExist = fs.ErrNotExist

// explain says where an error happened and, for the usual ones, the way on.
func (s *Store) explain(attempt string, err error) error {
	where := fmt.Sprintf("%s in %s", attempt, s.options.Dir)
	switch {
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s: the file system is read-only; mount it for writing or choose another persistence_location: %w", where, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %s may not write there (%s); make that user the owner, or choose another persistence_location: %w",
			where, user(), owner(s.options.Dir), err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s: a part of that path is a file, not a directory; choose another persistence_location: %w", where, err)
	case isFull(err):
		return fmt.Errorf("%s: no space is left; free some and start again: %w", where, err)
	}
	return fmt.Errorf("%s: %w", where, err)
}

func user() string { return "user id " + strconv.Itoa(os.Geteuid()) }

// enterDir makes the directory if it is not there, and locks it.
func (s *Store) enterDir() error {
	dir := s.options.Dir
	info, err := s.base.Stat(dir)
	switch {
	case errors.Is(err, errNotExist):
		if err := s.makeDir(dir); err != nil {
			return s.explain("make the store", err)
		}
	case err != nil:
		return s.explain("open the store", err)
	case !info.IsDir():
		return fmt.Errorf("open the store in %s: it is a file, not a directory; choose another persistence_location", dir)
	case isOS(s.base):
		if err := checkOwner(dir, info); err != nil {
			return err
		}
	}
	if err := s.refuseForeign(); err != nil {
		return err
	}
	if s.lock, err = s.lockDir(); err != nil {
		return err
	}
	unsynced := func(vfs.File) error { return nil } // the number means nothing after a power failure
	if err := replaceFile(s.base, s.path(ownerName), fmt.Appendf(nil, "%d\n", os.Getpid()), unsynced); err != nil && !isFull(err) {
		return s.explain("open the store", err)
	}
	return nil
}

func (s *Store) inUse(err error) error {
	pid := 0
	if b, readErr := readFile(s.base, s.path(ownerName)); readErr == nil {
		pid, _ = strconv.Atoi(string(bytes.TrimSpace(b))) // 0, if it says something else
	}
	return &InUseError{Dir: s.options.Dir, PID: pid, Err: err}
}

func (s *Store) makeDir(dir string) error {
	parent := filepath.Dir(dir)
	if _, err := s.base.Stat(parent); errors.Is(err, errNotExist) && parent != dir {
		if err := s.makeDir(parent); err != nil {
			return err
		}
	}
	if err := s.base.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(s.base, parent)
}

// leaveDir lets go of the directory at Close. The marker must be there then,
// whatever happened to it meanwhile.
func (s *Store) leaveDir() error {
	err := s.closeErr
	if s.options.Marker != "" {
		err = errors.Join(err, s.ensureMarker())
	}
	_ = s.base.Remove(s.path(ownerName))
	return errors.Join(err, s.lock.Close())
}

// mark is what the file of that name says.
type mark struct {
	fresh  bool   // there is no store yet
	marker string // the marker that has been made
}

// readMark reads the mark.
func (s *Store) readMark() (mark, error) {
	b, err := readFile(s.base, s.path(markName))
	if errors.Is(err, errNotExist) {
		return mark{fresh: true}, nil
	}
	if err != nil {
		return mark{}, s.explain("read the store", err)
	}
	return s.parseMark(b)
}

func (s *Store) parseMark(b []byte) (mark, error) {
	lines := strings.Split(string(b), "\n")
	if len(lines) < 2 || lines[0] != magic || !strings.HasPrefix(lines[1], formatWord) {
		return mark{}, fmt.Errorf("open the store in %s: the file %s does not say what it should; if the directory %s beside it is a store, "+
			"remove the file and it is made again", s.options.Dir, markName, factsName)
	}
	n, err := strconv.Atoi(strings.TrimPrefix(lines[1], formatWord))
	if err != nil || n < 1 || n > format {
		return mark{}, fmt.Errorf("open the store in %s: it has format %s, and this version knows formats up to %d; use the version that "+
			"wrote it, or a later one", s.options.Dir, strings.TrimPrefix(lines[1], formatWord), format)
	}
	var m mark
	for _, line := range lines[2:] {
		if path, ok := strings.CutPrefix(line, markerWord); ok {
			m.marker = path
		}
	}
	return m, nil
}

// refuseForeign refuses a directory that is not ours to write to, before there
// is anything of ours in it.
func (s *Store) refuseForeign() error {
	if _, err := s.base.Stat(s.path(markName)); err == nil {
		return nil
	}
	foreign, err := s.foreign()
	if err != nil || len(foreign) == 0 {
		return err
	}
	return fmt.Errorf("open the store in %s: the directory holds other things (%s); choose an empty directory", s.options.Dir, someOf(foreign))
}

// foreign looks at a directory without a mark and returns what is not a store's.
// Facts that are there belong to one whose making was cut short, or whose mark
// is lost.
func (s *Store) foreign() ([]string, error) {
	names, err := s.base.List(s.options.Dir)
	if err != nil {
		return nil, s.explain("open the store", err)
	}
	ours := []string{
		lockName, ownerName, ownerName + ".new", markName + ".new", factsName, reserveName, quarantineName, unfinishedName,
		savedName, resetName, backupName, lostAndFound, filepath.Base(s.options.Marker),
	}
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(ours, name) }), nil
}

// writeMark says that the store exists. The marker comes first: a mark that
// names a marker which is not there would reset the state.
func (s *Store) writeMark(m mark) error {
	marker := s.options.Marker
	if marker != "" {
		if err := s.ensureMarker(); err != nil {
			return err
		}
	}
	if !m.fresh && m.marker == marker {
		return nil
	}
	return writeFile(s.base, s.path(markName), []byte(markText(marker)))
}

func markText(marker string) string {
	text := fmt.Sprintf("%s\n%s%d\n", magic, formatWord, format)
	if marker != "" {
		text += markerWord + marker + "\n"
	}
	return text
}

func (s *Store) ensureMarker() error {
	if _, err := s.base.Stat(s.options.Marker); err == nil || !errors.Is(err, errNotExist) {
		return err
	}
	content := s.options.MarkerContent
	if content == nil {
		content = fmt.Appendf(nil, markerSentence, s.options.Dir)
	}
	return writeFile(s.base, s.options.Marker, content)
}

// wantsReset reports whether the marker that stood for the state has been removed.
func (m *mark) wantsReset(s *Store) bool {
	if m.marker == "" || m.marker != s.options.Marker {
		return false
	}
	_, err := s.base.Stat(m.marker)
	return errors.Is(err, errNotExist)
}

// reset removes the facts. Until there is a new marker it would be done again.
func (s *Store) reset(m *mark) error {
	if err := s.base.RemoveAll(s.path(resetName)); err != nil {
		return err
	}
	if err := s.base.Rename(s.facts(), s.path(resetName)); err != nil && !errors.Is(err, errNotExist) {
		return err
	}
	if err := syncDir(s.base, s.options.Dir); err != nil {
		return err
	}
	m.fresh = true
	s.options.Logger.Warn("state was reset, as its file was removed", "path", m.marker)
	return s.base.RemoveAll(s.path(resetName))
}

// checkOwner refuses directories that this process cannot keep private.
func checkOwner(dir string, info vfs.FileInfo) error {
	uid, known := ownerOf(info)
	if known && uid != os.Geteuid() && os.Geteuid() != 0 {
		return fmt.Errorf("open the store in %s: it belongs to user id %d with mode %04o, and this is %s; change the owner, or choose "+
			"another persistence_location", dir, uid, info.Mode().Perm(), user())
	}
	if info.Mode().Perm()&0o077 != 0 && uid == os.Geteuid() {
		if err := os.Chmod(dir, 0o700); err != nil {
			return fmt.Errorf("make the store in %s private, its mode is %04o: %w", dir, info.Mode().Perm(), err)
		}
	}
	return nil
}

// owner says whose a directory is, or the nearest one above it that can be seen.
func owner(dir string) string {
	at, what := dir, "it"
	info, err := os.Stat(at)
	for err != nil && filepath.Dir(at) != at {
		at = filepath.Dir(at)
		what = at
		info, err = os.Stat(at)
	}
	if err != nil {
		return err.Error()
	}
	uid, known := ownerOf(info)
	if !known {
		return fmt.Sprintf("%s has mode %04o", what, info.Mode().Perm())
	}
	return fmt.Sprintf("%s belongs to user id %d with mode %04o", what, uid, info.Mode().Perm())
}
