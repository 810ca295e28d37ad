package proctest

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// FreePort returns a TCP port that is free now on both loopback addresses. Until
// the test ends nobody else gets it from here, in no process: the UDP port of the
// same number stands for it.
func FreePort(tb testing.TB) string {
	tb.Helper()
	for range 100 {
		port := strconv.Itoa(20000 + rand.IntN(10000))
		taken, err := (&net.ListenConfig{}).ListenPacket(tb.Context(), "udp", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			continue
		}
		if PortIsFree(tb, port) {
			tb.Cleanup(func() { _ = taken.Close() })
			return port
		}
		_ = taken.Close()
	}
	tb.Fatal("no port is free on both 127.0.0.1 and ::1")
	return ""
}

// PortIsFree reports whether nobody listens on a port of the loopback addresses.
func PortIsFree(tb testing.TB, port string) bool {
	tb.Helper()
	for _, host := range []string{"127.0.0.1", "::1"} {
		l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", net.JoinHostPort(host, port))
		if err == nil {
			_ = l.Close()
		}
		if errors.Is(err, syscall.EADDRINUSE) { // without IPv6 there is no ::1, and that is well
			return false
		}
	}
	return true
}

// Output is a buffer that a process fills while a test reads it.
type Output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write adds what the process has printed.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

// String is all that was printed until now.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
