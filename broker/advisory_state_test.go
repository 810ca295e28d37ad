package broker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
)

// T-STATE: any order of packets, any moment, any limit.

// Nothing but a CONNECT is answered before the CONNECT, not even a PINGREQ, and
// the connection is closed.
// sol #15 (acknowledgement before CONNECT), FlashMQ #104 (PINGREQ answered).
func TestEveryPacketBeforeConnect(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		before := h.inventory()
		for first := range 256 {
			if first>>4 == 1 {
				continue
			}
			for _, rest := range [][]byte{{}, {0}, {2, 0, 1}, {4, 0, 1, 'a', 0}} {
				c := h.dial()
				c.SendBytes(append([]byte{byte(first)}, rest...))
				c.Closed()
			}
		}
		h.same(before)
	})
}

// A second CONNECT ends the connection [MQTT-3.1.0-2], of whatever version it
// is, and touches no session.
// CVE-2024-36856 (RMQTT).
func TestSecondConnect(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"v31 id=c", "id=c", "v5 id=c session-expiry=60"} {
		for _, second := range []string{"v31 id=c", "id=other clean", "v5 id=victim clean", "v5 auth-method=M", "id=c will-topic=w will-payload=x"} {
			inHouse(t, Options{}, func(h *house) {
				victim := h.connect("id=victim")
				c := h.connect(first)
				c.SendBytes(encode(t, 0, "CONNECT "+second))
				synctest.Wait()
				if st := h.Stats(); st.Connected != 1 || st.Sessions > 2 {
					t.Errorf("%s, then %s: %+v", first, second, st)
				}
				victim.SendText("PINGREQ")
				victim.Expect("PINGRESP")
			})
		}
	}
}

// A will is published once, or not at all, whatever its delay, the session
// expiry, the way the connection ended and what came then.
// CVE-2019-11778 (Mosquitto): will delay and session expiry freed the will twice.
func TestWillMatrix(t *testing.T) {
	t.Parallel()
	ends := map[string]func(c *mqtttest.Client){
		"drop":            func(c *mqtttest.Client) { c.Drop() },
		"close":           func(c *mqtttest.Client) { c.Close() },
		"disconnect":      func(c *mqtttest.Client) { c.SendText("DISCONNECT") },
		"disconnect 0x04": func(c *mqtttest.Client) { c.SendText("DISCONNECT 0x04") },
		"malformed":       func(c *mqtttest.Client) { c.SendBytes([]byte{0x36, 0}) },
		"takeover":        func(*mqtttest.Client) {},
	}
	for end, leave := range ends {
		for _, delay := range []int{0, 5, 15} {
			for _, expiry := range []int{0, 5, 10, 20} {
				for _, then := range []string{"", "v5 id=c session-expiry=20", "v5 id=c clean"} {
					for _, after := range []int{0, 7, 30} {
						if end == "takeover" && (then == "" || after > 0) {
							continue
						}
						at := time.Duration(min(delay, expiry)) * time.Second
						back := then != "" && time.Duration(after)*time.Second < at && !strings.Contains(then, "clean")
						want := 1
						if end == "disconnect" || back {
							want = 0
						}
						if end == "takeover" && delay > 0 && expiry > 0 && !strings.Contains(then, "clean") {
							want = 0 // the session goes on
						}
						name := fmt.Sprintf("%s, delay %d, expiry %d, then %q after %d s", end, delay, expiry, then, after)
						willOnce(t, name, delay, expiry, leave, then, after, want)
					}
				}
			}
		}
	}
}

func willOnce(t *testing.T, name string, delay, expiry int, leave func(*mqtttest.Client), then string, after, want int) {
	t.Helper()
	inHouse(t, Options{}, func(h *house) {
		got := 0
		stop, err := h.Subscribe("will", func(*packet.Message) { got++ })
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		c := h.connect(fmt.Sprintf("v5 id=c session-expiry=%d will-delay=%d will-topic=will will-payload=x", expiry, delay))
		leave(c)
		time.Sleep(time.Duration(after) * time.Second)
		synctest.Wait()
		if then != "" {
			h.connect(then)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got != want {
			h.Errorf("%s: published %d times, want %d", name, got, want)
		}
	})
}

// A planned stop publishes no will.
func TestStopPublishesNoWill(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(h *house){
		"Shutdown": func(h *house) { h.Shutdown(context.Background()) },
		"Close":    func(h *house) { h.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inHouse(t, Options{}, func(h *house) {
				h.Subscribe("#", func(m *packet.Message) { t.Errorf("%s was published", m.Topic) })
				for i, words := range []string{"", "v5", "v5 session-expiry=60", "v5 session-expiry=60 will-delay=1"} {
					h.connect(fmt.Sprintf("%s id=c%d will-topic=will will-retain will-payload=x", words, i))
				}
				stop(h)
				if n := h.Stats().Retained; n != 0 {
					t.Errorf("%d retained", n)
				}
			})
		})
	}
}

