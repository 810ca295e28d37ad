//go:build unix

package main_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	engine "github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/internal/history"
	"github.com/zancudomq/zancudo/internal/proctest"
	"github.com/zancudomq/zancudo/packet"
)

const (
	siegeRounds  = 10  // of one history, and of a short test
	siegeEach    = 100 // messages of each publisher in a round
	neverExpires = 0xFFFFFFFF
	last         = "%d/end" // the topic of the message that comes after all others
)

// TestKilledUnderLoad kills the broker at random moments while publishers and
// subscribers of QoS 1 and 2 are busy, and judges all that the clients saw.
// ZANCUDO_KILL_ROUNDS says how often; unless given, ten times.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	rounds := siegeRounds
	if text := os.Getenv("ZANCUDO_KILL_ROUNDS"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil || rounds < 1 {
			t.Fatalf("ZANCUDO_KILL_ROUNDS is %q, not a number of rounds", text)
		}
	}
	s := newSiege(t, "persistence true")
	for left := rounds; left > 0; left -= siegeRounds {
		s.campaign(left)
		s.settle()
		report := s.log.Check(history.Options{})
		if err := report.Err(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d messages, %d obligations, %d deliveries, %d repeated, %d retained read, %d crashes, %d sessions resumed",
			report.Messages, report.Obligations, report.Deliveries, report.Repeated, report.RetainedReads, report.Crashes, report.Resumed)
		if report.Crashes < min(left, siegeRounds) || report.Obligations < siegeEach || report.RetainedReads == 0 || report.Resumed == 0 {
			t.Fatal("the history proves nothing")
		}
		s.disband()
	}
}

// TestKilledUnderLoadControl shows that the test above can fail: a broker that
// keeps everything in memory breaks what was promised.
func TestKilledUnderLoadControl(t *testing.T) {
	t.Parallel()
	s := newSiege(t, "persistence false")
	s.campaign(2)
	s.awaitPresence()
	if s.log.Check(history.Options{}).Err() == nil {
		t.Error("a broker that forgets everything has broken no promise")
	}
}

// siege is a broker that is killed again and again, and its clients.
type siege struct {
	t      *testing.T
	ctx    context.Context
	random *rand.Rand
	port   string
	file   string
	log    *history.Log
	broker *process

	epoch       int
	sent        int
	acked       atomic.Int64  // messages of the publishers
	connections atomic.Int64  // since the last kill
	ends        chan struct{} // a subscriber has got the last message
	publishers  []*engine.Client
	subscribers []*engine.Client
	reader      *engine.Client // who has subscribed at the end
}

func newSiege(t *testing.T, persistence string) *siege {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	s := &siege{t: t, ctx: t.Context(), random: rand.New(rand.NewPCG(seed, 0)), port: proctest.FreePort(t)}
	s.file = write(t, "listener "+s.port+" 127.0.0.1\nallow_anonymous true\nconnection_messages false\nmax_queued_messages 0\nmax_queued_bytes 0\n"+
		"persistence_location "+t.TempDir()+"\n"+persistence+"\n")
	s.broker = broker(t, "-c", s.file)
	return s
}

// campaign is a history of rounds, with clients of its own.
func (s *siege) campaign(rounds int) {
	s.t.Helper()
	s.log, s.ends = history.New(), make(chan struct{}, 16)
	s.epoch++
	for i := range subscriptions {
		s.subscribers = append(s.subscribers, s.subscriber(i))
	}
	for i := range 4 {
		s.publishers = append(s.publishers, s.connect(lasting(s.id("publisher", i), []packet.Version{packet.V311, packet.V5}[i%2]), nil))
	}
	for range min(rounds, siegeRounds) {
		s.round()
	}
}

// subscription is what a subscriber asks for, in the topics of its campaign.
type subscription struct {
	filter  string
	qos     packet.QoS
	version packet.Version
}

var subscriptions = []subscription{
	{"%d/load/#", packet.AtLeastOnce, packet.V311},
	{"%d/load/#", packet.ExactlyOnce, packet.V5},
	{"%d/#", packet.ExactlyOnce, packet.V311},
	{"%d/kept/#", packet.AtLeastOnce, packet.V5},
	{"$share/some/%d/load/#", packet.ExactlyOnce, packet.V5},
	{"$share/some/%d/load/#", packet.ExactlyOnce, packet.V5},
}

