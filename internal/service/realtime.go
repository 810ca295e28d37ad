//go:build linux && (386 || amd64 || arm || arm64 || riscv64)

package service

import (
	"os"
	"syscall"
	"unsafe"
)

// Go leaves signal 34 to the C library musl, which uses it inside. So a program
// in Go cannot be notified of it, and dies of what everybody else knows as
// SIGRTMIN. This program has no C library, so it catches the signal itself: the
// kernel calls a few instructions that write a byte into a pipe, and what reads
// the pipe is ordinary Go.

// realtimePipe is the file that the handler writes to, which nobody can hand it.
//
//lint:ignore U1000 the assembly reads it
var realtimePipe int32 = -1

// onRealtime is the handler. Only the kernel calls it.
//
//lint:ignore U1000 the assembly names it
func onRealtime()

// handler is the address of onRealtime.
func handler() uintptr

// maskBytes is the size of the kernel's set of signals.
const maskBytes = 8

// notifyRealtime has the signal arrive at signals until stop is called. The
// handler that Go has for SIGUSR1 must be in place: what is right for it on this
// processor, as the way back from it, is right for ours.
func notifyRealtime(signals chan<- os.Signal) (stop func()) {
	var ends [2]int
	var action [16]uintptr // the kernel's struct sigaction: the handler, and what is only copied
	failed := sigaction(syscall.SIGUSR1, nil, &action)
	if failed != 0 || syscall.Pipe2(ends[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK) != nil {
		return func() {}
	}
	r := os.NewFile(uintptr(ends[0]), "signals")
	realtimePipe = int32(ends[1])
	action[0] = handler()
	_ = sigaction(rtmin, &action, nil) // fails for a signal that no system has
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for b := make([]byte, 1); ; {
			if _, err := r.Read(b); err != nil {
				return
			}
			select {
			case signals <- rtmin:
			default: // as signal.Notify does
			}
		}
	}()
	return func() {
		realtimePipe = -1
		_ = r.Close() // it was only read
		<-ended
		_ = syscall.Close(ends[1]) // nobody writes to it any more
	}
}

func sigaction(s syscall.Signal, fresh, old *[16]uintptr) syscall.Errno {
	_, _, failed := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(s),
		uintptr(unsafe.Pointer(fresh)), uintptr(unsafe.Pointer(old)), maskBytes, 0, 0)
	return failed
}
