//go:build unix

package service

import (
	"fmt"
	"os"
	"syscall"
)

// The first signal that programs may use for themselves. The C libraries keep
// different numbers of them: with glibc, which most have, it is 34, with musl 35.
const (
	rtmin     = syscall.Signal(34)
	rtminMusl = syscall.Signal(35)
	rtreport  = syscall.Signal(36)
)

// requestOf is what each signal asks for.
func requestOf() map[os.Signal]Request {
	return map[os.Signal]Request{
		syscall.SIGHUP: Reload, syscall.SIGUSR1: Save, syscall.SIGUSR2: PrintTree,
		rtmin: RotateLog, rtminMusl: RotateLog, rtreport: Report,
	}
}

// Send sends a request to a process.
func Send(pid int, r Request) error {
	s, ok := map[Request]syscall.Signal{
		Reload: syscall.SIGHUP, Save: syscall.SIGUSR1, PrintTree: syscall.SIGUSR2,
		RotateLog: rtmin, Report: rtreport, Shutdown: syscall.SIGTERM,
	}[r]
	if !ok {
		return fmt.Errorf("signal process %d: unknown request %d", pid, r)
	}
	if err := syscall.Kill(pid, s); err != nil {
		return fmt.Errorf("signal process %d: %w", pid, err)
	}
	return nil
}
