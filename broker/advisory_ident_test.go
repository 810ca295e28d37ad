package broker

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
)

// T-IDENT: the session belongs to its owner, and there is one connection to it.

// Another user does not get a session by its identifier, nor ends it, nor gets
// anything of it; its owner notices nothing.
// CVE-2026-33215 (NATS MQTT), Mosquitto #3551 and #3553, CVE-2026-6564 (EMQX), mochi #504.
func TestSessionBelongsToItsUser(t *testing.T) {
	t.Parallel()
	for _, owner := range []string{"id=c username=alice password=secret", "v5 id=c username=alice password=secret session-expiry=never"} {
		for _, thief := range []string{
			"id=c username=mallory password=secret",
			"id=c clean username=mallory password=secret",
			"v31 id=c username=mallory password=secret",
			"v5 id=c username=mallory password=secret",
			"v5 id=c clean username=mallory password=secret session-expiry=never",
			"v5 id=c username=mallory password=secret will-topic=stolen will-payload=x",
		} {
			t.Run(owner[:5]+"/"+thief, func(t *testing.T) {
				t.Parallel()
				inHouse(t, Options{Authenticator: passwords{}}, func(h *house) { stealSession(h, owner, thief) })
			})
		}
	}
}

func stealSession(h *house, owner, thief string) {
	victim := h.subscriber(owner, "a qos=1")
	watch := h.subscriber("id=watch username=w password=secret", "stolen")
	before := h.inventory()
	for round := range 2 {
		c := h.dial()
		c.SendText("CONNECT " + thief)
		c.Expect("CONNACK 0x85 ...")
		c.Closed()
		h.same(before)
		watch.Silent()
		victim.SendText("PINGREQ")
		victim.Expect("PINGRESP")
		victim.Drop()
		synctest.Wait()
		h.Publish(&packet.Message{Topic: "a", QoS: 1, Payload: []byte("private")})
		victim = h.dial()
		victim.SendText("CONNECT " + owner)
		victim.Expect("CONNACK present ...", fmt.Sprintf("PUBLISH %d a qos=1 private", round+1))
		victim.SendText(fmt.Sprintf("PUBACK %d", round+1))
		synctest.Wait()
		before = h.inventory()
	}
}

// A client that is refused leaves no trace: no session is touched, no will is
// published, nobody is taken over.
// NanoMQ #2333 (clean start before the password), NanoMQ #2330 (will of a refused client), CVE-2025-56352 (tinyMQTT).
func TestRefusedClientLeavesNoTrace(t *testing.T) {
	t.Parallel()
	for name, words := range map[string]string{
		"password":            "id=victim clean username=u password=wrong",
		"password, 5.0":       "v5 id=victim clean username=u password=wrong",
		"password, will":      "v5 id=victim clean username=u password=wrong will-topic=will will-payload=x will-retain",
		"no password":         "id=victim clean",
		"will is denied":      "id=victim clean username=u password=secret will-topic=forbidden will-payload=x",
		"will to $SYS":        "v5 id=victim clean username=u password=secret will-topic=$SYS/x will-payload=x",
		"will with wildcards": "id=victim clean username=u password=secret will-topic=a/# will-payload=x",
		"method":              "v5 id=victim clean username=u password=secret auth-method=MAGIC",
		"keep alive":          "id=victim clean username=u password=secret keepalive=60000",
		"will QoS":            "v5 id=victim clean username=u password=secret will-topic=will will-qos=2 will-payload=x",
		"another user":        "id=victim clean username=other password=secret will-topic=will will-payload=x",
		"a new identifier":    "id=new username=u password=wrong will-topic=will will-payload=x will-retain",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			acl := &denials{}
			acl.deny("* publish forbidden")
			o := Options{Authenticator: passwords{}, Authorizer: acl, MaxKeepAlive: time.Hour, MaxQoS: new(packet.AtLeastOnce)}
			inHouse(t, o, func(h *house) {
				victim := h.subscriber("id=victim username=u password=secret keepalive=60", "a qos=1")
				watch := h.subscriber("id=watch username=w password=secret keepalive=60", "#")
				h.Publish(&packet.Message{Topic: "a", QoS: 1, Payload: []byte("unacknowledged")})
				victim.Expect("PUBLISH 1 a qos=1 unacknowledged")
				watch.Expect("PUBLISH a unacknowledged")
				before := h.inventory()
				c := h.dial()
				c.SendText("CONNECT " + words)
				synctest.Wait()
				c.Expect("CONNACK ...")
				c.Closed()
				h.same(before)
				watch.Silent()
				victim.Silent()
				victim.SendText("PUBACK 1", "PINGREQ")
				victim.Expect("PINGRESP")
			})
		})
	}
}

// A session is found by exactly its identifier.
// CVE-2026-95847 (Moquette): client ids that collide.
func TestIdentifiersDoNotCollide(t *testing.T) {
	t.Parallel()
	ids := []string{
		"a", "A", "a ", " a", "a/b", "a//b", "a/../b", "..", "a+", "a#", "+", "#", "$share/g/a", "é", "e\u0301", "ａ",
		"a\\", "a'", "%61", "%s", "a;b", strings.Repeat("x", 1024), strings.Repeat("x", 1023),
	}
	inHouse(t, Options{}, func(h *house) {
		for i, id := range ids {
			c := h.dial()
			c.Send(&packet.Connect{Version: packet.V311, ClientID: id})
			c.Expect("CONNACK")
			c.Send(&packet.Subscribe{PacketID: 1, Subscriptions: []packet.Subscription{{Filter: strconv.Itoa(i)}}})
			c.Expect("SUBACK 1 0")
			c.Drop()
		}
		synctest.Wait()
		if n := h.Stats().Sessions; n != len(ids) {
			t.Errorf("%d sessions, want %d", n, len(ids))
		}
		found := map[string]string{}
		for c := range h.Clients() {
			found[c.ID()] = strings.Join(c.Subscriptions(), " ")
		}
		for i, id := range ids {
			if found[id] != strconv.Itoa(i) {
				t.Errorf("session of %q has %q, want %d", id, found[id], i)
			}
		}
	})
}