// A QoS 2 message is delivered once, whatever is sent again after a reconnect, a
// takeover, or a change of version.
// EMQX #18441, CVE-2026-8741 (EMQX).
func TestExactlyOnceOverTakeover(t *testing.T) {
	t.Parallel()
	for _, next := range []string{"id=c", "v5 id=c session-expiry=60", "v31 id=c"} {
		for _, drop := range []bool{true, false} {
			inHouse(t, Options{}, func(h *house) {
				got := 0
				h.Subscribe("a", func(*packet.Message) { got++ })
				c := h.connect("v5 id=c session-expiry=60")
				c.SendText("PUBLISH 7 a qos=2 x")
				c.Expect("PUBREC 7")
				if drop {
					c.Drop()
				}
				c = h.connect(next)
				for range 3 {
					c.SendText("PUBLISH 7 a qos=2 dup x")
					c.Expect("PUBREC 7")
				}
				c.SendText("PUBREL 7", "PUBREL 7")
				c.Expect("PUBCOMP 7 ...", "PUBCOMP 7 ...")
				if got != 1 {
					t.Errorf("then %s: delivered %d times", next, got)
				}
				c.SendText("PUBLISH 7 a qos=2 y")
				c.Expect("PUBREC 7")
				if got != 2 {
					t.Errorf("then %s: the next message was not delivered", next)
				}
			})
		}
	}
}

// Retained messages of all kinds: empty, by alias, expired at once, deleted.
// CVE-2024-42645 (FlashMQ).
func TestOddRetainedMessages(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		c := h.connect("v5 id=c")
		c.SendText("PUBLISH a retain", "PUBLISH b retain alias=1 x", `PUBLISH "" retain alias=1`, "PUBLISH c retain expiry=0 x",
			"PUBLISH d retain x", "PUBLISH d retain y", "PUBLISH e/f/g retain x", "PUBLISH e/f/g retain", "PUBLISH e/f/g retain", "PINGREQ")
		c.Expect("PINGRESP")
		s := h.subscriber("v5 id=s", "#")
		s.Expect("PUBLISH d retain y")
		s.Silent()
		if st := h.Stats(); st.Retained != 1 || st.RetainedBytes != 1 {
			t.Errorf("%d retained, %d bytes", st.Retained, st.RetainedBytes)
		}
	})
}

// Every numeric option at its extremes: the broker serves, or refuses cleanly.
// CVE-2026-42209 (FlashMQ): zero as a divisor.
func TestOptionsAtTheirExtremes(t *testing.T) {
	t.Parallel()
	for i := range 16 {
		for _, value := range []int{-1, 1, 2, 1 << 31, 1<<62 - 1} {
			var o Options
			numbers := []*int{
				&o.MaxPacketSize, &o.MaxInflight, &o.MaxInflightBytes, &o.MaxQueued, &o.MaxQueuedBytes, &o.MaxPendingBytes,
				&o.MaxRetained, &o.MaxRetainedBytes, &o.MaxSubscriptions, &o.MaxConnections, &o.MaxSessions, &o.MaxHalfOpen,
				&o.MaxHalfOpenPerAddress, &o.MaxUserProperties, &o.MaxClientIDBytes, &o.MaxTopicAlias,
			}
			*numbers[i] = value
			inHouse(t, o, func(h *house) {
				for _, v := range []string{"id=c", "v5 id=c session-expiry=9"} {
					c := h.dial()
					c.SendText("CONNECT " + v)
					synctest.Wait()
					for _, p := range []string{"SUBSCRIBE 1 a qos=2 b $share/g/a qos=1", "PUBLISH 1 a qos=1 retain hello", "PUBLISH 2 a qos=2 x", "PUBREL 2", "PUBLISH a x", "PINGREQ"} {
						c.SendText(p)
						synctest.Wait()
					}
					c.Drop()
					synctest.Wait()
					h.Publish(&packet.Message{Topic: "a", QoS: 1, Payload: []byte("while away")})
				}
			})
		}
	}
	for _, d := range []time.Duration{-1, 1, time.Millisecond, time.Second, 1 << 62} {
		for _, o := range []Options{{MaxKeepAlive: d}, {MaxSessionExpiry: d}, {ConnectTimeout: d}, {WriteTimeout: d}} {
			inHouse(t, o, func(h *house) {
				c := h.dial()
				c.SendText("CONNECT v5 id=c session-expiry=never")
				synctest.Wait()
				if p, ok := c.Next(); ok {
					if a := p.(*packet.Connack).ServerKeepAlive; a != nil && *a == 0 {
						t.Errorf("%+v switches the keep alive off", d)
					}
				}
			})
		}
	}
}

