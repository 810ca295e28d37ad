package broker

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
)

// T-PATHS: what is denied is denied on every path: each way a message comes in
// times each way it goes out, whenever the denial came.
//
// Ways in: NSWG-457 (Aedes), mochi #503, CVE-2026-85058 and -95846 (Moquette): wills; Mosquitto 2.1.3 #3487: will after
// the client is gone; Mosquitto #3672: rewritten by a plug; EMQX #888.
// Ways out: CVE-2018-12546 (Mosquitto), EMQX #10192: retained; CVE-2021-34434 (Mosquitto): inherited subscription;
// iotedge #4006: absent clients; Mosquitto 2.0.12, GHSA-7qmq (NATS MQTT): half-finished QoS 2, replay; GHSA-wh7g,
// GHSA-jx8g and CVE-2022-29946 (NATS): wildcards and queue groups that overlap a denial; mochi #504: in flight.

// wayIn publishes to "secret" as the client "src". prepare comes before.
type wayIn struct {
	name    string
	qos     int
	prepare func(h *house, retain string) (send func())
}

// arrive prepares a client that publishes.
func arrive(words string, packets ...string) func(h *house, retain string) func() {
	return func(h *house, retain string) func() {
		c := h.connect(words)
		return func() {
			for _, p := range packets {
				c.SendText(strings.Replace(p, "RETAIN ", retain, 1))
			}
			synctest.Wait()
			c.Drop()
			synctest.Wait()
		}
	}
}

// leaveWill prepares a client whose will says it, and may not even get in.
func leaveWill(words string, after func(h *house)) func(h *house, retain string) func() {
	return func(h *house, retain string) func() {
		if retain != "" {
			words += " will-retain"
		}
		c := h.dial()
		c.SendText("CONNECT " + words)
		synctest.Wait()
		return func() {
			c.Drop()
			synctest.Wait()
			if after != nil {
				after(h)
			}
			synctest.Wait()
		}
	}
}

var waysIn = []wayIn{
	{"QoS 0", 0, arrive("id=src", "PUBLISH secret RETAIN x")},
	{"QoS 1", 1, arrive("id=src", "PUBLISH 1 secret qos=1 RETAIN x")},
	{"QoS 2", 2, arrive("v31 id=src", "PUBLISH 1 secret qos=2 RETAIN x", "PUBREL 1")},
	{"QoS 2 of 5.0", 2, arrive("v5 id=src", "PUBLISH 1 secret qos=2 RETAIN x", "PUBREL 1")},
	{"QoS 2 sent again", 2, arrive("v5 id=src", "PUBLISH 1 secret qos=2 dup RETAIN x", "PUBLISH 1 secret qos=2 dup RETAIN x", "PUBREL 1")},
	{"alias", 1, arrive("v5 id=src", "PUBLISH secret alias=1", `PUBLISH 1 "" alias=1 qos=1 RETAIN x`)},
	{"rewritten", 1, arrive("id=src", "PUBLISH 1 rewrite/secret qos=1 RETAIN x")},
	{"will", 1, leaveWill("id=src will-topic=secret will-qos=1 will-payload=x", nil)},
	{"will rewritten", 1, leaveWill("id=src will-topic=rewrite/secret will-qos=1 will-payload=x", nil)},
	{"will at the keep alive", 1, func(h *house, retain string) func() {
		leaveWill("id=src keepalive=1 will-topic=secret will-qos=1 will-payload=x"+strings.Replace(retain, "retain ", " will-retain", 1), nil)(h, "")
		return func() { time.Sleep(2 * time.Second) }
	}},
	{"delayed will", 1, leaveWill("v5 id=src session-expiry=60 will-delay=5 will-topic=secret will-qos=1 will-payload=x",
		func(*house) { time.Sleep(6 * time.Second) })},
	{"will at the end of the session", 1, leaveWill("v5 id=src session-expiry=5 will-delay=60 will-topic=secret will-qos=1 will-payload=x",
		func(*house) { time.Sleep(6 * time.Second) })},
	{"will at a takeover", 1, func(h *house, retain string) func() {
		leaveWill("v5 id=src session-expiry=60 will-topic=secret will-qos=1 will-payload=x"+strings.Replace(retain, "retain ", " will-retain", 1), nil)(h, "")
		return func() { h.connect("v5 id=src clean") }
	}},
}

// wayOut is a client "dst" that would get it. collect returns how many came
// since the message was sent.
type wayOut struct {
	name     string
	retained bool // the message must be
	late     bool // it leaves only at collect: a denial after sending counts as well
	inflight bool // one comes before
	prepare  func(h *house) *mqtttest.Client
	collect  func(h *house, c *mqtttest.Client) *mqtttest.Client
}

