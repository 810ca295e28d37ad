package ws

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// ClientOptions say what to ask an HTTP server for.
type ClientOptions struct {
	// Host is for the Host header: a name or address, and a port if it is not
	// that of HTTP.
	Host string
	// Path is /mqtt if empty.
	Path string
	// Header is sent along.
	Header http.Header
	// Subprotocol is mqtt if empty.
	Subprotocol string
}

const (
	defaultPath        = "/mqtt"
	defaultSubprotocol = "mqtt"
	maxResponse        = 64 << 10 // bytes of a server's headers
	maxReason          = 200      // bytes of what it says on top
)

// An UpgradeError is an HTTP server that does not make a WebSocket of the
// connection.
type UpgradeError struct {
	StatusCode int
	Text       string
}

// Error returns the answer of the server.
func (e *UpgradeError) Error() string { return "websocket: " + e.Text }

// Client makes a WebSocket of a connection. It does not close conn after an
// error.
func Client(ctx context.Context, conn net.Conn, o ClientOptions) (*Conn, error) {
	if o.Path == "" {
		o.Path = defaultPath
	}
	if o.Subprotocol == "" {
		o.Subprotocol = defaultSubprotocol
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	c, err := o.upgrade(conn)
	if !stop() {
		return nil, context.Cause(ctx)
	}
	return c, err
}

func (o *ClientOptions) upgrade(conn net.Conn) (*Conn, error) {
	key := newKey()
	request, err := o.request(key)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return nil, err
	}
	r := bufio.NewReader(io.LimitReader(conn, maxResponse))
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, err
	}
	if err := o.check(response, key); err != nil {
		return nil, err
	}
	early, _ := r.Peek(r.Buffered())
	c := newConn(conn, append([]byte(nil), early...), o.Subprotocol)
	c.out.masked = true
	return c, nil
}

func newKey() string {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	return base64.StdEncoding.EncodeToString(nonce[:])
}

// request is the request for a WebSocket.
func (o *ClientOptions) request(key string) (string, error) {
	if !strings.HasPrefix(o.Path, "/") {
		o.Path = "/" + o.Path
	}
	if strings.ContainsFunc(o.Path+o.Host, func(r rune) bool { return r <= ' ' || r == 0x7F }) {
		return "", fmt.Errorf("websocket: path %q and host %q: they have no blanks and no control characters", o.Path, o.Host)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", o.Path, o.Host)
	fmt.Fprintf(&b, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: %s\r\n", key, o.Subprotocol)
	if err := o.Header.Write(&b); err != nil {
		return "", err
	}
	b.WriteString("\r\n")
	return b.String(), nil
}

// check examines the answer.
func (o *ClientOptions) check(r *http.Response, key string) error {
	if r.StatusCode != http.StatusSwitchingProtocols {
		b, _ := io.ReadAll(io.LimitReader(r.Body, maxReason))
		text := "the server answers " + r.Status
		if reason, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n"); reason != "" && !strings.HasPrefix(reason, "<") {
			text += ": " + reason
		}
		return &UpgradeError{StatusCode: r.StatusCode, Text: text}
	}
	if !hasToken(r.Header, "Upgrade", "websocket") || !hasToken(r.Header, "Connection", "upgrade") ||
		r.Header.Get("Sec-WebSocket-Accept") != accept(key) {
		return &UpgradeError{StatusCode: r.StatusCode, Text: "the server's handshake is not one of WebSocket"}
	}
	if chosen := r.Header.Get("Sec-WebSocket-Protocol"); chosen != "" && chosen != o.Subprotocol {
		return &UpgradeError{StatusCode: r.StatusCode, Text: fmt.Sprintf("the server chose the subprotocol %q, not %q", chosen, o.Subprotocol)}
	}
	if r.Header.Get("Sec-WebSocket-Extensions") != "" {
		return errors.New("websocket: the server chose an extension that was not offered")
	}
	return nil
}
