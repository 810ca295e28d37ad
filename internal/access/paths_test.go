package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/internal/store/storetest"
	"github.com/zancudomq/zancudo/packet"
)

// What the rules of a file deny is denied on every way that a message can take
// from the user src to the user dst: each way in times each way out, whenever
// the rules changed, and with a restart of the broker between the two.

// named lets everybody in under the name they give.
type named struct{}

func (named) Authenticate(context.Context, *broker.ConnectRequest) error { return nil }

// site is a broker with rules and a store.
type site struct {
	*testing.T
	medium   storetest.Memory
	denials  *Denials
	rules    string
	broker   *broker.Broker
	store    broker.Store
	listener *memnet.Listener
	served   chan error
}

// onSite runs f with a broker in a bubble.
func onSite(t *testing.T, rules string, f func(s *site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &site{T: t, rules: rules, denials: NewDenials(slog.New(slog.DiscardHandler))}
		s.start()
		defer func() {
			s.stop()
			s.denials.Close()
		}()
		f(s)
	})
}

func (s *site) options() broker.Options {
	s.Helper()
	return broker.Options{
		Authenticator: named{}, Store: s.store, QueueQoS0: true,
		Authorizer: &Authorizer{Rules: parse(s.T, s.rules), Denials: s.denials},
	}
}

func (s *site) start() {
	s.Helper()
	var err error
	if s.store, err = s.medium.Open(); err != nil {
		s.Fatal(err)
	}
	s.broker, s.listener, s.served = broker.New(s.options()), memnet.Listen(), make(chan error, 1)
	if err := s.broker.Restore(); err != nil {
		s.Fatal(err)
	}
	go func(b *broker.Broker, l *memnet.Listener, served chan error) { served <- b.Serve(l) }(s.broker, s.listener, s.served)
	synctest.Wait()
}

func (s *site) stop() {
	s.Helper()
	_ = s.broker.Close()
	if err := <-s.served; !errors.Is(err, broker.ErrClosed) {
		s.Errorf("Serve returned %v", err)
	}
	_ = s.store.Close()
}

// obey has other rules obeyed, as a reload does.
func (s *site) obey(rules string) {
	s.Helper()
	s.rules = rules
	s.broker.Change(s.options())
	synctest.Wait()
}

// restart ends the broker without a word and begins another.
func (s *site) restart() {
	s.Helper()
	s.stop()
	s.start()
}

// send sends packets on a new connection.
func (s *site) send(packets ...string) *mqtttest.Client {
	s.Helper()
	conn, err := s.listener.Dial()
	if err != nil {
		s.Fatal(err)
	}
	c := mqtttest.NewClient(s.T, conn, packet.V311)
	c.SendText(packets...)
	synctest.Wait()
	return c
}

// came counts what has come of a topic.
func came(c *mqtttest.Client, topic string) (n int) {
	for {
		p, ok := c.Next()
		if !ok {
			return n
		}
		if p, ok := p.(*packet.Publish); ok && p.Topic == topic {
			n++
		}
	}
}

const (
	asSource = "CONNECT v5 id=source username=src"
	asTarget = "CONNECT v5 id=target username=dst session-expiry=never"
)

// wayIn sends a message to the topic secret; what comes before is done at once.
// RETAIN stands for what makes the message retained.
type wayIn struct {
	name string
	qos  int
	send func(s *site, retain string) func()
}

func published(packets ...string) func(*site, string) func() {
	return func(s *site, retain string) func() {
		c := s.send(asSource)
		return func() {
			for _, p := range packets {
				c.SendText(strings.Replace(p, " RETAIN", retain, 1))
			}
			synctest.Wait()
			c.Drop()
		}
	}
}

func willed(words string, late time.Duration) func(*site, string) func() {
	return func(s *site, retain string) func() {
		if retain != "" {
			words += " will-retain"
		}
		c := s.send(asSource + " will-topic=secret will-payload=x will-qos=1 " + words)
		return func() {
			c.Drop()
			synctest.Wait()
			time.Sleep(late)
		}
	}
}

var waysIn = []wayIn{
	{"QoS 0", 0, published("PUBLISH secret RETAIN x")},
	{"QoS 1", 1, published("PUBLISH 1 secret qos=1 RETAIN x")},
	{"QoS 2", 2, published("PUBLISH 1 secret qos=2 RETAIN x", "PUBREL 1")},
	{"by an alias", 1, published("PUBLISH other alias=1", `PUBLISH 1 secret alias=1 qos=1 RETAIN x`)},
	{"will", 1, willed("", 0)},
	{"delayed will", 1, willed("session-expiry=60 will-delay=5", 6*time.Second)},
	{"will at the end of the session", 1, willed("session-expiry=5 will-delay=60", 6*time.Second)},
	{"will in the store", 1, func(s *site, retain string) func() {
		send := willed("session-expiry=600 will-delay=60", 0)(s, retain)
		return func() {
			send()
			s.restart()
			time.Sleep(2 * time.Minute)
		}
	}},
}