func live(words, filter string) wayOut {
	return wayOut{
		name:    "live " + filter + " " + words,
		prepare: func(h *house) *mqtttest.Client { return h.subscriber(words+" id=dst", filter) },
		collect: func(_ *house, c *mqtttest.Client) *mqtttest.Client { return c },
	}
}

func again(words string) func(h *house, c *mqtttest.Client) *mqtttest.Client {
	return func(h *house, c *mqtttest.Client) *mqtttest.Client {
		for {
			if _, ok := c.Next(); !ok {
				break
			}
		}
		c.Drop()
		synctest.Wait()
		return h.connect(words)
	}
}

func absentee(filter string) func(h *house) *mqtttest.Client {
	return func(h *house) *mqtttest.Client {
		c := h.subscriber("id=dst", filter)
		c.Drop()
		synctest.Wait()
		return c
	}
}

func whenSubscribing(filter string) func(h *house, c *mqtttest.Client) *mqtttest.Client {
	return func(h *house, _ *mqtttest.Client) *mqtttest.Client { return h.subscriber("v5 id=dst", filter) }
}

func nobody(*house) *mqtttest.Client { return nil }

var waysOut = []wayOut{
	live("", "secret qos=1"),
	live("v5", "secret qos=2"),
	live("v31", "# qos=1"),
	live("v5", "+ qos=1"),
	live("v5", "$share/g/secret qos=1"),
	live("", "$share/g/# qos=2"),
	{name: "retained", retained: true, late: true, prepare: nobody, collect: whenSubscribing("secret qos=1")},
	{name: "retained by wildcard", retained: true, late: true, prepare: nobody, collect: whenSubscribing("+/# qos=2")},
	{name: "queued", late: true, prepare: absentee("secret qos=1"), collect: again("id=dst")},
	{name: "queued for a share", late: true, prepare: absentee("$share/g/+ qos=2"), collect: again("id=dst")},
	{
		name: "in flight", late: true, inflight: true, collect: again("id=dst"),
		prepare: func(h *house) *mqtttest.Client { return h.subscriber("id=dst", "secret qos=1") },
	},
	{
		name: "inherited", prepare: absentee("secret qos=1"),
		collect: func(h *house, _ *mqtttest.Client) *mqtttest.Client { return h.connect("id=dst") },
	},
}

func TestDeniedOnEveryPath(t *testing.T) {
	t.Parallel()
	for _, in := range waysIn {
		t.Run(in.name, func(t *testing.T) {
			t.Parallel()
			for _, out := range waysOut {
				if out.inflight && in.qos == 0 {
					continue
				}
				tryPath(t, in, out, "", 0, 1)
				for _, rule := range []string{"src publish secret", "dst receive secret"} {
					for moment := range 3 {
						want := 0
						switch {
						case moment == 2 && !out.late:
							continue // it is there already
						case moment == 2 && rule[0] == 's' && !out.retained:
							want = 1 // was allowed when it was published
						}
						tryPath(t, in, out, rule, moment, want)
					}
				}
			}
		})
	}
}

// tryPath plays one path: the rule denies from the start (0), from when both
// clients are there (1), or from when the message was sent (2).
func tryPath(t *testing.T, in wayIn, out wayOut, rule string, moment, want int) {
	t.Helper()
	acl := &denials{}
	rewrite := interceptor(func(_ *Client, m *packet.Message) (*packet.Message, error) {
		if m.Topic != "rewrite/secret" {
			return m, nil
		}
		n := *m
		n.Topic = "secret"
		return &n, nil
	})
	o := Options{Authorizer: acl, Interceptors: []Interceptor{rewrite}, QueueQoS0: true}
	inHouse(t, o, func(h *house) {
		deny := func(now int) {
			if rule != "" && now == moment {
				acl.deny(rule)
			}
		}
		deny(0)
		c := out.prepare(h)
		retain := ""
		if out.retained {
			retain = "retain "
		}
		send := in.prepare(h, retain)
		deny(1)
		send()
		deny(2)
		synctest.Wait()
		c = out.collect(h, c)
		got := 0
		for {
			p, ok := c.Next()
			if !ok {
				break
			}
			if p, ok := p.(*packet.Publish); ok && p.Topic == "secret" && len(p.Payload) > 0 {
				got++
			}
		}
		if got != want {
			h.Errorf("%s → %s, %q from moment %d: %d came, want %d", in.name, out.name, rule, moment, got, want)
		}
	})
}

