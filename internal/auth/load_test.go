package auth_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/auth"
	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/packet"
)

// Two thousand logins a second, each of which costs 46 MiB and some 60 ms to
// verify, do not keep messages from those who are connected: no more than the
// workers work, and the others wait or are refused.
func TestLoginsDoNotDelayMessages(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures for seconds")
	}
	users := map[string]*password.Hash{}
	dear, err := password.Recipe{Scheme: password.Argon2id}.Make([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		users[fmt.Sprintf("user%d", i)] = dear
	}
	v := auth.NewVerifier(auth.Options{})
	b := broker.New(broker.Options{Authenticator: &auth.Passwords{Users: auth.NewUsers(users), Verifier: v}})
	socket := memnet.Listen()
	served := make(chan error, 1)
	go func() { served <- b.Serve(socket) }()
	defer func() {
		b.Close()
		<-served
	}()
	c := dial(t, socket, 0)
	c.SendText("CONNECT id=c username=user0 password=secret keepalive=60", "SUBSCRIBE 1 a")
	c.Expect("CONNACK", "SUBACK 1 0")

	quiet := percentile(latencies(c, 1500*time.Millisecond))
	ctx, cancel := context.WithCancel(t.Context())
	var storm sync.WaitGroup
	storm.Go(func() { logIn(ctx, t, socket, 2000) })
	busy := percentile(latencies(c, 3*time.Second))
	cancel()
	storm.Wait()
	count := v.Counters()
	t.Logf("99 of 100 messages take %v, and %v during %d logins (%+v)", quiet, busy, b.Stats().ConnectionsAccepted, count)
	if busy > 100*time.Millisecond {
		t.Errorf("messages are delayed by %v, where without logins it is %v", busy, quiet)
	}
	if n := b.Stats().ConnectionsAccepted; n < 3000 && !raced {
		t.Errorf("only %d logins were tried", n)
	}
	if count.Failed+count.Succeeded < 5 {
		t.Errorf("no work was done: %+v", count)
	}
}

func dial(t *testing.T, socket *memnet.Listener, n int) *mqtttest.Client {
	t.Helper()
	conn, err := socket.DialFrom(net.IPv4(10, byte(n>>16), byte(n>>8), byte(n)))
	if err != nil {
		t.Fatal(err)
	}
	c := mqtttest.NewClient(t, conn, packet.V311)
	c.Timeout = 30 * time.Second
	return c
}

// latencies sends messages to a client itself, one after the other.
func latencies(c *mqtttest.Client, d time.Duration) (all []time.Duration) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); <-tick.C {
		began := time.Now()
		c.SendText("PUBLISH a x")
		c.Expect("PUBLISH a x")
		all = append(all, time.Since(began))
	}
	return all
}

func percentile(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)*99/100]
}

// logIn has that many clients log in each second, each from another address, half
// of them as users, all with a wrong password.
func logIn(ctx context.Context, t *testing.T, socket *memnet.Listener, perSecond int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var clients sync.WaitGroup
	defer clients.Wait()
	for n := 1; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for range perSecond / 100 {
			n++
			conn, err := socket.DialFrom(net.IPv4(10, byte(n>>16), byte(n>>8), byte(n)))
			if err != nil {
				t.Error(err)
				return
			}
			connect, err := (&packet.Connect{
				Version: packet.V5, ClientID: fmt.Sprintf("x%d", n), HasUsername: true, Username: fmt.Sprintf("user%d", n%200), HasPassword: true, Password: []byte("guess"),
			}).Append(nil, packet.V5)
			if err != nil {
				t.Error(err)
				return
			}
			clients.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(time.Second)) // then it gives up
				conn.Write(connect)
				conn.Read(make([]byte, 256))
			})
		}
	}
}
