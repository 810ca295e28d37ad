package dial_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/dial"
)

// socksServer is a SOCKS5 proxy that knows one user, or everyone, and to which
// every name is one of the loopback.
func socksServer(t *testing.T, username, password string) *dial.Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, func(conn net.Conn) {
		if target := socksHandshake(conn, username, password); target != nil {
			defer target.Close()
			go io.Copy(target, conn)
			io.Copy(conn, target)
		}
	})
	return &dial.Proxy{Host: "127.0.0.1", Port: port(l), Username: username, Password: password}
}

// socksHandshake returns a connection to where the client wants to go.
func socksHandshake(conn net.Conn, username, password string) net.Conn {
	read := func(n int) []byte {
		b := make([]byte, n)
		io.ReadFull(conn, b)
		return b
	}
	methods := read(int(read(2)[1]))
	want := byte(0)
	if username != "" {
		want = 2
	}
	if !bytes.Contains(methods, []byte{want}) {
		conn.Write([]byte{5, 0xFF})
		return nil
	}
	conn.Write([]byte{5, want})
	if want == 2 {
		gotUser := string(read(int(read(2)[1])))
		gotPassword := string(read(int(read(1)[0])))
		if gotUser != username || gotPassword != password {
			conn.Write([]byte{1, 1})
			return nil
		}
		conn.Write([]byte{1, 0})
	}
	var host string
	switch read(4)[3] {
	case 1:
		host = net.IP(read(4)).String()
	case 3:
		if name := string(read(int(read(1)[0]))); strings.HasPrefix(name, "nowhere") {
			conn.Write([]byte{5, 4, 0, 1, 0, 0, 0, 0, 0, 0})
			return nil
		}
		host = "127.0.0.1"
	case 4:
		host = net.IP(read(16)).String()
	}
	target, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(read(2))))))
	if err != nil {
		conn.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
		return nil
	}
	conn.Write([]byte("\x05\x00\x00\x03\x05proxy\x00\x01"))
	return target
}

func TestSOCKS(t *testing.T) {
	t.Parallel()
	l := echo(t, "tcp", "127.0.0.1:0")
	open4 := func(t *testing.T, host string, p *dial.Proxy) (net.Conn, error) {
		t.Helper()
		return open(t, dial.Options{Host: host, Port: port(l), Proxy: p})
	}
	free, closed := socksServer(t, "", ""), socksServer(t, "me", "secret")
	for _, host := range []string{"127.0.0.1", "::ffff:127.0.0.1", "name.known.to.the.proxy.only"} {
		for _, p := range []*dial.Proxy{free, closed} {
			conn, err := open4(t, host, p)
			expectEcho(t, conn, err)
		}
	}
	wrong := *closed
	wrong.Password = "x"
	_, err := open4(t, "h", &wrong)
	expectError(t, err, dial.AtProxy, "does not accept the user name and password")
	wrong.Username = ""
	_, err = open4(t, "h", &wrong)
	expectError(t, err, dial.AtProxy, "wants a user name and password")
	_, err = open4(t, "nowhere.example", free)
	expectError(t, err, dial.AtProxy, "no connection to nowhere.example:"+strconv.Itoa(port(l))+": the host is unreachable")
	_, err = open4(t, "h", &dial.Proxy{Host: "127.0.0.1", Port: port(l)}) // the echo
	expectError(t, err, dial.AtProxy, "")
	_, err = open4(t, strings.Repeat("x", 256), free)
	expectError(t, err, dial.AtProxy, "at most 255 bytes")
}

// TestSilentProxy gives up when the context is done.
func TestSilentProxy(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // nobody accepts
	dialer, err := dial.New(dial.Options{Proxy: &dial.Proxy{Host: "127.0.0.1", Port: port(l)}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := dialer(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
