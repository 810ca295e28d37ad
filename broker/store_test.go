package broker_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/internal/store/storetest"
	"github.com/zancudomq/zancudo/packet"
)

// gate is a store that can fail, and can keep Durable calls waiting.
type gate struct {
	broker.Store

	mu   sync.Mutex
	err  error
	held chan struct{} // nil: nobody waits
	slow bool          // Durable calls take a millisecond before and after
	lost bool          // what is appended Eventually is lost, as in a crash that comes soon
	late error         // of a Durable call that stores all the same
}

func (g *gate) Append(facts []broker.Fact, d broker.Durability) error {
	g.mu.Lock()
	err, held, slow, lost, late := g.err, g.held, g.slow && d == broker.Durable, g.lost && d == broker.Eventually, g.late
	g.mu.Unlock()
	if held != nil && d == broker.Durable {
		<-held
	}
	if err != nil || lost {
		return err
	}
	if slow {
		time.Sleep(time.Millisecond)
		defer time.Sleep(time.Millisecond)
	}
	if err := g.Store.Append(facts, d); err != nil || d == broker.Eventually {
		return err
	}
	return late
}

// fumble has Durable calls store and report an error.
func (g *gate) fumble(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.late = err
}

func (g *gate) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = err
}

// lose has the store lose what is appended Eventually from now on.
func (g *gate) lose() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lost = true
}

// hold keeps Durable calls waiting until release is called.
func (g *gate) hold() (release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	held := make(chan struct{})
	g.held = held
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.held = nil
		close(held)
	}
}

// station is a broker that can be restarted on the store it has.
type station struct {
	*testing.T
	options  broker.Options
	volatile bool  // the broker knows of no store
	trouble  error // of the store when it is opened
	medium   storetest.Memory
	store    *gate
	broker   *broker.Broker
	listener *memnet.Listener
	served   chan error
}

// atStation runs f with a broker on an empty store, in a bubble.
func atStation(t *testing.T, o broker.Options, f func(s *station)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &station{T: t, options: o}
		s.start()
		defer func() { s.stop() }()
		f(s)
	})
}

func (s *station) start() {
	s.Helper()
	s.store = &gate{Store: openMemory(s.T, &s.medium), err: s.trouble}
	if !s.volatile {
		s.options.Store = s.store
	}
	s.broker, s.listener, s.served = broker.New(s.options), memnet.Listen(), make(chan error, 1)
	if err := s.broker.Restore(); err != nil {
		s.Fatal(err)
	}
	go func(b *broker.Broker, l *memnet.Listener, served chan error) { served <- b.Serve(l) }(s.broker, s.listener, s.served)
	synctest.Wait()
}

func (s *station) stop() {
	s.Helper()
	s.broker.Close()
	if err := <-s.served; !errors.Is(err, broker.ErrClosed) {
		s.Errorf("Serve returned %v", err)
	}
	s.store.Close()
}

// restart ends the broker without a word and begins another.
func (s *station) restart() {
	s.Helper()
	s.stop()
	s.start()
}

func (s *station) dial() *mqtttest.Client {
	s.Helper()
	c, err := s.listener.Dial()
	if err != nil {
		s.Fatal(err)
	}
	return mqtttest.NewClient(s.T, c, packet.V311)
}

// connect connects with the words of a CONNECT; present is what the CONNACK says.
func (s *station) connect(words, connack string) *mqtttest.Client {
	s.Helper()
	c := s.dial()
	c.SendText("CONNECT " + words)
	c.Expect("CONNACK" + connack + " ...")
	return c
}

func (s *station) subscriber(words, filters string) *mqtttest.Client {
	s.Helper()
	c := s.connect(words, "")
	c.SendText("SUBSCRIBE 1 " + filters)
	c.Expect("SUBACK 1 ...")
	return c
}

// facts counts the facts whose keys begin with a letter.
func (s *station) facts(letter byte) (n int) {
	s.Helper()
	synctest.Wait()
	if err := s.store.Range([]byte{letter}, []byte{letter + 1}, func(_, _ []byte) bool { n++; return true }); err != nil {
		s.Fatal(err)
	}
	return n
}

