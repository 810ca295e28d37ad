package broker

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
)

// register is a Reviewer that knows users and their passwords. It waits for its
// gate, if it has one, once the password has been found right.
type register struct {
	passwords map[string]string
	gate      chan struct{}
}

func (r *register) Authenticate(_ context.Context, c *ConnectRequest) error {
	c.Credential = string(c.Password)
	err := r.Review(c.Username, c.Credential)
	if r.gate != nil {
		<-r.gate
	}
	return err
}

func (r *register) Review(user string, credential any) error {
	if credential != r.passwords[user] {
		return errors.New("wrong password")
	}
	return nil
}

// Who has lost the right to be connected is disconnected by a Review, and nobody
// else.
func TestReview(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		d := h.open(ListenerOptions{Authenticator: &register{passwords: map[string]string{"ann": "a", "bob": "b", "eve": "e"}}})
		other := h.subscriber("v5 id=other", "x")
		ann := d.connect(h, "v5 id=1 username=ann password=a", "...")
		bob := d.connect(h, "v5 id=2 username=bob password=b", "...")
		eve := d.connect(h, "v5 id=3 username=eve password=e", "...")
		if n := d.Review(); n != 0 {
			t.Errorf("%d had to go, though nothing has changed", n)
		}
		d.Change(ListenerOptions{Authenticator: &register{passwords: map[string]string{"ann": "a", "bob": "new"}}})
		if n := d.Review(); n != 2 {
			t.Errorf("%d had to go, not 2", n)
		}
		bob.Expect("DISCONNECT 0x87")
		bob.Closed()
		eve.Expect("DISCONNECT 0x87")
		eve.Closed()
		ann.Silent()
		other.Silent()
		d.Change(ListenerOptions{})
		if n := d.Review(); n != 0 {
			t.Errorf("%d had to go where everybody is welcome", n)
		}
	})
}

// A client whose password is being verified while the users change is asked
// about as well, though the Review could not see it.
func TestReviewOfThoseOnTheirWay(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		slow := &register{passwords: map[string]string{"ann": "a", "bob": "b"}, gate: make(chan struct{})}
		d := h.open(ListenerOptions{Authenticator: slow})
		var clients []*mqtttest.Client
		for _, name := range []string{"ann", "bob"} {
			conn, err := d.socket.Dial()
			if err != nil {
				t.Fatal(err)
			}
			c := mqtttest.NewClient(h.T, conn, packet.V311)
			c.SendText(fmt.Sprintf("CONNECT v5 id=%s username=%s password=%.1s", name, name, name))
			clients = append(clients, c)
		}
		synctest.Wait()
		d.Change(ListenerOptions{Authenticator: &register{passwords: map[string]string{"ann": "a"}}})
		if n := d.Review(); n != 0 {
			t.Errorf("%d had to go of those who are not connected", n)
		}
		close(slow.gate)
		clients[0].Expect("CONNACK ...")
		clients[1].Expect("CONNACK ...", "DISCONNECT 0x87")
	})
}

// So is one whose Authenticator decides otherwise once it has let the client in.
func TestReviewOfAChangedMind(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		users := &register{passwords: map[string]string{"ann": "a"}, gate: make(chan struct{})}
		d := h.open(ListenerOptions{Authenticator: users})
		conn, err := d.socket.Dial()
		if err != nil {
			t.Fatal(err)
		}
		c := mqtttest.NewClient(h.T, conn, packet.V311)
		c.SendText("CONNECT v5 id=ann username=ann password=a")
		synctest.Wait()
		delete(users.passwords, "ann")
		close(users.gate)
		c.Expect("CONNACK ...", "DISCONNECT 0x87")
		c.Closed()
	})
}

// Who disconnects a connection leaves alone the one that the client has come back with.
func TestDisconnecter(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		first := h.connect("v5 id=c session-expiry=100")
		var c *Client
		for c = range h.Clients() {
		}
		disconnect := c.Disconnecter()
		first.SendText("DISCONNECT")
		first.Closed()
		if c.Disconnecter() != nil {
			t.Error("there is a connection to end of a client who has gone")
		}
		again := h.connect("v5 id=c session-expiry=100")
		disconnect(nil)
		again.Silent()
		c.Disconnecter()(nil)
		again.Expect("DISCONNECT 0x98 ...")
	})
}

// told is an error that says what a client is told.
type told struct{}

func (told) Error() string        { return "for the log" }
func (told) Unwrap() error        { return packet.NotAuthorized }
func (told) ReasonString() string { return "for the client" }

type teller struct{}

func (teller) Authenticate(context.Context, *ConnectRequest) error { return told{} }

func TestReasonStringOfARefusal(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{Authenticator: teller{}}, func(h *house) {
		c := h.dial()
		c.SendText("CONNECT v5 id=c")
		c.Expect(`CONNACK 0x87 reason="for the client"`)
		c.Closed()
	})
}

// undecided is an Authenticator that cannot make up its mind about users called
// "slow".
type undecided struct{}

func (undecided) Authenticate(ctx context.Context, c *ConnectRequest) error {
	if c.Username != "slow" {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// Clients about whom nothing is decided yet do not keep others out: when there
// is no room, the oldest makes it, and nobody goes on deciding.
func TestUndecidedClientsMakeRoom(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{Authenticator: undecided{}, MaxHalfOpen: 4}, func(h *house) {
		var slow []*mqtttest.Client
		for i := range 4 {
			c := h.dial()
			c.SendText(fmt.Sprintf("CONNECT id=s%d username=slow", i))
			slow = append(slow, c)
		}
		synctest.Wait()
		time.Sleep(crowdedAge)
		c := h.dial()
		c.SendText("CONNECT id=quick")
		time.Sleep(10 * crowdedPause)
		synctest.Wait()
		c.Expect("CONNACK")
		slow[0].Closed()
		if st := h.Stats(); st.HalfOpen > 3 || st.Sockets != st.HalfOpen+1 {
			t.Errorf("%d of %d are undecided", st.HalfOpen, st.Sockets)
		}
		time.Sleep(authTimeout)
		synctest.Wait()
		if st := h.Stats(); st.HalfOpen != 0 || st.Sockets != 1 {
			t.Errorf("%d sockets are left", st.Sockets)
		}
	})
}
