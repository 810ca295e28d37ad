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
	var returning []time.Duration
	storm.Go(func() { returning = comeBack(ctx, t, socket) })
	busy := percentile(latencies(c, 3*time.Second))
	cancel()
	storm.Wait()
	count := v.Counters()
	if len(returning) == 0 {
		t.Fatal("nobody could come back")
	}
	t.Logf("99 of 100 messages take %v, and %v during %d logins (%+v); who comes back waits for %v, at most %v", quiet, busy, b.Stats().ConnectionsAccepted, count,
		median(returning), returning[len(returning)-1])
	// Where messages take long without logins, others have the processor.
	crowded := raced || quiet > 5*time.Millisecond
	if usual := median(returning); usual > time.Second && !crowded {
		t.Errorf("who comes back with a right password waits for %v", usual)
	}
	if busy > 100*time.Millisecond && !crowded || busy > max(time.Second, 50*quiet) {
		t.Errorf("messages are delayed by %v, where without logins it is %v", busy, quiet)
	}
	if n := b.Stats().ConnectionsAccepted; n < 3000 && !crowded {
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

// comeBack connects again and again with a password that is remembered, and
// returns how long that took each time.
func comeBack(ctx context.Context, t *testing.T, socket *memnet.Listener) (all []time.Duration) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; ctx.Err() == nil; <-tick.C {
		began := time.Now()
		conn, err := socket.DialFrom(net.IPv4(10, 0, 0, 0))
		if err != nil {
			t.Error(err)
			return all
		}
		connect, err := (&packet.Connect{
			Version: packet.V5, ClientID: "back", CleanStart: true, HasUsername: true, Username: "user0", HasPassword: true, Password: []byte("secret"),
		}).Append(nil, packet.V5)
		if err != nil {
			t.Error(err)
			return all
		}
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		conn.Write(connect)
		p, err := packet.NewReader(conn, packet.V5).Next()
		if ack, ok := p.(*packet.Connack); err == nil && ok && ack.ReasonCode == packet.Success {
			all = append(all, time.Since(began))
		} else if ctx.Err() == nil {
			t.Errorf("who comes back is refused: %v, %v", p, err)
		}
		conn.Close()
	}
	return all
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

// A user who does not exist takes as long as a wrong password, and neither is
// told apart by the throttle.
func TestNobodyTakesAsLong(t *testing.T) {
	if testing.Short() || raced {
		t.Skip("it measures")
	}
	dear, err := password.Recipe{Iterations: 20_000}.Make([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	p := &auth.Passwords{Users: auth.NewUsers(map[string]*password.Hash{"ann": dear}), Verifier: auth.NewVerifier(auth.Options{})}
	took := map[string][]time.Duration{}
	for i := range 2 * 21 {
		user := []string{"ann", "nobody"}[i%2]
		_, conn := net.Pipe()
		began := time.Now()
		err := p.Authenticate(t.Context(), &broker.ConnectRequest{
			HasUsername: true, Username: user, HasPassword: true, Password: []byte("guess"), Conn: at{conn, net.IPv4(10, 1, byte(i), 1)},
		})
		took[user] = append(took[user], time.Since(began))
		if err == nil {
			t.Fatalf("%s is let in", user)
		}
	}
	known, unknown := median(took["ann"]), median(took["nobody"])
	t.Logf("a user: %v, nobody: %v", known, unknown)
	if ratio := float64(known) / float64(unknown); ratio < 0.5 || ratio > 2 {
		t.Errorf("a user takes %v, nobody %v", known, unknown)
	}
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// at is a connection from an address.
type at struct {
	net.Conn
	ip net.IP
}

func (c at) RemoteAddr() net.Addr { return &net.TCPAddr{IP: c.ip, Port: 1} }
