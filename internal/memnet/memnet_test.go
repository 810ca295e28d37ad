package memnet_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/memnet"
)

// connect returns the two ends of a connection of l.
func connect(t *testing.T, l *memnet.Listener) (client *memnet.Conn, server net.Conn) {
	t.Helper()
	client, err := l.Dial()
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return client, server
}

// ends runs f with each end of a connection in the part of c, in a bubble.
func ends(t *testing.T, f func(t *testing.T, c, peer *memnet.Conn)) {
	t.Helper()
	for name, swap := range map[string]bool{"client": false, "server": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, peer := memnet.Pipe(16)
				if swap {
					c, peer = peer, c
				}
				f(t, c, peer)
			})
		})
	}
}

func read(t *testing.T, c net.Conn) string {
	t.Helper()
	b := make([]byte, 100)
	n, err := c.Read(b)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return string(b[:n])
}

func write(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
		t.Fatalf("write %q: %d, %v", s, n, err)
	}
}

func wantReadError(t *testing.T, c net.Conn, want error) {
	t.Helper()
	if n, err := c.Read(make([]byte, 10)); n != 0 || !errors.Is(err, want) {
		t.Errorf("read: %d bytes, %v, want %v", n, err, want)
	}
}

func wantWriteError(t *testing.T, c net.Conn, want error) {
	t.Helper()
	if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, want) {
		t.Errorf("write: %d bytes, %v, want %v", n, err, want)
	}
}

func TestBothDirectionsAtOnce(t *testing.T) {
	ends(t, func(t *testing.T, c, peer *memnet.Conn) {
		t.Helper()
		data := bytes.Repeat([]byte("0123456789"), 1000) // much more than the buffer
		var done sync.WaitGroup
		for _, end := range []net.Conn{c, peer} {
			done.Go(func() {
				if _, err := end.Write(data); err != nil {
					t.Error(err)
				}
			})
			done.Go(func() {
				got := make([]byte, len(data))
				if _, err := io.ReadFull(end, got); err != nil || !bytes.Equal(got, data) {
					t.Errorf("read %d bytes, not the same: %v", len(got), err)
				}
			})
		}
		done.Wait()
	})
}

func TestWriterWaitsForReader(t *testing.T) {
	ends(t, func(t *testing.T, c, peer *memnet.Conn) {
		t.Helper()
		written := false
		go func() {
			c.Write(make([]byte, 20))
			written = true
		}()
		synctest.Wait()
		if written || peer.Buffered() != 16 {
			t.Errorf("written %v, %d bytes in the buffer, want 16", written, peer.Buffered())
		}
		if n, err := peer.Read(make([]byte, 4)); n != 4 || err != nil {
			t.Errorf("read: %d, %v", n, err)
		}
		synctest.Wait()
		if !written {
			t.Error("room in the buffer did not wake the writer")
		}
	})
}

func TestReadReturnsWhatIsThere(t *testing.T) {
	ends(t, func(t *testing.T, c, peer *memnet.Conn) {
		t.Helper()
		write(t, c, "one")
		write(t, c, "two")
		if got := read(t, peer); got != "onetwo" {
			t.Errorf("read %q", got)
		}
		if n, err := peer.Read(nil); n != 0 || err != nil {
			t.Errorf("read of nothing: %d, %v", n, err)
		}
	})
}

func TestClose(t *testing.T) {
	ends(t, func(t *testing.T, c, peer *memnet.Conn) {
		t.Helper()
		write(t, c, "last words")
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		wantReadError(t, c, net.ErrClosed)
		wantWriteError(t, c, net.ErrClosed)
		wantWriteError(t, peer, syscall.EPIPE)
		if got := read(t, peer); got != "last words" {
			t.Errorf("read %q", got)
		}
		wantReadError(t, peer, io.EOF)
		if err := c.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second close: %v", err)
		}
		if err := peer.Close(); err != nil {
			t.Errorf("close of the other end: %v", err)
		}
		wantReadError(t, peer, net.ErrClosed)
	})
}

func TestCloseWakesEverybody(t *testing.T) {
	ends(t, func(t *testing.T, c, peer *memnet.Conn) {
		t.Helper()
		write(t, c, "0123456789abcdef")
		write(t, peer, "0123456789abcdef")
		var done sync.WaitGroup
		done.Go(func() { wantWriteError(t, c, net.ErrClosed) })
		done.Go(func() { wantWriteError(t, peer, syscall.EPIPE) })
		synctest.Wait()
		c.Close()
		done.Wait()
	})
	ends(t, func(t *testing.T, c, peer *memnet.Conn) {
		t.Helper()
		var done sync.WaitGroup
		done.Go(func() { wantReadError(t, c, net.ErrClosed) })
		done.Go(func() { wantReadError(t, peer, io.EOF) })
		synctest.Wait()
		c.Close()
		done.Wait()
	})
}

