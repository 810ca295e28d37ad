package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// MinPayload is the fewest bytes that a payload may have: it begins with the
// source, the sequence number and the time of sending.
const MinPayload = 16

// maxRun leaves room in a client identifier of MQTT 3.1.
const maxRun = 12

// MaxWindow is the most messages of a publisher that may be under way: there
// are no more packet identifiers.
const MaxWindow = 65_535

// Options say what is measured, and how. The zero value measures 100 pairs of a
// publisher and a subscriber on the local broker for five seconds.
type Options struct {
	Scenario string // one of Scenarios; empty: p2p
	Host     string // empty: localhost
	Port     int    // zero: 1883, with TLS 8883

	Version  packet.Version // zero: MQTT 3.1.1
	Username string         // empty: none
	Password string         // empty: none
	TLS      *tls.Config    // nil: no TLS

	QoS          packet.QoS    // of messages and subscriptions
	PayloadBytes int           // zero: 64
	Publishers   int           // zero: as the scenario suggests
	Subscribers  int           // zero: as the scenario suggests
	Shared       bool          // the subscribers of fanin share one subscription
	Persistent   bool          // the sessions of subscribers outlive their connections
	Window       int           // messages of a publisher under way; zero: as the scenario suggests
	Rate         float64       // messages a second in all, evenly spaced; zero: as fast as the window lets
	Duration     time.Duration // of the measurement; zero: 5 s, or until Count
	Warmup       time.Duration // before it; zero: a fifth of Duration, at most 1 s; negative: none
	Count        int           // messages, connections, filters: see Scenarios; zero: as the scenario suggests
	Concurrency  int           // connections being opened at a time; zero: 64
	KeepAlive    time.Duration // zero: 60 s
	Settle       time.Duration // before memory is read; zero: 2 s; negative: none
	Stall        time.Duration // give up when nothing arrives for so long; zero: 10 s

	// Run is part of every topic and client identifier; empty: a random one. With
	// Part it names what an earlier run has left.
	Run  string
	Part Part // of queue that is done; zero: all

	PID int // the broker's process, whose CPU time and memory are read; zero: none

	// Progress, if not nil, is told a few times a second how far things are.
	Progress func(Progress)
}

// Part is half of the scenario queue. Between the two the broker may be stopped,
// or killed.
type Part string

// The parts.
const (
	StoreOnly Part = "store" // queue the messages and leave them
	DrainOnly Part = "drain" // get what the same run has left
)

// Progress is how far a run is.
type Progress struct {
	Phase          string        // "connecting", "measuring" …
	Elapsed        time.Duration // since the phase began
	Sent, Received uint64        // messages in this phase
	InRate         float64       // messages a second into the broker, lately
	OutRate        float64       // messages a second out of the broker, lately
}

// A Scenario is one kind of load.
type Scenario struct {
	Name  string
	Usage string // one line
	Count string // what Options.Count counts

	defaults defaults
	run      func(*runner, context.Context) error
}

type defaults struct {
	publishers, subscribers, window, count int
	qos                                    packet.QoS // the least
	rate                                   float64
}

// Scenarios returns what can be measured.
func Scenarios() []Scenario {
	return []Scenario{
		{"p2p", "pairs of a publisher and its subscriber", "messages", defaults{100, 100, 20, 0, 0, 0}, (*runner).p2p},
		{"fanout", "publishers on one topic, which every subscriber hears", "messages", defaults{1, 1000, 20, 0, 0, 0}, (*runner).fanout},
		{"fanin", "publishers on topics of their own, subscribers to all of them", "messages", defaults{1000, 1, 20, 0, 0, 0}, (*runner).fanin},
		{"latency", "pairs at a fixed rate: from sending to receiving", "messages", defaults{100, 100, 20, 0, 0, 1000}, (*runner).p2p},
		{"connect", "connect and disconnect, again and again", "connections", defaults{}, (*runner).connect},
		{"idle", "connections with one subscription that do nothing", "connections", defaults{1, 0, 20, 10_000, 0, 0}, (*runner).idle},
		{"retained", "store retained messages, then replay them to new subscribers", "messages", defaults{1, 1, 20, 100_000, 0, 0}, (*runner).retained},
		{"queue", "queue messages for offline sessions, then drain them", "messages for each subscriber", defaults{10, 100, 20, 1000, 1, 0}, (*runner).queue},
		{"filters", "publish among many distinct wildcard filters", "filters", defaults{10, 300, 20, 100_000, 0, 0}, (*runner).filters},
	}
}