// The old connection of an identifier is closed, and told why.
// sol #17: the old one lived on.
func TestOneConnectionForEachIdentifier(t *testing.T) {
	t.Parallel()
	for _, old := range []string{"v31 id=c", "id=c clean", "id=c", "v5 id=c", "v5 id=c session-expiry=60"} {
		for _, next := range []string{"v31 id=c", "id=c clean", "id=c", "v5 id=c", "v5 id=c clean session-expiry=60"} {
			t.Run(old+"/"+next, func(t *testing.T) {
				t.Parallel()
				inHouse(t, Options{}, func(h *house) {
					a := h.connect(old)
					b := h.connect(next)
					if strings.HasPrefix(old, "v5") {
						a.Expect("DISCONNECT 0x8E")
					}
					a.Closed()
					b.SendText("PINGREQ")
					b.Expect("PINGRESP")
					if n := h.Stats().Connected; n != 1 {
						t.Errorf("%d are connected", n)
					}
				})
			})
		}
	}
}

// A connection that was taken over is not heard any more, though it does not
// read and so cannot be told.
func TestTakenOverConnectionIsNotHeard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &house{T: t, listener: memnet.Listen(), served: make(chan error, 1), log: &logbook{}}
		h.listener.Buffer = 256
		h.Broker = New(Options{})
		go func() { h.served <- h.Serve(h.listener) }()
		t.Cleanup(h.close)
		watch := h.subscriber("id=watch", "#")
		old := h.subscriber("v5 id=c session-expiry=60", "a")
		old.Pause()
		for range 10 {
			h.Publish(&packet.Message{Topic: "a", Payload: make([]byte, 100)})
			watch.Expect("PUBLISH ...")
		}
		synctest.Wait()
		h.connect("v5 id=c session-expiry=60")
		for qos := range 3 {
			old.Send(&packet.Publish{Message: packet.Message{Topic: "late", QoS: packet.QoS(qos)}, PacketID: uint16(qos)})
			synctest.Wait()
		}
		watch.Silent()
		time.Sleep(time.Minute)
	})
}

// Takeovers of one identifier, all at once, with sessions that go on and
// sessions that do not: in the end there is one connection, and the counts are
// right.
// FlashMQ 1.15.1, CVE-2026-32134 and CVE-2026-22040 (NanoMQ).
func TestTakeoverStorm(t *testing.T) {
	t.Parallel()
	h := openHouse(t, Options{MaxHalfOpen: -1})
	connects := []string{
		"id=c clean", "id=c", "v5 id=c clean", "v5 id=c session-expiry=60", "v5 id=c clean session-expiry=60 will-topic=w will-payload=x",
	}
	before := h.inventory()
	var storm sync.WaitGroup
	for worker := range 8 {
		storm.Go(func() {
			for i := range 150 {
				text := connects[(i*7+worker)%len(connects)]
				c, err := h.listener.DialFrom(net.IPv4(127, 0, 0, 1))
				if err != nil {
					t.Error(err)
					return
				}
				v := packet.V311
				if strings.HasPrefix(text, "v5") {
					v = packet.V5
				}
				c.Write(encode(t, v, "CONNECT "+text, "SUBSCRIBE 1 a qos=1", "PUBLISH 2 a qos=1 x", "SUBSCRIBE 3 $share/g/b", "UNSUBSCRIBE 4 a"))
				if i%3 == 0 {
					c.SetReadDeadline(time.Now().Add(5 * time.Second))
					c.Read(make([]byte, 100))
				}
				if i%2 == 0 {
					c.Reset()
				}
				c.Close()
			}
		})
	}
	storm.Wait()
	eventually(t, func() error {
		if st := h.Stats(); st.ConnectionsAccepted < 8*150 || st.Connected > 0 || st.HalfOpen > 0 {
			return fmt.Errorf("of the storm is left: %+v", st)
		}
		return nil
	})
	// The last one ends the session.
	last := h.dial()
	last.Timeout = 10 * time.Second
	last.SendText("CONNECT id=c clean")
	last.Expect("CONNACK")
	last.SendText("DISCONNECT")
	last.Closed()
	eventually(t, func() error {
		after := h.inventory()
		after.alarms, before.alarms = 0, 0 // goodbyes take their time
		if after != before {
			return fmt.Errorf("left behind:\n  now %+v\nbefore %+v", after, before)
		}
		return nil
	})
}

// eventually waits outside of a bubble.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	t.Error(err)
}

// encode writes packets in the notation as bytes.
func encode(tb testing.TB, v packet.Version, texts ...string) (b []byte) {
	tb.Helper()
	for _, text := range texts {
		p, err := mqtttest.Parse(text)
		if err != nil {
			tb.Fatal(err)
		}
		if b, err = p.Append(b, v); err != nil {
			tb.Fatal(err)
		}
	}
	return b
}
