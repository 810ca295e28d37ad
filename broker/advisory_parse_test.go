package broker

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/packet"
)

// T-PARSE: what is malformed ends its own connection, reserves nothing and
// leaves nothing.

// validPackets are packets that a client may send once it is connected.
var validPackets = []string{
	"PUBLISH a x", "PUBLISH 1 a qos=1 x", "PUBLISH 1 a qos=2 retain x", "PUBREL 1", "PUBACK 1", "PUBREC 1", "PUBCOMP 1",
	"SUBSCRIBE 1 a qos=1 $share/g/b", "UNSUBSCRIBE 1 a b", "PINGREQ", "DISCONNECT",
}

var validPackets5 = []string{
	"PUBLISH a alias=1 expiry=5 utf8 content-type=t response-topic=r correlation=c user=k:v x", "PUBREC 1 0x80 reason=no user=k:v",
	"SUBSCRIBE 1 a no-local retain-handling=1 subid=5 user=k:v", "UNSUBSCRIBE 1 a user=k:v", "DISCONNECT 0x04 session-expiry=0 reason=r user=k:v",
}

var validConnects = []string{
	"CONNECT v31 id=c clean", "CONNECT id=c clean keepalive=10 username=u password=p will-topic=w will-qos=1 will-retain will-payload=x",
	"CONNECT v5 id=c clean session-expiry=0 receive-maximum=5 maximum-packet-size=1000 alias-maximum=5 user=k:v auth-method=M auth-data=d " +
		"username=u password=p will-topic=w will-delay=1 will-expiry=1 will-utf8 will-content-type=t will-response-topic=r will-correlation=c will-payload=x",
}

// hostile sends bytes on a connection of its own, after a CONNECT of a version
// or as the first, and returns what came back when the broker or the client has
// closed it.
func hostile(h *house, v packet.Version, b []byte) []byte {
	h.Helper()
	c, err := h.listener.DialFrom(net.IPv4(127, 0, 0, 1))
	if err != nil {
		h.Fatal(err)
	}
	defer c.Close()
	if v != 0 {
		c.Write(encode(h, v, map[packet.Version]string{
			packet.V31: "CONNECT v31 id=hostile clean", packet.V311: "CONNECT id=hostile clean", packet.V5: "CONNECT v5 id=hostile clean",
		}[v]))
		synctest.Wait()
	}
	c.Write(b)
	synctest.Wait()
	answer := make([]byte, 4096)
	if c.Buffered() == 0 {
		return nil
	}
	n, _ := c.Read(answer)
	return answer[:n]
}

// Every packet, cut off at every length, and with one byte more or less said to
// follow.
// NanoMQ #2268 and #2270 (off by one), #205 (protocol name), CVE-2026-21888 (integers of five bytes), CVE-2024-10525.
func TestTruncatedPackets(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		before := h.inventory()
		for _, v := range []packet.Version{0, packet.V31, packet.V311, packet.V5} {
			texts := map[packet.Version][]string{
				0: validConnects, packet.V31: validPackets, packet.V311: validPackets, packet.V5: slices.Concat(validPackets, validPackets5),
			}[v]
			for _, text := range texts {
				b := encode(t, v, text)
				for n := range len(b) {
					hostile(h, v, b[:n])
					if n < 2 || b[1] >= 0x80 {
						continue
					}
					cut := bytes.Clone(b[:n])
					cut[1] = byte(n - 2) // said to be complete
					hostile(h, v, cut)
				}
				hostile(h, v, append(append([]byte{b[0], b[1] + 1}, b[2:]...), 0xFF))
				hostile(h, v, append([]byte{b[0], b[1] | 0x80, 0x80, 0x80, 0x80, 0x01}, b[2:]...))
				hostile(h, v, append([]byte{b[0], b[1] | 0x80, 0}, b[2:]...))
			}
		}
		time.Sleep(goodbyeTimeout)
		synctest.Wait()
		after := h.inventory()
		after.retained, after.retainedBytes = 0, 0
		if after != before {
			t.Errorf("left behind: %+v, before %+v", after, before)
		}
		h.alive()
	})
}

