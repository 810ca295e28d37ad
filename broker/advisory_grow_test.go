package broker

import (
	"fmt"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
)

// T-GROW: what an authenticated client can make grow has a bound.

// heap is the live memory, after the garbage has been collected.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// QoS 2 messages that are never released are bounded by the quota, and by the
// packet identifiers there are.
// CVE-2023-28366 and 2.0.21 (Mosquitto): QoS 2 identifiers leaked.
func TestUnreleasedMessagesAreBounded(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		c := h.connect("v5 id=c session-expiry=never")
		for id := 1; id <= 20; id++ {
			c.SendText(fmt.Sprintf("PUBLISH %d a qos=2 x", id))
			c.Expect(fmt.Sprintf("PUBREC %d 0x10", id))
		}
		c.SendText("PUBLISH 5 a qos=2 dup x")
		c.Expect("PUBREC 5")
		c.SendText("PUBLISH 21 a qos=2 x")
		c.Expect("DISCONNECT 0x93 ...")
		c.Closed()
	})
	inHouse(t, Options{}, func(h *house) {
		c := h.connect("id=c")
		var b []byte
		for i := range 140_000 { // twice and more times round
			b = append(b, 0x34, 6, 0, 1, 'a', byte((i%65535+1)>>8), byte(i%65535+1), 'x')
		}
		got := make(chan struct{})
		go func() {
			defer close(got)
			for range 140_000 {
				c.Read()
			}
		}()
		c.SendBytes(b)
		<-got
		h.mu.Lock()
		state := h.clients["c"].session
		h.mu.Unlock()
		if n := state.Receiving(); n > 65535 {
			t.Errorf("%d unreleased messages", n)
		}
	})
}

// Every value of the client's Receive Maximum binds.
// FlashMQ 1.26.0: a signed number let clients pass by the limit.
func TestReceiveMaximumBinds(t *testing.T) {
	t.Parallel()
	for _, maximum := range []int{1, 2, 19, 20, 21, 32767, 32768, 65535} {
		t.Run(strconv.Itoa(maximum), func(t *testing.T) {
			t.Parallel()
			inHouse(t, Options{}, func(h *house) {
				c := h.subscriber(fmt.Sprintf("v5 id=c receive-maximum=%d", maximum), "a qos=1")
				for range 30 {
					h.Publish(&packet.Message{Topic: "a", QoS: 1})
				}
				for id := 1; id <= min(maximum, 20); id++ {
					c.Expect(fmt.Sprintf("PUBLISH %d a qos=1", id))
				}
				c.Silent()
				c.SendText("PUBACK 1")
				c.Expect("PUBLISH * a qos=1")
				c.Silent()
			})
		})
	}
}

// An absent client's queue has a bound by count and by bytes; the policy is
// that what is new is dropped, and said to be.
// CVE-2026-95845 (Moquette): queues without a bound.
func TestQueueOfAbsentClientIsBounded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options      Options
		payload      int
		want, queued int
	}{
		"count": {Options{MaxQueued: 7}, 10, 7, 7},
		"bytes": {Options{MaxQueuedBytes: 100}, 30, 3, 3},
		"none":  {Options{MaxQueued: -1, MaxQueuedBytes: -1}, 10, 50, 50},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dropped := 0
			test.options.Trace = &Trace{Dropped: func(*Client, *packet.Message, error) { dropped++ }}
			inHouse(t, test.options, func(h *house) {
				c := h.subscriber("id=c", "a qos=1")
				c.Drop()
				synctest.Wait()
				for range 50 {
					h.Publish(&packet.Message{Topic: "a", QoS: 1, Payload: make([]byte, test.payload)})
				}
				for c := range h.Clients() {
					if inflight, queued := c.Queue(); inflight != 0 || queued != test.queued {
						t.Errorf("%d under way, %d wait, want %d", inflight, queued, test.queued)
					}
				}
				if st := h.Stats(); dropped != 50-test.want || int(st.MessagesDropped) != dropped {
					t.Errorf("dropped %d, counted %d, want %d", dropped, st.MessagesDropped, 50-test.want)
				}
			})
		})
	}
}

