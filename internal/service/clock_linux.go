package service

import (
	"syscall"
	"time"
	"unsafe"
)

// clockMonotonic is the clock that systemd reads, since the machine has started.
const clockMonotonic = 1

// monotonic is the time of that clock. Package time has it too, but only for
// differences.
func monotonic() (now time.Duration, ok bool) {
	var t syscall.Timespec
	_, _, failed := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&t)), 0)
	return time.Duration(t.Nano()), failed == 0
}
