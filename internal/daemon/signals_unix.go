//go:build unix

package daemon

import (
	"os/signal"
	"syscall"
)

// ignoreBrokenPipes keeps the broker running when nobody reads its log any more.
func ignoreBrokenPipes() { signal.Ignore(syscall.SIGPIPE) }
