package broker_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
)

// kind is a kind of world.
type kind byte

const (
	inMemory kind = iota // without a store; an interruption breaks all connections
	stored               // with one
	restarts             // and an interruption restarts the broker
)

// world is clients that do what a list of operations says, and what they saw.
type world struct {
	*station
	kind    kind
	readers []*reader
	writer  *mqtttest.Client
	open    map[uint16]*packet.Publish // QoS 2 of the writer, not released
	sent    int
}

// reader is a client with a durable session.
type reader struct {
	id     string
	client *mqtttest.Client // nil: absent
	open   []*packet.Publish
	recs   map[uint16]bool // PUBREC was sent
	seen   []string
}

// play plays operations of three bytes and returns what each reader saw.
func play(t *testing.T, ops []byte, k kind) (seen [][]string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := broker.Options{MaxInflight: 3, MaxLoaded: 2}
		w := &world{station: &station{T: t, options: o, volatile: k == inMemory}, kind: k, open: map[uint16]*packet.Publish{}}
		w.start()
		defer func() { w.stop() }()
		for i := range 3 {
			w.readers = append(w.readers, &reader{id: fmt.Sprint("reader", i), recs: map[uint16]bool{}})
		}
		w.writer = w.connect("id=writer", "")
		for i := 0; i+2 < len(ops); i += 3 {
			w.step(ops[i], ops[i+1], ops[i+2])
			synctest.Wait()
		}
		w.interrupt()
		for _, r := range w.readers {
			w.attach(r)
		}
		for range 2 * len(ops) {
			for _, r := range w.readers {
				w.read(r)
				for len(r.open) > 0 {
					r.acknowledge(0)
				}
				synctest.Wait()
			}
		}
		for _, r := range w.readers {
			seen = append(seen, r.seen)
		}
		if k != inMemory {
			w.wantFacts('q', 0)
			w.wantFacts('m', 0)
		}
		if t.Failed() {
			t.Logf("kind %d: %x", k, ops)
		}
	})
	return seen
}

func (w *world) step(op, a, b byte) {
	r := w.readers[int(a)%len(w.readers)]
	topic := string(rune('a' + b%3))
	switch op % 16 {
	case 0, 1, 2, 3, 4, 5:
		w.publish(topic, packet.QoS(op%3), b&8 != 0, int(a))
	case 6:
		w.release()
	case 7:
		w.attach(r)
	case 8:
		if r.client != nil {
			r.client.Drop()
			r.client = nil
		}
	case 9, 10:
		w.attach(r)
		filter := []string{topic, "#", "$share/g/" + topic}[int(a)%3] // one kind for each: those that overlap come in any order
		r.client.SendText(fmt.Sprintf("SUBSCRIBE 9 %s qos=%d", filter, b/3%3))
	case 11:
		w.attach(r)
		r.client.SendText("UNSUBSCRIBE 9 " + topic)
	case 12, 13, 14:
		w.read(r)
		for range b % 4 {
			if r.client != nil && len(r.open) > 0 {
				r.acknowledge(int(a/3) % len(r.open))
			}
		}
	case 15:
		w.interrupt()
	}
	w.read(r)
}

func (w *world) publish(topic string, qos packet.QoS, retain bool, size int) {
	w.sent++
	payload := fmt.Sprintf("%d%s", w.sent, strings.Repeat(".", size))
	p := &packet.Publish{Message: packet.Message{Topic: topic, QoS: qos, Retain: retain, Payload: []byte(payload)}}
	if qos > packet.AtMostOnce {
		p.PacketID = uint16(w.sent)
	}
	w.writer.Send(p)
	switch qos {
	case packet.AtLeastOnce:
		w.writer.Expect(fmt.Sprintf("PUBACK %d", p.PacketID))
	case packet.ExactlyOnce:
		w.writer.Expect(fmt.Sprintf("PUBREC %d", p.PacketID))
		w.open[p.PacketID] = p
	default:
	}
}

// release sends what is not released once more, and releases it.
func (w *world) release() {
	for _, id := range slices.Sorted(maps.Keys(w.open)) {
		p := w.open[id]
		again := *p
		again.Dup = true
		w.writer.Send(&again, &packet.Pubrel{Ack: packet.Ack{PacketID: id}})
		w.writer.Expect(fmt.Sprintf("PUBREC %d", id), fmt.Sprintf("PUBCOMP %d", id))
	}
	clear(w.open)
}

// interrupt breaks all connections, or more, and has all come back.
func (w *world) interrupt() {
	synctest.Wait()
	if w.kind == restarts {
		w.restart()
	} else {
		w.writer.Drop()
		for _, r := range w.readers {
			if r.client != nil {
				r.client.Drop()
			}
		}
		synctest.Wait()
	}
	w.writer = w.connect("id=writer", "")
	for _, r := range w.readers {
		if r.client != nil {
			r.client = nil
			w.attach(r)
		}
	}
}

