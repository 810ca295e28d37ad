package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// A Proxy is a SOCKS5 proxy. It looks up the names of servers itself.
type Proxy struct {
	Host string
	Port int // 0: 1080
	// Username and Password are offered if Username is not empty.
	Username, Password string
}

const defaultProxyPort = 1080

// ParseProxy reads socks5h://[user[:password]@]host[:port]; socks5:// means the
// same here.
func ParseProxy(s string) (*Proxy, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if scheme = strings.ToLower(scheme); !ok || scheme != "socks5h" && scheme != "socks5" {
		return nil, &Error{Text: fmt.Sprintf("proxy %q: a proxy is socks5h://[user[:password]@]host[:port]", withoutPassword(s))}
	}
	a, err := parseAuthority(strings.TrimSuffix(rest, "/"))
	if err != nil {
		return nil, &Error{Text: "proxy " + withoutPassword(s), Err: err}
	}
	if len(a.username) > 255 || len(a.password) > 255 {
		return nil, &Error{Text: "proxy " + withoutPassword(s) + ": user and password have at most 255 bytes"}
	}
	return &Proxy{Host: a.host, Port: a.port, Username: a.username, Password: a.password}, nil
}

func (p *Proxy) address() string {
	port := p.Port
	if port == 0 {
		port = defaultProxyPort
	}
	return net.JoinHostPort(p.Host, strconv.Itoa(port))
}

// The numbers of RFC 1928 and 1929.
const (
	socksVersion      = 5
	socksNoPassword   = 0
	socksPassword     = 2
	socksNoMethod     = 0xFF
	socksConnect      = 1
	socksIPv4         = 1
	socksName         = 3
	socksIPv6         = 4
	socksLoginVersion = 1
)

// socksReplies are the refusals of RFC 1928, from 1 on.
var socksReplies = [...]string{
	"it failed in general", "its rules forbid the connection", "the network is unreachable", "the host is unreachable",
	"the server refused the connection", "the time to live expired", "it does not know the command", "it does not know that kind of address",
}

// pass has the proxy connect to a server; conn is one to the proxy.
func (p *Proxy) pass(ctx context.Context, conn net.Conn, host string, port int) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err := p.greet(conn)
	if err == nil {
		err = request(conn, host, port)
	}
	if !stop() {
		return context.Cause(ctx)
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &explained{"it closed the connection", err}
	}
	return err
}

// greet agrees on a way to log in, and does.
func (p *Proxy) greet(conn net.Conn) error {
	hello := []byte{socksVersion, 1, socksNoPassword}
	if p.Username != "" {
		hello = []byte{socksVersion, 2, socksNoPassword, socksPassword}
	}
	if _, err := conn.Write(hello); err != nil {
		return err
	}
	var answer [2]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return err
	}
	switch {
	case answer[0] != socksVersion:
		return errors.New("it does not speak SOCKS5")
	case answer[1] == socksNoPassword:
		return nil
	case answer[1] == socksPassword && p.Username != "":
		return p.login(conn)
	case answer[1] == socksNoMethod && p.Username == "":
		return errors.New("it wants a user name and password")
	}
	return errors.New("it takes no user name and password")
}

func (p *Proxy) login(conn net.Conn) error {
	b := []byte{socksLoginVersion, byte(len(p.Username))}
	b = append(b, p.Username...)
	b = append(b, byte(len(p.Password)))
	b = append(b, p.Password...)
	if _, err := conn.Write(b); err != nil {
		return err
	}
	var answer [2]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return err
	}
	if answer[1] != 0 {
		return errors.New("it does not accept the user name and password")
	}
	return nil
}

// request asks for a connection.
func request(conn net.Conn, host string, port int) error {
	b := []byte{socksVersion, socksConnect, 0}
	if ip, err := netip.ParseAddr(host); err == nil {
		kind := byte(socksIPv6)
		if ip = ip.Unmap(); ip.Is4() {
			kind = socksIPv4
		}
		b = append(append(b, kind), ip.AsSlice()...)
	} else {
		if len(host) > 255 {
			return errors.New("a host name has at most 255 bytes")
		}
		b = append(append(b, socksName, byte(len(host))), host...)
	}
	b = append(b, byte(port>>8), byte(port))
	if _, err := conn.Write(b); err != nil {
		return err
	}
	return answer(conn, net.JoinHostPort(host, strconv.Itoa(port)))
}

// answer reads whether the proxy has connected to address.
func answer(conn net.Conn, address string) error {
	var head [5]byte
	if _, err := io.ReadFull(conn, head[:4]); err != nil {
		return err
	}
	if code := int(head[1]); code != 0 {
		reason := fmt.Sprintf("its answer is %d", code)
		if code <= len(socksReplies) {
			reason = socksReplies[code-1]
		}
		return fmt.Errorf("no connection to %s: %s", address, reason)
	}
	var rest int // the address that the proxy connected from, and its port
	switch head[3] {
	case socksIPv4:
		rest = 4 + 2
	case socksIPv6:
		rest = 16 + 2
	case socksName:
		if _, err := io.ReadFull(conn, head[4:]); err != nil {
			return err
		}
		rest = int(head[4]) + 2
	default:
		return errors.New("it does not speak SOCKS5")
	}
	_, err := io.ReadFull(conn, make([]byte, rest))
	return err
}