// Each length field of a CONNECT, mutated.
// CVE-2017-7654, CVE-2021-34431 (Mosquitto), CVE-2019-19307 (Mongoose), CVE-2019-5432 (mqtt-packet).
func TestMutatedPackets(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		r := rand.New(rand.NewPCG(7, 7))
		for _, text := range validConnects {
			b := encode(t, packet.V5, text)
			for i := range b {
				for _, x := range []byte{0, 1, 0x7F, 0x80, 0xFF, b[i] + 1, b[i] - 1} {
					mutant := bytes.Clone(b)
					mutant[i] = x
					hostile(h, 0, mutant)
				}
			}
		}
		for range 3000 {
			v := []packet.Version{packet.V31, packet.V311, packet.V5}[r.IntN(3)]
			var b []byte
			for range 1 + r.IntN(4) {
				b = append(b, encode(t, v, validPackets[r.IntN(len(validPackets)-1)])...)
			}
			for range 1 + r.IntN(3) {
				b[r.IntN(len(b))] = byte(r.Uint32())
			}
			hostile(h, v, b)
		}
		h.alive()
	})
}

// What only servers send, from clients.
// CVE-2021-28166 (Mosquitto): a CONNACK of a client.
func TestServerPacketsFromClients(t *testing.T) {
	t.Parallel()
	for _, v := range []packet.Version{packet.V31, packet.V311, packet.V5} {
		for _, text := range []string{"CONNACK", "SUBACK 1 0", "UNSUBACK 1 0", "PINGRESP"} {
			inHouse(t, Options{}, func(h *house) {
				bystander := h.subscriber("id=bystander", "a")
				answer := hostile(h, v, encode(t, v, text))
				if goodbye := []byte{0xE0, 1, 0x82}; v == packet.V5 && !bytes.Contains(answer, []byte{0xE0}) {
					t.Errorf("%s: answered % x, want % x", text, answer, goodbye)
				}
				if h.Stats().Connected != 1 {
					t.Errorf("%s of %v is accepted", text, v)
				}
				bystander.SendText("PINGREQ")
				bystander.Expect("PINGRESP")
			})
		}
	}
}

// An empty topic name is refused, unless an alias stands for it.
// CVE-2021-34432 (Mosquitto).
func TestEmptyTopicName(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		for _, v := range []packet.Version{packet.V31, packet.V311, packet.V5} {
			for _, text := range []string{`PUBLISH ""`, `PUBLISH "" x`, `PUBLISH 1 "" qos=1 x`, `PUBLISH 1 "" qos=2 retain`, `PUBLISH "" alias=1 x`} {
				hostile(h, v, encode(t, v, text))
				if n := h.Stats().Connected; n != 0 {
					t.Errorf("%s of %v is accepted", text, v)
				}
			}
		}
		h.alive()
	})
}

// Malformed shared subscriptions are refused when they are made, and nothing of
// the same SUBSCRIBE takes effect.
// CVE-2025-68699 (NanoMQ), CVE-2026-95843 (Moquette), Mosquitto 2.0.21.
func TestMalformedFilters(t *testing.T) {
	t.Parallel()
	for _, filter := range []string{
		"$share/", "$share//", "$share//a", "$share/g", "$share/g/", "$share/+/a", "$share/#/a", "$share/g+/a", "$share/g/a#", "$share/g/#/a",
		"", "a#", "#a", "a/#/b", "a+", "+a", "a/+b", "a\x00",
	} {
		for _, v := range []packet.Version{packet.V311, packet.V5} {
			t.Run(fmt.Sprintf("%q %v", filter, v), func(t *testing.T) {
				t.Parallel()
				inHouse(t, Options{}, func(h *house) {
					c := h.connect(map[packet.Version]string{packet.V311: "id=c", packet.V5: "v5 id=c session-expiry=60"}[v])
					before := h.inventory()
					c.Send(&packet.Subscribe{PacketID: 1, Subscriptions: []packet.Subscription{{Filter: "good"}, {Filter: filter}, {Filter: "also"}}})
					synctest.Wait()
					if n := h.Stats(); n.Connected != 0 || n.Subscriptions != 0 {
						t.Errorf("%d connected, %d subscriptions", n.Connected, n.Subscriptions)
					}
					before.connected, before.conns, before.running = 0, 0, 0
					time.Sleep(goodbyeTimeout)
					synctest.Wait()
					after := h.inventory()
					after.alarms, before.alarms = 0, 0 // the session's
					if after != before {
						t.Errorf("left behind: %+v, before %+v", after, before)
					}
					h.Publish(&packet.Message{Topic: "good"})
					h.alive()
				})
			})
		}
	}
}

