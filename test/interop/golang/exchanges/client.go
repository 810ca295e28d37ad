package exchanges

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"
)

// Patience is how long anything may take that must happen.
const Patience = 30 * time.Second

// A Message is what is published and received. What follows Payload is of MQTT 5.0.
type Message struct {
	Topic   string
	QoS     byte
	Retain  bool
	Payload []byte

	UTF8            bool // Payload Format Indicator
	ContentType     string
	ResponseTopic   string
	CorrelationData []byte
	User            [][2]string
	Expiry          *uint32 // Message Expiry Interval in seconds
	Identifiers     []int   // Subscription Identifiers
	Alias           uint16  // 0: none
}

// Options say how to connect.
type Options struct {
	Host, Port string
	Version    int
	ID         string
	Clean      bool
	Expiry     uint32 // Session Expiry Interval in seconds, of MQTT 5.0
	Will       string // topic of the will "gone", QoS 1; empty: none
}

// A Client is connected.
type Client interface {
	// Present is Session Present.
	Present() bool
	// Subscribe takes a Subscription Identifier; 0: none.
	Subscribe(filter string, qos byte, identifier int) error
	// Publish returns when the message is acknowledged.
	Publish(m Message) error
	// Messages are what arrives.
	Messages() <-chan Message
	// Reconnect breaks the connection and returns when the library has another.
	Reconnect() error
	// Disconnect ends the connection with DISCONNECT.
	Disconnect() error
	// Vanish ends the connection without DISCONNECT.
	Vanish() error
}

// Main goes through the exchanges that the command line asks for and returns the exit status.
func Main(dial func(Options) (Client, error)) int {
	if len(os.Args) < 5 {
		fmt.Fprintln(os.Stderr, "usage: HOST PORT VERSION PREFIX EXCHANGE...")
		return 2
	}
	version, err := strconv.Atoi(os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	status := 0
	for _, name := range os.Args[5:] {
		r := run{
			dialer:  dial,
			options: Options{Host: os.Args[1], Port: os.Args[2], Version: version},
			prefix:  os.Args[4],
			topic:   os.Args[4] + "/" + name,
		}
		if err := r.exchange(name); err != nil {
			status = 1
			fmt.Printf("failed %s: %v\n", name, err)
			continue
		}
		fmt.Println("ok", name)
	}
	return status
}

// A run is one exchange under way. Its methods end it when something is not as it must be.
type run struct {
	dialer  func(Options) (Client, error)
	options Options
	prefix  string
	topic   string
}

// A failure is what a run panics with.
type failure struct{ error }

func (r run) exchange(name string) (err error) {
	defer func() {
		if f, ok := recover().(failure); ok { // any other panic ends the program, as it should
			err = f.error
		}
	}()
	do, ok := all[name]
	if !ok {
		return errors.New("there is no such exchange")
	}
	do(r)
	return nil
}

func check(fact bool, format string, args ...any) {
	if !fact {
		panic(failure{fmt.Errorf(format, args...)})
	}
}

func must(err error) { check(err == nil, "%w", err) }

// A peer is a Client of a run.
type peer struct{ Client }

func (r run) dial(name string, change func(*Options)) peer {
	o := r.options
	o.Clean = true
	if name != "" {
		o.ID = r.prefix + name
	}
	if change != nil {
		change(&o)
	}
	c, err := r.dialer(o)
	must(err)
	return peer{c}
}

func (r run) join(name string) peer { return r.dial(name, nil) }

func leave(peers ...peer) {
	for _, p := range peers {
		must(p.Disconnect())
	}
}

func (p peer) subscribe(filter string, qos byte) { must(p.Subscribe(filter, qos, 0)) }

func (p peer) publish(topic, payload string, qos byte) {
	must(p.Publish(Message{Topic: topic, Payload: []byte(payload), QoS: qos}))
}

func (p peer) take(what string) Message {
	select {
	case m := <-p.Messages():
		return m
	case <-time.After(Patience):
		check(false, "waited %v for %s", Patience, what)
	}
	return Message{}
}

// expect takes a message that is like want in what all versions have.
func (p peer) expect(want Message) Message {
	m := p.take(fmt.Sprintf("%.20s on %s", want.Payload, want.Topic))
	check(m.Topic == want.Topic, "topic is %s, want %s", m.Topic, want.Topic)
	check(sha256.Sum256(m.Payload) == sha256.Sum256(want.Payload), "%d bytes %.20q, want %d bytes %.20q",
		len(m.Payload), m.Payload, len(want.Payload), want.Payload)
	check(m.QoS == want.QoS, "QoS of %.20q is %d, want %d", m.Payload, m.QoS, want.QoS)
	check(m.Retain == want.Retain, "RETAIN of %.20q is %v, want %v", m.Payload, m.Retain, want.Retain)
	return m
}

func message(topic, payload string, qos byte) Message {
	return Message{Topic: topic, Payload: []byte(payload), QoS: qos}
}

func numbered(n int) (payloads []string) {
	for i := range n {
		payloads = append(payloads, fmt.Sprintf("message %02d", i))
	}
	return payloads
}

func pattern(size int) []byte {
	period := make([]byte, 251)
	for i := range period {
		period[i] = byte(i)
	}
	return bytes.Repeat(period, size/len(period)+1)[:size]
}

func equal(got, want []string, what string) {
	check(slices.Equal(got, want), "%s are %q, want %q", what, got, want)
}