// wayOut is a client of the user dst.
type wayOut struct {
	name              string
	retained, restart bool
	late              bool // it leaves only at collect, so that a denial after sending counts
	durable           bool // the client is connected while the message comes, and takes a QoS of 1 or more
	prepare           func(s *site) *mqtttest.Client
	collect           func(s *site, c *mqtttest.Client) *mqtttest.Client
}

func live(filter string) wayOut {
	return wayOut{
		name:    "live " + filter,
		prepare: func(s *site) *mqtttest.Client { return s.send(asTarget, "SUBSCRIBE 1 "+filter) },
		collect: func(_ *site, c *mqtttest.Client) *mqtttest.Client { return c },
	}
}

// again is a target that comes back, after all that came has been read.
func again(s *site, c *mqtttest.Client) *mqtttest.Client {
	if c != nil {
		came(c, "")
		c.Drop()
		synctest.Wait()
	}
	return s.send(asTarget)
}

func absent(filter string) func(s *site) *mqtttest.Client {
	return func(s *site) *mqtttest.Client {
		c := s.send(asTarget, "SUBSCRIBE 1 "+filter)
		c.Drop()
		synctest.Wait()
		return c
	}
}

func whenSubscribing(filter string) func(s *site, _ *mqtttest.Client) *mqtttest.Client {
	return func(s *site, _ *mqtttest.Client) *mqtttest.Client { return s.send(asTarget, "SUBSCRIBE 1 "+filter) }
}

func nobody(*site) *mqtttest.Client { return nil }

var waysOut = []wayOut{
	live("secret qos=1"),
	live("# qos=2"),
	live("$share/g/+ qos=1"),
	{name: "retained", retained: true, late: true, prepare: nobody, collect: whenSubscribing("secret qos=1")},
	{name: "retained, by a wildcard", retained: true, late: true, prepare: nobody, collect: whenSubscribing("# qos=2")},
	{name: "retained, after a restart", retained: true, restart: true, late: true, prepare: nobody, collect: whenSubscribing("+ qos=1")},
	{name: "queued", late: true, prepare: absent("secret qos=1"), collect: again},
	{name: "queued for a share", late: true, prepare: absent("$share/g/secret qos=2"), collect: again},
	{name: "queued, after a restart", restart: true, late: true, durable: true, prepare: absent("# qos=2"), collect: again},
	{name: "in flight", late: true, durable: true, prepare: live("secret qos=1").prepare, collect: again},
	{name: "in flight, after a restart", restart: true, late: true, durable: true, prepare: live("secret qos=2").prepare, collect: again},
	{
		name: "by a restored subscription",
		prepare: func(s *site) *mqtttest.Client {
			absent("secret qos=1")(s)
			s.restart()
			return s.send(asTarget)
		},
		collect: func(_ *site, c *mqtttest.Client) *mqtttest.Client { return c },
	},
}

// freely are rules by which everything goes; each of the others denies something
// on the way, src or dst.
const freely = "user src\ntopic write secret\ntopic write other\nuser dst\ntopic read secret\n"

var denying = []struct{ whom, rules string }{
	{"src", "user src\ntopic write other\nuser dst\ntopic read secret\n"},
	{"src", freely + "user src\ntopic deny +\n"},
	{"src", strings.Replace(freely, "write secret", "read secret", 1)},
	{"dst", "user src\ntopic write #\n"},
	{"dst", freely + "user dst\ntopic deny #\n"},
	{"dst", strings.Replace(freely, "read secret", "write secret", 1)},
	{"dst", strings.Replace(freely, "topic read secret", "topic read other", 1) + "pattern deny secret\npattern read #\n"},
}

func TestDeniedOnEveryPath(t *testing.T) {
	t.Parallel()
	for _, in := range waysIn {
		t.Run(in.name, func(t *testing.T) {
			t.Parallel()
			for _, out := range waysOut {
				if out.durable && in.qos == 0 {
					continue // nothing is kept of it
				}
				if in.name == "will in the store" && (strings.HasPrefix(out.name, "live") || out.durable && !strings.HasPrefix(out.name, "queued")) {
					continue // the restart ends the connection of the target, too
				}
				if in.name == "will in the store" && out.name == "by a restored subscription" {
					continue
				}
				tryPath(t, in, out, freely, 0, 1)
				for _, d := range denying {
					for moment := range 3 {
						want := 0
						switch {
						case moment == 2 && !out.late:
							continue // it is there already
						case moment == 2 && d.whom == "src" && !out.retained:
							want = 1 // it was allowed when it was published
						}
						tryPath(t, in, out, d.rules, moment, want)
					}
				}
			}
		})
	}
}