// A header that claims 256 MB reserves nothing: before the CONNECT, as one, and
// after it.
// CVE-2017-7651, CVE-2023-0809 (Mosquitto).
func TestClaimedSizeReservesNothing(t *testing.T) {
	const n = 1000
	inHouse(t, Options{MaxHalfOpen: -1}, func(h *house) {
		h.connect("id=warm-up").Drop()
		for _, v := range []packet.Version{0, packet.V311, packet.V5} {
			for _, first := range []byte{0x10, 0x30, 0x32, 0x82, 0xA2, 0x62, 0xE0} {
				before := heap()
				var conns []*memnet.Conn
				for i := range n {
					c, err := h.listener.DialFrom(net.IPv4(127, 0, 0, 1))
					if err != nil {
						t.Fatal(err)
					}
					if v != 0 {
						c.Write(encode(t, v, strings.Replace(validConnects[1+v-packet.V311], "id=c", fmt.Sprintf("id=c%d", i), 1)))
					}
					c.Write([]byte{first, 0xFF, 0xFF, 0xFF, 0x7F})
					conns = append(conns, c)
				}
				synctest.Wait()
				if grown := heap() - before; grown > 16<<20 {
					t.Errorf("%v, packets of type %d: 1,000 connections reserve %d bytes", v, first>>4, grown)
				}
				if v == 0 && first != 0x10 && h.inventory().conns > 0 {
					t.Errorf("first packet of type %d is waited for", first>>4)
				}
				for _, c := range conns {
					c.Close()
				}
				synctest.Wait()
			}
		}
		h.alive()
	})
}

// Malformed packets, very many, leave the heap as it was.
// CVE-2017-7654, CVE-2021-34431, CVE-2023-3592 (Mosquitto), Mosquitto 2.0.21.
func TestMalformedPacketsLeaveNothing(t *testing.T) {
	inHouse(t, Options{Logger: slog.New(slog.DiscardHandler)}, func(h *house) {
		bad := [][]byte{
			{0x10, 0x0C, 0, 4, 'M', 'Q', 'T', 'T', 4, 0xC2, 0, 60, 0, 0},
			{0x10, 0x0E, 0, 4, 'M', 'Q', 'T', 'T', 4, 0x06, 0, 60, 0, 1, 'c', 0},
			{0x10, 0x0F, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60, 2, 0x26, 0, 0, 0},
			{0x10, 0x00},
			{0x20, 2, 0, 0},
			[]byte("GET / HTTP/1.1\r\n"),
		}
		round := func(n int) {
			for i := range n {
				hostile(h, 0, bad[i%len(bad)])
				if i%10 == 0 {
					hostile(h, packet.V5, []byte{0x82, 9, 0, 1, 0, 0, 1, 'a', 0, 0, 1})
				}
			}
		}
		round(500)
		before := heap()
		round(10_000)
		time.Sleep(goodbyeTimeout)
		synctest.Wait()
		if grown := heap() - before; grown > 1<<20 {
			t.Errorf("%d bytes are left", grown)
		}
	})
}

