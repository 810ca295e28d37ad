package store

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
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

// Backup writes the facts of this moment as a tar file. Appending goes on
// meanwhile; the files are shared with the store until they are written.
func (s *Store) Backup(w io.Writer) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.calls.Done()
	s.backups.Lock()
	defer s.backups.Unlock()
	if err := s.backup(w); err != nil {
		return fmt.Errorf("back up the store in %s: %w", s.options.Dir, err)
	}
	return nil
}

func (s *Store) backup(w io.Writer) (err error) {
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
		return err
	}
	defer func() { err = errors.Join(err, s.base.RemoveAll(dir)) }()
	if err := e.do(func() error { return e.db.Checkpoint(dir, pebble.WithFlushedWAL()) }); err != nil {
		return err
	}
	names, err := s.base.List(dir)
	if err != nil {
		return err
	}
	slices.Sort(names)
	out := backupWriter{tar: tar.NewWriter(w)}
	if err := out.add(markName, strings.NewReader(markText("")), int64(len(markText("")))); err != nil {
		return err
	}
	for _, name := range names {
		if err := out.addFile(s.base, filepath.Join(dir, name), path.Join(factsName, name)); err != nil {
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

// Restore makes the store of a directory that has none from a backup. Nothing
// is there when it returns an error.
func Restore(o Options, r io.Reader) error {
	o.setDefaults()
	s := &Store{options: o, base: o.FS, fs: o.FS}
	if err := s.enterDir(); err != nil {
		return err
	}
	defer func() { _ = s.lock.Close() }()
	m, err := s.readMark()
	if err != nil {
		return err
	}
	if _, err := s.base.Stat(s.facts()); err == nil || !m.fresh {
		return fmt.Errorf("restore into %s: there is a store; move it away first", o.Dir)
	}
	if err := s.restore(r); err != nil {
		return errors.Join(fmt.Errorf("restore into %s: %w", o.Dir, err), s.base.RemoveAll(s.path(unfinishedName)))
	}
	if err := s.base.Rename(s.path(unfinishedName), s.path(savedName)); err != nil {
		return s.explain("restore", err)
	}
	if err := s.finishSwap(); err != nil {
		return err
	}
	return s.writeMark(m)
}

func (s *Store) restore(r io.Reader) error {
	dir := s.path(unfinishedName)
	if err := s.base.RemoveAll(dir); err != nil && !errors.Is(err, errNotExist) {
		return err
	}
	if err := s.base.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	in := tar.NewReader(r)
	var sums strings.Builder
	for range mostFiles {
		header, err := in.Next()
		if err != nil {
			return fmt.Errorf("the backup ends early: %w", err)
		}
		if header.Name == sumsName {
			return s.checkSums(in, sums.String())
		}
		sum, err := s.restoreFile(dir, header, in)
		if err != nil {
			return fmt.Errorf("file %q of the backup: %w", header.Name, err)
		}
		fmt.Fprintf(&sums, "%s  %s\n", sum, header.Name)
	}
	return errors.New("the backup has too many files")
}

// restoreFile writes a file of the backup and returns its sum. Names that lead
// elsewhere are refused.
func (s *Store) restoreFile(dir string, header *tar.Header, r io.Reader) (sum string, err error) {
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
	f, err := s.base.Create(filepath.Join(dir, name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(io.MultiWriter(f, hash), r)
	if err == nil {
		err = f.Sync()
	}
	return finish(errors.Join(err, f.Close(), makePrivate(s.base, filepath.Join(dir, name))))
}

func (s *Store) checkSums(r io.Reader, got string) error {
	want, err := io.ReadAll(io.LimitReader(r, longestNames))
	if err != nil {
		return err
	}
	if string(want) != got {
		return errors.New("the backup is damaged: its sums do not match")
	}
	return syncDir(s.base, s.path(unfinishedName))
}
