package store

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zancudomq/zancudo/packet"
)

// A backup is a tar file: the mark, the files of a checkpoint of Pebble, and at
// its end the sums of all of them, as sha256sum writes and checks them.
const (
	sumsName     = "SHA256SUMS"
	mostFiles    = 100_000
	longestNames = 16 << 20 // bytes of the sums
)

// DamagedError says that a store is damaged, where only a whole one will do.
type DamagedError struct {
	Dir     string
	Damages []Damage
}

func (e *DamagedError) Error() string {
	text := fmt.Sprintf("the store in %s is damaged: %s", e.Dir, &e.Damages[0])
	if more := len(e.Damages) - 1; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// Backup writes the facts of this moment as a tar file, after it has read them:
// what is damaged is no backup, and the error is a DamagedError. Appending goes on
// meanwhile; the files are shared with the store until they are written.
func (s *Store) Backup(w io.Writer) error {
	return s.withCheckpoint(func(dir string) error {
		r, err := s.readBeside(dir, func(_, _ []byte) bool { return true })
		if err == nil && len(r.Damages) > 0 {
			err = &DamagedError{Dir: s.options.Dir, Damages: r.Damages}
		}
		if err != nil {
			return err
		}
		return writeBackup(w, s.base, dir)
	})
}

// Verify gives the facts of this moment to each of the passes, as Read does, from
// the files. Appending goes on meanwhile.
func (s *Store) Verify(passes ...Pass) (r Report, err error) {
	err = s.withCheckpoint(func(dir string) error {
		r, err = s.readBeside(dir, passes...)
		return err
	})
	return r, err
}

// Backup writes a backup of the store of a directory that nobody has open, see
// Store.Backup.
func Backup(o Options, w io.Writer) error {
	o.setDefaults()
	s := &Store{options: o, base: o.FS, fs: o.FS}
	m, err := s.existing()
	if err != nil {
		return err
	}
	unlock, err := s.lockToRead()
	if err != nil {
		return err
	}
	defer unlock()
	dir := s.complete()
	reading := &Store{options: o, base: newOverlay(s.base)}
	reading.fs = reading.base
	r, err := reading.read(dir, m, []Pass{func(_, _ []byte) bool { return true }})
	if err == nil && len(r.Damages) > 0 {
		err = &DamagedError{Dir: o.Dir, Damages: r.Damages}
	}
	if err != nil {
		return err
	}
	return writeBackup(w, s.base, dir)
}

// readBeside reads facts in dir while the store is open.
func (s *Store) readBeside(dir string, passes ...Pass) (Report, error) {
	reading := &Store{options: s.options, base: newOverlay(s.base)}
	reading.fs = reading.base
	return reading.read(dir, mark{}, passes)
}

// withCheckpoint calls f with a directory that has the facts of this moment, while
// it runs.
func (s *Store) withCheckpoint(f func(dir string) error) (err error) {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.calls.Done()
	s.backups.Lock()
	defer s.backups.Unlock()
	if err := s.enqueue(&request{batch: new(pebble.Batch)}); err != nil { // what waits
		return err
	}
	s.mu.Lock()
	e := s.engine
	s.mu.Unlock()
	if e == nil {
		return fmt.Errorf("the store failed: %w", packet.ImplementationSpecificError)
	}
	dir := s.path(backupName)
	if err := s.base.RemoveAll(dir); err != nil && !errors.Is(err, errNotExist) {
		return s.explain("take a copy of the store", err)
	}
	defer func() { err = errors.Join(err, s.base.RemoveAll(dir)) }()
	if err := e.do(func() error { return e.db.Checkpoint(dir, pebble.WithFlushedWAL()) }); err != nil {
		return s.explain("take a copy of the store", err)
	}
	return f(dir)
}

// writeBackup writes the files in dir.
func writeBackup(w io.Writer, fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	slices.Sort(names)
	out := backupWriter{tar: tar.NewWriter(w)}
	if err := out.add(markName, strings.NewReader(markText("")), int64(len(markText("")))); err != nil {
		return err
	}
	for _, name := range names {
		if err := out.addFile(fs, filepath.Join(dir, name), path.Join(factsName, name)); err != nil {
			return fmt.Errorf("file %s: %w", name, err)
		}
	}
	sums := out.sums.String()
	if err := out.add(sumsName, strings.NewReader(sums), int64(len(sums))); err != nil {
		return err
	}
	return out.tar.Close()
}

type backupWriter struct {
	tar  *tar.Writer
	sums strings.Builder
}

func (b *backupWriter) addFile(fs vfs.FS, name, as string) (err error) {
	f, err := fs.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		return err
	}
	return b.add(as, f, info.Size())
}

func (b *backupWriter) add(name string, r io.Reader, size int64) error {
	if err := b.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, Format: tar.FormatPAX}); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(b.tar, sum), r, size); err != nil {
		return err
	}
	fmt.Fprintf(&b.sums, "%x  %s\n", sum.Sum(nil), name)
	return nil
}

// Move gives a whole store that nobody has open another directory, which is not
// there yet. It is there or here, whenever the power fails.
func Move(o Options, dir string) error {
	o.setDefaults()
	if err := o.FS.Rename(o.Dir, dir); err != nil {
		return fmt.Errorf("move the store in %s: %w", o.Dir, err)
	}
	return syncDir(o.FS, filepath.Dir(dir))
}

// GiveToOwner gives a store, which root has written to, to the owner of the
// directory that it is in, who could not use it otherwise.
func GiveToOwner(o Options) {
	o.setDefaults()
	s := &Store{options: o, base: o.FS}
	if info, err := s.base.Stat(o.Dir); err == nil && isOS(s.base) {
		if uid, known := ownerOf(info); known && uid == 0 {
			s.giveToParent()
		}
	}
	s.giveAllToOwner()
}