func (w *world) attach(r *reader) {
	if r.client == nil {
		r.client = w.connect("v5 session-expiry=1000 id="+r.id, "")
		w.read(r)
	}
}

// read takes what has come, and notes each message once.
func (w *world) read(r *reader) {
	if r.client == nil {
		return
	}
	for {
		p, ok := r.client.Next()
		if !ok {
			return
		}
		if p, ok := p.(*packet.Publish); ok {
			same := func(o *packet.Publish) bool {
				return o.PacketID == p.PacketID && string(o.Payload) == string(p.Payload)
			}
			if p.Dup && slices.ContainsFunc(r.open, same) {
				continue
			}
			r.seen = append(r.seen, fmt.Sprint(p.Topic, " ", p.QoS, " ", p.Retain, " ", string(p.Payload)))
			if p.QoS > packet.AtMostOnce {
				r.open = append(r.open, p)
			}
		}
	}
}

// acknowledge goes one step on with a message.
func (r *reader) acknowledge(i int) {
	p := r.open[i]
	ack := packet.Ack{PacketID: p.PacketID}
	switch {
	case p.QoS == packet.AtLeastOnce:
		r.client.Send(&packet.Puback{Ack: ack})
	case !r.recs[p.PacketID]:
		r.client.Send(&packet.Pubrec{Ack: ack})
		r.recs[p.PacketID] = true
		return
	default:
		r.client.Send(&packet.Pubcomp{Ack: ack})
		delete(r.recs, p.PacketID)
	}
	r.open = slices.Delete(r.open, i, i+1)
}

// live leaves out what came because it was retained, and QoS 0: when those come
// depends on what else waits.
func live(seen [][]string) [][]string {
	for i := range seen {
		seen[i] = slices.DeleteFunc(seen[i], func(line string) bool { return strings.Contains(line, " true ") || strings.Contains(line, " 0 ") })
	}
	return seen
}

// Clients cannot tell a restart on a store from a connection that broke: the
// same operations bring the same messages, in the same order.
func TestRestartAnywhere(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	for range rounds {
		ops := make([]byte, 3*random.IntN(80))
		for i := range ops {
			ops[i] = byte(random.Uint32())
		}
		memory, broken, restarted := play(t, ops, inMemory), play(t, ops, stored), play(t, ops, restarts)
		if diff := cmp.Diff(broken, restarted); diff != "" || t.Failed() {
			t.Fatalf("seed %d: without (-) and with a restart (+):\n%s\n%x", seed, diff, ops)
		}
		if diff := cmp.Diff(live(memory), live(broken)); diff != "" {
			t.Fatalf("seed %d: without (-) and with a store (+):\n%s\n%x", seed, diff, ops)
		}
	}
}

// Messages of many publishers, take-overs and sessions that end at the same time
// leave nothing behind in the store, and lose nothing.
func TestCrowdLeavesNoFacts(t *testing.T) {
	atStation(t, broker.Options{MaxQueued: -1, MaxLoaded: 4}, func(s *station) {
		const publishers, each = 8, 60
		keeper := s.subscriber("v5 id=keeper session-expiry=1000", "a qos=1")
		s.store.slow = true
		var done sync.WaitGroup
		for i := range publishers {
			done.Go(func() {
				for k := range each {
					payload := fmt.Sprintf("%d %d %s", i, k, strings.Repeat("x", 80*(k%2)))
					if err := s.broker.Publish(&packet.Message{Topic: "a", QoS: packet.AtLeastOnce, Payload: []byte(payload)}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		next := [publishers]int{}
		take := func() {
			s.Helper()
			for {
				p, ok := keeper.Next()
				if !ok {
					return
				}
				m, ok := p.(*packet.Publish)
				if !ok {
					continue
				}
				var i, k int
				fmt.Sscan(string(m.Payload), &i, &k)
				if k > next[i] || k < next[i] && !m.Dup {
					s.Fatalf("message %d of publisher %d came, want %d", k, i, next[i])
				}
				next[i] = max(next[i], k+1)
				keeper.Send(&packet.Puback{Ack: packet.Ack{PacketID: m.PacketID}})
			}
		}
		for i := range 40 {
			for k := range 3 {
				s.dial().SendText(fmt.Sprintf("CONNECT v5 clean id=guest%d session-expiry=1000", k), "SUBSCRIBE 1 a qos=1")
			}
			if i%5 == 0 {
				keeper = s.dial()
				keeper.SendText("CONNECT v5 id=keeper session-expiry=1000")
			}
			time.Sleep(time.Duration(1+i%7) * time.Millisecond)
			take()
		}
		done.Wait()
		time.Sleep(time.Second)
		take()
		s.store.slow = false
		for i, n := range next {
			if n != each {
				s.Errorf("%d messages of publisher %d came, want %d", n, i, each)
			}
		}
		for k := range 3 {
			s.connect(fmt.Sprintf("clean id=guest%d", k), "")
		}
		s.wantFacts('q', 0)
		s.wantFacts('m', 0)
		s.wantFacts('s', 1)
		s.wantFacts('u', 1)
	})
}
