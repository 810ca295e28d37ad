package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Notifier tells the service manager how the program is, in the language of
// sd_notify(3). The zero value tells nobody.
type Notifier struct {
	address  string        // of a datagram socket; empty: nobody listens
	watchdog time.Duration // after so long without a sign of life it is restarted; zero: never
}

// NewNotifier returns a Notifier for the manager that the environment names,
// and clears the environment, so that no child speaks for this process.
func NewNotifier() *Notifier {
	n := &Notifier{address: os.Getenv("NOTIFY_SOCKET")}
	if pid := os.Getenv("WATCHDOG_PID"); pid == "" || pid == strconv.Itoa(os.Getpid()) {
		if usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 && usec < 1<<53 {
			n.watchdog = time.Duration(usec) * time.Microsecond
		}
	}
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"} {
		_ = os.Unsetenv(name) // fails for names that no system allows
	}
	return n
}

// Listening reports whether there is a manager to tell.
func (n *Notifier) Listening() bool { return n.address != "" }

// Ready says that the program serves, also after it has been reloading.
func (n *Notifier) Ready(status string) error { return n.send("READY=1", "STATUS="+line(status)) }

// Reloading says that the program reads its configuration anew. Ready must
// follow, whatever comes of it.
func (n *Notifier) Reloading() error {
	lines := []string{"RELOADING=1"}
	if now, ok := monotonic(); ok {
		lines = append(lines, fmt.Sprintf("MONOTONIC_USEC=%d", now.Microseconds()))
	}
	return n.send(lines...)
}

// Stopping says that the program has begun to end.
func (n *Notifier) Stopping() error { return n.send("STOPPING=1") }

// Status is a line for people.
func (n *Notifier) Status(status string) error { return n.send("STATUS=" + line(status)) }

// Failed says why the program ends. The number of an error of the system is among
// what the manager shows; zero: it is not such an error.
func (n *Notifier) Failed(status string, number int) error {
	lines := []string{"STATUS=" + line(status)}
	if number > 0 {
		lines = append(lines, fmt.Sprintf("ERRNO=%d", number))
	}
	return n.send(lines...)
}

// MainPID says which process is the service, if not the one that was started.
func (n *Notifier) MainPID(pid int) error { return n.send(fmt.Sprintf("MAINPID=%d", pid)) }

// ExtendTimeout asks for so much time to start, reload or stop.
func (n *Notifier) ExtendTimeout(d time.Duration) error {
	return n.send(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", d.Microseconds()))
}

// Watch shows the watchdog that the program lives, at half of the interval that
// it asks for, as long as alive returns nil. It returns when ctx is done, or at
// once where there is no watchdog. What alive finds wrong is told to failed,
// and nothing to the watchdog, which ends the program unless that passes.
func (n *Notifier) Watch(ctx context.Context, alive func(context.Context) error, failed func(error)) {
	if n.watchdog == 0 || !n.Listening() {
		return
	}
	ticker := time.NewTicker(n.watchdog / 2)
	defer ticker.Stop()
	for {
		bounded, cancel := context.WithTimeout(ctx, n.watchdog/4)
		err := alive(bounded)
		cancel()
		if err == nil {
			err = n.send("WATCHDOG=1")
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// maxStatus is how long a status may be, in bytes: a manager passes over a message
// of more than 4096.
const maxStatus = 2048

// line is a status without line ends, which would begin another variable, and
// with nothing that a manager would refuse.
func line(s string) string {
	s = strings.Join(strings.FieldsFunc(s, isLineEnd), " ")
	return strings.ToValidUTF8(s[:min(len(s), maxStatus)], "")
}

func isLineEnd(r rune) bool { return r == '\n' || r == '\r' }

// sendLimit is how long the manager may take to accept a message.
const sendLimit = 5 * time.Second

// send sends variables in one message.
func (n *Notifier) send(lines ...string) (err error) {
	if !n.Listening() {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.address, Net: "unixgram"}) // "@" begins an abstract name
	if err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.SetWriteDeadline(time.Now().Add(sendLimit)); err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	if _, err := c.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	return nil
}