func (s *station) wantFacts(letter byte, want int) {
	s.Helper()
	if got := s.facts(letter); got != want {
		s.Errorf("%d facts of %q in the store, want %d", got, letter, want)
	}
}

const (
	lasting  = "v5 id=sub clean session-expiry=1000"
	resuming = "v5 id=sub session-expiry=1000"
)

// What was sent and not acknowledged is sent again after a restart, with its
// identifier; what was is not.
func TestRestartQoS1(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		sub := s.subscriber(lasting, "a qos=1")
		pub := s.connect("id=pub clean", "")
		pub.SendText("PUBLISH 1 a qos=1 one", "PUBLISH 2 a qos=1 two")
		pub.Expect("PUBACK 1", "PUBACK 2")
		sub.Expect("PUBLISH 1 a qos=1 one", "PUBLISH 2 a qos=1 two")
		sub.SendText("PUBACK 1")
		s.wantFacts('q', 1)
		s.restart()
		pub = s.connect("v5 id=pub", "")
		pub.SendText("PUBLISH 3 a qos=1 user=k:v content-type=text three")
		pub.Expect("PUBACK 3")
		s.restart()
		sub = s.connect(resuming, " present")
		sub.Expect("PUBLISH 2 a dup qos=1 two", "PUBLISH 3 a dup qos=1 content-type=text user=k:v three")
		sub.SendText("PUBACK 2", "PUBACK 3")
		s.wantFacts('q', 0)
		s.restart()
		sub = s.connect(resuming, " present")
		sub.Silent()
	})
}

// A QoS 2 message to a client comes once, wherever the broker is restarted.
func TestRestartQoS2Sending(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		s.subscriber(lasting, "a qos=2")
		pub := s.connect("id=pub clean", "")
		pub.SendText("PUBLISH 1 a qos=2 one", "PUBREL 1")
		pub.Expect("PUBREC 1", "PUBCOMP 1")
		s.restart() // before PUBREC
		sub := s.connect(resuming, " present")
		sub.Expect("PUBLISH 1 a dup qos=2 one")
		sub.SendText("PUBREC 1")
		sub.Expect("PUBREL 1")
		s.restart() // before PUBCOMP
		sub = s.connect(resuming, " present")
		sub.Expect("PUBREL 1")
		sub.SendText("PUBCOMP 1")
		s.wantFacts('q', 0)
		s.restart()
		sub = s.connect(resuming, " present")
		sub.Silent()
	})
}

// A QoS 2 message of a client is routed once, wherever the broker is restarted.
func TestRestartQoS2Receiving(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		s.subscriber(lasting, "a qos=1")
		pub := s.connect("id=pub", "")
		pub.SendText("PUBLISH 9 a qos=2 one")
		pub.Expect("PUBREC 9")
		s.restart() // the client has not got the PUBREC
		pub = s.connect("id=pub", " present")
		pub.SendText("PUBLISH 9 a dup qos=2 one", "PUBREL 9")
		pub.Expect("PUBREC 9", "PUBCOMP 9")
		s.wantFacts('p', 0)
		s.restart() // the client has not got the PUBCOMP
		pub = s.connect("id=pub", " present")
		pub.SendText("PUBREL 9")
		pub.Expect("PUBCOMP 9")
		pub.SendText("PUBLISH 9 a qos=2 two")
		pub.Expect("PUBREC 9")
		sub := s.connect(resuming, " present")
		sub.Expect("PUBLISH 1 a dup qos=1 one", "PUBLISH 2 a qos=1 two")
		sub.Silent()
	})
}

