//go:build unix

package listen

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"syscall"
)

// MaxFiles is how many files and sockets this process may have open, or 0 if
// that is not known. Go raises the limit as far as it may before main begins
// (see package os), so there is nothing to raise here.
func MaxFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(limit.Cur, math.MaxInt32))
}

// backlog is how many connections may wait to be accepted: more than the
// kernel allows, so that it is its limit that counts. Go reads that limit from
// a file that a service manager may hide.
const backlog = 65535

// deepen has as many connections wait on a listening socket as may.
func deepen(l syscall.Conn) {
	raw, err := l.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.Listen(int(fd), backlog) // it listens already, with Go's backlog
	})
}

// umask is the umask of this process, which can only be read by setting it. New
// files are nobody else's during that moment.
func umask() fs.FileMode {
	old := syscall.Umask(0o077)
	syscall.Umask(old)
	return fs.FileMode(old)
}

// listening returns why a file is not a socket that accepts streams.
func listening(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var kind, accepts int
	var failed error
	err = raw.Control(func(fd uintptr) {
		if kind, failed = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_TYPE); failed == nil {
			accepts, failed = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
		}
	})
	switch {
	case err != nil:
		return err
	case failed != nil:
		return failed
	case kind != syscall.SOCK_STREAM:
		return errors.New("it is not for streams")
	case accepts == 0:
		return errors.New("it is a connection; the unit of the socket must not say Accept=yes")
	default:
		return nil
	}
}