// tryPath plays one path: rules are obeyed from the start (0), from when both
// clients are there (1), or from when the message was sent (2).
func tryPath(t *testing.T, in wayIn, out wayOut, rules string, moment, want int) {
	t.Helper()
	first := freely
	if moment == 0 {
		first = rules
	}
	onSite(t, first, func(s *site) {
		c := out.prepare(s)
		retain := ""
		if out.retained {
			retain = " retain"
		}
		send := in.send(s, retain)
		if moment == 1 {
			s.obey(rules)
		}
		send()
		synctest.Wait()
		switch {
		case out.restart:
			if moment == 2 {
				s.rules = rules
			}
			if c != nil {
				came(c, "")
			}
			s.restart()
			c = nil
		case moment == 2:
			s.obey(rules)
		}
		c = out.collect(s, c)
		if got := came(c, "secret"); got != want {
			s.Errorf("%s → %s, from moment %d: %d came, want %d, with the rules\n%s", in.name, out.name, moment, got, want, rules)
		}
	})
}

// A client that subscribed to more than it may receive now is not disconnected,
// gets what it may, and gets the rest again when the rule comes back.
func TestSubscriptionIsFilteredNotEnded(t *testing.T) {
	t.Parallel()
	const all, part = "user dst\ntopic subscribe #\n", "user dst\ntopic subscribe a/#\n"
	onSite(t, all, func(s *site) {
		c := s.send(asTarget, "SUBSCRIBE 1 #")
		c.Expect("CONNACK ...", "SUBACK 1 0")
		publish := func() {
			for _, topic := range []string{"a/1", "b/1"} {
				if err := s.broker.Publish(&packet.Message{Topic: topic, Payload: []byte("x")}); err != nil {
					s.Fatal(err)
				}
			}
		}
		publish()
		c.Expect("PUBLISH a/1 x", "PUBLISH b/1 x")
		s.obey(part)
		publish()
		c.Expect("PUBLISH a/1 x")
		c.Silent()
		c.SendText("SUBSCRIBE 2 # a/+ b/1 $share/g/a/# $share/g/b/#")
		c.Expect("SUBACK 2 0x87 0 0x87 0 0x87")
		s.obey(all)
		publish()
		if n := came(c, "b/1"); n != 1 {
			s.Errorf("%d came when the rule was back", n)
		}
	})
}

// Nothing grants $SYS or $CONTROL by accident.
func TestTopicsOfTheBroker(t *testing.T) {
	t.Parallel()
	rules := "user src\ntopic readwrite #\ntopic readwrite +/#\npattern readwrite %c/#\nuser admin\ntopic readwrite $SYS/#\ntopic readwrite $CONTROL/#\n"
	onSite(t, rules, func(s *site) {
		if err := s.broker.Publish(&packet.Message{Topic: "$SYS/broker/uptime", Payload: []byte("1"), Retain: true}); err != nil {
			s.Fatal(err)
		}
		for _, id := range []string{"c", "$SYS", "$CONTROL", "+", "#"} {
			c := s.send("CONNECT v5 clean username=src id="+id, "SUBSCRIBE 1 $SYS/# $CONTROL/# #")
			c.Expect("CONNACK ...", "SUBACK 1 0 0 0")
			c.Silent()
			for i, name := range []string{"$SYS/x", "$CONTROL/broker/v1", "$SYS/broker/uptime", "$share/g/a"} {
				for _, retain := range []string{"", "retain "} {
					c.SendText(fmt.Sprintf("PUBLISH %d %s qos=1 %sx", i+1, name, retain))
					c.Expect(fmt.Sprintf("PUBACK %d 0x87", i+1))
				}
			}
			w := s.send("CONNECT v5 clean username=src id=w will-topic=$CONTROL/broker/v1 will-payload=x")
			w.Expect("CONNACK 0x87 ...")
		}
		c := s.send("CONNECT v5 clean username=admin id=admin", "SUBSCRIBE 1 $SYS/#", "PUBLISH 1 $SYS/x qos=1 x")
		c.Expect("CONNACK ...", "SUBACK 1 0", "PUBACK 1 0x87", "PUBLISH $SYS/broker/uptime retain 1")
	})
}
