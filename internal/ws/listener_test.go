package ws_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/internal/ws"
)

// request is a handshake as browsers make it, with lines replaced.
func request(lines ...string) string {
	all := []string{
		"GET /anything?x=y HTTP/1.1", "Host: h", "Upgrade: websocket", "Connection: keep-alive, Upgrade", "Origin: https://a.example",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: mqttv3.1, mqtt",
	}
	for _, line := range lines {
		name, _, _ := strings.Cut(line, ":")
		for i := range all {
			if strings.HasPrefix(all[i], name) || i == 0 && strings.Contains(line, "HTTP/") {
				all[i] = line
				break
			}
		}
	}
	return strings.Join(all, "\r\n") + "\r\n\r\n"
}

// ask sends bytes to a listener and returns all it answers.
func ask(t *testing.T, inner *memnet.Listener, bytes string) string {
	t.Helper()
	conn, err := inner.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go io.WriteString(conn, bytes) // it may be more than the server wants
	conn.SetReadDeadline(time.Now().Add(time.Minute))
	got, _ := io.ReadAll(conn)
	return string(got)
}

func TestHandshake(t *testing.T) {
	for _, test := range []struct {
		name, request string
		origins       []string
		want          string // the answer's beginning; empty: none
	}{
		{"a browser", request(), nil, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"},
		{"MQTT 3.1", request("Sec-WebSocket-Protocol: mqttv3.1"), nil, "HTTP/1.1 101 "},
		{"the right origin", request(), []string{"https://b.example", "https://A.example"}, "HTTP/1.1 101 "},
		{"a wrong origin", request(), []string{"https://b.example"}, "HTTP/1.1 403 "},
		{"no origin", request("Origin:"), []string{"https://b.example"}, "HTTP/1.1 403 "},
		{"no subprotocol", request("Sec-WebSocket-Protocol: "), nil, "HTTP/1.1 400 "},
		{"a wrong subprotocol", request("Sec-WebSocket-Protocol: chat, mqttv"), nil, "HTTP/1.1 400 "},
		{"an old version", request("Sec-WebSocket-Version: 8"), nil, "HTTP/1.1 426 "},
		{"a bad key", request("Sec-WebSocket-Key: x"), nil, "HTTP/1.1 400 "},
		{"no upgrade", request("Connection: close"), nil, "HTTP/1.1 426 "},
		{"another upgrade", request("Upgrade: h2c"), nil, "HTTP/1.1 426 "},
		{"HTTP 1.0", request("GET / HTTP/1.0"), nil, "HTTP/1.1 426 "},
		{"POST", request("POST / HTTP/1.1"), nil, "HTTP/1.1 426 "},
		{"a plain request", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", nil, "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n"},
		{"nonsense", "GET\r\n\r\n", nil, "HTTP/1.1 400 "},
		{"huge headers", request("Origin: " + strings.Repeat("x", 10_000)), nil, "HTTP/1.1 431 "},
		{"MQTT", "\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", nil, ""},
		{"TLS", "\x16\x03\x01\x00\x05hello", nil, ""},
		{"slow loris", "GET / HTTP/1.1\r\nHost: h\r\n", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rejected error
				inner, l := listen(t, ws.Options{Origins: test.origins, Rejected: func(_ net.Addr, err error) { rejected = err }})
				if strings.Contains(test.want, " 101 ") {
					go func() {
						conn, err := l.Accept()
						if err != nil {
							t.Error(err)
							return
						}
						conn.Close()
					}()
				}
				got := ask(t, inner, test.request)
				synctest.Wait()
				if !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
					t.Errorf("got %q, want %q", got, test.want)
				}
				if accepted := strings.Contains(test.want, " 101 "); accepted != (rejected == nil) {
					t.Errorf("rejected: %v", rejected)
				}
				if strings.Contains(test.want, " 426 Upgrade") && !strings.Contains(got, "MQTT over WebSocket") {
					t.Errorf("no help in %q", got)
				}
			})
		})
	}
}

// TestEarlyPacket has a client that does not wait for the answer.
func TestEarlyPacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, l := listen(t, ws.Options{})
		conn, err := inner.Dial()
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, request()+"\x82\x85\x00\x00\x00\x00he")
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer accepted.Close()
		io.WriteString(conn, "llo")
		got := make([]byte, 5)
		if _, err := io.ReadFull(accepted, got); err != nil || string(got) != "hello" {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestHandshakeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, _ := listen(t, ws.Options{HandshakeTimeout: 3 * time.Second})
		conn, err := inner.Dial()
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("closed after %v", took)
		}
	})
}

// TestManyHandshakes has more clients stand at the door than there are places:
// the oldest must leave, and those who hurry are served.
func TestManyHandshakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, l := listen(t, ws.Options{MaxHandshakes: 3})
		var slow []net.Conn
		for range 5 {
			conn, err := inner.Dial()
			if err != nil {
				t.Fatal(err)
			}
			slow = append(slow, conn)
			synctest.Wait()
		}
		conn, err := inner.Dial()
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		client, err := ws.Client(t.Context(), conn, ws.ClientOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("waited for %v", took)
		}
		for i, conn := range slow {
			conn.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, err := conn.Read(make([]byte, 1))
			if left := errors.Is(err, io.EOF); left != (i < 3) {
				t.Errorf("slow client %d: %v", i, err)
			}
		}
	})
}

func TestListenerCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memnet.Listen()
		l := ws.NewListener(inner, ws.Options{})
		half, err := inner.Dial()
		if err != nil {
			t.Fatal(err)
		}
		whole, err := inner.Dial()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ws.Client(t.Context(), whole, ws.ClientOptions{}); err != nil { // nobody accepts it
			t.Fatal(err)
		}
		accepted := make(chan error)
		synctest.Wait()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		for _, conn := range []net.Conn{half, whole} {
			if _, err := conn.Read(make([]byte, 100)); err == nil {
				t.Error("a connection is still open")
			}
		}
		go func() {
			_, err := l.Accept()
			accepted <- err
		}()
		if err := <-accepted; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept after Close: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A failing listener fails once and then works.
type failing struct {
	net.Listener
	failed bool
}

var errOnce = errors.New("too many open files")

func (l *failing) Accept() (net.Conn, error) {
	if !l.failed {
		l.failed = true
		return nil, errOnce
	}
	return l.Listener.Accept()
}

func TestAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memnet.Listen()
		l := ws.NewListener(&failing{Listener: inner}, ws.Options{})
		defer l.Close()
		if _, err := l.Accept(); !errors.Is(err, errOnce) {
			t.Errorf("got %v, want %v", err, errOnce)
		}
		conn, err := inner.Dial()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ws.Client(t.Context(), conn, ws.ClientOptions{}); err != nil {
			t.Fatal(err)
		}
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		accepted.Close()
	})
}

// TestHTTPClient has Go's own HTTP client come by, over TCP.
func TestHTTPClient(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := ws.NewListener(inner, ws.Options{})
	defer l.Close()
	response, err := http.Get("http://" + l.Addr().String() + "/mqtt")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body := new(bytes.Buffer)
	body.ReadFrom(response.Body)
	if response.StatusCode != http.StatusUpgradeRequired || !strings.Contains(body.String(), "subprotocol mqtt") {
		t.Errorf("got %s, %q", response.Status, body)
	}
}