// A bug in a plug, wherever it is asked, costs one connection. Nothing is left
// locked, and the broker serves.
// CVE-2026-95842 (Moquette), CVE-2024-42644 (FlashMQ).
func TestPanicsCostOneConnection(t *testing.T) {
	t.Parallel()
	type plugs struct {
		mu   sync.Mutex
		when string
	}
	for _, when := range []string{
		"authenticate", "publish a", "subscribe a", "receive a", "publish w", "intercept a", "intercept w", "receive later", "dropped", "connected",
	} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			p := &plugs{}
			bang := func(what string) {
				p.mu.Lock()
				defer p.mu.Unlock()
				if what == p.when {
					panic("bang")
				}
			}
			o := Options{
				Authenticator: authenticatorFunc(func() { bang("authenticate") }),
				Authorizer:    authorizerFunc(func(a Action, name string) { bang(a.String() + " " + name) }),
				Interceptors: []Interceptor{interceptor(func(_ *Client, m *packet.Message) (*packet.Message, error) {
					bang("intercept " + m.Topic)
					return m, nil
				})},
				Trace: &Trace{
					Dropped:   func(*Client, *packet.Message, error) { bang("dropped") },
					Connected: func(*Client) { bang("connected") },
				},
				MaxInflight: 1, MaxQueued: 1,
			}
			inHouse(t, o, func(h *house) {
				s := h.subscriber("id=s", "a qos=1 later qos=1")
				away := h.connect("v5 id=away session-expiry=60 will-delay=1 will-topic=w will-payload=x")
				pub := h.connect("v5 id=pub session-expiry=60 will-topic=w will-payload=x")
				for range 2 {
					pub.SendText("PUBLISH 1 later qos=1 x")
					pub.Expect("PUBACK 1")
				}
				s.Expect("PUBLISH 1 later qos=1 x")
				p.mu.Lock()
				p.when = when
				p.mu.Unlock()
				away.Drop()
				pub.SendText("SUBSCRIBE 1 a", "PUBLISH 1 a qos=1 x", "PUBLISH 2 a qos=1 x", "PUBLISH 3 a qos=1 x")
				synctest.Wait()
				s.SendText("PUBACK 1")
				synctest.Wait()
				h.dial().SendText("CONNECT id=new clean")
				time.Sleep(2 * time.Second)
				pub.Drop()
				time.Sleep(10 * time.Second)
				p.mu.Lock()
				p.when = ""
				p.mu.Unlock()
				if len(h.log.with("panicked")) == 0 {
					t.Error("nothing panicked")
				}
				h.connect("id=s clean")
				h.connect("id=pub clean")
				h.alive()
			})
		})
	}
}

type authenticatorFunc func()

func (f authenticatorFunc) Authenticate(context.Context, *ConnectRequest) error { f(); return nil }

type authorizerFunc func(a Action, name string)

func (f authorizerFunc) Authorize(_ *Client, a Action, name string) error { f(a, name); return nil }

