package ws_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/internal/ws"
)

// listen returns a listener in memory, closed at the end of the test.
func listen(t *testing.T, o ws.Options) (*memnet.Listener, *ws.Listener) {
	t.Helper()
	inner := memnet.Listen()
	l := ws.NewListener(inner, o)
	t.Cleanup(func() { l.Close() })
	return inner, l
}

// pair makes a WebSocket and returns its two ends.
func pair(t *testing.T, o ws.ClientOptions) (client, server *ws.Conn) {
	t.Helper()
	inner, l := listen(t, ws.Options{})
	conn, err := inner.Dial()
	if err != nil {
		t.Fatal(err)
	}
	client, err = ws.Client(t.Context(), conn, o)
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); accepted.Close() })
	return client, accepted.(*ws.Conn)
}

// pattern is a payload in which no part is like another.
func pattern(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i*31 + i>>8*17 + i>>16)
	}
	return b
}

func TestBothDirections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t, ws.ClientOptions{Host: "h"})
		for _, ends := range [][2]net.Conn{{client, server}, {server, client}} {
			for _, size := range []int{1, 125, 126, 65535, 65536, 1_000_000} {
				want := pattern(size)
				go func() {
					if n, err := ends[0].Write(want); n != size || err != nil {
						t.Errorf("wrote %d of %d, %v", n, size, err)
					}
				}()
				got := make([]byte, size)
				if _, err := io.ReadFull(ends[1], got); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%d bytes did not arrive as they were sent: %v", size, err)
				}
				synctest.Wait()
			}
		}
		if client.Protocol() != "mqtt" || server.Protocol() != "mqtt" {
			t.Errorf("protocols %q and %q", client.Protocol(), server.Protocol())
		}
		if n, err := client.Write(nil); n != 0 || err != nil {
			t.Errorf("writing nothing: %d, %v", n, err)
		}
		client.Close()
		if n, err := server.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("after the end: %d, %v", n, err)
		}
		if _, err := server.Write([]byte("x")); err == nil {
			t.Error("after the end something was written")
		}
	})
}

func TestReadDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t, ws.ClientOptions{})
		raw := client.NetConn()
		for _, part := range []string{"\x82", "\x83\x01\x02", "\x03\x04", "a", "bc"} { // one frame, in pieces
			server.SetReadDeadline(time.Now().Add(time.Second))
			if n, err := server.Read(make([]byte, 8)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("before %q: got %d, %v, want a timeout", part, n, err)
			}
			raw.Write([]byte(part))
			if part == "a" || part == "bc" {
				server.SetReadDeadline(time.Time{})
				b := make([]byte, 8)
				n, err := server.Read(b)
				if err != nil || n != len(part) {
					t.Fatalf("got %q, %v", b[:n], err)
				}
			}
		}
	})
}

// TestWriteDeadline has both sides time out again and again in one large
// message, which must arrive whole nevertheless.
func TestWriteDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t, ws.ClientOptions{})
		for _, ends := range [][2]net.Conn{{client, server}, {server, client}} {
			want := pattern(700_000)
			timeouts := 0
			var wrote sync.WaitGroup
			wrote.Go(func() {
				for rest := want; len(rest) > 0; {
					ends[0].SetWriteDeadline(time.Now().Add(time.Second))
					n, err := ends[0].Write(rest)
					rest = rest[n:]
					if errors.Is(err, os.ErrDeadlineExceeded) {
						timeouts++
					} else if err != nil {
						t.Error(err)
						return
					}
				}
				ends[0].SetWriteDeadline(time.Time{})
			})
			var got []byte
			for b := make([]byte, 50_000); len(got) < len(want); {
				time.Sleep(1500 * time.Millisecond)
				n, err := ends[1].Read(b)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, b[:n]...)
			}
			wrote.Wait()
			if !bytes.Equal(got, want) {
				t.Error("what arrived is not what was sent")
			}
			if timeouts < 3 {
				t.Errorf("%d timeouts make no test", timeouts)
			}
		}
	})
}

