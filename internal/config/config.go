package config

import (
	"fmt"
	"strings"
	"time"
)

// Config is what a configuration says. Its numbers are those of the language,
// in which 0 or -1 often stands for no limit: see the row of each word.
type Config struct {
	File      string // the name it was read from; empty: none
	Listeners []*Listener
	// LocalOnly says that nothing in the configuration opens the broker to the
	// network.
	LocalOnly bool
	Warnings  []Warning

	AllowAnonymous          *bool // nil: only where LocalOnly
	AllowZeroLengthClientID bool
	AutoIDPrefix            string
	CheckRetainSource       bool

	MaxInflightMessages  int
	MaxInflightBytes     int
	MaxQueuedMessages    int
	MaxQueuedBytes       int
	MaxPacketSize        int
	MaxKeepAlive         int // seconds
	GlobalMaxConnections int
	GlobalMaxClients     int

	AllowDuplicateMessages     bool
	QueueQoS0Messages          bool
	RetainAvailable            bool
	UpgradeOutgoingQoS         bool
	PersistentClientExpiration time.Duration // zero: never
	SetTCPNoDelay              bool

	LogTypes           LogTypes
	LogDests           LogDests
	LogTimestamp       bool
	ConnectionMessages bool
}

// Listener is one listener of a Config.
type Listener struct {
	Port    int
	Address string // empty: all
	Line    int    // where it begins in its file; 0: nowhere
	Settings
}

// Settings are the words that belong to a listener.
type Settings struct {
	AllowAnonymous      *bool // nil: as the Config
	AutoIDPrefix        string
	Versions            Versions
	MaxConnections      int
	MaxQoS              int
	MaxTopicAlias       int
	MaxTopicAliasBroker int
}

// DefaultPort is the port of MQTT without TLS.
const DefaultPort = 1883

// New returns the configuration of an empty file: one listener on port 1883 of
// this machine only.
func New() *Config {
	c := &Config{LocalOnly: true}
	t := target{config: c}
	for i := range words {
		if w := &words[i]; w.Scope == Global {
			w.setDefault(t)
		}
	}
	c.Listeners = []*Listener{newListener(c, DefaultPort)}
	return c
}

func newListener(c *Config, port int) *Listener {
	l := &Listener{Port: port}
	t := target{config: c, listener: l}
	for i := range words {
		if w := &words[i]; w.Scope == PerListener || w.Scope == DefaultListener {
			w.setDefault(t)
		}
	}
	return l
}

// AnonymousOn reports whether clients without a name are welcome on l, which
// the configuration says either for it or for all.
func (c *Config) AnonymousOn(l *Listener) bool {
	switch {
	case l.AllowAnonymous != nil:
		return *l.AllowAnonymous
	case c.AllowAnonymous != nil:
		return *c.AllowAnonymous
	default:
		return c.LocalOnly
	}
}

// Warning is something that is not as the configuration may want it, though
// nothing is wrong with it.
type Warning struct {
	Line int
	Text string // a sentence without its full stop
}

// Problem is an error in a configuration.
type Problem struct {
	File string
	Line int    // 0: it is about the whole
	Word string // the word it is about; empty: none
	// Text says what is wrong, in Mosquitto's words where it has any.
	Text string
	// Remedy is a sentence that says how to go on; empty: Text says it.
	Remedy string
}

// Error is two lines, the first as Mosquitto writes it.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Text)
	switch {
	case p.Line > 0:
		fmt.Fprintf(&b, "\nError found at %s:%d.", p.File, p.Line)
	case p.Remedy != "":
		b.WriteString("\n")
	}
	if p.Remedy != "" {
		if p.Line > 0 {
			b.WriteString(" ")
		}
		b.WriteString(p.Remedy)
	}
	return b.String()
}

// Problems are the errors of a configuration, in the order of its lines.
type Problems []*Problem

func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i, problem := range p {
		texts[i] = problem.Error()
	}
	return strings.Join(texts, "\n")
}

// UsePorts has the broker listen on other ports of this machine, if nothing in
// the configuration opens it to the network.
func (c *Config) UsePorts(ports []int) {
	if len(ports) == 0 {
		return
	}
	if !c.LocalOnly {
		c.Warnings = append(c.Warnings, Warning{Text: "-p is ignored, because the configuration has a listener"})
		return
	}
	model := *c.Listeners[0]
	c.Listeners = nil
	for _, port := range ports {
		l := model
		l.Port = port
		c.Listeners = append(c.Listeners, &l)
	}
}
