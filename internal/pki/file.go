package pki

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/zancudomq/zancudo/internal/atomicfile"
)

// The modes of files. The directory is closed to others; what is public may be
// copied out of it as it is.
const (
	private fs.FileMode = 0o600
	public  fs.FileMode = 0o644
	closed  fs.FileMode = 0o700
)

// makeDirectory makes a directory that others do not look into, with the owner
// of the one above it if an administrator makes it.
func makeDirectory(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is a file, not a directory", dir)
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(dir, closed); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(dir))
}

// write puts a file in the place of one that may be there, as a whole. It
// belongs to whom its directory belongs to.
func (a *Authority) write(name string, text []byte, mode fs.FileMode) error {
	return atomicfile.Write(a.path(name), text, atomicfile.Options{Mode: mode, Inherit: true})
}

// writePair writes a certificate and, unless it is nil, its new key. Two files
// cannot be replaced at once: where both exist, both new ones lie in a third
// before the first is replaced, and finishPairs goes on from there.
func (a *Authority) writePair(base string, key, cert []byte) error {
	if key == nil {
		return a.write(base+certEnding, cert, public)
	}
	if dir := filepath.Dir(base); dir != "." {
		if err := a.makeInside(dir); err != nil {
			return err
		}
	}
	if err := a.write(base+nextEnding, append(bytes.Clone(key), cert...), private); err != nil {
		return err
	}
	return a.finishPair(base, key, cert)
}

func (a *Authority) finishPair(base string, key, cert []byte) error {
	if err := a.write(base+keyEnding, key, private); err != nil {
		return err
	}
	if err := a.write(base+certEnding, cert, public); err != nil {
		return err
	}
	if err := os.Remove(a.path(base + nextEnding)); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(a.path(base)))
}

// finishPairs completes what an interrupted writePair has begun.
func (a *Authority) finishPairs() error {
	for _, dir := range []string{"", clientsName} {
		entries, err := os.ReadDir(a.path(dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, entry := range entries {
			name, next := strings.CutSuffix(entry.Name(), nextEnding)
			if !next {
				continue
			}
			if err := a.resumePair(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Authority) resumePair(base string) error {
	path := a.path(base + nextEnding)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, cert := pem.Decode(text)
	key := text[:len(text)-len(cert)]
	if block, _ := pem.Decode(cert); block == nil || block.Type != typeCertificate {
		return fmt.Errorf("read %s: it holds no key with its certificate, and should be removed", path)
	}
	return a.finishPair(base, key, cert)
}

// makeInside makes a directory in that of the authority, with its owner.
func (a *Authority) makeInside(name string) error {
	err := os.Mkdir(a.path(name), closed)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	d, err := os.Open(a.path(name))
	if err != nil {
		return err
	}
	err = atomicfile.Inherit(d, a.dir)
	return errors.Join(err, d.Close(), atomicfile.SyncDir(a.dir))
}
