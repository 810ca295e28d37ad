package history

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// Log is what happened, in one order. Its methods may be called by many
// goroutines at once. The zero value is an empty log.
type Log struct {
	mu     sync.Mutex
	events []event
	conns  int
	peers  map[string]int // connections by the client's address
}

// New returns an empty log.
func New() *Log { return &Log{} }

// kind is a kind of event.
type kind byte

const (
	sent     kind = iota // by a client; logged before it leaves
	received             // by a client
	closed               // a connection, by the broker
	dropped              // a connection, by the client, or nobody knows by whom
	crashed              // the broker, without a word
	stopped              // the broker, as it was told to
	stored               // facts, by a Store
	answered             // the broker has written an answer; logged before it leaves
	permitted
	measured
	configuring
	configured
	configurationRead
)

// event is a line of the log.
type event struct {
	kind    kind
	conn    int // whose packet it is
	at      time.Time
	packet  packet.Packet
	text    string // of a configuration, and what was stored
	durable bool   // of stored
	began   int    // of stored: how many events there were when it was asked for
	permits func(client, topic string) bool
	figures Figures
}

func (l *Log) add(e event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.at.IsZero() {
		e.at = time.Now()
	}
	l.events = append(l.events, e)
}

// Crashed says that the broker has ended without a word: all its connections are
// over. Call it before any client can notice.
func (l *Log) Crashed() { l.add(event{kind: crashed}) }

// Stopped says that the broker was told to stop, and all its connections are
// over: a planned restart, which gives no alarm.
func (l *Log) Stopped() { l.add(event{kind: stopped}) }

// Permitted says that an access list is in force from now on. Until the first
// one everything is permitted.
func (l *Log) Permitted(permits func(client, topic string) bool) {
	l.add(event{kind: permitted, permits: permits})
}

// Figures are what was measured of a broker, and bounds of it; zero is none.
type Figures struct {
	HeapBytes, StoreBytes int64
	Goroutines, Files     int
}

// Measured notes figures for I10.
func (l *Log) Measured(f Figures) { l.add(event{kind: measured, figures: f}) }

// Configuring says that somebody asks for a version of a configuration,
// Configured that it was acknowledged, ConfigurationRead that it was read.
func (l *Log) Configuring(version string) { l.add(event{kind: configuring, text: version}) }

// Configured says that the version was acknowledged.
func (l *Log) Configured(version string) { l.add(event{kind: configured, text: version}) }

// ConfigurationRead says what was read.
func (l *Log) ConfigurationRead(version string) { l.add(event{kind: configurationRead, text: version}) }

// Len is the number of events.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.events)
}

// Tail is the last n lines of the log, for people.
func (l *Log) Tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return lines(l.events, max(0, len(l.events)-n), len(l.events))
}

func lines(events []event, from, to int) string {
	clients := make(map[int]string)
	var b strings.Builder
	for i := range events[:to] {
		e := &events[i]
		if c, ok := e.packet.(*packet.Connect); ok && e.kind == sent {
			clients[e.conn] = c.ClientID
		}
		if i >= from {
			fmt.Fprintf(&b, "%6d %s\n", i, e.line(clients[e.conn]))
		}
	}
	return b.String()
}

// line writes an event as in a dialogue.
func (e *event) line(client string) string {
	name := fmt.Sprintf("%s#%d", client, e.conn)
	switch e.kind {
	case sent:
		return fmt.Sprintf("%s > %.200v", name, e.packet)
	case received:
		return fmt.Sprintf("%s < %.200v", name, e.packet)
	case closed:
		return name + " closed"
	case dropped:
		return name + " drop"
	case crashed:
		return "crash"
	case stopped:
		return "stop"
	case stored:
		return fmt.Sprintf("stored, durable %v: %.200q", e.durable, e.text)
	case answered:
		return fmt.Sprintf("broker answers %s: %.200v", name, e.packet)
	case permitted:
		return "another access list"
	case measured:
		return fmt.Sprintf("measured %+v", e.figures)
	default:
		return fmt.Sprintf("configuration %s: %.100q", [...]string{"asked for", "acknowledged", "read"}[e.kind-configuring], e.text)
	}
}