// TestPing has a peer ping while the other side writes and while it does not.
func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t, ws.ClientOptions{})
		go io.Copy(io.Discard, server)
		raw := client.NetConn()
		raw.Write([]byte("\x89\x82\x00\x00\x00\x00hi"))
		expect(t, raw, "\x8A\x02hi")

		go server.Write(bytes.Repeat([]byte("x"), 200_000)) // more than fits
		synctest.Wait()
		raw.Write([]byte("\x89\x81\x00\x00\x00\x00a"))
		raw.Write([]byte("\x89\x81\x00\x00\x00\x00b"))
		synctest.Wait()
		head := make([]byte, 10+200_000)
		if _, err := io.ReadFull(raw, head); err != nil || head[0] != 0x82 {
			t.Fatal(err)
		}
		expect(t, raw, "\x8A\x01b") // behind the frame, and one is enough
		server.Write([]byte("y"))
		expect(t, raw, "\x82\x01y")
	})
}

// TestPingWithoutReading makes sure that a peer which sends and never reads does
// not hold the reader for ever.
func TestPingWithoutReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t, ws.ClientOptions{})
		go func() {
			for range 20_000 {
				if _, err := client.NetConn().Write([]byte("\x89\x84\x00\x00\x00\x00ping")); err != nil {
					return
				}
			}
			client.NetConn().Write([]byte("\x82\x81\x00\x00\x00\x00!"))
		}()
		began := time.Now()
		b := make([]byte, 10)
		if n, err := server.Read(b); err != nil || string(b[:n]) != "!" {
			t.Errorf("got %q, %v", b[:n], err)
		}
		if took := time.Since(began); took == 0 || took > 5*time.Minute {
			t.Errorf("the reader was held for %v", took)
		}
	})
}

func expect(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	conn.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v, want %q", got, err, want)
	}
}

func TestPeerBreaksRules(t *testing.T) {
	for _, test := range []struct{ name, bytes, before, says, told string }{
		{"text", "\x82\x82\x00\x00\x00\x00ab\x81\x81\x00\x00\x00\x00x", "ab", "text frame", "\x88\x02\x03\xEB"},
		{"not masked", "\x82\x01x", "", "not masked", "\x88\x02\x03\xEA"},
		{"close", "\x82\x81\x00\x00\x00\x00a\x88\x85\x00\x00\x00\x00\x03\xE9bye", "a", "EOF", "\x88\x02\x03\xE9"},
		{"close without a reason", "\x88\x80\x00\x00\x00\x00", "", "EOF", "\x88\x00"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := pair(t, ws.ClientOptions{})
				raw := client.NetConn()
				raw.Write([]byte(test.bytes))
				got, err := io.ReadAll(server)
				if string(got) != test.before || (err == nil) != (test.says == "EOF") || err != nil && !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %q, %v", got, err)
				}
				expect(t, raw, test.told)
				if _, again := server.Read(make([]byte, 1)); again == nil {
					t.Error("it is read again")
				}
			})
		})
	}
}

func TestAbruptEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t, ws.ClientOptions{})
		client.NetConn().Write([]byte("\x82\x85\x00\x00\x00\x00ab"))
		client.NetConn().Close()
		got, err := io.ReadAll(server)
		if string(got) != "ab" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// TestLinger closes a server's side: the client may still write, for a while.
func TestLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t, ws.ClientOptions{})
		reading := make(chan error)
		go func() {
			_, err := server.Read(make([]byte, 1))
			reading <- err
		}()
		synctest.Wait()
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-reading; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read returns %v", err)
		}
		if _, err := server.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write returns %v", err)
		}
		if err := errors.Join(server.SetDeadline(time.Time{}), server.Close()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		raw := client.NetConn()
		expect(t, raw, "\x88\x02\x03\xE8")
		for range 3 {
			time.Sleep(300 * time.Millisecond)
			if _, err := raw.Write([]byte("x")); err != nil {
				t.Errorf("the client cannot write any more: %v", err)
			}
		}
		began := time.Now()
		if _, err := raw.Read(make([]byte, 1)); !errors.Is(err, io.EOF) || time.Since(began) > 200*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// from is a connection that comes from an address.
type from struct {
	net.Conn
	address string
}

func (f from) RemoteAddr() net.Addr {
	at, err := netip.ParseAddrPort(f.address)
	if err != nil {
		return &net.UnixAddr{Name: f.address}
	}
	return net.TCPAddrFromAddrPort(at)
}

// fromListener has all connections come from an address.
type fromListener struct {
	net.Listener
	address string
}

func (l fromListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return from{c, l.address}, err
}

func TestForwardedFor(t *testing.T) {
	here, proxy, stranger := "127.0.0.1:5", "10.1.2.3:5", "198.51.100.1:5"
	for _, test := range []struct {
		peer   string
		header []string
		want   string // empty: the peer
	}{
		{here, []string{"203.0.113.7"}, "203.0.113.7:0"},
		{"[::1]:5", []string{"203.0.113.7"}, "203.0.113.7:0"},
		{"@", []string{"203.0.113.7"}, "203.0.113.7:0"},
		{here, []string{"2001:db8::1"}, "[2001:db8::1]:0"},
		{here, []string{"[2001:db8::1]"}, "[2001:db8::1]:0"},
		{here, []string{"203.0.113.7:4711"}, "203.0.113.7:4711"},
		{here, []string{"unknown"}, ""},
		{here, []string{"'; DROP TABLE clients--"}, ""},
		{here, nil, ""},
		{here, []string{"1.1.1.1, 203.0.113.7"}, "203.0.113.7:0"},                      // the first is what the client says
		{here, []string{"1.1.1.1, 203.0.113.7, 10.9.9.9, 127.0.0.2"}, "203.0.113.7:0"}, // through three proxies
		{here, []string{"203.0.113.7", "10.9.9.9"}, "203.0.113.7:0"},                   // in two lines
		{here, []string{"nonsense, 10.9.9.9"}, "10.9.9.9:0"},
		{here, []string{"10.9.9.9"}, "10.9.9.9:0"}, // somebody on the proxy
		{proxy, []string{"203.0.113.7"}, "203.0.113.7:0"},
		{"[::ffff:10.1.2.3]:5", []string{"203.0.113.7"}, "203.0.113.7:0"},
		{stranger, []string{"203.0.113.7"}, ""},
		{stranger, []string{"127.0.0.1"}, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			inner := memnet.Listen()
			l := ws.NewListener(fromListener{inner, test.peer}, ws.Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
			defer l.Close()
			conn, err := inner.Dial()
			if err != nil {
				t.Fatal(err)
			}
			client, err := ws.Client(t.Context(), conn, ws.ClientOptions{Header: http.Header{"X-Forwarded-For": test.header}})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			server, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			want := test.want
			if want == "" {
				want = test.peer
			}
			if got := server.RemoteAddr().String(); got != want {
				t.Errorf("%s says %q: got %s, want %s", test.peer, test.header, got, want)
			}
		})
	}
}

func TestClientErrors(t *testing.T) {
	for _, test := range []struct {
		name, answer, says string
		status             int
	}{
		{"not found", "HTTP/1.1 404 Not Found\r\nContent-Length: 8\r\n\r\nno such\n", "404 Not Found: no such", 404},
		{"a page", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "200 OK", 200},
		{"another key", "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n", "not one of WebSocket", 101},
		{"not HTTP", "\x20\x02\x00\x00\r\n\r\n", "malformed HTTP", 0},
		{"the end", "", "EOF", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := memnet.Pipe(0)
				go func() {
					far.Read(make([]byte, 1000))
					io.WriteString(far, test.answer)
					far.Close()
				}()
				_, err := ws.Client(t.Context(), near, ws.ClientOptions{Host: "h"})
				if err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v, want %q", err, test.says)
				}
				var refused *ws.UpgradeError
				if errors.As(err, &refused) != (test.status != 0) || test.status != 0 && refused.StatusCode != test.status {
					t.Errorf("got %v, want status %d", err, test.status)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		near, _ := memnet.Pipe(0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := ws.Client(ctx, near, ws.ClientOptions{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("silent server: got %v", err)
		}
		if _, err := ws.Client(t.Context(), near, ws.ClientOptions{Path: "/a\r\nX: y"}); err == nil || !strings.Contains(err.Error(), "control characters") {
			t.Errorf("path with a line: got %v", err)
		}
	})
}