// topic is a name or filter of this campaign.
func (s *siege) topic(format string, rest ...any) string {
	return fmt.Sprintf(format, append([]any{s.epoch}, rest...)...)
}

func (s *siege) id(role string, i int) string { return fmt.Sprintf("%s-%d-%d", role, s.epoch, i) }

func (s *siege) subscriber(i int) *engine.Client {
	s.t.Helper()
	sub := subscriptions[i]
	c := s.connect(lasting(s.id("subscriber", i), sub.version), s.awaitingEnd())
	s.subscribe(c, packet.Subscription{Filter: s.topic(sub.filter), QoS: sub.qos}, packet.Subscription{Filter: s.topic(last), QoS: sub.qos})
	return c
}

// awaitingEnd tells once of the message that is the last.
func (s *siege) awaitingEnd() func(*packet.Publish) {
	var once sync.Once
	name := s.topic(last)
	return func(p *packet.Publish) {
		if p.Topic == name {
			once.Do(func() { s.ends <- struct{}{} })
		}
	}
}

// lasting is the CONNECT of a session that outlives everything.
func lasting(id string, v packet.Version) packet.Connect {
	return packet.Connect{Version: v, ClientID: id, SessionExpiry: neverExpires, KeepAlive: 60}
}

// passing is the CONNECT of a session that ends with its connection.
func passing(id string) packet.Connect {
	return packet.Connect{Version: packet.V5, ClientID: id, CleanStart: true, KeepAlive: 60}
}

func (s *siege) subscribe(c *engine.Client, filters ...packet.Subscription) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	if _, err := c.Subscribe(ctx, &packet.Subscribe{Subscriptions: filters}); err != nil {
		s.t.Fatal(err)
	}
}

// connect connects a client that comes back whenever it can.
func (s *siege) connect(connect packet.Connect, hear func(*packet.Publish)) *engine.Client {
	s.t.Helper()
	log := s.log
	c := engine.New(engine.Options{
		Dial: func(ctx context.Context) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:"+s.port)
			if err != nil {
				return nil, err
			}
			return log.Conn(conn), nil
		},
		Connect:   connect,
		Timeout:   patience,
		Reconnect: engine.Backoff(2*time.Millisecond, 20*time.Millisecond),
		OnMessage: hear, OnAck: func(*packet.Ack) { s.acked.Add(1) },
		OnConnect: func(context.Context, *packet.Connack) { s.connections.Add(1) },
	})
	if _, err := c.Connect(s.ctx); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// round loads the broker, kills it in the middle of that, and starts it again.
func (s *siege) round() {
	s.t.Helper()
	target := s.acked.Load() + 1 + s.random.Int64N(int64(len(s.publishers)*siegeEach*3/4))
	for _, p := range s.publishers {
		for range siegeEach {
			s.publish(p)
		}
	}
	// An absent subscriber, and one that is new to what is retained.
	absent := s.random.IntN(len(subscriptions))
	if s.random.IntN(2) == 0 {
		_ = s.subscribers[absent].Close()
	}
	reader := s.connect(passing(s.id("reader", s.sent)), nil)
	s.subscribe(reader, packet.Subscription{Filter: s.topic("%d/kept/#"), QoS: packet.AtLeastOnce})
	s.await("messages are acknowledged", func() bool { return s.acked.Load() >= target })
	s.kill()
	_ = reader.Close()
	for s.random.IntN(4) == 0 { // killed before it serves
		s.broker = start(s.t, zancudo, "-c", s.file)
		<-time.After(time.Duration(s.random.IntN(60)) * time.Millisecond)
		s.kill()
	}
	s.broker = broker(s.t, "-c", s.file)
	if s.subscribers[absent].Err() != nil {
		s.subscribers[absent] = s.subscriber(absent)
	}
}

