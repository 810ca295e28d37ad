package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/store"
)

// importedSuffix ends the second name of a file of Mosquitto that was brought.
// It keeps the file from being lost, and tells that it was.
const importedSuffix = ".imported"

// walEnding ends the name of the write-ahead log of a database.
const walEnding = "-wal"

// inherit takes over what Mosquitto has left, at the first start in its place:
// when there is its file and no store yet. The file stays as it is, for the way
// back. When there is a store already, it says so if the file is another one.
func (d *daemon) inherit(c *config.Config, place store.Options) error {
	file, err := leftIn(c, place)
	if err != nil {
		return fmt.Errorf("see whether Mosquitto has left something: %w; make this user the owner of the file, or move it away to begin with an empty state", err)
	}
	if file == "" {
		return nil
	}
	_, brought, err := copyOf(file)
	if err != nil {
		return err
	}
	switch _, err := os.Stat(place.Dir); {
	case err == nil && !brought:
		d.caution("Mosquitto has written %s, and its sessions and messages are not taken over, since the broker has a state of its own. "+
			"To have both, stop the broker and use 'zancudo import'.", file)
		return nil
	case err == nil:
		return nil
	case brought:
		d.caution("The sessions and messages in %s were taken over once, and are not again, though there is no store in %s. "+
			"To have them, stop the broker and use 'zancudo import'.", file, place.Dir)
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	i, err := Import(ImportOptions{Config: c, File: file, Logger: d.logger})
	if err != nil {
		return fmt.Errorf("take over what Mosquitto has left: %w\nTo begin with an empty state, move the file away", err)
	}
	d.logger.Info("state of Mosquitto taken over", "file", file, "text", i.Counts())
	for _, sentence := range i.Sentences() {
		d.logger.Warn("state of Mosquitto left out", "text", sentence)
	}
	if i.Copy == "" {
		d.caution("%s could not be given a second name, %s%s: take care that it is not overwritten, if you may want to go back.",
			file, file, importedSuffix)
	}
	return nil
}

// leftIn is the file of Mosquitto's state; empty: there is none. With its plugin
// for SQLite the database has it, and what is in an older mosquitto.db is past.
func leftIn(c *config.Config, place store.Options) (file string, err error) {
	database, err := databaseOf(c)
	if err != nil {
		return "", err
	}
	for _, file := range []string{database, place.Marker} {
		if file == "" {
			continue
		}
		if found, err := isMosquittos(file); found || err != nil {
			return file, err
		}
	}
	return "", nil
}

// databaseOf is the database of Mosquitto's plugin for SQLite; empty: there is none.
func databaseOf(c *config.Config) (string, error) {
	if file := c.DatabaseFile(); file != "" {
		return filepath.Abs(file)
	}
	return "", nil
}

func (d *daemon) caution(format string, args ...any) {
	d.logger.Warn("configuration warning", "text", fmt.Sprintf(format, args...))
}

// keepCopy gives a file another name beside it, or copies it where files have one
// name only. It returns the name; empty: it has none.
func keepCopy(file string) string {
	name, found, err := copyOf(file)
	switch {
	case err != nil:
		return ""
	case found:
		return name
	}
	if database, _ := isDatabase(file); database {
		return copyDatabase(file, name)
	}
	if os.Link(file, name) == nil || copyFile(file, name) == nil {
		return name
	}
	_ = os.Remove(name)
	return ""
}

// copyDatabase copies a database with its write-ahead log: SQLite changes both
// where they are, and so another name would keep nothing.
func copyDatabase(file, name string) string {
	log := copyFile(file+walEnding, name+walEnding)
	if errors.Is(log, fs.ErrNotExist) {
		log = nil
	}
	if errors.Join(log, copyFile(file, name)) == nil {
		return name
	}
	_, _ = os.Remove(name), os.Remove(name+walEnding)
	return ""
}

// copyOf finds the other name of a file; if there is none, one that is free.
func copyOf(file string) (name string, found bool, err error) {
	name = file + importedSuffix
	for n := 2; ; n++ {
		switch _, err := os.Lstat(name); {
		case errors.Is(err, fs.ErrNotExist):
			return name, false, nil
		case err != nil:
			return "", false, err
		}
		if found, err := sameFile(file, name); found || err != nil {
			return name, found, err
		}
		name = fmt.Sprintf("%s%s.%d", file, importedSuffix, n)
	}
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// sameFile reports whether two names are of the same file, or of files with the
// same bytes in them.
func sameFile(a, b string) (bool, error) {
	first, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	second, err := os.Stat(b)
	switch {
	case err != nil:
		return false, err
	case os.SameFile(first, second):
		return true, nil
	case first.Size() != second.Size():
		return false, nil
	}
	return sameBytes(a, b)
}

// sameBytes compares files of one size, which may be large.
func sameBytes(a, b string) (bool, error) {
	x, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer func() { _ = x.Close() }() // it was only read
	y, err := os.Open(b)
	if err != nil {
		return false, err
	}
	defer func() { _ = y.Close() }() // it was only read
	const part = 64 << 10
	one, other := make([]byte, part), make([]byte, part)
	for {
		n, err := io.ReadFull(x, one)
		m, err2 := io.ReadFull(y, other)
		switch {
		case !bytes.Equal(one[:n], other[:m]):
			return false, nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return true, nil
		case err != nil || err2 != nil:
			return false, errors.Join(err, err2)
		}
	}
}
