package ws

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// A refusal is a request that is not answered with a WebSocket.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("websocket: refused with %d: %s", r.status, strings.TrimSuffix(r.text, "."))
}

// advice is for those who come with a browser, or another program for HTTP.
const advice = "Here is MQTT over WebSocket: connect an MQTT client that speaks it, with the subprotocol mqtt."

// errNotHTTP says that no HTTP request begins like that.
var errNotHTTP = errors.New("websocket: what came is not an HTTP request; perhaps it is MQTT without WebSocket, or TLS")

// upgrade reads a client's request and answers it.
func (o *Options) upgrade(conn net.Conn) (*Conn, error) {
	limited := &io.LimitedReader{R: conn, N: int64(o.HeaderBytes)}
	r := bufio.NewReader(limited)
	first, err := r.Peek(1)
	if err != nil {
		return nil, fmt.Errorf("websocket: no request: %w", err)
	}
	if first[0] < 'A' || first[0] > 'Z' {
		return nil, errNotHTTP
	}
	request, err := http.ReadRequest(r)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("websocket: the request does not end: %w", err)
	case err != nil:
		wrong := &refusal{http.StatusBadRequest, "The request cannot be read."}
		if limited.N == 0 {
			wrong = &refusal{http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("The request has more than %d bytes.", o.HeaderBytes)}
		}
		return nil, errors.Join(wrong, err, wrong.answer(conn))
	}
	protocol, wrong := o.check(request)
	if wrong != nil {
		return nil, errors.Join(wrong, wrong.answer(conn))
	}
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n", accept(request.Header.Get("Sec-WebSocket-Key")), protocol)
	if err != nil {
		return nil, fmt.Errorf("websocket: answer: %w", err)
	}
	early, _ := r.Peek(r.Buffered())
	c := newConn(conn, append([]byte(nil), early...), protocol)
	c.in.masked = true
	c.remote = o.forwardedFor(conn.RemoteAddr(), request.Header)
	return c, nil
}

// check returns the subprotocol to speak, or why there will be none.
func (o *Options) check(r *http.Request) (string, *refusal) {
	h := r.Header
	switch {
	case r.Method != http.MethodGet || !r.ProtoAtLeast(1, 1) || !hasToken(h, "Connection", "upgrade") || !hasToken(h, "Upgrade", "websocket"):
		return "", &refusal{http.StatusUpgradeRequired, advice}
	case h.Get("Sec-WebSocket-Version") != "13":
		return "", &refusal{http.StatusUpgradeRequired, "Here is version 13 of WebSocket."}
	}
	if nonce, err := base64.StdEncoding.DecodeString(h.Get("Sec-WebSocket-Key")); err != nil || len(nonce) != 16 {
		return "", &refusal{http.StatusBadRequest, "Sec-WebSocket-Key is not 16 bytes in Base64."}
	}
	if origin := h.Get("Origin"); len(o.Origins) > 0 && !slices.ContainsFunc(o.Origins, func(a string) bool { return strings.EqualFold(a, origin) }) {
		return "", &refusal{http.StatusForbidden, fmt.Sprintf("The origin %q may not connect.", origin)}
	}
	for _, name := range []string{"mqtt", "mqttv3.1"} { // [MQTT-6.0.0-4]
		if hasToken(h, "Sec-WebSocket-Protocol", name) {
			return name, nil
		}
	}
	return "", &refusal{http.StatusBadRequest, "None of the subprotocols is mqtt or mqttv3.1. " + advice}
}

// answer writes the refusal to the client.
func (r *refusal) answer(w io.Writer) error {
	upgrade := ""
	if r.status == http.StatusUpgradeRequired {
		upgrade = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
	}
	_, err := fmt.Fprintf(w, "HTTP/1.1 %d %s\r\n%sConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s\n",
		r.status, http.StatusText(r.status), upgrade, len(r.text)+1, r.text)
	return err
}

// accept is what a server makes of a client's key.
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// hasToken reports whether a list in the headers has a word, whatever its case.
func hasToken(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for word := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(word), token) {
				return true
			}
		}
	}
	return false
}

// forwardedFor is the address of the client that a proxy speaks for; nil: there
// is none, it does not say, or it is not believed. Each proxy appends whom it has
// served, and so the last address counts that is not one of a proxy itself: what
// stands before it comes from the client.
func (o *Options) forwardedFor(peer net.Addr, h http.Header) (client net.Addr) {
	if peer == nil {
		return nil
	}
	at, _ := netip.ParseAddrPort(peer.String())
	if at.IsValid() && !o.believes(at.Addr()) { // others are unix sockets
		return nil
	}
	told := strings.Split(strings.Join(h.Values("X-Forwarded-For"), ","), ",")
	for _, text := range slices.Backward(told) {
		at, ok := addressOf(strings.TrimSpace(text))
		if !ok {
			break
		}
		client = net.TCPAddrFromAddrPort(at)
		if !o.believes(at.Addr()) {
			break
		}
	}
	return client
}

// believes reports whether an address is one of a proxy.
func (o *Options) believes(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	return a.IsLoopback() || slices.ContainsFunc(o.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// addressOf reads an address as proxies write it, with a port or without.
func addressOf(text string) (at netip.AddrPort, ok bool) {
	if ip, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return netip.AddrPortFrom(ip, 0), true
	}
	at, err := netip.ParseAddrPort(text)
	return at, err == nil
}
