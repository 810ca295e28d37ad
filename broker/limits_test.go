package broker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
)

// TestRetainedExpire: what has expired goes from memory and store though nobody
// asks for it.
func TestRetainedExpire(t *testing.T) {
	atStation(t, broker.Options{RetainSweep: 10 * time.Minute}, func(s *station) {
		pub := s.connect("v5 id=pub clean", "")
		pub.SendText("PUBLISH 1 a qos=1 retain expiry=30 short", "PUBLISH 2 b qos=1 retain expiry=1000 long", "PUBLISH 3 c qos=1 retain lasting")
		pub.Expect("PUBACK 1 0x10", "PUBACK 2 0x10", "PUBACK 3 0x10")
		want := func(n int) {
			t.Helper()
			s.wantFacts('r', n)
			if got := s.broker.Stats().Retained; got != n {
				t.Errorf("%d retained messages, want %d", got, n)
			}
		}
		want(3)
		time.Sleep(11 * time.Minute)
		want(2)
		s.restart() // who watches is another now
		time.Sleep(21 * time.Minute)
		want(1)
		pub = s.connect("v5 id=pub clean", "")
		pub.SendText("PUBLISH 1 a qos=1 retain expiry=30 again")
		pub.Expect("PUBACK 1 0x10")
		want(2)
		time.Sleep(11 * time.Minute)
		want(1)
	})
}

// TestRestartLimits: limits hold for what an earlier broker has left.
func TestRestartLimits(t *testing.T) {
	atStation(t, broker.Options{MaxQueued: 3, MaxInflight: 1, MaxRetained: 2}, func(s *station) {
		s.subscriber("id=sub", "a qos=1").Drop()
		pub := s.connect("v5 id=pub clean", "")
		publish := func(text, code string) {
			t.Helper()
			pub.SendText("PUBLISH 1 " + text)
			pub.Expect("PUBACK 1" + code)
		}
		for _, payload := range []string{"1", "2", "3"} {
			publish("a qos=1 "+payload, "")
		}
		publish("r/1 qos=1 retain x", " 0x10")
		publish("r/2 qos=1 retain x", " 0x10")
		s.restart()
		pub = s.connect("v5 id=pub clean", "")
		publish("r/3 qos=1 retain x", " 0x97 ...")
		publish("r/2 qos=1 retain y", " 0x10")
		for _, payload := range []string{"4", "5", "6"} {
			publish("a qos=1 "+payload, "")
		}
		sub := s.connect("id=sub", " present")
		for id := uint16(1); ; id++ {
			p, ok := sub.Next()
			if !ok {
				if id < 4 || id > 6 { // three that wait, and one under way
					t.Errorf("%d messages came", id-1)
				}
				break
			}
			sub.Send(&packet.Puback{Ack: packet.Ack{PacketID: p.(*packet.Publish).PacketID}})
		}
	})
}

// TestRestartSessionExpiry: a bound that is new holds for sessions that were there.
func TestRestartSessionExpiry(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		s.subscriber("id=old", "a qos=1").Drop()
		s.subscriber("v5 id=five session-expiry=1000000", "a qos=1").Drop()
		s.subscriber("v5 id=soon session-expiry=60", "a qos=1").Drop()
		s.subscriber("id=there", "a qos=1")
		time.Sleep(30 * time.Second)
		s.options.MaxSessionExpiry = time.Hour
		s.restart()
		s.wantFacts('s', 4)
		time.Sleep(59 * time.Minute)
		s.wantFacts('s', 3)
		time.Sleep(40 * time.Second)
		s.wantFacts('s', 1) // since they have left, and not since the restart
		time.Sleep(time.Minute)
		s.wantFacts('s', 0)
	})
}

// TestChangedSessionExpiry: a bound that comes with a reload holds for sessions
// whose client is away, since it left, and for those of MQTT 3.x whose client is
// there and was told nothing.
func TestChangedSessionExpiry(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		want := func(n int) {
			t.Helper()
			if got := s.broker.Stats().Sessions; got != n {
				t.Errorf("%d sessions, want %d", got, n)
			}
			s.wantFacts('s', n)
		}
		s.subscriber("id=old", "a qos=1").Drop()
		s.subscriber("v5 id=five session-expiry=1000000", "a qos=1").Drop()
		s.subscriber("v5 id=soon session-expiry=60", "a qos=1").Drop()
		s.subscriber("v5 id=back session-expiry=1000000", "a qos=1").Drop()
		three := s.subscriber("id=three", "a qos=1")
		told := s.subscriber("v5 id=told session-expiry=7200", "a qos=1")
		time.Sleep(30 * time.Second)
		s.broker.Change(broker.Options{MaxSessionExpiry: time.Hour})
		want(6)
		time.Sleep(time.Minute)
		want(5)
		back := s.connect("v5 id=back session-expiry=1000000", " present session-expiry=3600 ...")
		three.Drop()
		told.Drop()
		time.Sleep(59 * time.Minute)
		want(3) // old and five have gone, an hour after they had left
		time.Sleep(2 * time.Minute)
		want(2) // and three
		s.broker.Change(broker.Options{})
		time.Sleep(2 * time.Hour)
		want(1) // told, when it had been told
		back.Drop()
	})
}

// With no limit to what is under way, a queue that was restored is in the store
// all the same, but for what a released message has before it.
func TestRestoredQueueWithoutInflightLimit(t *testing.T) {
	const messages = 50
	atStation(t, broker.Options{MaxInflight: -1, MaxLoaded: 4}, func(s *station) {
		sub := s.subscriber("id=sub", "a qos=2")
		pub := s.connect("id=pub clean", "")
		for i := range messages {
			pub.SendText(fmt.Sprintf("PUBLISH %d a qos=2 %d", i+1, i))
			pub.Expect(fmt.Sprintf("PUBREC %d", i+1))
			pub.SendText(fmt.Sprintf("PUBREL %d", i+1))
			pub.Expect(fmt.Sprintf("PUBCOMP %d", i+1))
			sub.Expect(fmt.Sprintf("PUBLISH %d a qos=2 %d", i+1, i))
		}
		sub.SendText("PUBREC 20", "PUBREC 30")
		sub.Expect("PUBREL 20", "PUBREL 30")
		s.restart()
		sub = s.connect("id=sub", " present")
		for i := range messages {
			if i+1 == 20 || i+1 == 30 {
				sub.Expect(fmt.Sprintf("PUBREL %d", i+1))
			} else {
				sub.Expect(fmt.Sprintf("PUBLISH %d a qos=2 dup %d", i+1, i))
			}
		}
		sub.Silent()
	})
}