func TestHalfClose(t *testing.T) {
	ends(t, func(t *testing.T, c, peer *memnet.Conn) {
		t.Helper()
		write(t, c, "question")
		c.CloseWrite()
		wantWriteError(t, c, syscall.EPIPE)
		if got := read(t, peer); got != "question" {
			t.Errorf("read %q", got)
		}
		wantReadError(t, peer, io.EOF)
		write(t, peer, "answer")
		if got := read(t, c); got != "answer" {
			t.Errorf("read %q", got)
		}
		c.CloseRead()
		wantWriteError(t, peer, syscall.EPIPE)
		wantReadError(t, c, io.EOF)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestReset(t *testing.T) {
	ends(t, func(t *testing.T, c, peer *memnet.Conn) {
		t.Helper()
		write(t, c, "lost")
		c.Reset()
		wantReadError(t, peer, syscall.ECONNRESET)
		wantWriteError(t, peer, syscall.ECONNRESET)
		wantReadError(t, c, net.ErrClosed)
		wantWriteError(t, c, net.ErrClosed)
	})
}

func TestDeadlines(t *testing.T) {
	ends(t, func(t *testing.T, c, peer *memnet.Conn) {
		t.Helper()
		start := time.Now()
		c.SetReadDeadline(start.Add(time.Minute))
		wantReadError(t, c, os.ErrDeadlineExceeded)
		if passed := time.Since(start); passed != time.Minute {
			t.Errorf("the read waited %v", passed)
		}
		write(t, c, "0123456789abcdef") // a read deadline does not bind writes
		write(t, peer, "late")
		wantReadError(t, c, os.ErrDeadlineExceeded)
		c.SetReadDeadline(time.Time{})
		if got := read(t, c); got != "late" {
			t.Errorf("read %q", got)
		}
		c.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := c.Write([]byte("no room"))
		var timeout net.Error
		if n != 0 || !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("write: %d, %v", n, err)
		}
		c.SetDeadline(time.Now().Add(-time.Second))
		wantReadError(t, c, os.ErrDeadlineExceeded)
		wantWriteError(t, c, os.ErrDeadlineExceeded)
	})
}

func TestDeadlineMoves(t *testing.T) {
	ends(t, func(t *testing.T, c, _ *memnet.Conn) {
		t.Helper()
		start := time.Now()
		c.SetReadDeadline(start.Add(time.Second))
		go func() {
			time.Sleep(time.Second / 2)
			c.SetReadDeadline(start.Add(time.Minute))
		}()
		wantReadError(t, c, os.ErrDeadlineExceeded)
		if passed := time.Since(start); passed != time.Minute {
			t.Errorf("the read waited %v", passed)
		}
		go func() {
			time.Sleep(time.Second)
			c.SetReadDeadline(time.Unix(1, 0)) // how one wakes a reader
		}()
		c.SetReadDeadline(time.Time{})
		wantReadError(t, c, os.ErrDeadlineExceeded)
	})
}

func TestPartialWriteAtDeadline(t *testing.T) {
	ends(t, func(t *testing.T, c, _ *memnet.Conn) {
		t.Helper()
		c.SetWriteDeadline(time.Now().Add(time.Second))
		if n, err := c.Write(make([]byte, 20)); n != 16 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %d, %v", n, err)
		}
	})
}

func TestAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen()
		defer l.Close()
		client, server := connect(t, l)
		second, _ := connect(t, l)
		if client.LocalAddr().String() != server.RemoteAddr().String() || client.RemoteAddr().String() != l.Addr().String() {
			t.Errorf("client %v → %v, server %v → %v", client.LocalAddr(), client.RemoteAddr(), server.LocalAddr(), server.RemoteAddr())
		}
		if client.LocalAddr().String() == second.LocalAddr().String() {
			t.Error("two clients have one address")
		}
		far, err := l.DialFrom(net.ParseIP("2001:db8::1"))
		if err != nil || !far.LocalAddr().(*net.TCPAddr).IP.Equal(net.ParseIP("2001:db8::1")) {
			t.Errorf("from %v: %v", far.LocalAddr(), err)
		}
	})
}

func TestListenerClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen()
		accepted, server := connect(t, l)
		pending, err := l.Dial()
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		wantReadError(t, pending, syscall.ECONNRESET)
		write(t, accepted, "still here")
		if got := read(t, server); got != "still here" {
			t.Errorf("read %q", got)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept: %v", err)
		}
		if _, err := l.Dial(); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial: %v", err)
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second close: %v", err)
		}
	})
}

func TestCloseWakesAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen()
		var done sync.WaitGroup
		done.Go(func() {
			if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("accept: %v", err)
			}
		})
		synctest.Wait()
		l.Close()
		done.Wait()
	})
}

// It also works where time is real.
func TestOutsideOfABubble(t *testing.T) {
	t.Parallel()
	c, peer := memnet.Pipe(0)
	go peer.Write([]byte("hello"))
	if got := read(t, c); got != "hello" {
		t.Errorf("read %q", got)
	}
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	wantReadError(t, c, os.ErrDeadlineExceeded)
}
