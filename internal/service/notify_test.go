//go:build unix

package service

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A manager takes what a service tells it.
type manager struct {
	*net.UnixConn
	t *testing.T
}

// manage returns a manager whose name is in the environment, as the service it
// starts sees it.
func manage(t *testing.T, name string) *manager {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return &manager{c, t}
}

// next is the next message.
func (m *manager) next() string {
	m.t.Helper()
	m.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, 4096)
	n, err := m.Read(b)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(b[:n])
}

func TestNotify(t *testing.T) {
	names := []string{filepath.Join(t.TempDir(), "notify")}
	if runtime.GOOS == "linux" {
		names = append(names, "@zancudo-test-"+strconv.Itoa(os.Getpid()))
	}
	for _, name := range names {
		m := manage(t, name)
		n := NewNotifier()
		if os.Getenv("NOTIFY_SOCKET") != "" || !n.Listening() {
			t.Error("the environment still speaks of the manager")
		}
		for _, step := range []struct {
			tell func() error
			want string
		}{
			{func() error { return n.Ready("Serving\r\non 1883") }, "READY=1\nSTATUS=Serving on 1883"},
			{n.Stopping, "STOPPING=1"},
			{func() error { return n.Failed("a cause\nin two lines", 0) }, "STATUS=a cause in two lines"},
			{func() error { return n.Failed(strings.Repeat("ß", maxStatus), 98) }, "STATUS=" + strings.Repeat("ß", maxStatus/2) + "\nERRNO=98"},
			{func() error { return n.Failed("a"+strings.Repeat("ß", maxStatus), 0) }, "STATUS=a" + strings.Repeat("ß", maxStatus/2-1)},
			{func() error { return n.Status("x\nREADY=1") }, "STATUS=x READY=1"},
			{func() error { return n.MainPID(7) }, "MAINPID=7"},
			{func() error { return n.ExtendTimeout(1500 * time.Millisecond) }, "EXTEND_TIMEOUT_USEC=1500000"},
		} {
			if err := step.tell(); err != nil {
				t.Fatal(err)
			}
			if got := m.next(); got != step.want {
				t.Errorf("got %q, want %q", got, step.want)
			}
		}
		var last uint64
		for range 2 {
			if err := n.Reloading(); err != nil {
				t.Fatal(err)
			}
			got := m.next()
			parts := regexp.MustCompile(`^RELOADING=1\nMONOTONIC_USEC=(\d+)$`).FindStringSubmatch(got)
			if runtime.GOOS != "linux" {
				continue
			}
			if parts == nil {
				t.Fatalf("got %q", got)
			}
			usec, err := strconv.ParseUint(parts[1], 10, 64)
			if err != nil || usec <= last {
				t.Errorf("the clock says %d after %d, %v", usec, last, err)
			}
			last = usec
		}
	}
}

func TestNobodyToNotify(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	for _, n := range []*Notifier{{}, NewNotifier()} {
		if err := n.Ready(""); err != nil || n.Listening() {
			t.Errorf("got %v", err)
		}
		n.Watch(t.Context(), func(context.Context) error { t.Error("asked whether it is alive"); return nil }, nil)
	}
	gone := &Notifier{address: filepath.Join(t.TempDir(), "none")}
	if err := gone.Ready(""); err == nil {
		t.Error("a manager that is not there was told")
	}
}

func TestWatchdog(t *testing.T) {
	m := manage(t, filepath.Join(t.TempDir(), "notify"))
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	n := NewNotifier()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked, failed, ended := make(chan error), make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		n.Watch(ctx, func(context.Context) error { return <-asked }, func(err error) { failed <- err })
	}()
	for range 3 {
		asked <- nil
		if got := m.next(); got != "WATCHDOG=1" {
			t.Errorf("got %q", got)
		}
	}
	ill := errors.New("does not deliver")
	asked <- ill
	if err := <-failed; !errors.Is(err, ill) {
		t.Errorf("got %v", err)
	}
	asked <- nil
	if got := m.next(); got != "WATCHDOG=1" { // nothing came in between
		t.Errorf("got %q", got)
	}
	cancel()
	close(asked)
	<-ended
}

func TestWatchdogInterval(t *testing.T) {
	for _, tt := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0},
		{"30000000", "", 30 * time.Second},
		{"30000000", strconv.Itoa(os.Getpid()), 30 * time.Second},
		{"30000000", "1", 0},
		{"-1", "", 0},
		{"99999999999999999999", "", 0},
		{"soon", "", 0},
	} {
		t.Setenv("WATCHDOG_USEC", tt.usec)
		t.Setenv("WATCHDOG_PID", tt.pid)
		if got := NewNotifier().watchdog; got != tt.want {
			t.Errorf("%q for %q: got %v, want %v", tt.usec, tt.pid, got, tt.want)
		}
	}
}
