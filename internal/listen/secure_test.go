package listen

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/certtest"
)

// A secureServer does the handshake of all who come, and echoes.
type secureServer struct {
	net.Listener
	client   *tls.Config
	rejected chan error
	conns    chan *Secured
	serving  sync.WaitGroup
}

func newSecureServer(t *testing.T, o SecureOptions, change func(*tls.Config)) *secureServer {
	t.Helper()
	ca := certtest.NewAuthority(t, "ca")
	server := &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, certtest.Template{Name: "s"}).TLS()}, ClientCAs: ca.Pool()}
	if change != nil {
		change(server)
	}
	s := &secureServer{
		client: &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost"}, rejected: make(chan error, 100), conns: make(chan *Secured, 100),
	}
	o.Server = func(c net.Conn) Session { return tls.Server(c, server) }
	o.Rejected = func(_ net.Addr, err error) { s.rejected <- err }
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Listener = Secure(inner, o)
	s.serving.Go(func() {
		for {
			c, err := s.Accept()
			if err != nil {
				return
			}
			s.serving.Go(func() {
				defer c.Close()
				s.conns <- c.(*Secured)
				if c.(*Secured).Handshake() == nil {
					io.Copy(c, c)
				}
			})
		}
	})
	t.Cleanup(func() {
		inner.Close()
		s.serving.Wait()
	})
	return s
}

func (s *secureServer) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { c.Close() })
	return c
}

func echo(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

// Clients that say nothing, or stop in the middle, take no turn from others.
func TestSlowHandshakes(t *testing.T) {
	t.Parallel()
	s := newSecureServer(t, SecureOptions{Turns: NewTurns(1)}, nil)
	for i := range 10 {
		c := s.dial(t)
		if i%2 == 0 {
			c.Write([]byte("\x16\x03\x01\x02\x00\x01")) // the beginning of a hello
		}
		<-s.conns
	}
	for range 3 {
		echo(t, tls.Client(s.dial(t), s.client))
	}
}

// Handshakes take turns: no more compute at a time than may.
func TestTurns(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	running, most := 0, 0
	enter := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		running += n
		most = max(most, running)
	}
	s := newSecureServer(t, SecureOptions{Turns: NewTurns(2)}, func(c *tls.Config) {
		c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			enter(1)
			defer enter(-1)
			for range 1000 { // let others come
				mu.Lock()
				_ = running
				mu.Unlock()
			}
			return nil, nil
		}
	})
	var clients sync.WaitGroup
	for range 30 {
		c := tls.Client(s.dial(t), s.client)
		clients.Go(func() {
			if err := c.Handshake(); err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
	if most > 2 {
		t.Errorf("%d at a time, at most 2 may", most)
	}
}

func TestRejected(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		sends string // in place of a hello; empty: TLS
		hello func(*tls.Config)
		want  string
	}{
		{"MQTT", "\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", nil, "client did not connect using TLS, but MQTT without it"},
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", nil, "client did not connect using TLS, but HTTP without it"},
		{"old", "", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, "unsupported versions"},
		{"doubts", "", func(c *tls.Config) { c.ServerName = "elsewhere" }, "client gave up: bad certificate (it does not accept our certificate"},
		{"OpenSSL doubts", "\x15\x03\x03\x00\x02\x02\x30", nil, "client gave up: unknown certificate authority (it does not know"},
		{"goes", "\x16\x03", nil, "client was gone before the end of the handshake"},
		{"talks too much", strings.Repeat("\x16\x03\x01\x40\x00\x01\x00\xff\xff"+strings.Repeat("x", 0x4000-4), 3), nil, "the handshake has more than 20480 bytes"},
	} {
		s := newSecureServer(t, SecureOptions{}, nil)
		c := s.dial(t)
		if tt.sends != "" {
			c.Write([]byte(tt.sends))
			c.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c)
		} else {
			tt.hello(s.client)
			if err := tls.Client(c, s.client).Handshake(); err == nil {
				t.Errorf("%s: welcome", tt.name)
			}
		}
		c.Close()
		if err := <-s.rejected; !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

// Who looks whether somebody listens is no news.
func TestRejectsSilently(t *testing.T) {
	t.Parallel()
	s := newSecureServer(t, SecureOptions{}, nil)
	s.dial(t).Close()
	if err := <-s.rejected; err != io.EOF { //nolint:errorlint // it has to be that
		t.Errorf("got %v", err)
	}
}

// A client that was refused reads why, though it has sent something meanwhile.
func TestRefusedClientReadsWhy(t *testing.T) {
	t.Parallel()
	s := newSecureServer(t, SecureOptions{}, func(c *tls.Config) { c.ClientAuth = tls.RequireAndVerifyClientCert })
	for range 20 {
		c := tls.Client(s.dial(t), s.client)
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		c.Write(make([]byte, 1000))
		if _, err := c.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "certificate required") {
			t.Fatalf("got %v", err)
		}
		c.Close()
		if err := <-s.rejected; !errors.Is(err, ErrNoCertificate) {
			t.Fatalf("got %v", err)
		}
	}
}

// No alert is sent where it would say something else.
func TestSilent(t *testing.T) {
	t.Parallel()
	revoked := errors.New("revoked")
	s := newSecureServer(t, SecureOptions{Silent: func(err error) bool { return errors.Is(err, revoked) }}, func(c *tls.Config) {
		c.VerifyConnection = func(tls.ConnectionState) error { return revoked }
	})
	c := tls.Client(s.dial(t), s.client)
	err := c.Handshake()
	if err == nil {
		_, err = c.Read(make([]byte, 1))
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want %v", err, io.EOF)
	}
}

// A bug of the library costs one connection.
func TestHandshakePanics(t *testing.T) {
	t.Parallel()
	s := newSecureServer(t, SecureOptions{Turns: NewTurns(1)}, func(c *tls.Config) {
		c.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			if h.ServerName == "bad" {
				panic("bug")
			}
			return nil, nil
		}
	})
	bad := s.client.Clone()
	bad.ServerName = "bad"
	if err := tls.Client(s.dial(t), bad).Handshake(); err == nil {
		t.Error("welcome")
	}
	if err := <-s.rejected; !strings.HasPrefix(err.Error(), "the handshake panicked: bug\n") {
		t.Errorf("got %v", err)
	}
	echo(t, tls.Client(s.dial(t), s.client))
}

