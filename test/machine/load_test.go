//go:build linux

package machine

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	engine "github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/internal/history"
	"github.com/zancudomq/zancudo/packet"
)

const (
	neverExpires = 0xFFFFFFFF
	publishers   = 4
	keptTopics   = 20
)

// load is what the clients on the host do, and what they know.
type load struct {
	c        *computer
	log      *history.Log
	user     string
	password string
	tls      *tls.Config

	mu    sync.Mutex
	acked map[string]bool // payloads of which the broker has said that it has them
	round int

	// Two subscribers, whose sessions outlive their connections: keeper is away
	// while there is load, listener is there.
	keeper, listener *subscriber
}

// subscriber is a client with a session, and what has come for it.
type subscriber struct {
	connect packet.Connect
	client  *engine.Client
	mu      sync.Mutex
	got     map[string]int
	came    chan string // ends of rounds
}

func newLoad(c *computer, user, password, authority string) *load {
	c.t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(authority)) {
		c.t.Fatalf("no certificate in %q", authority)
	}
	l := &load{c: c, log: history.New(), user: user, password: password, acked: map[string]bool{}}
	l.tls = &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12, Time: func() time.Time {
		return c.began.Add(time.Since(c.began)) // whatever happens to the clock of the host meanwhile
	}}
	l.keeper = &subscriber{connect: l.lasting("keeper", packet.V311), got: map[string]int{}, came: make(chan string, 100)}
	l.listener = &subscriber{connect: l.lasting("listener", packet.V5), got: map[string]int{}, came: make(chan string, 100)}
	for _, s := range []*subscriber{l.keeper, l.listener} {
		if l.open(s) {
			c.t.Fatalf("a session of %s is there before it was made", s.connect.ClientID)
		}
		ctx, cancel := context.WithTimeout(c.t.Context(), patience)
		_, err := s.client.Subscribe(ctx, &packet.Subscribe{Subscriptions: []packet.Subscription{{Filter: "load/#", QoS: packet.AtLeastOnce}}})
		cancel()
		if err != nil {
			c.t.Fatal(err)
		}
	}
	_ = l.keeper.client.Close()
	return l
}

func (l *load) lasting(id string, v packet.Version) packet.Connect {
	return packet.Connect{
		Version: v, ClientID: id, SessionExpiry: neverExpires, KeepAlive: 600,
		HasUsername: true, Username: l.user, HasPassword: true, Password: []byte(l.password),
	}
}

func (l *load) passing(id string) packet.Connect {
	p := l.lasting(id, packet.V5)
	p.SessionExpiry, p.CleanStart = 0, true
	return p
}

func (l *load) dial(ctx context.Context) (net.Conn, error) {
	conn, err := (&tls.Dialer{Config: l.tls}).DialContext(ctx, "tcp", l.c.address("8883"))
	if err != nil {
		return nil, err
	}
	return l.log.Conn(conn), nil
}

// connect connects a client, which ends with its connection.
func (l *load) connect(o engine.Options) (*engine.Client, *packet.Connack) {
	l.c.t.Helper()
	o.Dial, o.Timeout = l.dial, 2*time.Minute
	client := engine.New(o)
	ack, err := client.Connect(l.c.t.Context())
	if err != nil {
		l.c.t.Fatalf("connect %s: %v", o.Connect.ClientID, err)
	}
	l.c.t.Cleanup(func() { _ = client.Close() })
	return client, ack
}

// open connects a subscriber and reports whether its session was there.
func (l *load) open(s *subscriber) (present bool) {
	l.c.t.Helper()
	client, ack := l.connect(engine.Options{Connect: s.connect, OnMessage: func(p *packet.Publish) {
		text := string(p.Payload)
		s.mu.Lock()
		s.got[text]++
		s.mu.Unlock()
		if strings.HasPrefix(text, "end ") {
			s.came <- text
		}
	}})
	s.client = client
	return ack.SessionPresent
}

// publisher connects a client whose acknowledged messages are written down.
func (l *load) publisher(id string) *engine.Client {
	l.c.t.Helper()
	inFlight := map[uint16]string{}
	client, _ := l.connect(engine.Options{Connect: l.passing(id), MaxQueued: 20, Trace: func(_ engine.Direction, p packet.Packet) {
		l.mu.Lock()
		defer l.mu.Unlock()
		switch p := p.(type) {
		case *packet.Publish:
			inFlight[p.PacketID] = string(p.Payload)
		case *packet.Puback:
			if p.ReasonCode < 0x80 {
				l.acked[inFlight[p.PacketID]] = true
			}
		}
	}})
	return client
}