// The limits of retained messages hold for every way they come in.
// mqtt-lib 0.48.2: retained wills passed by the limits.
func TestRetainedLimitsHoldForEveryWriter(t *testing.T) {
	t.Parallel()
	writers := map[string]func(h *house, name string, payload string){
		"publish": func(h *house, name, payload string) {
			c := h.connect("id=w clean")
			c.SendText("PUBLISH " + name + " retain " + payload)
			synctest.Wait()
			c.Drop()
		},
		"publish, qos 2": func(h *house, name, payload string) {
			c := h.connect("v5 id=w clean")
			c.SendText("PUBLISH 1 " + name + " qos=2 retain " + payload)
			c.Expect("PUBREC ...")
			c.Drop()
		},
		"alias": func(h *house, name, payload string) {
			c := h.connect("v5 id=w clean")
			c.SendText("PUBLISH "+name+" alias=1", `PUBLISH "" retain alias=1 `+payload)
			synctest.Wait()
			c.Drop()
		},
		"will": func(h *house, name, payload string) {
			h.connect("id=w clean will-retain will-topic=" + name + " will-payload=" + payload).Drop()
		},
		"delayed will": func(h *house, name, payload string) {
			h.connect("v5 id=w clean session-expiry=60 will-delay=1 will-retain will-topic=" + name + " will-payload=" + payload).Drop()
			time.Sleep(2 * time.Second)
		},
		"program": func(h *house, name, payload string) {
			h.Publish(&packet.Message{Topic: name, Retain: true, Payload: []byte(payload)})
		},
	}
	for name, write := range writers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inHouse(t, Options{MaxRetained: 2, MaxRetainedBytes: 10}, func(h *house) {
				check := func(messages, bytes int) {
					t.Helper()
					synctest.Wait()
					if st := h.Stats(); st.Retained != messages || st.RetainedBytes != bytes {
						t.Errorf("%d messages of %d bytes, want %d of %d", st.Retained, st.RetainedBytes, messages, bytes)
					}
				}
				write(h, "a", "1234")
				check(1, 4)
				write(h, "b", "1234567") // too many bytes
				check(1, 4)
				write(h, "b", "123456")
				check(2, 10)
				write(h, "c", "x") // too many messages
				check(2, 10)
				write(h, "a", "1") // in place of another
				check(2, 7)
				write(h, "b", "1234567890") // too large in place of another
				check(2, 7)
			})
		})
	}
}

// Retained messages that have expired make room for others.
func TestExpiredRetainedMessagesMakeRoom(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{MaxRetained: 3}, func(h *house) {
		c := h.connect("v5 id=c")
		for i := range 4 {
			c.SendText(fmt.Sprintf("PUBLISH 1 a/%d qos=1 retain expiry=5 x", i))
			c.Expect(map[bool]string{true: "PUBACK 1 0x10", false: "PUBACK 1 0x97"}[i < 3])
		}
		time.Sleep(6 * time.Second)
		c.SendText("PUBLISH 1 b qos=1 retain x")
		c.Expect("PUBACK 1 0x10")
		if n := h.Stats().Retained; n != 1 {
			t.Errorf("%d retained messages", n)
		}
		h.subscriber("id=s", "#").Expect("PUBLISH b retain x")
	})
}

// A retained message keeps nothing of its publisher's session alive.
func TestRetainedMessageDoesNotKeepSession(t *testing.T) {
	inHouse(t, Options{MaxRetained: -1}, func(h *house) {
		before := heap()
		for i := range 30 {
			c := h.subscriber("v5 id=c clean session-expiry=1", "q qos=1")
			c.SendText(fmt.Sprintf("PUBLISH 1 a/%d qos=1 retain x", i))
			c.Expect("PUBACK ...")
			c.Drop()
			synctest.Wait()
			for range 10 {
				h.Publish(&packet.Message{Topic: "q", QoS: 1, Payload: make([]byte, 100_000)})
			}
			time.Sleep(2 * time.Second)
		}
		if n := h.Stats(); n.Sessions != 0 || n.Retained != 30 {
			t.Errorf("%+v", n)
		}
		if grown := heap() - before; grown > 4<<20 {
			t.Errorf("30 MB of queues were dropped, %d bytes are left of them", grown)
		}
	})
}

