//go:build unix

package listen

import (
	"math"
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
