package store_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/internal/store"
	"github.com/zancudomq/zancudo/internal/store/storetest"
	"github.com/zancudomq/zancudo/packet"
)

var metamorphicSeed = flag.Uint64("metamorphic.seed", 0, "play the list of operations of this seed only")

// A stage is a whole broker and its clients. One list of operations is played on
// several, which must not differ in what the clients get.
type stage struct {
	*testing.T
	version packet.Version
	open    func() (broker.Store, error) // what is kept through restarts; nil: nothing
	restart int                          // before which operation; negative: never
	pause   int                          // before which all clients leave and come back at once

	store    broker.Store
	broker   *broker.Broker
	listener *memnet.Listener
	served   chan error
	cast     []*player // the writer is the last
	writer   *player
	sent     int
}

// A player is a client. Those of the share are always in it and never begin anew.
type player struct {
	id     string
	share  bool
	client *mqtttest.Client // nil: away
	clean  bool             // how it has connected
	seen   []string
	once   map[string]bool // copies of messages of QoS 1 that it has seen
}

// op is an operation: what, who and how.
type op struct{ kind, who, how byte }

func (o op) String() string { return fmt.Sprintf("%d/%d/%d", o.kind, o.who, o.how) }

func script(seed uint64) []op {
	r := rand.New(rand.NewPCG(seed, 1))
	ops := make([]op, 5+r.IntN(40))
	for i := range ops {
		ops[i] = op{byte(r.IntN(12)), byte(r.IntN(256)), byte(r.IntN(256))}
	}
	return ops
}

// play plays a list and returns what each of the clients got. Of the share it is
// what all of its members got together.
func (s *stage) play(t *testing.T, ops []op) map[string][]string {
	t.Helper()
	got := map[string][]string{}
	synctest.Test(t, func(t *testing.T) {
		s.T = t
		s.start()
		defer func() { s.stop() }()
		for _, id := range []string{"a", "b", "c", "share1", "share2"} {
			s.cast = append(s.cast, &player{id: id, share: strings.HasPrefix(id, "share"), once: map[string]bool{}})
		}
		s.writer = &player{id: "writer"}
		s.cast = append(s.cast, s.writer)
		s.connect(s.writer, false, nil)
		for i, o := range ops {
			switch i {
			case s.restart:
				s.stop()
				s.start()
				s.comeBack()
			case s.pause:
				for _, p := range s.cast {
					s.leave(p)
				}
				s.comeBack()
			}
			s.step(o)
			s.settle()
		}
		for _, p := range s.cast {
			s.connect(p, false, nil)
		}
		s.settle()
		for _, p := range s.cast {
			key := p.id
			if p.share {
				key = "the share"
			}
			got[key] = append(got[key], p.seen...)
		}
	})
	// What comes of one topic and QoS comes in order; the members of a share are two.
	for key, lines := range got {
		slices.SortStableFunc(lines, func(a, b string) int {
			if key == "the share" {
				return strings.Compare(a, b)
			}
			return strings.Compare(flow(a), flow(b))
		})
	}
	return got
}

// flow is the topic and QoS of a line.
func flow(line string) string {
	flow, _, _ := strings.Cut(line, " retain ")
	return flow
}

func (s *stage) start() {
	o := broker.Options{MaxSessionExpiry: time.Hour, MaxLoaded: 2}
	if s.open != nil {
		var err error
		if s.store, err = s.open(); err != nil {
			s.Fatal(err)
		}
		o.Store = s.store
	}
	s.broker, s.listener, s.served = broker.New(o), memnet.Listen(), make(chan error, 1)
	if err := s.broker.Restore(); err != nil {
		s.Fatal(err)
	}
	go func(b *broker.Broker, l *memnet.Listener, served chan error) { served <- b.Serve(l) }(s.broker, s.listener, s.served)
	synctest.Wait()
}

func (s *stage) stop() {
	s.broker.Close()
	if err := <-s.served; !errors.Is(err, broker.ErrClosed) {
		s.Errorf("Serve returned %v", err)
	}
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			s.Error(err)
		}
	}
}

// comeBack has all clients connect that were connected.
func (s *stage) comeBack() {
	synctest.Wait()
	for _, p := range s.cast {
		if p.client != nil {
			p.client = nil
			s.connect(p, p.clean, nil)
		}
	}
	s.settle()
}

// leave says goodbye; the player remembers that it was connected.
func (s *stage) leave(p *player) {
	if p.client != nil {
		p.client.Send(&packet.Disconnect{})
		synctest.Wait()
	}
}

func (s *stage) connect(p *player, clean bool, will *packet.Will) {
	if p.client != nil {
		return
	}
	n, err := s.listener.Dial()
	if err != nil {
		s.Fatal(err)
	}
	c := packet.Connect{Version: s.version, ClientID: p.id, CleanStart: clean, Will: will}
	if s.version == packet.V5 && !clean {
		c.SessionExpiry = 0xFFFFFFFF
	}
	p.client, p.clean = mqtttest.NewClient(s.T, n, s.version), clean
	p.client.Send(&c)
	p.client.Expect("CONNACK ...")
	if p.share {
		p.client.SendText("SUBSCRIBE 1 $share/g/s/# qos=1")
	}
}

