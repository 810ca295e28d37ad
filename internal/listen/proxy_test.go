package listen

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/memnet"
)

const headerV1 = "PROXY TCP4 192.0.2.5 127.0.0.1 6275 1234\r\n"

// A slow header delays nobody else, is given up in time, and is told of.
func TestSlowHeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner, told := memnet.Listen(), make(chan error, 1)
		l := newProxying(inner, ProxyOptions{Version: 1, Rejected: func(_ net.Addr, err error) { told <- err }})
		defer l.Close()
		slow := dialMem(t, inner)
		io.WriteString(slow, headerV1[:20])
		quick := dialMem(t, inner)
		io.WriteString(quick, headerV1+"hello")
		began := time.Now()
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if waited := time.Since(began); waited != 0 || c.RemoteAddr().String() != "192.0.2.5:6275" {
			t.Errorf("accepts %v after %v", c.RemoteAddr(), waited)
		}
		err = <-told
		if waited := time.Since(began); waited != headerLimit || !strings.HasPrefix(err.Error(), "no PROXY header within 2s") {
			t.Errorf("after %v: %v", waited, err)
		}
		if n, err := slow.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("the slow one reads %d bytes and %v", n, err)
		}
		time.Sleep(time.Hour) // the limit is for the header only
		b := make([]byte, 5)
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
			t.Errorf("read %q and %v", b, err)
		}
	})
}

// Silent connections are bounded, and give way.
func TestSilentProxies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := memnet.Listen()
		var mu sync.Mutex
		rejected := 0
		l := newProxying(inner, ProxyOptions{Version: 2, Rejected: func(net.Addr, error) { mu.Lock(); rejected++; mu.Unlock() }})
		defer l.Close()
		for range maxPending + 10 {
			dialMem(t, inner)
		}
		late := dialMem(t, inner)
		io.WriteString(late, v2(0x21, 0x11, ends4))
		synctest.Wait()
		if n := len(l.slots); n != maxPending {
			t.Errorf("%d are pending, want %d", n, maxPending)
		}
		began := time.Now()
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if waited := time.Since(began); waited > headerLimit {
			t.Errorf("the late one waited %v", waited)
		}
		time.Sleep(2 * headerLimit)
		mu.Lock()
		defer mu.Unlock()
		if rejected != maxPending+10 {
			t.Errorf("%d were rejected", rejected)
		}
	})
}

func TestWhoIsRefused(t *testing.T) {
	t.Parallel()
	shown, bare := tlsField(7, 0, tlv(tlvName, []byte("sensor"))), tlsField(1, 1)
	for _, tt := range []struct {
		name   string
		o      ProxyOptions
		header string
		want   error // nil: welcome
	}{
		{"tls", ProxyOptions{RequireTLS: true}, v2(0x21, 0x11, ends4, bare), nil},
		{"no tls", ProxyOptions{RequireTLS: true}, v2(0x21, 0x11, ends4), ErrNoTLS},
		{"tls denied", ProxyOptions{RequireTLS: true}, v2(0x21, 0x11, ends4, tlsField(0, 1)), ErrNoTLS},
		{"proxy itself", ProxyOptions{RequireTLS: true}, v2(0x20, 0), io.EOF},
		{"somebody untold", ProxyOptions{RequireTLS: true}, v2(0x21, 0), io.EOF},
		{"certificate", ProxyOptions{RequireCertificate: true}, v2(0x21, 0x11, ends4, shown), nil},
		{"no certificate", ProxyOptions{RequireCertificate: true}, v2(0x21, 0x11, ends4, bare), ErrNoCertificate},
		{"proxy itself without either", ProxyOptions{}, v2(0x20, 0), nil},
		{"corrupt", ProxyOptions{}, "GET / HTTP/1.1\r\n\r\n", ErrCorruptHeader},
		{"nothing", ProxyOptions{}, "", io.EOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				inner, told := memnet.Listen(), make(chan error, 1)
				tt.o.Version = 2
				tt.o.Rejected = func(_ net.Addr, err error) { told <- err }
				l := newProxying(inner, tt.o)
				defer l.Close()
				c := dialMem(t, inner)
				io.WriteString(c, tt.header)
				if tt.want == nil {
					got, err := l.Accept()
					if err != nil {
						t.Fatal(err)
					}
					got.Close()
					return
				}
				c.Close()
				if err := <-told; !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			})
		})
	}
}

// Closing ends what waits, whoever it waits for.
func TestCloseProxying(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := memnet.Listen()
		l := newProxying(inner, ProxyOptions{Version: 1})
		silent, whole := dialMem(t, inner), dialMem(t, inner)
		io.WriteString(whole, headerV1)
		synctest.Wait()
		for range 2 {
			l.Close()
		}
		for _, c := range []net.Conn{silent, whole} {
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Error("a connection is still open")
			}
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accepting gives %v", err)
		}
	})
}

// Errors of the socket reach who accepts, and accepting goes on.
func TestProxyingErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := &failing{Listener: memnet.Listen(), errs: []error{errors.New("too many open files")}}
		l := newProxying(inner, ProxyOptions{Version: 1})
		defer l.Close()
		if _, err := l.Accept(); err == nil || err.Error() != "too many open files" {
			t.Fatalf("got %v", err)
		}
		c := dialMem(t, inner.Listener)
		io.WriteString(c, headerV1)
		if got, err := l.Accept(); err != nil {
			t.Error(err)
		} else {
			got.Close()
		}
	})
}

// failing is a listener that fails a few times first.
type failing struct {
	*memnet.Listener
	errs []error
}

func (f *failing) Accept() (net.Conn, error) {
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return nil, err
	}
	return f.Listener.Accept()
}

func dialMem(t *testing.T, l *memnet.Listener) net.Conn {
	t.Helper()
	c, err := l.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
