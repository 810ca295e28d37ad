package broker_test

import (
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
)

// What a client was told is stored, though the broker ends at once: tests of
// stories that the simulation of power failures has found.

// A connection that is taken over may still be storing what it has taken. The
// next one does not answer for it before that is done.
func TestTakeoverWaitsForStore(t *testing.T) {
	for name, story := range map[string]struct{ before, late, again, answer string }{
		"PUBREC":  {"", "PUBLISH 1 a qos=2 one", "PUBLISH 1 a dup qos=2 one", "PUBREC 1"},
		"PUBCOMP": {"PUBLISH 1 a qos=2 one", "PUBREL 1", "PUBREL 1", "PUBCOMP 1"},
	} {
		t.Run(name, func(t *testing.T) {
			atStation(t, broker.Options{}, func(s *station) {
				sub := s.subscriber("id=sub", "a qos=2")
				old := s.connect("id=pub", "")
				if story.before != "" {
					old.SendText(story.before)
					old.Expect("PUBREC 1")
				}
				release := s.store.hold()
				old.SendText(story.late)
				old.Silent()
				next := s.dial()
				next.SendText("CONNECT id=pub", story.again)
				next.Silent()
				release()
				next.Expect("CONNACK present", story.answer)
				sub.Expect("PUBLISH 1 a qos=2 one")
				sub.Silent()
			})
		})
	}
}

// The same for a PUBREL to the client, which says that the message will not come
// again.
func TestTakeoverWaitsForRelease(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		old := s.subscriber("id=sub", "a qos=2")
		pub := s.connect("id=pub", "")
		pub.SendText("PUBLISH 1 a qos=2 one")
		pub.Expect("PUBREC 1")
		old.Expect("PUBLISH 1 a qos=2 one")
		release := s.store.hold()
		old.SendText("PUBREC 1")
		old.Silent()
		next := s.dial()
		next.SendText("CONNECT id=sub")
		next.Silent()
		release()
		next.Expect("CONNACK present", "PUBREL 1")
	})
}

// A client that has said goodbye has no will any more, whatever becomes of its
// session.
func TestGoodbyeIsStored(t *testing.T) {
	for _, words := range []string{"session-expiry=1000", "session-expiry=0"} {
		t.Run(words, func(t *testing.T) {
			atStation(t, broker.Options{}, func(s *station) {
				s.subscriber("id=heir", "w qos=1")
				s.connect("v5 id=c session-expiry=1000", "").SendText("DISCONNECT")
				c := s.connect("v5 id=c will-topic=w will-payload=gone will-qos=1 "+words, " present")
				s.store.lose()
				c.SendText("DISCONNECT")
				c.Closed()
				s.restart()
				heir := s.connect("id=heir", " present")
				time.Sleep(2 * time.Minute)
				heir.Silent()
			})
		})
	}
}

// Who is told that the session is present can count on it: for as long as the
// new connection has asked for, and without the will of the last one.
func TestResumeIsStored(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		s.subscriber("id=heir", "w qos=1")
		c := s.connect("v5 id=c session-expiry=30 will-topic=w will-payload=gone will-qos=1 will-delay=20", "")
		c.SendText("SUBSCRIBE 1 a qos=1")
		c.Expect("SUBACK 1 1")
		c.Drop()
		time.Sleep(10 * time.Second)
		s.store.lose()
		s.connect("v5 id=c session-expiry=1000", " present")
		s.restart()
		heir := s.connect("id=heir", " present")
		time.Sleep(2 * time.Minute)
		heir.Silent()
		s.connect("v5 id=c session-expiry=1000", " present")
	})
}

// Who is told that no session is present does not find an old one later.
func TestEndIsStored(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		s.subscriber("v5 id=c session-expiry=30", "a qos=1")
		c := s.connect("v5 id=c session-expiry=0", " present")
		s.store.lose()
		c.SendText("DISCONNECT")
		c.Closed()
		s.connect("v5 id=c session-expiry=30", "")
		s.restart()
		s.connect("v5 id=c session-expiry=30", "")
	})
}

// A session that could not be stored when its client came back is, before a
// subscription of it is acknowledged.
func TestSubscriptionIsStoredWithSession(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		s.connect("v5 id=c session-expiry=30", "").Close()
		s.store.fail(packet.QuotaExceeded)
		c := s.connect("v5 id=c session-expiry=1000", " present")
		s.store.fail(nil)
		time.Sleep(2 * time.Second)
		c.SendText("SUBSCRIBE 1 a qos=1")
		c.Expect("SUBACK 1 1")
		s.restart()
		time.Sleep(2 * time.Minute)
		s.connect("v5 id=c session-expiry=1000", " present")
	})
}

// So can a client that changes the expiry when it leaves.
func TestNewExpiryIsStored(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		c := s.connect("v5 id=c session-expiry=30", "")
		c.SendText("SUBSCRIBE 1 a qos=1")
		c.Expect("SUBACK 1 1")
		s.store.lose()
		c.SendText("DISCONNECT session-expiry=1000")
		c.Closed()
		s.restart()
		time.Sleep(2 * time.Minute)
		s.connect("v5 id=c session-expiry=1000", " present")
	})
}