func (l *load) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// press has publishers publish as fast as they can until n more messages are acknowledged, and meanwhile more.
func (l *load) press(n int) {
	l.c.t.Helper()
	l.round++
	began, before := time.Now(), l.acknowledged()
	for i := range publishers {
		p := l.publisher(fmt.Sprintf("publisher-%d-%d", l.round, i))
		round := l.round
		go func() { // it ends when its client does
			for n := 0; ; n++ {
				m := packet.Message{Topic: fmt.Sprintf("load/%d", i), Payload: fmt.Appendf(nil, "%d %d %d", round, i, n), QoS: packet.AtLeastOnce}
				if n%4 == 0 {
					m.Topic, m.Retain = fmt.Sprintf("load/kept/%d/%d", i, n/4%keptTopics), true
				}
				if p.Publish(l.c.t.Context(), &packet.Publish{Message: m}) != nil {
					return
				}
			}
		}()
	}
	l.c.await("messages are acknowledged", func() bool { return l.acknowledged()-before >= n })
	l.c.note("load: %d messages of QoS 1 acknowledged in %.1f s", l.acknowledged()-before, time.Since(began).Seconds())
}

// quiet waits until what a frozen machine has sent has come.
func (l *load) quiet() {
	l.c.t.Helper()
	n, since := -1, time.Now()
	l.c.await("the clients hear nothing more", func() bool {
		if now := l.log.Len(); now != n {
			n, since = now, time.Now()
		}
		return time.Since(since) > time.Second
	})
}

// crash notes that the broker has lost its power.
func (l *load) crash() {
	l.c.freeze()
	// The publishers may go on into the buffers of a machine that does not move, until those are full.
	l.quiet()
	l.log.Crashed()
}

// settle has both subscribers get all there is, and compares it with what was acknowledged.
func (l *load) settle(t *testing.T) {
	t.Helper()
	p := l.publisher(fmt.Sprintf("end-%d", l.round))
	end := fmt.Sprintf("end %d", l.round)
	for _, s := range []*subscriber{l.keeper, l.listener} {
		_ = s.client.Close()
		if !l.open(s) {
			t.Errorf("the session of %s is lost", s.connect.ClientID)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.Publish(ctx, &packet.Publish{Message: packet.Message{Topic: "load/end", Payload: []byte(end), QoS: packet.AtLeastOnce}}); err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	acked := maps.Clone(l.acked)
	l.mu.Unlock()
	for _, s := range []*subscriber{l.keeper, l.listener} {
		for text := ""; text != end; {
			select {
			case text = <-s.came:
			case <-ctx.Done():
				t.Fatalf("%s has not got all; the history ends with\n%s", s.connect.ClientID, l.log.Tail(20))
			}
		}
		s.mu.Lock()
		lost, twice := 0, 0
		for text := range acked {
			if s.got[text] == 0 {
				lost++
			}
		}
		for _, n := range s.got {
			twice += n - 1
		}
		l.c.note("%s: of %d acknowledged messages %d are lost; %d came, %d again", s.connect.ClientID, len(acked), lost, len(s.got), twice)
		s.mu.Unlock()
		if lost > 0 {
			t.Errorf("%s: %d acknowledged messages are lost", s.connect.ClientID, lost)
		}
	}
	_ = l.keeper.client.Close()
}

// judge reads what is retained, and has the history say whether all promises were kept.
func (l *load) judge(t *testing.T, crashes int) {
	t.Helper()
	done := make(chan struct{})
	var once sync.Once
	reader, _ := l.connect(engine.Options{Connect: l.passing(fmt.Sprintf("reader-%d", l.round)), OnMessage: func(p *packet.Publish) {
		if string(p.Payload) == "read" {
			once.Do(func() { close(done) })
		}
	}})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// The marker comes after what is retained.
	for _, filter := range []string{"load/kept/#", "reader"} {
		if _, err := reader.Subscribe(ctx, &packet.Subscribe{Subscriptions: []packet.Subscription{{Filter: filter, QoS: packet.AtLeastOnce}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := reader.Publish(ctx, &packet.Publish{Message: packet.Message{Topic: "reader", Payload: []byte("read"), QoS: packet.AtLeastOnce}}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatal("what is retained does not come")
	}
	if !l.open(l.keeper) {
		t.Error("the session of the keeper is lost")
	}
	report := l.log.Check(history.Options{})
	l.c.note("history: %v", report)
	if err := report.Err(); err != nil {
		t.Error(err)
	}
	if report.Crashes != crashes || report.Obligations == 0 || report.RetainedReads < keptTopics || report.Resumed < crashes {
		t.Errorf("the history proves nothing: %v", report)
	}
}