// Sessions expire with full queues, and everything returns to what it was.
// CVE-2025-62723 (FlashMQ), smqtt #28.
func TestSessionsExpireWithFullQueues(t *testing.T) {
	inHouse(t, Options{}, func(h *house) {
		before, memory := h.inventory(), heap()
		for i := range 100 {
			c := h.subscriber(fmt.Sprintf("v5 id=c%d clean session-expiry=10 receive-maximum=3", i), "a qos=1 $share/g/b qos=2")
			h.Publish(&packet.Message{Topic: "a", QoS: 1, Payload: make([]byte, 10_000)})
			c.Expect("PUBLISH ...")
			c.Drop()
		}
		synctest.Wait()
		for range 100 {
			h.Publish(&packet.Message{Topic: "a", QoS: 1, Payload: make([]byte, 10_000)})
			h.Publish(&packet.Message{Topic: "b", QoS: 2, Payload: make([]byte, 10_000)})
		}
		time.Sleep(11 * time.Second)
		h.same(before)
		if st := h.Stats(); st.SessionsExpired != 100 {
			t.Errorf("%d sessions expired", st.SessionsExpired)
		}
		if grown := heap() - memory; grown > 4<<20 {
			t.Errorf("%d bytes are left", grown)
		}
	})
}

// A client that comes and goes leaves one alarm at most, whatever its session
// expiry.
func TestAlarmsOfAbsencesDoNotPileUp(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		for range 100 {
			h.connect("v5 id=c session-expiry=86400 will-delay=3600 will-topic=w will-payload=x keepalive=600").Drop()
		}
		time.Sleep(goodbyeTimeout) // a takeover may have met a connection that was ending
		synctest.Wait()
		if n := h.inventory().alarms; n != 1 {
			t.Errorf("%d alarms, want 1", n)
		}
		h.connect("v5 id=c clean keepalive=0")
		time.Sleep(goodbyeTimeout)
		synctest.Wait()
		if n := h.inventory().alarms; n != 0 {
			t.Errorf("%d alarms, want none", n)
		}
	})
}

// A client that sends and does not read is not read any more either, when its
// answers have reached a bound; when it reads again, all is answered.
// aedes #1060: a frozen reader's queue kept growing.
func TestAnswersOfSlowReaderAreBounded(t *testing.T) {
	for name, text := range map[string]string{
		"PINGREQ": "PINGREQ", "PUBLISH": "PUBLISH 1 a qos=1", "SUBSCRIBE": "SUBSCRIBE 1 a", "PUBREL": "PUBREL 1", "PUBREC": "PUBREC 1",
	} {
		t.Run(name, func(t *testing.T) {
			inHouse(t, Options{}, func(h *house) {
				c := h.connect("id=c clean")
				c.Pause()
				one := encode(t, packet.V311, text)
				const n = 60_000
				c.SendBytes([]byte(strings.Repeat(string(one), n)))
				synctest.Wait()
				h.mu.Lock()
				cl := h.clients["c"]
				h.mu.Unlock()
				cl.mu.Lock()
				waits := cl.conn.out.Len()
				cl.mu.Unlock()
				if waits > maxOwed+readBuffer*3 {
					t.Errorf("%d bytes wait", waits)
				}
				h.alive()
				c.Resume()
				for range n {
					c.Read()
				}
			})
		})
	}
}

