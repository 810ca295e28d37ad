//go:build unix && !(linux && (386 || amd64 || arm || arm64 || riscv64))

package service

import (
	"os"
	"os/signal"
)

func notifyRealtime(signals chan<- os.Signal) (stop func()) {
	signal.Notify(signals, rtmin)
	return func() {} // who has made the channel stops all of its signals
}
