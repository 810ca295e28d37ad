package bench

import (
	"syscall"
	"time"
	"unsafe"
)

// The engine's system calls go past the scheduler: its goroutine has a thread
// for itself, and nothing else may run there while it waits. Otherwise each wait
// hands the processor to the scheduler and takes it back, which at a thousand
// messages a second is more than half of what the generator costs, and makes it
// 40 µs late. The runtime ends a wait when it needs the goroutine, by a signal.

const sysEpollPwait2 = 441 // on every architecture

func rawRead(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), errno
}

func rawWrite(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), errno
}

// rawWait is epoll_pwait2, whose timeout is exact.
func rawWait(epoll int, ready []syscall.EpollEvent, d time.Duration) (int, syscall.Errno) {
	timeout := [2]int64{int64(d / time.Second), int64(d % time.Second)}
	n, _, errno := syscall.RawSyscall6(sysEpollPwait2, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(ready))),
		uintptr(len(ready)), uintptr(unsafe.Pointer(&timeout)), 0, 0)
	return int(n), errno
}

// politeWait is rawWait for when the broker runs in the same process, which may
// need the processor.
func politeWait(epoll int, ready []syscall.EpollEvent, d time.Duration) (int, syscall.Errno) {
	timeout := [2]int64{int64(d / time.Second), int64(d % time.Second)}
	n, _, errno := syscall.Syscall6(sysEpollPwait2, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(ready))),
		uintptr(len(ready)), uintptr(unsafe.Pointer(&timeout)), 0, 0)
	return int(n), errno
}

// coarseWait is epoll_wait, which every kernel has. It counts milliseconds.
func coarseWait(epoll int, ready []syscall.EpollEvent, d time.Duration) (int, syscall.Errno) {
	n, err := syscall.EpollWait(epoll, ready, int(d.Milliseconds()))
	if err != nil {
		return 0, syscall.EINTR // the only error that can be
	}
	return n, 0
}
