package broker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
)

// A client is not told that it has no session before the store has forgotten the
// one that ended when it left.
func TestEndedSessionIsForgottenFirst(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		s.subscriber(lasting, "a qos=1").Close()
		sub := s.connect("v5 id=sub session-expiry=0", " present")
		release := s.store.hold()
		sub.Close()
		synctest.Wait()
		again := s.dial()
		again.SendText("CONNECT " + resuming)
		again.Silent()
		release()
		again.Expect("CONNACK ...")
		s.wantFacts('u', 0)
		s.wantFacts('s', 1)
	})
}

// A session that cannot be removed, since the store fails, is removed before its
// client is welcomed without one, or when storing works again.
func TestEndedSessionIsOwed(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		s.subscriber(lasting, "a qos=2").Close()
		s.subscriber("id=other", "a qos=2").Close()
		other := s.connect("v5 id=other session-expiry=0", " present")
		s.store.fail(packet.QuotaExceeded)
		other.Close()
		for _, words := range []string{"clean id=sub", "clean id=other", "v5 clean id=sub session-expiry=1000"} {
			time.Sleep(2 * time.Second)
			refused := s.dial()
			refused.SendText("CONNECT " + words)
			refused.Expect("CONNACK * ...")
			refused.Closed()
		}
		s.wantFacts('s', 2)
		s.store.fail(nil)
		s.connect("clean id=sub", "").Silent()
		s.wantFacts('s', 0)
		s.wantFacts('u', 0)
	})
}

// A message of QoS 2 that was refused, since the store failed, leaves nothing
// behind that takes the next one with its identifier for a duplicate, even if the
// store had it all the same. One that the store had before is not refused.
func TestRefusedQoS2(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		sub := s.subscriber(lasting, "a qos=0")
		pub := s.connect("v5 id=pub session-expiry=1000", "")
		pub.SendText("PUBLISH 1 a qos=2 one")
		pub.Expect("PUBREC 1")
		sub.Expect("PUBLISH a one")
		s.store.fumble(packet.ImplementationSpecificError)
		pub.SendText("PUBLISH 2 a qos=2 two", "PUBLISH 1 a dup qos=2 one")
		pub.Expect("PUBREC 2 0x83 ...", "PUBREC 1")
		s.store.fumble(nil)
		time.Sleep(2 * time.Second)
		s.wantFacts('p', 2)
		pub.SendText("PINGREQ")
		pub.Expect("PINGRESP")
		s.wantFacts('p', 1)
		s.store.fumble(packet.ImplementationSpecificError)
		pub.SendText("PUBLISH 2 a qos=2 two")
		pub.Expect("PUBREC 2 0x83 ...")
		s.store.fumble(nil)
		pub.Close()
		s.wantFacts('p', 1)
		s.restart()
		sub = s.connect(resuming, " present")
		pub = s.connect("v5 id=pub session-expiry=1000", " present")
		pub.SendText("PUBLISH 2 a qos=2 three", "PUBLISH 1 a dup qos=2 one")
		pub.Expect("PUBREC 2", "PUBREC 1")
		sub.Expect("PUBLISH a three")
		sub.Silent()
	})
}

// A plug that panics over the will of a client does not keep it from coming back.
func TestPanicOverWill(t *testing.T) {
	panics := interceptorFunc(func(_ *broker.Client, m *packet.Message) (*packet.Message, error) {
		panic("over " + m.Topic)
	})
	atStation(t, broker.Options{Interceptors: []broker.Interceptor{panics}}, func(s *station) {
		s.connect("id=c clean will-topic=w will-payload=x", "").Drop()
		synctest.Wait()
		s.connect("id=c clean", "").Silent()
	})
}

type interceptorFunc func(*broker.Client, *packet.Message) (*packet.Message, error)

func (f interceptorFunc) Intercept(c *broker.Client, m *packet.Message) (*packet.Message, error) {
	return f(c, m)
}