// No answer leaves before what it promises is stored.
func TestAnswersWaitForTheStore(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		sub := s.subscriber(lasting, "a qos=2")
		pub := s.connect("v5 id=pub session-expiry=1000", "")
		waits := func(who *mqtttest.Client, sent string, answers ...string) {
			s.Helper()
			release := s.store.hold()
			who.SendText(sent)
			who.Silent()
			sub.Silent()
			release()
			who.Expect(answers...)
		}
		waits(pub, "PUBLISH 1 a qos=1 one", "PUBACK 1")
		sub.Expect("PUBLISH 1 a qos=1 one")
		sub.SendText("PUBACK 1")
		waits(pub, "PUBLISH 2 a qos=2 two", "PUBREC 2")
		sub.Expect("PUBLISH 2 a qos=2 two")
		waits(pub, "PUBREL 2", "PUBCOMP 2")
		waits(sub, "PUBREC 2", "PUBREL 2")
		sub.SendText("PUBCOMP 2")
		waits(pub, "PUBLISH 3 r qos=1 retain kept", "PUBACK 3 0x10")
		waits(pub, "SUBSCRIBE 4 b", "SUBACK 4 0")
		waits(pub, "UNSUBSCRIBE 5 b", "UNSUBACK 5 0")
		release := s.store.hold()
		pub.SendText("PUBLISH nobody hello", "PINGREQ") // asks nothing of the store
		pub.Expect("PINGRESP")
		release()
	})
}

// While the store fails, clients of MQTT 5.0 are told, others get no answer, and
// what needs no store goes on. Nothing has to be restarted afterwards.
func TestStoreFails(t *testing.T) {
	full := fmt.Errorf("no space left: %w", packet.QuotaExceeded)
	for _, between := range []time.Duration{0, 2 * time.Second} { // refused up front, or by the store
		t.Run(between.String(), func(t *testing.T) {
			atStation(t, broker.Options{}, func(s *station) {
				sub := s.subscriber(lasting, "a qos=2")
				live := s.subscriber("id=live clean", "a qos=1")
				v5 := s.connect("v5 id=v5 session-expiry=100", "")
				v3 := s.connect("id=v3 clean", "")
				s.store.fail(full)
				step := func(c *mqtttest.Client, sent string, answers ...string) {
					s.Helper()
					time.Sleep(between)
					c.SendText(sent)
					if c.Expect(answers...); len(answers) == 0 {
						c.Silent()
					}
				}
				step(v5, "SUBSCRIBE 7 x", "SUBACK 7 0x97")
				step(v5, "PUBLISH 1 a qos=1 lost", "PUBACK 1 0x97 ...")
				step(v5, "PUBLISH 2 a qos=2 lost", "PUBREC 2 0x97 ...")
				step(v5, "PUBLISH 3 r qos=1 retain lost", "PUBACK 3 0x97 ...")
				step(v3, "PUBLISH 1 a qos=1 lost")
				step(v3, "PUBLISH 2 a qos=2 lost")
				step(s.dial(), "CONNECT v5 id=fresh session-expiry=100", "CONNACK 0x97 ...")
				step(s.dial(), "CONNECT id=fresh", "CONNACK 0x88")
				step(s.dial(), "CONNECT id=fresh clean", "CONNACK")
				for _, ok := live.Next(); ok; _, ok = live.Next() { // those that nobody had to store before
				}
				step(v3, `PUBLISH a "goes on"`)
				live.Expect(`PUBLISH a "goes on"`)
				sub.Expect(`PUBLISH a "goes on"`)
				sub.Silent()
				s.store.fail(nil)
				time.Sleep(2 * time.Second)
				v3.SendText("PUBLISH 2 a dup qos=2 again")
				v3.Expect("PUBREC 2")
				v5.SendText("PUBLISH 2 a qos=2 again")
				v5.Expect("PUBREC 2")
				sub.Expect("PUBLISH * a qos=2 again", "PUBLISH * a qos=2 again")
				sub.Silent()
			})
		})
	}
}

// What a client must not be told before it is stored ends its connection when
// the store fails, and is stored when it comes back.
func TestStoreFailsInTheMiddle(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		sub := s.subscriber(lasting, "a qos=2")
		pub := s.connect("v5 id=pub session-expiry=1000", "")
		pub.SendText("PUBLISH 1 a qos=2 one")
		pub.Expect("PUBREC 1")
		sub.Expect("PUBLISH 1 a qos=2 one")
		s.store.fail(packet.ImplementationSpecificError)
		sub.SendText("PUBREC 1")
		sub.Expect("DISCONNECT 0x83 ...")
		pub.SendText("PUBREL 1")
		pub.Expect("DISCONNECT 0x83 ...")
		refused := s.dial()
		refused.SendText("CONNECT " + resuming)
		refused.Expect("CONNACK 0x83 ...")
		refused.Closed()
		s.store.fail(nil)
		sub = s.connect(resuming, " present")
		sub.Expect("PUBREL 1")
		s.connect("v5 id=pub session-expiry=1000", " present")
		s.restart()
		sub = s.connect(resuming, " present")
		sub.Expect("PUBREL 1")
		s.wantFacts('p', 0)
	})
}