// One that never reads again is closed after the write timeout, and its reading
// goroutine with it.
func TestFrozenReaderIsClosed(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{WriteTimeout: 20 * time.Second}, func(h *house) {
		before := h.inventory()
		c := h.connect("id=c clean")
		c.Pause()
		c.SendBytes([]byte(strings.Repeat("\xc0\x00", 500_000)))
		time.Sleep(19 * time.Second)
		if n := h.Stats().Connected; n != 1 {
			t.Errorf("closed too early")
		}
		time.Sleep(22 * time.Second) // the first bytes were progress
		h.same(before)
	})
}

// A reader that takes nothing never blocks those who publish, loses QoS 0
// beyond the bound and keeps QoS 1.
func TestSlowReaderDoesNotBlockPublishers(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{MaxPendingBytes: 10_000, MaxInflight: 5, MaxQueued: 50}, func(h *house) {
		slow := h.subscriber("id=slow", "a/# qos=1")
		slow.Pause()
		quick := h.subscriber("id=quick", "a/# qos=1")
		pub := h.connect("id=pub")
		for i := range 500 {
			pub.SendText(fmt.Sprintf("PUBLISH a/%d size=1000", i))
			quick.Expect("PUBLISH ...")
		}
		for i := range 100 {
			pub.SendText(fmt.Sprintf("PUBLISH 7 a/q qos=1 %d", i))
			p := quick.Read().(*packet.Publish)
			quick.Send(&packet.Puback{Ack: packet.Ack{PacketID: p.PacketID}})
			pub.Expect("PUBACK 7")
		}
		slow.Resume()
		zero, one := 0, 0
		for {
			synctest.Wait()
			p, ok := next(slow)
			if !ok {
				break
			}
			if p.QoS == 0 {
				zero++
				continue
			}
			one++
			slow.Send(&packet.Puback{Ack: packet.Ack{PacketID: p.PacketID}})
		}
		if zero == 500 || zero < 50 {
			t.Errorf("%d messages of QoS 0 came, want some of 500", zero)
		}
		if one < 50 {
			t.Errorf("%d messages of QoS 1 came", one)
		}
	})
}

// next reads a PUBLISH if one is there.
func next(c *mqtttest.Client) (*packet.Publish, bool) {
	p, ok := c.Next()
	if !ok {
		return nil, false
	}
	publish, ok := p.(*packet.Publish)
	return publish, ok
}

// Retained messages are looked for when their turn comes: subscribing again and
// again without reading holds on to nothing.
func TestRepeatedSubscribeIsBounded(t *testing.T) {
	inHouse(t, Options{}, func(h *house) {
		for i := range 10_000 {
			h.Publish(&packet.Message{Topic: fmt.Sprintf("a/%d", i), Retain: true, Payload: []byte("0123456789")})
		}
		c := h.connect("id=c")
		c.Pause()
		before := heap()
		var many []packet.Subscription
		for range 5000 {
			many = append(many, packet.Subscription{Filter: "#"}, packet.Subscription{Filter: "+/#"})
		}
		for range 3 {
			c.Send(&packet.Subscribe{PacketID: 1, Subscriptions: many})
		}
		synctest.Wait()
		if grown := heap() - before; grown > 8<<20 {
			t.Errorf("%d bytes are held for a client that does not read", grown)
		}
		h.mu.Lock()
		cl := h.clients["c"]
		h.mu.Unlock()
		cl.mu.Lock()
		waiting := len(cl.replay)
		cl.mu.Unlock()
		if waiting > maxReplays {
			t.Errorf("%d replays wait", waiting)
		}
		h.alive()
	})
}

