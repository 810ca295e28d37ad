package dial

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A URL names a server, perhaps a user, and a topic.
type URL struct {
	// Options have a Host, a Port, and TLS and a WebSocket where the scheme
	// says so.
	Options            Options
	Username, Password string
	HasUsername        bool
	HasPassword        bool
	// Topic is what follows the slash behind the host. It may have any
	// character: a topic filter's # and ? have no other meaning here.
	Topic string
	// HasSlash says that there was one.
	HasSlash bool
}

// schemes are those of ParseURL with the options they stand for.
var schemes = [...]struct {
	name              string
	secure, webSocket bool
}{{"mqtt", false, false}, {"mqtts", true, false}, {"ws", false, true}, {"wss", true, true}}

// ParseURL reads mqtt|mqtts|ws|wss://[user[:password]@]host[:port]/topic. The
// port is 1883, or 8883 for mqtts and wss, which trust the roots of the system.
// A % and two hexadecimal digits stand for a byte; any other % stands for
// itself. An error says nothing of the password.
func ParseURL(s string) (*URL, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return nil, &Error{Text: fmt.Sprintf("URL %q has no scheme: it begins with mqtt://, mqtts://, ws:// or wss://", withoutPassword(s))}
	}
	u := &URL{}
	if err := u.scheme(strings.ToLower(scheme)); err != nil {
		return nil, err
	}
	where, topic, slash := strings.Cut(rest, "/")
	a, err := parseAuthority(where)
	if err != nil {
		return nil, &Error{Text: fmt.Sprintf("URL %q", withoutPassword(s)), Err: err}
	}
	u.Options.Host, u.Options.Port = a.host, a.port
	u.Options.Port = u.Options.port()
	u.Username, u.HasUsername = a.username, a.hasUsername
	u.Password, u.HasPassword = a.password, a.hasPassword
	u.Topic, u.HasSlash = unescape(topic), slash
	return u, nil
}

func (u *URL) scheme(name string) error {
	for _, s := range schemes {
		if s.name != name {
			continue
		}
		if s.secure {
			u.Options.TLS = &TLS{SystemRoots: true}
		}
		if s.webSocket {
			u.Options.WebSocket = &WebSocket{}
		}
		return nil
	}
	return &Error{Text: fmt.Sprintf("URL with unsupported scheme %q: it begins with mqtt://, mqtts://, ws:// or wss://", name)}
}

// An authority is [user[:password]@]host[:port].
type authority struct {
	username, password       string
	hasUsername, hasPassword bool
	host                     string
	port                     int // 0: not said
}

func parseAuthority(s string) (*authority, error) {
	a := &authority{}
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		user, password, ok := strings.Cut(s[:i], ":")
		a.username, a.hasUsername = unescape(user), true
		a.password, a.hasPassword = unescape(password), ok
		s = s[i+1:]
	}
	host, port, hasPort := strings.Cut(s, ":")
	if strings.HasPrefix(s, "[") { // an IPv6 address
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return nil, errors.New("the bracket of an IPv6 address is not closed")
		}
		host = s[1:end]
		after := s[end+1:]
		if after != "" && after[0] != ':' {
			return nil, fmt.Errorf("%q follows the address", after)
		}
		port, hasPort = strings.CutPrefix(after, ":")
	} else if strings.Contains(port, ":") {
		return nil, errors.New("an IPv6 address stands in brackets, as in [::1]:1883")
	}
	if a.host = unescape(host); a.host == "" {
		return nil, errors.New("no host is named")
	}
	if !hasPort {
		return a, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("port %q: a port is 1 to 65535", port)
	}
	a.port = int(n)
	return a, nil
}

// unescape decodes what is percent-encoded.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// withoutPassword is a URL as it may be shown.
func withoutPassword(s string) string {
	from := 0
	if i := strings.Index(s, "://"); i >= 0 {
		from = i + len("://")
	}
	at := strings.LastIndexByte(s, '@')
	if at < from {
		return s
	}
	colon := strings.IndexByte(s[from:at], ':')
	if colon < 0 {
		return s
	}
	return s[:from+colon+1] + "***" + s[at:]
}
