package service

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Brokers are the processes of this machine, without this one, that run the
// program as a broker: isBroker is asked for the arguments of each, the first of
// which is the name it was started by.
func Brokers(isBroker func(args []string) bool) (pids []int, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w; name one with -p", err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		args, err := arguments(pid)
		if err == nil && len(args) > 0 && isBroker(args) { // others have ended, or are of the kernel
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// arguments are those that a process was started with.
func arguments(pid int) ([]string, error) {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || len(line) == 0 {
		return nil, err
	}
	return strings.Split(string(bytes.TrimSuffix(line, []byte{0})), "\x00"), nil
}

// runsThis reports whether a process runs the program that this one runs, by
// whatever path. Where that cannot be found out it does not.
func runsThis(pid int) bool {
	program := func(pid int) (string, error) {
		path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if errors.Is(err, os.ErrPermission) { // of another user; its name is to be seen
			var args []string
			if args, err = arguments(pid); err == nil && len(args) > 0 {
				path = args[0]
			}
		}
		return filepath.Base(strings.TrimSuffix(path, " (deleted)")), err
	}
	ours, err := program(os.Getpid())
	if err != nil {
		return false
	}
	theirs, err := program(pid)
	return err == nil && theirs == ours
}
