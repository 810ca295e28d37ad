package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/zancudomq/zancudo/internal/atomicfile"
)

// PIDFile is a file that says which process the program is.
type PIDFile struct{ path string }

// maxPIDBytes is more than any number of a process has.
const maxPIDBytes = 32

// WritePIDFile writes the file, whole or not at all. One that names a process
// which runs this same program is left as it is, and an error; any other is a
// leftover, and gives way.
func WritePIDFile(path string) (*PIDFile, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("write PID file: %w", err)
	}
	if pid, ok := readPID(path); ok && pid != os.Getpid() && runsThis(pid) {
		return nil, fmt.Errorf("write PID file %s: the program runs already, as process %d; stop it or name another file", path, pid)
	}
	if err := replace(path, strconv.Itoa(os.Getpid())+"\n"); err != nil {
		return nil, fmt.Errorf("write PID file %s: %w; the directory must exist, and the user that the program is started as must be allowed to write there", path, reason(err))
	}
	return &PIDFile{path}, nil
}

// Remove removes the file, unless another process has made it its own.
func (p *PIDFile) Remove() error {
	if pid, ok := readPID(p.path); !ok || pid != os.Getpid() {
		return nil
	}
	return os.Remove(p.path)
}

func readPID(path string) (pid int, ok bool) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxPIDBytes {
		return 0, false
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	return pid, err == nil && pid > 0
}

// replace puts a file into its place when it is written. Where the directory
// takes no new file, one that is there already is written itself; so is what is
// no file at all, as /dev/null.
func replace(path, text string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(path, []byte(text), 0o644)
	}
	err := atomicfile.Write(path, []byte(text), atomicfile.Options{Mode: 0o644})
	if errors.Is(err, fs.ErrPermission) {
		if _, absent := os.Stat(path); absent == nil {
			return os.WriteFile(path, []byte(text), 0o644)
		}
	}
	return err
}

// reason is an error without the name of the file, which is told already.
func reason(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
