package broker

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// T-TOPIC: depth has a limit on every way in, and deep or many topics cost what
// they weigh.

// 200 separators are accepted, 201 refused: in PUBLISH, SUBSCRIBE, UNSUBSCRIBE,
// will, alias, share, and by the program.
// CVE-2019-11779 (Mosquitto), CVE-2026-95844 (Moquette), GHSA-xxqp-5qx8-gj5q (Aedes), FlashMQ 1.26.0.
func TestDepthOnEveryWay(t *testing.T) {
	t.Parallel()
	ways := map[string]func(h *house, v packet.Version, name string) bool{
		"publish": func(h *house, v packet.Version, name string) bool {
			return survives(h, v, &packet.Publish{Message: packet.Message{Topic: name}})
		},
		"publish, retained": func(h *house, v packet.Version, name string) bool {
			return survives(h, v, &packet.Publish{Message: packet.Message{Topic: name, Retain: true, Payload: []byte("x")}})
		},
		"will": func(h *house, v packet.Version, name string) bool {
			b, err := (&packet.Connect{Version: v, ClientID: "w", CleanStart: true, Will: &packet.Will{Message: packet.Message{Topic: name}}}).Append(nil, v)
			if err != nil {
				h.Fatal(err)
			}
			answer, _, err := (&packet.Decoder{Version: v}).Decode(hostile(h, 0, b))
			if err != nil {
				h.Fatal(err)
			}
			ack, ok := answer.(*packet.Connack) // or closed without a word
			return ok && ack.ReasonCode == packet.Success
		},
		"subscribe": func(h *house, v packet.Version, name string) bool {
			before := h.Stats().Subscriptions
			c := h.connect(map[packet.Version]string{packet.V311: "id=c", packet.V5: "v5 id=c"}[v])
			defer c.Drop()
			c.Send(&packet.Subscribe{PacketID: 1, Subscriptions: []packet.Subscription{{Filter: name}}})
			synctest.Wait()
			return h.Stats().Subscriptions > before
		},
		"share": func(h *house, v packet.Version, name string) bool {
			before := h.Stats().Subscriptions
			c := h.connect(map[packet.Version]string{packet.V311: "id=c", packet.V5: "v5 id=c"}[v])
			defer c.Drop()
			c.Send(&packet.Subscribe{PacketID: 1, Subscriptions: []packet.Subscription{{Filter: "$share/g/" + name}}})
			synctest.Wait()
			return h.Stats().Subscriptions > before
		},
		"program publishes": func(h *house, _ packet.Version, name string) bool {
			return h.Publish(&packet.Message{Topic: name}) == nil
		},
		"program subscribes": func(h *house, _ packet.Version, name string) bool {
			stop, err := h.Subscribe(name, func(*packet.Message) {})
			if err == nil {
				stop()
			}
			return err == nil
		},
	}
	for name, way := range ways {
		for _, v := range []packet.Version{packet.V311, packet.V5} {
			t.Run(fmt.Sprintf("%s %v", name, v), func(t *testing.T) {
				t.Parallel()
				inHouse(t, Options{}, func(h *house) {
					for _, n := range []int{0, 199, 200, 201, 32_000, 65_400} {
						if got := way(h, v, "a"+strings.Repeat("/", n)); got != (n <= 200) {
							t.Errorf("%d separators: accepted %v", n, got)
						}
						time.Sleep(goodbyeTimeout)
						synctest.Wait()
					}
					h.alive()
				})
			})
		}
	}
}

// survives reports whether a client is still served after sending p.
func survives(h *house, v packet.Version, p packet.Packet) bool {
	h.Helper()
	b, err := p.Append(nil, v)
	if err != nil {
		h.Fatal(err)
	}
	hostileAnswer := hostile(h, v, append(b, 0xC0, 0))
	return strings.Contains(string(hostileAnswer), "\xD0\x00")
}

// UNSUBSCRIBE of what is too deep, or was never there, does nothing.
func TestUnsubscribeOfOddFilters(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		c := h.subscriber("v5 id=c", "a/b")
		for _, filter := range []string{"a/" + strings.Repeat("/", 300), "a", "a/b/c", "a/+", "$share/g/a/b", "A/b"} {
			c.Send(&packet.Unsubscribe{PacketID: 2, Filters: []string{filter}})
			synctest.Wait()
			if p, ok := c.Next(); !ok || p.Type() != packet.UNSUBACK {
				t.Errorf("%.20q: %v", filter, p)
			}
		}
		if n := h.Stats().Subscriptions; n != 1 {
			t.Errorf("%d subscriptions", n)
		}
		c.SendText("PUBLISH a/b x")
		c.Expect("PUBLISH a/b x")
	})
}

// The worst filters over many retained messages, and many of the worst filters
// over a deep name, neither stall an honest client nor fail.
// The class of wildcard explosions, "+/+/+/…".
func TestWildcardsOverManyTopics(t *testing.T) {
	inHouse(t, Options{MaxRetained: -1}, func(h *house) {
		for i := range 20_000 {
			h.Publish(&packet.Message{Topic: fmt.Sprintf("a/%d/%d/%d", i%10, i%100, i), Retain: true, Payload: []byte("x")})
		}
		c := h.connect("id=c")
		c.Pause()
		var worst []packet.Subscription
		for i := range 1000 {
			filter := strings.Repeat("+/", i%150) + "x"
			worst = append(worst, packet.Subscription{Filter: filter}, packet.Subscription{Filter: strings.Repeat("+/", i%200) + "#"})
		}
		c.Send(&packet.Subscribe{PacketID: 1, Subscriptions: worst})
		deep := "a" + strings.Repeat("/a", 199)
		begin := time.Now()
		for range 10 {
			h.Publish(&packet.Message{Topic: deep})
		}
		h.alive()
		if d := time.Since(begin); d > 0 { // in a bubble: nobody may have waited for time to pass
			t.Errorf("took %v", d)
		}
	})
}
