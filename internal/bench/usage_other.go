//go:build !linux

package bench

import (
	"errors"
	"math"
	"time"
)

func checkProcess(int) error {
	return errors.New("a process can only be measured on Linux, which has /proc")
}

func openFiles() int                           { return math.MaxInt32 }
func family(int) []int                         { return nil }
func processCPU(int) time.Duration             { return 0 }
func systemCPU(int) time.Duration              { return 0 }
func ownCPU() time.Duration                    { return 0 }
func machineCPU() (busy, stolen time.Duration) { return 0, 0 }
func status(int, string) int64                 { return 0 }
func switches(int) uint64                      { return 0 }
