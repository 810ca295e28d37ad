//go:build !unix

package service

import (
	"errors"
	"os"
)

func requestOf() map[os.Signal]Request { return nil }

// Send sends a request to a process, which this system has no way for.
func Send(int, Request) error { return errors.ErrUnsupported }

func notifyRealtime(chan<- os.Signal) (stop func()) { return func() {} }
