//go:build !unix

package listen

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// MaxFiles is how many files and sockets this process may have open, or 0 if
// that is not known.
func MaxFiles() int { return 0 }

func deepen(syscall.Conn) {}

func umask() fs.FileMode { return 0 }

func listening(*os.File) error { return errors.ErrUnsupported }
