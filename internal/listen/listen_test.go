//go:build unix

package listen

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestLoopback(t *testing.T) {
	t.Parallel()
	all := open(t, Options{Loopback: true})
	port := all[0].Addr().(*net.TCPAddr).Port
	for _, l := range all {
		a := l.Addr().(*net.TCPAddr)
		if !a.IP.IsLoopback() || a.Port != port {
			t.Errorf("listens on %v, want port %d of a loopback address", a, port)
		}
	}
	if want := 1 + len(loopback6(t)); len(all) != want {
		t.Errorf("got %d listeners, want %d", len(all), want)
	}
}

func TestHostName(t *testing.T) {
	t.Parallel()
	hosts, err := net.DefaultResolver.LookupHost(t.Context(), "localhost")
	if err != nil {
		t.Skip("this machine cannot look up localhost: ", err)
	}
	all := open(t, Options{Address: "localhost"})
	if len(all) > len(hosts) {
		t.Errorf("got %d listeners for %v", len(all), hosts)
	}
}

func TestAllAddresses(t *testing.T) {
	t.Parallel()
	l := open(t, Options{})[0]
	port := l.Addr().(*net.TCPAddr).Port
	for _, host := range append([]string{"127.0.0.1"}, loopback6(t)...) {
		c, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.ParseIP(host), Port: port})
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		accepted.Close()
		if _, ok := accepted.(*net.TCPConn); !ok {
			t.Errorf("a connection is a %T", accepted)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	taken := open(t, Options{Loopback: true})[0].Addr().(*net.TCPAddr).Port
	for _, tt := range []struct {
		name string
		o    Options
		want error
		text []string
	}{
		{"taken", Options{Port: taken, Loopback: true}, syscall.EADDRINUSE, []string{"Address already in use: port ", " of 127.0.0.1. ", "Stop the program", "-p"}},
		{"taken by one address", Options{Port: taken}, syscall.EADDRINUSE, []string{"Address already in use: port "}},
		{"not ours", Options{Address: "192.0.2.1"}, syscall.EADDRNOTAVAIL, []string{"Cannot assign requested address: port 0 of 192.0.2.1. "}},
		{"no such host", Options{Address: "no such host"}, nil, []string{"Unknown host: port 0 of no such host. ", "Give an IP address"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			all, err := Open(t.Context(), tt.o)
			closeAll(all)
			var e *Error
			if !errors.As(err, &e) || tt.want != nil && !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want an Error that wraps %v", err, tt.want)
			}
			for _, part := range tt.text {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want %q in it", err, part)
				}
			}
		})
	}
}

func TestDenied(t *testing.T) {
	t.Parallel()
	err := &Error{Port: 80, Err: &os.SyscallError{Syscall: "bind", Err: syscall.EACCES}}
	const want = "Permission denied: port 80. Ports below 1024 are for the administrator: choose another, with -p or in the configuration, " +
		"or give the program the capability CAP_NET_BIND_SERVICE."
	if got := err.Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What cannot be opened as a whole leaves nothing open.
func TestAllOrNone(t *testing.T) {
	t.Parallel()
	if len(loopback6(t)) == 0 {
		t.Skip("this machine has no IPv6")
	}
	l := open(t, Options{Address: "::1"})[0]
	port := l.Addr().(*net.TCPAddr).Port
	if _, err := Open(t.Context(), Options{Port: port, Loopback: true}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("got %v, want %v", err, syscall.EADDRINUSE)
	}
	open(t, Options{Address: "127.0.0.1", Port: port})
}

func TestMaxFiles(t *testing.T) {
	t.Parallel()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Skip(err)
	}
	// Go leaves one out, to see whether somebody else has set the limit.
	if limit.Cur+1 < limit.Max {
		t.Errorf("the limit is %d of %d: it is not raised any more", limit.Cur, limit.Max)
	}
	if got := MaxFiles(); got <= 0 || limit.Cur < 1<<31 && int64(got) != int64(limit.Cur) {
		t.Errorf("got %d, want %d", got, limit.Cur)
	}
}

func open(t *testing.T, o Options) []net.Listener {
	t.Helper()
	all, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeAll(all) })
	return all
}

// loopback6 is the loopback address of IPv6, if there is one.
func loopback6(t *testing.T) []string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "[::1]:0")
	if err != nil {
		return nil
	}
	l.Close()
	return []string{"::1"}
}
