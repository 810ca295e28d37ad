package broker_test

import (
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
)

// TestReturnAtOnce has a client publish, disconnect and connect again at once. What it said on a connection counts,
// though the next one is there before the broker has read it: every message arrives, and no will does.
func TestReturnAtOnce(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the broker cannot look into a socket there")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := broker.New(broker.Options{})
	go b.Serve(l)
	t.Cleanup(func() { b.Close() })
	const rounds = 300
	messages := make(chan *packet.Message, rounds)
	var wills atomic.Int64
	subscribe := func(filter string, f func(*packet.Message)) {
		if _, err := b.Subscribe(filter, f); err != nil {
			t.Fatal(err)
		}
	}
	subscribe("message", func(m *packet.Message) { messages <- m })
	subscribe("will", func(*packet.Message) { wills.Add(1) })
	will := &packet.Will{Message: packet.Message{Topic: "will"}}
	for range rounds {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		say(t, conn, &packet.Connect{Version: packet.V311, ClientID: "returns", CleanStart: true, Will: will})
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Read(make([]byte, 4)); err != nil { // CONNACK
			t.Fatal(err)
		}
		say(t, conn, &packet.Publish{Message: packet.Message{Topic: "message"}}, &packet.Disconnect{})
		conn.Close()
	}
	deadline := time.After(10 * time.Second)
	for n := range rounds {
		select {
		case <-messages:
		case <-deadline:
			t.Fatalf("%d messages of %d arrived", n, rounds)
		}
	}
	b.Close()
	if n := wills.Load(); n > 0 {
		t.Errorf("%d wills were published", n)
	}
}

func say(t *testing.T, conn net.Conn, packets ...packet.Packet) {
	t.Helper()
	var bytes []byte
	for _, p := range packets {
		var err error
		if bytes, err = p.Append(bytes, packet.V311); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Write(bytes); err != nil {
		t.Fatal(err)
	}
}
