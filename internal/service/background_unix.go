//go:build unix

package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// backgroundFile is the environment variable that tells a process that it was
// started for the background, and by which file it says that it is ready.
const backgroundFile = "SERVICE_BACKGROUND_FILE"

// A Go program cannot fork itself: only one of its threads would live on. So it
// is started again, in a session of its own, and does in the background what it
// would have done here, before it says that it is ready.

// Background starts the program again with the same arguments, as a daemon, and
// returns 0 when that serves, or its exit status if it ends before. What it
// prints until then is printed here. If ctx is done first, the daemon is ended.
func Background(ctx context.Context) (status int, err error) {
	program, err := os.Executable()
	if err != nil {
		return 1, fmt.Errorf("start in the background: %w", err)
	}
	ready, tell, err := os.Pipe()
	if err != nil {
		return 1, fmt.Errorf("start in the background: %w", err)
	}
	defer func() { _ = ready.Close() }() // it was only read
	cmd := &exec.Cmd{
		Path: program, Args: os.Args, Stdout: os.Stdout, Stderr: os.Stderr, ExtraFiles: []*os.File{tell},
		Env:         append(os.Environ(), backgroundFile+"="+strconv.Itoa(firstExtraFile)),
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	err = cmd.Start()
	_ = tell.Close() // the daemon has it
	if err != nil {
		return 1, fmt.Errorf("start in the background: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) }) // it may have ended
	_, err = io.ReadFull(ready, make([]byte, 1))
	if err == nil && stop() {
		return 0, cmd.Process.Release()
	}
	failed, ended := errors.AsType[*exec.ExitError](cmd.Wait())
	if ended {
		return max(failed.ExitCode(), 1), nil // -1: by a signal
	}
	return 0, nil
}

// firstExtraFile is the number that a process knows the first of ExtraFiles by.
const firstExtraFile = 3

// Parent is the process that has started this one for the background, and that
// waits until it is ready.
type Parent struct{ tell *os.File }

// InBackground returns the parent of a process that was started by Background,
// and nil of any other.
func InBackground() *Parent {
	fd, err := strconv.Atoi(os.Getenv(backgroundFile))
	if err != nil {
		return nil
	}
	_ = os.Unsetenv(backgroundFile) // it is not for our children
	syscall.CloseOnExec(fd)
	return &Parent{os.NewFile(uintptr(fd), "parent")}
}

// Ready tells the parent, which ends, and lets go of its terminal: nothing that
// is printed is seen any more.
func (p *Parent) Ready() (err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("let go of the terminal: %w", err)
	}
	defer func() { err = errors.Join(err, null.Close()) }()
	for _, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		if err := duplicate(int(null.Fd()), int(f.Fd())); err != nil {
			return fmt.Errorf("let go of the terminal: %w", err)
		}
	}
	_, err = p.tell.Write([]byte{1})
	return errors.Join(err, p.tell.Close())
}
