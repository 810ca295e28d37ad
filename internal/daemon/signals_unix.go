//go:build unix

package daemon

import (
	"os"
	"os/signal"
	"syscall"
)

var unbuiltSignals = []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}

// ignoreBrokenPipes keeps the broker running when nobody reads its log any more.
func ignoreBrokenPipes() { signal.Ignore(syscall.SIGPIPE) }