// The topics by which the broker speaks, and what is no topic at all, cannot be
// written: neither by a PUBLISH, nor by a will, nor by an interceptor for a
// client; nor is an answer of the broker in the name of a client.
// Mosquitto 2.0.16 (will to $CONTROL), CVE-2018-12543 (Mosquitto), CVE-2026-33217 and -58214 (NATS MQTT).
func TestReservedTopicsAreNotWritable(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"$SYS", "$SYS/", "$SYS/broker/version", "$CONTROL", "$CONTROL/dynamic-security/v1", "$share", "$share/g/a", "$share/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rewrite := interceptor(func(_ *Client, m *packet.Message) (*packet.Message, error) {
				if m.Topic != "rewrite" {
					return m, nil
				}
				n := *m
				n.Topic = name
				return &n, nil
			})
			inHouse(t, Options{Interceptors: []Interceptor{rewrite}}, func(h *house) {
				var got []string
				for _, filter := range []string{"$SYS/#", "$CONTROL/#", "$share", "#"} {
					stop, err := h.Subscribe(filter, func(m *packet.Message) { got = append(got, m.Topic) })
					if err != nil {
						t.Fatal(err)
					}
					defer stop()
				}
				c := h.connect("v5 id=c")
				for _, to := range []string{name, "rewrite"} {
					for _, retain := range []string{"", "retain "} {
						c.SendText("PUBLISH "+to+" "+retain+"x", "PUBLISH 1 "+to+" qos=1 "+retain+"x", "PUBLISH 2 "+to+" qos=2 "+retain+"x")
						c.Expect("PUBACK 1 0x87", "PUBREC 2 0x87")
					}
					c.SendText("PUBLISH "+to+" alias=1 x", `PUBLISH 3 "" alias=1 qos=1 x`)
					c.Expect("PUBACK 3 0x87")
					h.connect("id=w clean will-topic=other will-payload=x").Drop()
					synctest.Wait()
				}
				h.connect("id=w clean will-topic=rewrite will-payload=x").Drop()
				for _, v := range []string{"", "v5 ", "v31 "} {
					w := h.dial()
					w.SendText("CONNECT " + v + "id=w clean will-retain will-payload=x will-topic=" + name)
					w.Expect("CONNACK 0x87 ...")
					w.Closed()
				}
				if want := "[other other]"; fmt.Sprint(got) != want {
					t.Errorf("came %v, want %v", got, want)
				}
				if n := h.Stats().Retained; n != 0 {
					t.Errorf("%d retained", n)
				}
			})
		})
	}
}

// Other names that begin with $ are ordinary, but for wildcards.
func TestOtherDollarTopics(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		all := h.subscriber("id=all", "# +/# +")
		c := h.connect("id=c")
		for _, name := range []string{"$", "$/", "$/a", "$SYSTEM", "$sys/a", "$shared", "$CONTROLS/a", "$aws/things"} {
			own := h.subscriber("id=own clean", name)
			c.SendText("PUBLISH " + name + " x")
			own.Expect("PUBLISH " + name + " x")
			own.Drop()
			synctest.Wait()
		}
		all.Silent()
	})
}

// Each filter of a SUBSCRIBE has a verdict of its own.
// dojot #2529: only the first was authorized.
func TestEachFilterIsAuthorized(t *testing.T) {
	t.Parallel()
	acl := &denials{}
	acl.deny("c subscribe secret/#")
	inHouse(t, Options{Authorizer: acl}, func(h *house) {
		c := h.connect("v5 id=c")
		c.SendText("SUBSCRIBE 1 a secret/# b secret/x qos=1 c qos=2")
		c.Expect("SUBACK 1 0 0x87 0 0x87 2")
		if n := h.Stats().Subscriptions; n != 3 {
			t.Errorf("%d subscriptions", n)
		}
		old := h.connect("id=c")
		old.SendText("SUBSCRIBE 1 a secret/# b")
		old.Expect("SUBACK 1 0 0x80 0")
	})
}

// What was allowed to a client under another name is not allowed to this one:
// the will is judged as the client that left it.
func TestWillIsJudgedAsItsClient(t *testing.T) {
	t.Parallel()
	acl := &denials{}
	inHouse(t, Options{Authorizer: acl}, func(h *house) {
		watch := h.subscriber("id=watch", "w")
		h.connect("v5 id=a session-expiry=60 will-delay=10 will-topic=w will-payload=of-a").Drop()
		h.connect("v5 id=b session-expiry=60 will-delay=10 will-topic=w will-payload=of-b").Drop()
		acl.deny("a publish w")
		time.Sleep(11 * time.Second)
		watch.Expect("PUBLISH w of-b")
		watch.Silent()
	})
}
