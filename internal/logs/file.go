package logs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"time"
)

// fileMode lets the group read: a log names clients and users.
const fileMode = 0o640

// file is a sink that appends to a file, and puts it aside when it is too large
// or too old.
type file struct {
	name     string
	rotation Rotation

	mu      sync.Mutex // against reopen
	f       *os.File
	regular bool // what is no regular file has neither size nor age
	size    int64
	began   time.Time // when its first line was written
	torn    bool      // its last line has no end
}

func openFile(name string, r Rotation) (sink, error) {
	f := &file{name: name, rotation: r}
	if err := f.open(); err != nil {
		return nil, err
	}
	return f, nil
}

// open opens the file in place of the one that is open.
func (f *file) open() error {
	opened, err := os.OpenFile(f.name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, fileMode)
	if err != nil {
		return err
	}
	info, err := opened.Stat()
	if err != nil {
		_ = opened.Close() // that it is of no use is told already
		return err
	}
	if f.f != nil {
		_ = f.f.Close() // all was written, or told to be lost
	}
	f.f, f.regular, f.size, f.torn = opened, info.Mode().IsRegular(), info.Size(), false
	f.began = f.beginning(info)
	return nil
}

// beginning guesses when a file was begun: when the one before it was last
// written to.
func (f *file) beginning(info fs.FileInfo) time.Time {
	if info.Size() == 0 {
		return time.Now()
	}
	if before, err := os.Stat(f.aside(1)); err == nil {
		return before.ModTime()
	}
	return info.ModTime()
}

func (f *file) reopen() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open()
}

func (f *file) write(lines *batch) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.f == nil {
		if err := f.open(); err != nil {
			return 0, err
		}
	}
	rotated := f.rotate(int64(len(lines.bytes)))
	if f.torn {
		if _, err := f.f.WriteString("\n"); err != nil {
			return 0, err
		}
		f.torn = false
	}
	n, err := writeAll(f.f, lines)
	f.size += int64(len(lines.bytes))
	if err != nil {
		f.torn = true
		return n, err
	}
	return n, rotated
}

// rotate puts the file aside if it is too old, or too large for more bytes. If
// that fails, what is there grows on.
func (f *file) rotate(more int64) error {
	r := &f.rotation
	large := r.Bytes > 0 && f.size > 0 && f.size+more > r.Bytes
	old := r.Age > 0 && f.size > 0 && time.Since(f.began) >= r.Age
	if !f.regular || !large && !old {
		return nil
	}
	if err := f.putAside(); err != nil {
		f.size, f.began = 0, time.Now() // it is tried again, but not at every line
		return fmt.Errorf("rotate: %w", err)
	}
	return f.open()
}

// putAside renames the file, and those before it, and removes the oldest.
func (f *file) putAside() error {
	keep := f.rotation.Keep
	if keep <= 0 {
		keep = defaultKeep
	}
	for i := keep - 1; i > 0; i-- {
		if err := os.Rename(f.aside(i), f.aside(i+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return os.Rename(f.name, f.aside(1))
}

func (f *file) aside(i int) string { return f.name + "." + strconv.Itoa(i) }

func (f *file) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.f.Close()
}