// Who reads gets each of them, also after a reconnect in between, none twice
// that was acknowledged; and nothing more of a filter that it has given up.
func TestReplayGoesOn(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{MaxInflight: 10}, func(h *house) {
		for i := range 1000 {
			h.Publish(&packet.Message{Topic: fmt.Sprintf("a/%d", i), Retain: true, QoS: 1, Payload: []byte("x")})
		}
		c := h.subscriber("id=c", "a/# qos=1")
		got := map[string]int{}
		take := func(n int) {
			for range n {
				p := c.Read().(*packet.Publish)
				got[p.Topic]++
				c.Send(&packet.Puback{Ack: packet.Ack{PacketID: p.PacketID}})
			}
		}
		take(300)
		synctest.Wait()
		c.Drop()
		h.Publish(&packet.Message{Topic: "a/999", Retain: true, Payload: []byte("new")}) // replaced: comes live or not at all
		h.Publish(&packet.Message{Topic: "b", Retain: true, Payload: []byte("other")})
		c = h.connect("id=c")
		take(699)
		c.Silent()
		for name, n := range got {
			if n != 1 {
				t.Errorf("%s came %d times", name, n)
			}
		}
		if len(got) != 999 {
			t.Errorf("%d came", len(got))
		}
		c.SendText("SUBSCRIBE 2 a/# qos=1")
		c.Expect("SUBACK 2 1")
		take(20)
		c.SendText("UNSUBSCRIBE 3 a/#")
		for range 11 { // those under way before it
			if p, ok := next(c); ok {
				c.Send(&packet.Puback{Ack: packet.Ack{PacketID: p.PacketID}})
			}
		}
		synctest.Wait()
		for {
			if _, ok := next(c); !ok {
				break
			}
		}
		c.SendText("PINGREQ")
		c.Expect("PINGRESP")
	})
}

// Sessions, connections and subscriptions have limits; what exceeds them is
// refused with a reason, and what exists lives on.
func TestLimitsOfSessions(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{MaxSessions: 2, MaxSubscriptions: 2}, func(h *house) {
		a := h.connect("id=a")
		h.connect("v5 id=b session-expiry=10").Drop()
		c := h.dial()
		c.SendText("CONNECT v5 id=c")
		c.Expect("CONNACK 0x97 ...")
		c.Closed()
		a.SendText("SUBSCRIBE 1 x y z")
		a.Expect("SUBACK 1 0 0 0x80")
		a.SendText("SUBSCRIBE 2 x qos=1") // in place of another
		a.Expect("SUBACK 2 1")
		h.connect("id=a").SendText("PINGREQ")
		time.Sleep(11 * time.Second)
		h.connect("id=c")
	})
	inHouse(t, Options{MaxConnections: 2}, func(h *house) {
		a := h.connect("id=a")
		h.connect("id=b")
		c := h.dial()
		c.SendText("CONNECT v5 id=c")
		c.Expect("CONNACK 0x97 ...")
		c.Closed()
		a.Drop()
		synctest.Wait()
		h.connect("id=c")
	})
}

// Packets whose answer is larger than the client takes are not answered, and
// the next client does not pay for it.
func TestUnsentAnswersDoNotCountForOthers(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		for i := range 10 {
			c := h.connect(fmt.Sprintf("v5 id=c%d clean maximum-packet-size=40", i))
			for range 15 {
				c.Send(&packet.Publish{Message: packet.Message{Topic: "a", QoS: 1}, PacketID: 1})
			}
			synctest.Wait()
			c.Drop()
			tiny, err := h.listener.DialFrom(net.IPv4(127, 0, 0, 1))
			if err != nil {
				t.Fatal(err)
			}
			tiny.Write(encode(t, packet.V5, fmt.Sprintf("CONNECT v5 id=t%d clean", i)))
			synctest.Wait()
			h.mu.Lock()
			cl := h.clients[fmt.Sprintf("t%d", i)]
			h.mu.Unlock()
			cl.conn.sizeLimit = 3 // as if it had said so and got its CONNACK
			tiny.Write([]byte(strings.Repeat("\x32\x08\x00\x01a\x00\x01\x00xx", 19)))
			synctest.Wait()
			tiny.Close()
		}
		c := h.connect("v5 id=honest clean")
		for id := 1; id <= 20; id++ {
			c.SendText(fmt.Sprintf("PUBLISH %d a qos=1", id))
			c.Expect(fmt.Sprintf("PUBACK %d 0x10", id))
		}
	})
}