// publish publishes one more message, on one of few topics, some to be retained.
func (s *siege) publish(c *engine.Client) {
	s.t.Helper()
	s.sent++
	m := packet.Message{Topic: s.topic("%d/load/%d", s.random.IntN(3)), Payload: strconv.AppendInt(nil, int64(s.sent), 10), QoS: packet.QoS(1 + s.random.IntN(2))}
	if s.random.IntN(8) == 0 {
		m.Topic, m.Retain = s.topic("%d/kept/%d", s.random.IntN(4)), true
	}
	if s.random.IntN(8) == 0 {
		m.Payload = append(m.Payload, make([]byte, s.random.IntN(5000))...)
	}
	if err := c.Publish(s.ctx, &packet.Publish{Message: m}); err != nil {
		s.t.Fatal(err)
	}
}

// kill ends the broker as it is. It is stopped before, so that what it has done
// comes to the clients, and to the log, before it is known to be dead.
func (s *siege) kill() {
	s.t.Helper()
	s.broker.signal(syscall.SIGSTOP)
	quiet, n := 0, 0
	for quiet < 4 {
		<-time.After(5 * time.Millisecond)
		if now := s.log.Len(); now == n {
			quiet++
		} else {
			quiet, n = 0, now
		}
	}
	s.log.Crashed()
	s.connections.Store(0)
	s.broker.signal(syscall.SIGKILL)
	<-s.broker.ended
}

// await waits until something is so.
func (s *siege) await(what string, so func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for !so() {
		select {
		case <-s.broker.ended:
			s.t.Fatalf("the broker has ended by itself before %s", what)
		case <-time.After(2 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: not within %v; the log ends with\n%s", what, patience, s.log.Tail(30))
		}
	}
}

// settle waits until everybody has got all that there is, and reads once more
// what is retained.
func (s *siege) settle() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, 2*patience)
	defer cancel()
	for _, p := range s.publishers {
		if err := p.Wait(ctx); err != nil {
			s.t.Fatalf("messages are not acknowledged: %v; the log ends with\n%s", err, s.log.Tail(30))
		}
	}
	end := &packet.Publish{Message: packet.Message{Topic: s.topic(last), Payload: []byte(s.id("end", 0)), QoS: packet.ExactlyOnce, Retain: true}}
	if err := s.publishers[0].Publish(ctx, end); err != nil {
		s.t.Fatal(err)
	}
	if err := s.publishers[0].Wait(ctx); err != nil {
		s.t.Fatal(err)
	}
	s.reader = s.connect(passing(s.id("last", 0)), s.awaitingEnd())
	s.subscribe(s.reader, packet.Subscription{Filter: s.topic("%d/kept/#"), QoS: packet.AtLeastOnce})
	s.subscribe(s.reader, packet.Subscription{Filter: s.topic(last), QoS: packet.AtLeastOnce})
	for range len(subscriptions) + 1 {
		select {
		case <-s.ends:
		case <-ctx.Done():
			s.t.Fatalf("messages do not come; the log ends with\n%s", s.log.Tail(30))
		}
	}
}

// awaitPresence waits until all clients are there again after the last kill.
func (s *siege) awaitPresence() {
	s.t.Helper()
	s.await("the clients are back", func() bool { return s.connections.Load() >= int64(len(s.publishers)+len(s.subscribers)) })
}

// disband ends the clients of a campaign and their sessions, and removes what is
// retained.
func (s *siege) disband() {
	s.t.Helper()
	for _, c := range append(append(s.publishers, s.subscribers...), s.reader) {
		_ = c.Close()
	}
	for role, clients := range map[string][]*engine.Client{"publisher": s.publishers, "subscriber": s.subscribers} {
		for i := range clients {
			_ = s.connect(passing(s.id(role, i)), nil).Disconnect(s.ctx, &packet.Disconnect{})
		}
	}
	s.publishers, s.subscribers = nil, nil
	c := s.connect(passing(s.id("cleaner", 0)), nil)
	for i := range 5 {
		name := s.topic("%d/kept/%d", i)
		if i == 4 {
			name = s.topic(last)
		}
		if err := c.Publish(s.ctx, &packet.Publish{Message: packet.Message{Topic: name, QoS: packet.AtLeastOnce, Retain: true}}); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := c.Wait(s.ctx); err != nil {
		s.t.Fatal(err)
	}
	_ = c.Close()
}