// complete checks o and fills in what is left to the scenario.
func (o *Options) complete() (Scenario, error) {
	s, err := find(or(o.Scenario, "p2p"))
	if err != nil {
		return s, err
	}
	d := s.defaults
	o.Scenario = s.Name
	o.Host = or(o.Host, "localhost")
	o.Port = or(o.Port, 1883)
	if o.TLS != nil && o.Port == 1883 {
		o.Port = 8883
	}
	o.Version = or(o.Version, packet.V311)
	o.QoS = max(o.QoS, d.qos)
	o.PayloadBytes = or(o.PayloadBytes, 64)
	o.Publishers = or(o.Publishers, d.publishers)
	o.Subscribers = or(o.Subscribers, d.subscribers)
	o.Window = or(o.Window, d.window)
	o.Rate = or(o.Rate, d.rate)
	o.Count = or(o.Count, d.count)
	o.Duration = or(o.Duration, 5*time.Second)
	o.Warmup = max(0, or(o.Warmup, min(o.Duration/5, time.Second)))
	o.Concurrency = or(o.Concurrency, 64)
	o.KeepAlive = or(o.KeepAlive, time.Minute)
	o.Settle = max(0, or(o.Settle, 2*time.Second))
	o.Stall = or(o.Stall, 10*time.Second)
	return s, o.check()
}

func (o *Options) check() error {
	switch {
	case o.PayloadBytes < MinPayload || o.PayloadBytes > packet.MaxRemainingLength-1000:
		return fmt.Errorf("payload of %d bytes: it must have %d to %d, for source, sequence and time",
			o.PayloadBytes, MinPayload, packet.MaxRemainingLength-1000)
	case o.QoS > packet.ExactlyOnce:
		return fmt.Errorf("QoS %d: it must be 0, 1 or 2", o.QoS)
	case o.Window < 0 || o.Window > MaxWindow:
		return fmt.Errorf("window of %d: it must be 1 to %d", o.Window, MaxWindow)
	case o.Publishers < 0 || o.Subscribers < 0 || o.Count < 0 || o.Rate < 0:
		return errors.New("publishers, subscribers, count and rate must not be negative")
	case o.Shared && o.Scenario != "fanin":
		return fmt.Errorf("scenario %s has no shared subscriptions: only fanin does", o.Scenario)
	case o.Persistent && !slices.Contains([]string{"p2p", "fanout", "fanin", "latency"}, o.Scenario):
		return fmt.Errorf("scenario %s does not measure persistent sessions: p2p, fanout, fanin and latency do", o.Scenario)
	case o.Part != "" && (o.Scenario != "queue" || o.Run == ""):
		return errors.New("only scenario queue has parts, and they need a run to belong to")
	case len(o.Run) > maxRun || strings.ContainsAny(o.Run, "+#/\x00"):
		return fmt.Errorf("run %q: it must have at most %d bytes and no + # or /", o.Run, maxRun)
	case o.Scenario == "queue" && o.Subscribers%o.Publishers != 0:
		return fmt.Errorf("%d subscribers for %d publishers: each publisher must feed as many", o.Subscribers, o.Publishers)
	}
	return nil
}

func (o *Options) address() string { return net.JoinHostPort(o.Host, strconv.Itoa(o.Port)) }

func find(name string) (Scenario, error) {
	var names []string
	for _, s := range Scenarios() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Scenario{}, fmt.Errorf("scenario %q: it must be %s or %s", name,
		strings.Join(names[:len(names)-1], ", "), names[len(names)-1])
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