func TestRestartRetained(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		pub := s.connect("v5 id=pub", "")
		pub.SendText("PUBLISH a retain user=k:v one", "PUBLISH b retain expiry=50 two", "PUBLISH c retain three", "PUBLISH 1 d qos=1 retain four",
			"PUBLISH d retain five", "PUBLISH c retain")
		pub.Expect("PUBACK 1 ...")
		s.broker.Publish(&packet.Message{Topic: "$SYS/x", Payload: []byte("1"), Retain: true})
		s.wantFacts('r', 3)
		time.Sleep(20 * time.Second)
		s.restart()
		sub := s.connect("v5 id=sub", "")
		sub.SendText("SUBSCRIBE 1 # $SYS/#")
		sub.Expect("SUBACK 1 0 0", "PUBLISH a retain user=k:v one", "PUBLISH b retain expiry=30 two", "PUBLISH d retain five")
		sub.Silent()
		time.Sleep(30 * time.Second)
		s.restart()
		s.wantFacts('r', 2)
	})
}

func TestRestartWills(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		watcher := s.subscriber("v5 id=watcher session-expiry=10000", "w/# qos=1")
		lost := s.connect("v5 id=lost session-expiry=1000 will-topic=w/lost will-qos=1 will-payload=lost will-delay=100", "")
		s.connect("v5 id=gone keepalive=20 session-expiry=1000 will-topic=w/gone will-qos=1 will-payload=gone", "")
		s.connect("v5 id=back keepalive=20 session-expiry=1000 will-topic=w/back will-payload=back", "")
		bye := s.connect("v5 id=bye keepalive=20 session-expiry=1000 will-topic=w/bye will-payload=bye", "")
		bye.SendText("DISCONNECT")
		lost.Drop()
		time.Sleep(10 * time.Second)
		watcher.Silent()
		s.restart()
		watcher = s.connect("v5 id=watcher session-expiry=10000", " present")
		s.connect("v5 id=back session-expiry=1000", " present")
		time.Sleep(29 * time.Second)
		watcher.Silent()
		time.Sleep(2 * time.Second)
		watcher.Expect("PUBLISH 1 w/gone qos=1 gone")
		watcher.SendText("PUBACK 1")
		s.wantFacts('q', 0)
		s.restart() // and not again
		watcher = s.connect("v5 id=watcher session-expiry=10000", " present")
		time.Sleep(55 * time.Second)
		watcher.Silent()
		time.Sleep(5 * time.Second)
		watcher.Expect("PUBLISH * w/lost qos=1 lost")
		watcher.Silent()
	})
}

func TestRestartExpiry(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		sub := s.subscriber("v5 id=sub session-expiry=100", "a qos=1 $share/g/b qos=1")
		s.subscriber("id=forever", "a qos=1")
		sub.Drop()
		pub := s.connect("id=pub clean", "")
		pub.SendText("PUBLISH 1 a qos=1 hello")
		pub.Expect("PUBACK 1")
		time.Sleep(60 * time.Second)
		s.restart()
		s.wantFacts('s', 2)
		time.Sleep(30 * time.Second)
		s.restart()
		s.wantFacts('s', 2)
		s.stop()
		time.Sleep(20 * time.Second)
		s.start()
		s.wantFacts('s', 1)
		s.wantFacts('u', 1)
		s.wantFacts('q', 1)
		s.connect("v5 id=sub session-expiry=100", "").Silent()
	})
}

func TestCleanStartRemovesFacts(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		large := strings.Repeat("x", 100)
		s.subscriber(lasting, "a qos=2")
		s.subscriber("v5 id=other session-expiry=1000", "a qos=1")
		pub := s.connect("id=pub", "")
		pub.SendText("PUBLISH 1 a qos=1 "+large, "PUBLISH 2 a qos=2 "+large)
		pub.Expect("PUBACK 1", "PUBREC 2")
		s.wantFacts('m', 2)
		s.wantFacts('q', 4)
		s.restart()
		s.connect(lasting, "").Silent()
		s.wantFacts('q', 2)
		s.wantFacts('u', 1)
		s.connect("id=other clean", "").Silent()
		s.connect("id=pub clean", "").Silent()
		for _, letter := range []byte("mqup") {
			s.wantFacts(letter, 0)
		}
		s.wantFacts('s', 1)
	})
}