// Who holds the socket reads without waiting; Close does not wait for a client that
// reads nothing.
func TestReadSocket(t *testing.T) {
	t.Parallel()
	told := make(chan *Secured, 1)
	s := newSecureServer(t, SecureOptions{Negotiated: func(c *Secured) { told <- c }}, nil)
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	l := Secure(inner, *s.Listener.(*securing).options)
	raw, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	client := tls.Client(raw, s.client)
	done := make(chan error, 1)
	go func() { done <- client.Handshake() }()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := accepted.(*Secured)
	if err := c.Handshake(); err != nil || !c.Open() {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	socket, err := c.Socket().(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	waited := 0
	read := func(fd uintptr) bool {
		b := make([]byte, 10)
		n, err := c.ReadSocket(fd, b)
		if err == syscall.EAGAIN { //nolint:errorlint // by itself, as promised
			waited++
			if waited == 1 {
				client.Write([]byte("hello"))
			}
			return false
		}
		got = b[:n]
		return true
	}
	if err := socket.Read(read); err != nil || string(got) != "hello" || waited == 0 {
		t.Errorf("got %q, %v, and waited %d times", got, err, waited)
	}
	if <-told != c {
		t.Error("what was negotiated is not told")
	}
	c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	for err = nil; err == nil; { // until the client's socket is full
		_, err = c.Write(make([]byte, 1<<16))
	}
	began := time.Now()
	c.Close()
	if took := time.Since(began); took > 4*time.Second { // crypto/tls would wait for five
		t.Errorf("Close took %v", took)
	}
	if err := c.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("again: %v", err)
	}
}

// completed tells when its handshake is done, before the connection knows.
type completed struct {
	*tls.Conn
	done chan struct{}
}

func (c completed) Handshake() error {
	err := c.Conn.Handshake()
	close(c.done)
	return err
}

// A connection may be closed at the very end of its handshake, by another goroutine.
func TestCloseDuringHandshake(t *testing.T) {
	t.Parallel()
	s := newSecureServer(t, SecureOptions{}, nil)
	o := *s.Listener.(*securing).options
	server := o.Server
	for range 20 {
		near, far := net.Pipe()
		done := make(chan struct{})
		o.Server = func(c net.Conn) Session { return completed{server(c).(*tls.Conn), done} }
		c := newSecured(near, &o)
		go func() {
			if tls.Client(far, s.client).Handshake() == nil {
				io.Copy(io.Discard, far)
			}
		}()
		shaken := make(chan error, 1)
		go func() { shaken <- c.Handshake() }()
		<-done
		c.Close()
		<-shaken
		far.Close()
	}
}
