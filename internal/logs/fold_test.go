package logs

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestFold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &full{}
		l := open(t, Options{Types: All, Stderr: out})
		expect := func(want string) {
			t.Helper()
			time.Sleep(time.Millisecond)
			synctest.Wait()
			out.mu.Lock()
			defer out.mu.Unlock()
			if got := out.buf.String(); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			out.buf.Reset()
		}
		logger := l.Logger()
		for range 4 {
			logger.Info("said", "n", 1)
		}
		expect("said: n 1.\n")
		logger.Info("said", "n", 2)
		expect("last message repeated 3 times\nsaid: n 2.\n")
		logger.Warn("said", "n", 2) // as grave as it is, it is another line
		expect("Warning: said: n 2.\n")
		for range 25 { // a delay has its bound
			logger.Warn("said", "n", 2)
			time.Sleep(900 * time.Millisecond)
		}
		expect("Warning: last message repeated 12 times\nWarning: last message repeated 12 times\n")
		time.Sleep(time.Minute)
		expect("Warning: last message repeated 1 times\n")
		logger.Warn("said", "n", 2)
		expect("Warning: said: n 2.\n")
		logger.Warn("said", "n", 2)
		l.Close()
		expect("Warning: last message repeated 1 times\n")
	})
}

// A peer cannot fill a disk, and what is left out is told.
func TestLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		l := open(t, Options{Types: All, Stderr: &b})
		logger := l.Logger()
		for i := range 1000 {
			logger.Warn(msgDenied, "client", "x", "packet_id", i)
			logger.Debug("said", "n", i) // somebody wants to see it all
		}
		time.Sleep(time.Minute)
		for range 10 {
			logger.Warn("another")
			logger.Info("between")
		}
		l.Flush()
		got := b.String()
		for text, want := range map[string]int{
			"Denied PUBLISH": 200, "said: n ": 1000, "another": 10,
			"Warning: 800 lines were left out, because there were too many: message refused.\n": 1,
		} {
			if n := strings.Count(got, text); n != want {
				t.Errorf("%q is there %d times, want %d", text, n, want)
			}
		}
	})
}

func BenchmarkOff(b *testing.B) {
	l := open(b, Options{Types: Notice, Stderr: io.Discard})
	logger := l.Logger()
	b.ReportAllocs()
	for b.Loop() {
		logger.Debug("said", "client", "x")
	}
}

func BenchmarkLine(b *testing.B) {
	l := open(b, Options{Types: All, Stderr: io.Discard, Timestamp: true, ConnectionMessages: true})
	logger := l.Logger()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		logger.Debug(msgConnected, "client", "x", "remote", "192.0.2.7:5", "keepalive", i)
	}
}

// A line that goes nowhere costs no memory.
func TestOffAllocates(t *testing.T) {
	l := open(t, Options{Types: Notice, Stderr: io.Discard})
	logger := l.Logger()
	if n := testing.AllocsPerRun(100, func() { logger.Debug("said", "client", "x") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
