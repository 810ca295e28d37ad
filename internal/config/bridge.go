package config

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Bridge is a connection to another broker. Bools that are nil follow another
// word: see the row of each.
type Bridge struct {
	Name string
	File string // where it begins
	Line int

	Addresses  Addresses
	RoundRobin bool
	Topics     BridgeTopics

	StartType        string  // automatic, lazy or once
	IdleTimeout      int     // seconds
	Threshold        int     // messages
	Restart          Restart // how long to wait before it connects again
	ReloadType       string  // lazy or immediate
	Keepalive        int     // seconds
	CleanSession     bool
	RemoteClientID   string // empty: made of the names of the host and the bridge
	RemoteUsername   string
	RemotePassword   string
	ProtocolVersion  string // mqttv31, mqttv311 or mqttv50
	TryPrivate       bool
	AttemptUnsub     bool
	OutgoingRetain   bool
	MaxPacketSize    int
	MaxTopicAlias    int
	ReceiveMaximum   int // 0: as max_inflight_messages
	SessionExpiry    uint32
	BindAddress      string
	TCPKeepalive     TCPKeepalive
	TCPUserTimeoutMS int // 0: the kernel's

	LocalClientID     string // empty: made of the remote one
	LocalUsername     string
	LocalPassword     string
	LocalCleanSession *bool // nil: as CleanSession

	Notifications          bool
	NotificationsLocalOnly bool
	NotificationTopic      string // empty: below $SYS/broker/connection

	TLS BridgeTLS
}

// BridgeTLS are the words of a bridge that are about TLS.
type BridgeTLS struct {
	CAFile, CAPath    string
	UseOSCerts        bool
	CertFile, KeyFile string
	Insecure          bool
	ALPN              string
	Version           string
	Ciphers           string
	CiphersTLS13      string
	RequireOCSP       bool
	Identity, PSK     string
}

// On reports whether the bridge speaks TLS.
func (t *BridgeTLS) On() bool { return t.certificates() || t.PSK != "" }

func (t *BridgeTLS) certificates() bool {
	return t.CAFile != "" || t.CAPath != "" || t.UseOSCerts || t.CertFile != "" || t.KeyFile != ""
}

func newBridge(name string) *Bridge {
	b := &Bridge{Name: name}
	setDefaults(target{bridge: b}, PerBridge)
	return b
}

// Address is where a remote broker is.
type Address struct {
	Host string
	Port int
}

// Addresses are those of one remote broker, best first.
type Addresses []Address

func (a *Addresses) read(w *Word, rest string) *Problem {
	if !validText(rest) {
		return w.notText()
	}
	for text := range strings.FieldsSeq(rest) {
		host, port := text, strconv.Itoa(DefaultPort)
		if i := strings.LastIndexByte(text, ':'); i >= 0 && !strings.HasSuffix(text, "]") {
			host, port = text[:i], text[i+1:]
		}
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
		n, ok := parseInt(port)
		if !ok || n < 1 || n > 65535 || host == "" || strings.ContainsAny(host, "#/\"") {
			return w.invalid(text, "It is a host, or a host, a colon and a port between 1 and 65535; an IPv6 address needs its port, as in '::1:1883'.")
		}
		*a = append(*a, Address{host, int(n)})
	}
	return nil
}

// BridgeTopic says which messages pass a bridge, and which way.
type BridgeTopic struct {
	Pattern      string
	In, Out      bool
	QoS          int
	LocalPrefix  string
	RemotePrefix string
}

// BridgeTopics are the topic words of one bridge.
type BridgeTopics []BridgeTopic

