package history

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
)

// script is a log in the notation of dialogues. What is not a client's line:
//
//	crash, stop          the broker ends
//	wait 90s             time passes
//	kept, durable TEXT   facts are appended
//	sub answers PACKET   an answer leaves the broker
//	forbid sub a/#       an access list that forbids one thing; "forbid" alone: nothing
//	measured N           bytes of heap
//	asked, acknowledged, read V   a configuration
type script struct {
	log   Log
	conns map[string]int
	now   time.Time
}

func parseScript(t *testing.T, text string) *Log {
	t.Helper()
	s := script{conns: map[string]int{}, now: time.Unix(1_000_000, 0)}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := s.line(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return &s.log
}

func (s *script) line(line string) error {
	first, rest, _ := strings.Cut(line, " ")
	e := event{at: s.now}
	switch first {
	case "crash":
		e.kind = crashed
	case "stop":
		e.kind = stopped
	case "wait":
		d, err := time.ParseDuration(rest)
		s.now = s.now.Add(d)
		return err
	case "kept", "durable":
		e.kind, e.durable, e.text, e.began = stored, first == "durable", rest, s.log.Len()
	case "forbid":
		client, topic, _ := strings.Cut(rest, " ")
		e.kind, e.permits = permitted, func(c, name string) bool { return c != client || name != topic }
	case "measured":
		e.kind = measured
		if _, err := fmt.Sscan(rest, &e.figures.HeapBytes); err != nil {
			return err
		}
	case "asked", "acknowledged", "read":
		e.kind, e.text = map[string]kind{"asked": configuring, "acknowledged": configured, "read": configurationRead}[first], rest
	default:
		return s.client(e, first, rest)
	}
	s.log.add(e)
	return nil
}

func (s *script) client(e event, name, rest string) (err error) {
	what, text, _ := strings.Cut(rest, " ")
	if what == ">" && strings.HasPrefix(text, "CONNECT") {
		s.log.conns++
		s.conns[name] = s.log.conns
	}
	e.conn = s.conns[name]
	switch what {
	case ">":
		e.kind = sent
	case "<":
		e.kind = received
	case "answers":
		e.kind = answered
	case "closed":
		e.kind = closed
	case "drop":
		e.kind = dropped
	default:
		return fmt.Errorf("unknown word %q", what)
	}
	if text != "" {
		if e.packet, err = mqtttest.Parse(text); err != nil {
			return err
		}
	}
	s.log.add(e)
	return nil
}

// TestCheckers judges the histories in testdata, a file for each invariant: those
// under a title "passes …" are in order, those under "fails …" break this
// invariant and no other but those named in brackets.
func TestCheckers(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 13; n++ {
		invariant := fmt.Sprintf("I%d", n)
		text, err := os.ReadFile(filepath.Join("testdata", strings.ToLower(invariant)+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		good, bad := 0, 0
		for part := range strings.SplitSeq(string(text), "--- ") {
			title, body, _ := strings.Cut(part, "\n")
			switch word, _, _ := strings.Cut(title, ":"); word {
			case "passes":
				good++
				t.Run(invariant+"/"+title, func(t *testing.T) { judge(t, body, nil) })
			case "fails":
				bad++
				want := map[string]bool{invariant: true}
				if _, others, found := strings.Cut(title, "["); found {
					for other := range strings.FieldsSeq(strings.TrimSuffix(others, "]")) {
						want[other] = true
					}
				}
				t.Run(invariant+"/"+title, func(t *testing.T) { judge(t, body, want) })
			}
		}
		if good == 0 || bad == 0 {
			t.Errorf("%s has %d histories that pass and %d that fail", invariant, good, bad)
		}
	}
}

func judge(t *testing.T, text string, want map[string]bool) {
	t.Helper()
	report := parseScript(t, text).Check(Options{Bounds: Figures{HeapBytes: 1000}})
	got := map[string]bool{}
	for _, v := range report.Violations {
		got[v.Invariant] = true
		if !want[v.Invariant] {
			t.Errorf("%v", report.Err())
			break
		}
	}
	for invariant := range want {
		if !got[invariant] {
			t.Errorf("%s was not found to be broken", invariant)
		}
	}
}

// A log of connections: who wraps both ends, and the store, has everything in
// one order.
func TestLogOfConnections(t *testing.T) {
	t.Parallel()
	log, l := New(), memnet.Listen()
	served := log.Listener(l)
	near, err := l.Dial()
	if err != nil {
		t.Fatal(err)
	}
	client := log.Conn(near)
	far, err := served.Accept()
	if err != nil {
		t.Fatal(err)
	}
	exchange := func(from, to net.Conn, v packet.Version, texts ...string) {
		t.Helper()
		var b []byte
		for _, text := range texts {
			p, err := mqtttest.Parse(text)
			if err == nil {
				b, err = p.Append(b, v)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, half := range [][]byte{b[:3], b[3:]} { // as it comes
			if _, err := from.Write(half); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(to, half); err != nil {
				t.Fatal(err)
			}
		}
	}
	exchange(client, far, packet.V5, "CONNECT v5 id=me session-expiry=10", "PUBLISH 7 a/b qos=1 hello")
	store := log.Store(nowhere{})
	if err := store.Append([]broker.Fact{{Key: []byte("k"), Value: []byte("hello")}}, broker.Durable); err != nil {
		t.Fatal(err)
	}
	exchange(far, client, packet.V5, "CONNACK", "PUBACK 7", "PUBLISH 1 a/b alias=1 qos=1 one", "PUBLISH 2 \"\" alias=1 qos=1 two")
	far.Close()
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	log.Crashed()
	got := log.Tail(100)
	for _, want := range []string{
		"me#1 > CONNECT", "me#1 > PUBLISH 7 a/b", "stored, durable true: \"khello", "broker answers me#1: PUBACK 7", "me#1 < CONNACK", "me#1 < PUBACK 7",
		"one", "PUBLISH 2 a/b", "me#1 closed", "crash",
	} {
		before, after, found := strings.Cut(got, want)
		if !found {
			t.Fatalf("%q is not in what is left of the log: %s\nof %s", want, before, log.Tail(100))
		}
		got = after
	}
}

type nowhere struct{ broker.Store }

func (nowhere) Append([]broker.Fact, broker.Durability) error { return nil }

// Checking is linear: ten times the log takes no more than about ten times as long.
func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			log := long(n)
			for b.Loop() {
				if err := log.Check(Options{}).Err(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*log.Len()), "ns/line")
		})
	}
}

func long(n int) *Log {
	log := &Log{conns: 2}
	add := func(k kind, conn int, p packet.Packet) { log.add(event{kind: k, conn: conn, packet: p}) }
	for i, id := range []string{"pub", "sub"} {
		add(sent, i+1, &packet.Connect{Version: packet.V5, ClientID: id, SessionExpiry: never})
		add(received, i+1, &packet.Connack{})
	}
	add(sent, 2, &packet.Subscribe{PacketID: 1, Subscriptions: []packet.Subscription{{Filter: "#", QoS: 2}}})
	add(received, 2, &packet.Suback{PacketID: 1, ReasonCodes: []packet.ReasonCode{2}})
	for i := range n {
		id := uint16(i%1000 + 1)
		m := packet.Message{Topic: fmt.Sprint("t", i%100), QoS: packet.QoS(i % 3), Payload: fmt.Append(nil, i), Retain: i%5 == 0}
		p := &packet.Publish{Message: m, PacketID: id}
		add(sent, 1, p)
		add(received, 1, &packet.Puback{Ack: packet.Ack{PacketID: id}})
		q := *p
		q.Retain = false
		add(received, 2, &q)
		add(received, 2, &packet.Pubrel{Ack: packet.Ack{PacketID: id}})
	}
	return log
}

// openEnd is a connection that can be written to after it was closed, as one is
// whose Close has not come through yet.
type openEnd struct {
	net.Conn
	written int
}

func (c *openEnd) Close() error                { return nil }
func (c *openEnd) LocalAddr() net.Addr         { return &net.TCPAddr{} }
func (c *openEnd) Write(b []byte) (int, error) { c.written += len(b); return len(b), nil }

// What is not in the log must not reach the broker.
func TestNothingIsWrittenAfterTheEnd(t *testing.T) {
	t.Parallel()
	under := &openEnd{}
	c := New().Conn(under)
	_ = c.Close()
	if n, err := c.Write([]byte{0xC0, 0}); n != 0 || !errors.Is(err, net.ErrClosed) || under.written != 0 {
		t.Errorf("%d bytes, %v; %d have left", n, err, under.written)
	}
}
