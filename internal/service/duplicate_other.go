//go:build unix && !linux

package service

import "syscall"

// duplicate has to stand for the file that from stands for.
func duplicate(from, to int) error { return syscall.Dup2(from, to) }
