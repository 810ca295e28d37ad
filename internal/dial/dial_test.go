package dial_test

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/internal/dial"
	"github.com/zancudomq/zancudo/packet"
)

// open makes a connection, which the test closes.
func open(t *testing.T, o dial.Options) (net.Conn, error) {
	t.Helper()
	dialer, err := dial.New(o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := dialer(ctx)
	if err == nil {
		t.Cleanup(func() { conn.Close() })
	}
	return conn, err
}

// expectError expects an error of a stage that says something.
func expectError(t *testing.T, err error, stage dial.Stage, says string) {
	t.Helper()
	var failed *dial.Error
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want an *Error that says %q", err, says)
	}
	if failed.Stage != stage || !strings.Contains(err.Error(), says) {
		t.Errorf("got %q at stage %d, want %q at stage %d", err, failed.Stage, says, stage)
	}
}

// echo serves an echo at an address of the loopback.
func echo(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, func(conn net.Conn) { io.Copy(conn, conn) })
	return l
}

// serve handles connections until the test ends.
func serve(t *testing.T, l net.Listener, handle func(net.Conn)) {
	t.Helper()
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
}

// expectEcho makes sure that conn is one to an echo.
func expectEcho(t *testing.T, conn net.Conn, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	var b [5]byte
	if _, err := io.ReadFull(conn, b[:]); err != nil || string(b[:]) != "hello" {
		t.Fatalf("got %q, %v", b, err)
	}
}

func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

func TestTCP(t *testing.T) {
	t.Parallel()
	l := echo(t, "tcp", "127.0.0.1:0")
	for _, o := range []dial.Options{
		{Port: port(l)},
		{Host: "127.0.0.1", Port: port(l), Delay: true},
		{Host: "127.0.0.1", Port: port(l), LocalAddress: "127.0.0.1"},
		{Host: "localhost", Port: port(l), LocalAddress: "localhost"},
	} {
		conn, err := open(t, o)
		expectEcho(t, conn, err)
	}
	conn, err := open(t, dial.Options{Port: port(l), LocalAddress: "127.0.0.7"})
	expectEcho(t, conn, err)
	if ip := conn.LocalAddr().(*net.TCPAddr).IP.String(); ip != "127.0.0.7" {
		t.Errorf("connected from %s", ip)
	}
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	_, err := open(t, dial.Options{Unix: path})
	expectError(t, err, dial.AtConnect, path+": there is no such socket")
	echo(t, "unix", path)
	conn, err := open(t, dial.Options{Unix: path})
	expectEcho(t, conn, err)
}

func TestConnectErrors(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = open(t, dial.Options{Host: "127.0.0.1", Port: port(l)})
	expectError(t, err, dial.AtConnect, "connect to "+l.Addr().String()+": connection refused")
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v has lost its cause", err)
	}
	_, err = open(t, dial.Options{Port: port(l), LocalAddress: "192.0.2.1"})
	expectError(t, err, dial.AtConnect, "does not have the local address")
	_, err = open(t, dial.Options{Port: 65536})
	expectError(t, err, dial.AtSettings, "1 to 65535")
	_, err = open(t, dial.Options{Unix: "s", SRV: true})
	expectError(t, err, dial.AtSettings, "SRV")
	_, err = open(t, dial.Options{Unix: "s", Proxy: &dial.Proxy{}})
	expectError(t, err, dial.AtSettings, "proxy")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dialer, err := dial.New(dial.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dialer(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it canceled", err)
	}
}

// converse has an MQTT client exchange a message with a broker.
func converse(t *testing.T, o dial.Options) {
	t.Helper()
	dialer, err := dial.New(o)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	c := client.New(client.Options{
		Dial: dialer, Timeout: 10 * time.Second,
		Connect:   packet.Connect{ClientID: "c", CleanStart: true, Version: packet.V5},
		OnMessage: func(p *packet.Publish) { got <- string(p.Payload) },
	})
	defer c.Close()
	if _, err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Subscribe(t.Context(), &packet.Subscribe{Subscriptions: []packet.Subscription{{Filter: "a", QoS: 2}}}); err != nil {
		t.Fatal(err)
	}
	payload := strings.Repeat("0123456789", 20_000)
	if err := c.Publish(t.Context(), &packet.Publish{Message: packet.Message{Topic: "a", Payload: []byte(payload), QoS: 2}}); err != nil {
		t.Fatal(err)
	}
	if g := <-got; g != payload {
		t.Errorf("got %d bytes, want %d", len(g), len(payload))
	}
	if err := c.Disconnect(t.Context(), &packet.Disconnect{}); err != nil {
		t.Error(err)
	}
}

// serveMQTT has a broker serve a listener until the test ends.
func serveMQTT(t *testing.T, l net.Listener) {
	t.Helper()
	b := broker.New(broker.Options{})
	done := make(chan error, 1)
	go func() { done <- b.Serve(l) }()
	t.Cleanup(func() {
		b.Close()
		if err := <-done; !errors.Is(err, broker.ErrClosed) {
			t.Error(err)
		}
	})
}

func TestBroker(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveMQTT(t, l)
	converse(t, dial.Options{Port: port(l)})
}