func (s *stage) step(o op) {
	p := s.cast[int(o.who)%(len(s.cast)-1)]
	topic := string("xyz"[o.how%3])
	qos := packet.QoS(o.how / 4 % 3)
	switch o.kind {
	case 0, 1, 2, 3, 4:
		s.sent++
		m := packet.Message{Topic: topic, QoS: qos, Retain: o.kind == 0, Payload: fmt.Appendf(nil, "%d%s", s.sent, strings.Repeat(".", int(o.how)))}
		if o.kind == 4 {
			m.Topic, m.QoS = "s/"+topic, packet.AtLeastOnce
		}
		if o.how == 7 {
			m.Payload = nil
		}
		publish := packet.Publish{Message: m}
		if m.QoS > packet.AtMostOnce {
			publish.PacketID = uint16(s.sent)
		}
		s.writer.client.Send(&publish)
	case 5, 6:
		var will *packet.Will
		if o.how%2 == 0 {
			s.sent++
			will = &packet.Will{Message: packet.Message{Topic: topic, QoS: qos, Retain: o.how%8 == 0, Payload: fmt.Appendf(nil, "will %d", s.sent)}}
		}
		s.connect(p, o.how%5 == 0 && !p.share, will)
	case 7, 8:
		s.connect(p, false, nil)
		if !p.share {
			filter := []string{topic, "#", "+"}[o.how/16%3]
			p.client.SendText(fmt.Sprintf("SUBSCRIBE 9 %s qos=%d", filter, qos))
		}
	case 9:
		if p.client != nil && !p.share {
			p.client.SendText("UNSUBSCRIBE 9 " + topic)
		}
	case 10:
		if p.client != nil && o.how%2 == 0 {
			p.client.Drop()
		} else {
			s.leave(p)
		}
		p.client = nil
	case 11:
		if !slices.ContainsFunc(s.cast, func(p *player) bool { return p.share && p.client == nil }) {
			time.Sleep(time.Duration(o.how%3) * 25 * time.Minute)
		}
	}
}

// settle has everybody read and answer until nothing comes any more.
func (s *stage) settle() {
	for again := true; again; {
		again = false
		synctest.Wait()
		for _, p := range s.cast {
			for p.client != nil {
				received, ok := p.client.Next()
				if !ok {
					break
				}
				again = true
				s.take(p, received)
			}
		}
	}
}

func (s *stage) take(p *player, received packet.Packet) {
	switch r := received.(type) {
	case *packet.Publish:
		line := fmt.Sprintf("%s QoS %d retain %v %.10q of %d", r.Topic, r.QoS, r.Retain, r.Payload, len(r.Payload))
		ack := packet.Ack{PacketID: r.PacketID}
		switch r.QoS {
		case packet.AtLeastOnce:
			p.client.Send(&packet.Puback{Ack: ack})
			copied := fmt.Sprint(r.PacketID, " ", line) // there may be several, of subscriptions that overlap
			if r.Dup && p.once[copied] {                // which only QoS 1 may do
				return
			}
			p.once[copied] = true
		case packet.ExactlyOnce:
			p.client.Send(&packet.Pubrec{Ack: ack})
		default:
		}
		p.seen = append(p.seen, line)
	case *packet.Pubrec:
		p.client.Send(&packet.Pubrel{Ack: packet.Ack{PacketID: r.PacketID}})
	case *packet.Pubrel:
		p.client.Send(&packet.Pubcomp{Ack: packet.Ack{PacketID: r.PacketID}})
	}
}

// media are the ways to keep facts, or not to.
func media() map[string]func() (broker.Store, error) {
	memory, disk := &storetest.Memory{}, vfs.NewMem()
	return map[string]func() (broker.Store, error){
		"no store": nil,
		"memory":   memory.Open,
		"Pebble": func() (broker.Store, error) {
			return store.Open(store.Options{Dir: "store", FS: disk, ReserveBytes: -1, MemTableBytes: 64 << 10})
		},
	}
}

// TestMetamorphic: what clients get does not depend on what keeps the broker's
// state, nor on the version of the protocol; and a restart is no more than a moment
// in which all of them are away.
func TestMetamorphic(t *testing.T) {
	t.Parallel()
	seeds := []uint64{*metamorphicSeed}
	if *metamorphicSeed == 0 {
		seeds = nil
		n := 200
		if testing.Short() {
			n = 20
		}
		for range n {
			seeds = append(seeds, rand.Uint64())
		}
	}
	for _, seed := range seeds {
		ops := script(seed)
		at := int(seed % uint64(len(ops)))
		same := func(want, got map[string][]string, which string) {
			t.Helper()
			if diff := cmp.Diff(want, got); diff != "" || t.Failed() {
				t.Fatalf("%s, operations %v, at %d (-want +got):\n%s\ngo test ./internal/store -run TestMetamorphic -metamorphic.seed=%d", which, ops, at, diff, seed)
			}
		}
		var plain, paused map[string][]string
		for _, v := range []packet.Version{packet.V311, packet.V5} {
			for _, name := range []string{"no store", "memory", "Pebble"} {
				got := (&stage{version: v, open: media()[name], restart: -1, pause: -1}).play(t, ops)
				if plain == nil {
					plain = got
				}
				same(plain, got, fmt.Sprintf("%s, version %v", name, v))
				if name == "no store" {
					got = (&stage{version: v, restart: -1, pause: at}).play(t, ops)
				} else {
					got = (&stage{version: v, open: media()[name], restart: at, pause: -1}).play(t, ops)
				}
				if paused == nil {
					paused = got
				}
				same(paused, got, fmt.Sprintf("%s, version %v, restarted", name, v))
			}
		}
	}
}