// Properties and packet types: whatever does not belong together is refused.
// CVE-2023-3592 (Mosquitto): a will with properties of other packets.
func TestPropertiesOfOtherPackets(t *testing.T) {
	t.Parallel()
	values := map[byte][]byte{}
	for _, id := range []byte{1, 23, 25, 36, 37, 40, 41, 42} {
		values[id] = []byte{id, 1}
	}
	for _, id := range []byte{2, 17, 24, 39} {
		values[id] = []byte{id, 0, 1, 0, 5}
	}
	for _, id := range []byte{19, 33, 34, 35} {
		values[id] = []byte{id, 0, 5}
	}
	for _, id := range []byte{3, 8, 9, 18, 21, 22, 26, 28, 31} {
		values[id] = []byte{id, 0, 1, 'x'}
	}
	values[11], values[38] = []byte{11, 5}, []byte{38, 0, 1, 'k', 0, 1, 'v'}
	for _, id := range []byte{0, 4, 5, 6, 7, 10, 12, 16, 20, 27, 29, 30, 32, 43, 44, 63, 64, 127} {
		values[id] = []byte{id, 0} // no property at all
	}
	frame := func(first byte, parts ...[]byte) []byte {
		body := bytes.Join(parts, nil)
		return append([]byte{first, byte(len(body))}, body...)
	}
	packets := map[string]struct {
		legal []byte
		make  func(property []byte) []byte
		first bool
	}{
		"CONNECT": {[]byte{17, 33, 39, 34, 25, 23, 38, 21, 22}, func(p []byte) []byte {
			return frame(0x10, []byte{0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 0, byte(len(p))}, p, []byte{0, 1, 'x'})
		}, true},
		"will": {[]byte{24, 1, 2, 3, 8, 9, 38}, func(p []byte) []byte {
			return frame(0x10, []byte{0, 4, 'M', 'Q', 'T', 'T', 5, 6, 0, 0, 0, 0, 1, 'x', byte(len(p))}, p, []byte{0, 1, 'w', 0, 1, 'x'})
		}, true},
		"PUBLISH":     {[]byte{1, 2, 35, 8, 9, 38, 3}, func(p []byte) []byte { return frame(0x30, []byte{0, 1, 'a', byte(len(p))}, p, []byte("x")) }, false},
		"PUBACK":      {[]byte{31, 38}, func(p []byte) []byte { return frame(0x40, []byte{0, 1, 0, byte(len(p))}, p) }, false},
		"PUBREC":      {[]byte{31, 38}, func(p []byte) []byte { return frame(0x50, []byte{0, 1, 0, byte(len(p))}, p) }, false},
		"PUBREL":      {[]byte{31, 38}, func(p []byte) []byte { return frame(0x62, []byte{0, 1, 0, byte(len(p))}, p) }, false},
		"PUBCOMP":     {[]byte{31, 38}, func(p []byte) []byte { return frame(0x70, []byte{0, 1, 0, byte(len(p))}, p) }, false},
		"SUBSCRIBE":   {[]byte{11, 38}, func(p []byte) []byte { return frame(0x82, []byte{0, 1, byte(len(p))}, p, []byte{0, 1, 'a', 0}) }, false},
		"UNSUBSCRIBE": {[]byte{38}, func(p []byte) []byte { return frame(0xA2, []byte{0, 1, byte(len(p))}, p, []byte{0, 1, 'a'}) }, false},
	}
	for name, p := range packets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inHouse(t, Options{Authenticator: anyMethod{}}, func(h *house) {
				for id, value := range values {
					c, err := h.listener.DialFrom(net.IPv4(127, 0, 0, 1))
					if err != nil {
						t.Fatal(err)
					}
					if !p.first {
						c.Write(encode(t, packet.V5, "CONNECT v5 id=x clean"))
					}
					c.Write(p.make(value))
					synctest.Wait()
					accepted := h.Stats().Connected == 1
					legal := slices.Contains(p.legal, id) && (id != 22 || !p.first) // data without a method
					if accepted != legal {
						t.Errorf("property %d: accepted %v, want %v", id, accepted, legal)
					}
					c.Close()
					synctest.Wait()
				}
				h.alive()
			})
		})
	}
}

// anyMethod is an authentication that takes one step.
type anyMethod struct{}

func (anyMethod) Authenticate(context.Context, *ConnectRequest) error { return nil }

func (anyMethod) Begin(context.Context, *ConnectRequest, string) (AuthExchange, error) {
	return anyMethod{}, nil
}

func (anyMethod) Next(context.Context, []byte) (answer []byte, done bool, err error) {
	return nil, true, nil
}