// Random orders of packets, legal and not, of two clients at once.
// CVE-2024-8376 (Mosquitto), CVE-2024-50948 (mochi).
func TestRandomOrders(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{MaxQueued: 10, MaxInflight: 3}, func(h *house) {
		r := rand.New(rand.NewPCG(rand.Uint64(), 1))
		texts := append(append([]string{"CONNECT id=b clean", "CONNECT v5 id=a session-expiry=5"}, validPackets...), validPackets5...)
		for range 300 {
			var clients []*mqtttest.Client
			for _, words := range []string{"id=a", "v5 id=b session-expiry=5"} {
				c := h.dial()
				c.SendText("CONNECT " + words)
				clients = append(clients, c)
			}
			for range r.IntN(20) {
				i := r.IntN(2)
				v := packet.V311
				if i == 1 {
					v = packet.V5
				}
				clients[i].SendBytes(encode(t, v, texts[r.IntN(len(texts))]))
				if r.IntN(3) == 0 {
					synctest.Wait()
				}
			}
			for _, c := range clients {
				if r.IntN(2) == 0 {
					c.Drop()
				} else {
					c.Close()
				}
			}
		}
		h.connect("id=a clean").SendText("DISCONNECT")
		h.connect("id=b clean").SendText("DISCONNECT")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		after := h.inventory()
		after.retained, after.retainedBytes = 0, 0
		if after != (inventory{}) {
			t.Errorf("left behind: %+v", after)
		}
	})
}

// Stop at every moment of a busy broker: it ends, and nothing is left.
func TestStopAtAnyMoment(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(rand.Uint64(), 2))
	for i := range 60 {
		h := openHouse(t, Options{Authenticator: slowPasswords{}})
		var clients sync.WaitGroup
		for j := range 6 {
			clients.Go(func() {
				for k := range 10 {
					c, err := h.listener.DialFrom(net.IPv4(127, 0, 0, 1))
					if err != nil {
						return
					}
					c.SetDeadline(time.Now().Add(10 * time.Second))
					c.Write(encode(t, packet.V5, fmt.Sprintf("CONNECT v5 id=c%d clean session-expiry=%d will-topic=a will-payload=x", (j+k)%4, k%2*60),
						"SUBSCRIBE 1 a qos=1 $share/g/a", "PUBLISH a x", "PUBLISH 1 a qos=1 retain x"))
					if k%3 > 0 {
						c.Read(make([]byte, 10))
					}
					c.Close()
				}
			})
		}
		time.Sleep(time.Duration(r.IntN(3000)) * time.Microsecond)
		if i%2 == 0 {
			h.Close()
		} else {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			if err := h.Shutdown(ctx); err != nil {
				t.Errorf("shut down: %v", err)
			}
			cancel()
		}
		clients.Wait()
		if after := h.inventory(); after.conns+after.running+after.connected+after.halfOpen+after.addresses > 0 {
			t.Errorf("left: %+v", after)
		}
		if err := h.Publish(&packet.Message{Topic: "a"}); err == nil {
			t.Error("Publish works after the end")
		}
	}
}

type slowPasswords struct{}

func (slowPasswords) Authenticate(ctx context.Context, c *ConnectRequest) error {
	if c.ClientID != "c3" {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// Subscribing, unsubscribing, publishing and leaving all at once, with shares.
// CVE-2025-59946 (NanoMQ): a list was freed while it was walked.
func TestSubscribeStorm(t *testing.T) {
	t.Parallel()
	h := openHouse(t, Options{MaxHalfOpen: -1})
	var storm sync.WaitGroup
	for worker := range 6 {
		storm.Go(func() {
			for i := range 60 {
				c, err := h.listener.DialFrom(net.IPv4(127, 0, 0, 1))
				if err != nil {
					t.Error(err)
					return
				}
				var b []byte
				b = append(b, encode(t, packet.V311, fmt.Sprintf("CONNECT id=w%d clean", worker))...)
				for range 5 {
					b = append(b, encode(t, packet.V311, "SUBSCRIBE 1 a/+ qos=1 $share/g/a/+ # a/b", "PUBLISH a/b x", "PUBLISH 1 a/c qos=1 retain x",
						"UNSUBSCRIBE 2 a/+ $share/g/a/+ #")...)
				}
				c.SetWriteDeadline(time.Now().Add(10 * time.Second))
				go c.Write(b)
				c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
				for range i % 7 {
					c.Read(make([]byte, 200))
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
		after := h.inventory()
		after.alarms, after.retained, after.retainedBytes = 0, 0, 0
		if after != (inventory{}) {
			return fmt.Errorf("left behind: %+v", after)
		}
		return nil
	})
}