func (b *BridgeTopics) read(w *Word, rest string) *Problem {
	part, problem := quoted(rest)
	if problem != nil {
		return problem
	}
	if len(part) > 5 {
		return w.invalid(rest, "After the pattern come at most a direction, a QoS, a local and a remote prefix.")
	}
	part = append(part, make([]string, 5-len(part))...)
	t := BridgeTopic{Pattern: part[0], LocalPrefix: part[3], RemotePrefix: part[4]}
	switch part[1] {
	case "", "out":
		t.Out = true
	case "in":
		t.In = true
	case "both":
		t.In, t.Out = true, true
	default:
		return &Problem{Text: fmt.Sprintf("Invalid bridge topic direction '%s'.", clean(part[1])), Remedy: "It is out, in or both."}
	}
	if part[2] != "" {
		n, ok := parseInt(part[2])
		if !ok || n < 0 || n > 2 {
			return &Problem{Text: fmt.Sprintf("Invalid bridge QoS level '%s'.", clean(part[2])), Remedy: "It is 0, 1 or 2."}
		}
		t.QoS = int(n)
	}
	if t.Pattern == "" && t.LocalPrefix == "" && t.RemotePrefix == "" {
		return w.invalid(rest, "Give a pattern, or prefixes to map one topic to another.")
	}
	problem = cmp.Or(passable(w, "pattern", t.Pattern), passable(w, "local prefix", t.LocalPrefix), passable(w, "remote prefix", t.RemotePrefix))
	if problem != nil {
		return problem
	}
	*b = append(*b, t)
	return nil
}

// passable reports what makes a part of a topic word impossible.
func passable(w *Word, what, text string) *Problem {
	if !validText(text) {
		return &Problem{Text: fmt.Sprintf("Invalid '%s' value in configuration.", w.Name), Remedy: fmt.Sprintf("The %s is not UTF-8, or has a null character.", what)}
	}
	if what != "pattern" && strings.ContainsAny(text, "+#") {
		return w.invalid(text, fmt.Sprintf("The %s cannot have wildcards.", what))
	}
	if what == "pattern" && !validFilter(text) {
		return w.invalid(text, "A + is a level of its own, and so is a #, which is the last.")
	}
	return nil
}

func validFilter(filter string) bool {
	levels := strings.Split(filter, "/")
	for i, level := range levels {
		if strings.ContainsAny(level, "+#") && (len(level) > 1 || level == "#" && i < len(levels)-1) {
			return false
		}
	}
	return true
}

// quoted splits a line at blanks. What is in double quotes is one part, and ""
// is an empty one.
func quoted(rest string) (parts []string, problem *Problem) {
	for rest = strings.Trim(rest, blanks); rest != ""; rest = strings.TrimLeft(rest, blanks) {
		if rest[0] != '"' {
			part := firstToken(rest)
			parts, rest = append(parts, part), rest[len(part):]
			continue
		}
		end := strings.IndexByte(rest[1:], '"')
		if end < 0 {
			return nil, &Problem{Text: fmt.Sprintf("Missing closing quote in topic value (%s).", clean(rest)), Remedy: "Close it with a second \"."}
		}
		parts, rest = append(parts, rest[1:end+1]), rest[end+2:]
	}
	return parts, nil
}

// Restart says how many seconds a bridge waits before it connects again. It
// begins with Base and, if there is a Cap, doubles up to that with some jitter;
// Stable is how long it must have been connected to begin with Base again.
type Restart struct{ Base, Cap, Stable int }

func (r *Restart) read(w *Word, rest string) *Problem {
	n, ok := numbers(rest, 3)
	if !ok || len(n) == 0 || n[0] > 3600 {
		return w.invalid(rest, "It is a number of seconds between 1 and 3600, and after it perhaps the longest time and when it counts as stable.")
	}
	*r = Restart{Base: max(n[0], 1)}
	if len(n) > 1 {
		if n[1] < n[0] || n[1] > 7200 {
			return w.invalid(rest, "The longest time is not below the first, and at most 7200.")
		}
		r.Cap = n[1]
	}
	if len(n) > 2 {
		r.Stable = n[2]
	}
	return nil
}

// TCPKeepalive is what the kernel does about a silent connection: Idle and
// Interval are seconds. The zero value is that of the kernel.
type TCPKeepalive struct{ Idle, Interval, Count int }

func (k *TCPKeepalive) read(w *Word, rest string) *Problem {
	n, ok := numbers(rest, 3)
	if !ok || len(n) != 3 || min(n[0], n[1], n[2]) < 1 {
		return w.invalid(rest, "Give three numbers above 0: idle seconds, seconds between probes, and how many.")
	}
	*k = TCPKeepalive{n[0], n[1], n[2]}
	return nil
}

// numbers reads up to most numbers that are not negative.
func numbers(rest string, most int) (all []int, ok bool) {
	for text := range strings.FieldsSeq(rest) {
		n, ok := parseInt(text)
		if !ok || n < 0 || n > 1<<30 || len(all) == most {
			return nil, false
		}
		all = append(all, int(n))
	}
	return all, true
}
