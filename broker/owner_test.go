package broker_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
)

// visitors is an Authenticator that lets in who gives no name, and users with the
// password "secret".
type visitors struct{}

func (visitors) Authenticate(_ context.Context, c *broker.ConnectRequest) error {
	if c.HasUsername && string(c.Password) != "secret" {
		return packet.NotAuthorized
	}
	return nil
}

// A session belongs to the user who made it, or to nobody with a name: whoever
// else asks for it is refused, in whatever form and wherever its owner is, and
// its owner notices nothing. With ShareOwners it is handed over, and the new
// owner may what the new owner may.
func TestOwnersOfSessions(t *testing.T) {
	t.Parallel()
	users := []string{"", "username=alice password=secret", "username=mallory password=secret", "username=Alice password=secret"}
	forms := []string{"id=c", "id=c clean", "v31 id=c", "v5 id=c session-expiry=100", "v5 id=c clean", "v5 id=c session-expiry=100 will-topic=stolen will-payload=x"}
	for _, where := range []string{"connected", "absent", "restored"} {
		for _, owner := range users[:2] {
			for _, thief := range users {
				if thief == owner {
					continue
				}
				for _, form := range forms {
					t.Run(strings.Join([]string{where, name(owner), name(thief), form}, "/"), func(t *testing.T) {
						atStation(t, broker.Options{Authenticator: visitors{}}, func(s *station) {
							refuseThief(s, where, owner, form+" "+thief)
						})
					})
				}
			}
		}
	}
}

// name is what a test is called.
func name(words string) string {
	user, _, _ := strings.Cut(strings.TrimPrefix(words, "username="), " ")
	if user == "" {
		return "anonymous"
	}
	return user
}

func refuseThief(s *station, where, owner, thief string) {
	watch := s.subscriber("id=watch", "will stolen")
	const form = "v5 id=c session-expiry=1000 will-topic=will will-payload=w will-delay=900 "
	victim := s.subscriber(form+owner, "a qos=1")
	switch where {
	case "absent":
		victim.Drop()
		synctest.Wait()
	case "restored":
		victim.Drop()
		watch.Drop()
		synctest.Wait()
		s.restart()
		watch = s.subscriber("id=watch", "will stolen")
	}
	if err := s.broker.Publish(&packet.Message{Topic: "a", QoS: 1, Payload: []byte("private")}); err != nil {
		s.Fatal(err)
	}
	if where == "connected" {
		victim.Expect("PUBLISH 1 a qos=1 private")
	}
	before := s.sessions()
	for range 2 {
		c := s.connect(thief, " 0x85")
		c.Closed()
	}
	watch.Silent()
	if after := s.sessions(); after != before {
		s.Errorf("the sessions were %s and are %s", before, after)
	}
	if where == "connected" {
		victim.SendText("PUBACK 1", "PINGREQ")
		victim.Expect("PINGRESP")
		return
	}
	victim = s.connect(form+owner, " present")
	victim.Expect("PUBLISH 1 a qos=1 private")
	watch.Silent() // the will is not due: its owner has come back
}

// sessions is what is seen of them.
func (s *station) sessions() string {
	var b strings.Builder
	for cl := range s.broker.Clients() {
		if cl.ID() == "c" {
			inflight, queued := cl.Queue()
			fmt.Fprintf(&b, "%s of %q with %v, %d and %d, connected %v; ", cl.ID(), cl.User(), cl.Subscriptions(), inflight, queued, cl.Connected())
		}
	}
	return b.String()
}

// byName is an Authorizer that lets each user publish below its name.
type byName struct{}

func (byName) Authorize(c *broker.Client, a broker.Action, topic string) error {
	if a == broker.Publish && !strings.HasPrefix(topic, c.User()+"/") {
		return packet.NotAuthorized
	}
	return nil
}

func TestSharedOwnersKeepTheirOwnRights(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"connected", "absent"} {
		atSharedStation(t, where)
	}
}

func atSharedStation(t *testing.T, where string) {
	t.Helper()
	t.Run(where, func(t *testing.T) {
		atStation(t, broker.Options{Authenticator: visitors{}, Authorizer: byName{}, ShareOwners: true}, func(s *station) {
			alice := s.subscriber("v5 id=c session-expiry=1000 username=alice password=secret", "x qos=1")
			if where == "absent" {
				alice.Drop()
				synctest.Wait()
			}
			mallory := s.connect("v5 id=c session-expiry=1000 username=mallory password=secret", " present")
			if where == "connected" {
				alice.Expect("DISCONNECT 0x8E")
			}
			mallory.SendText("PUBLISH 1 alice/x qos=1 x", "PUBLISH 2 mallory/x qos=1 x")
			mallory.Expect("PUBACK 1 0x87", "PUBACK 2 0x10")
			mallory.Drop()
			synctest.Wait()
			s.restart()
			if got := s.sessions(); !strings.Contains(got, `of "mallory"`) {
				s.Errorf("after a restart: %s", got)
			}
		})
	})
}