// A body that several sessions need is stored once, and leaves with the last.
func TestSharedBody(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		large := strings.Repeat("x", 100)
		one := s.subscriber("v5 id=one session-expiry=1000", "a qos=1")
		s.subscriber("v5 id=two session-expiry=1000", "a qos=1")
		pub := s.connect("id=pub clean", "")
		pub.SendText("PUBLISH 1 a qos=1 " + large)
		pub.Expect("PUBACK 1")
		one.Expect("PUBLISH 1 a qos=1 " + large)
		one.SendText("PUBACK 1")
		s.wantFacts('m', 1)
		s.wantFacts('q', 1)
		s.restart()
		two := s.connect("v5 id=two session-expiry=1000", " present")
		two.Expect("PUBLISH 1 a dup qos=1 " + large)
		two.SendText("PUBACK 1")
		s.wantFacts('m', 0)
		s.wantFacts('q', 0)
	})
}

// The messages of a share whose member does not come back go to another.
func TestRestartShare(t *testing.T) {
	atStation(t, broker.Options{MaxLoaded: 2, MaxInflight: 1}, func(s *station) {
		s.subscriber("v5 id=one session-expiry=100", "$share/g/a qos=1").Drop()
		pub := s.connect("id=pub clean", "")
		for i := range 6 {
			pub.SendText(fmt.Sprintf("PUBLISH %d a qos=1 %d", i+1, i))
			pub.Expect(fmt.Sprintf("PUBACK %d", i+1))
		}
		s.restart()
		two := s.subscriber("v5 id=two session-expiry=1000", "$share/g/a qos=1")
		two.Silent()
		s.wantFacts('s', 2)
		time.Sleep(101 * time.Second)
		seen := map[string]bool{}
		for range 6 {
			p := two.Read().(*packet.Publish)
			seen[string(p.Payload)] = true
			two.Send(&packet.Puback{Ack: packet.Ack{PacketID: p.PacketID}})
		}
		two.Silent()
		if len(seen) != 6 {
			s.Errorf("%d messages came, want 6", len(seen))
		}
		s.wantFacts('q', 0)
		s.wantFacts('s', 1)
	})
}

// A queue longer than memory is read from the store in its order, also after a
// restart and a take-over.
func TestLongQueue(t *testing.T) {
	atStation(t, broker.Options{MaxQueued: -1}, func(s *station) {
		const count = 10_000
		s.subscriber(lasting, "a qos=1").Drop()
		pub := s.connect("id=pub clean", "")
		for i := 0; i < count; i += 500 {
			var packets []packet.Packet
			for k := i; k < i+500; k++ {
				m := packet.Message{Topic: "a", QoS: packet.AtLeastOnce, Payload: fmt.Appendf(nil, "%d", k)}
				packets = append(packets, &packet.Publish{Message: m, PacketID: uint16(k + 1)})
			}
			pub.Send(packets...)
			for range packets {
				if _, ok := pub.Read().(*packet.Puback); !ok {
					s.Fatal("no PUBACK")
				}
			}
		}
		s.wantFacts('q', count)
		sub := s.connect(resuming, " present")
		take := func(from, to int) {
			s.Helper()
			for i := from; i < to; i++ {
				p := sub.Read().(*packet.Publish)
				if got, want := string(p.Payload), strconv.Itoa(i); got != want {
					s.Fatalf("message %s came, want %s", got, want)
				}
				sub.Send(&packet.Puback{Ack: packet.Ack{PacketID: p.PacketID}})
			}
			s.wantFacts('q', count-to)
		}
		take(0, 1000)
		s.restart()
		sub = s.connect(resuming, " present")
		take(1000, 3000)
		sub = s.connect(resuming, " present") // takes over
		take(3000, count)
		sub.Silent()
	})
}
