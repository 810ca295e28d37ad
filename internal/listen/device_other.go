//go:build !linux

package listen

import "syscall"

func (p place) bind(_, _ string, _ syscall.RawConn) error { return nil }

func mayBindToDevice(string) bool { return false }

func makePrivate(_, _ string, _ syscall.RawConn) error { return nil }
