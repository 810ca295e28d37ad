package broker

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/packet"
)

// What the broker says of itself takes no room from others, and gets none when
// they have taken theirs.
func TestReservedTopicsHaveRoom(t *testing.T) {
	t.Parallel()
	b := New(Options{MaxRetained: 2, MaxRetainedBytes: 10})
	defer b.Close()
	publish := func(topic, payload string) error {
		return b.Publish(&packet.Message{Topic: topic, Payload: []byte(payload), Retain: true})
	}
	for _, m := range []struct {
		topic, payload string
		kept           bool
	}{
		{"$SYS/broker/a", "12345678", true},
		{"$SYS/broker/b", "12345678", true},
		{"a", "12345", true},
		{"b", "12345", true},
		{"c", "1", false},
		{"a", "123456", false},
		{"$SYS/broker/c", "12345678", true},
		{"$SYS/broker/a", "1", true},
		{"$SYS/broker/b", "", true},
		{"a", "", true},
		{"c", "12345", true},
		{"d", "", true},
		{"b", "123456", false},
	} {
		if err := publish(m.topic, m.payload); (err == nil) != m.kept {
			t.Errorf("%s %q: got %v", m.topic, m.payload, err)
		}
	}
	if st := b.Stats(); st.Retained != 4 || st.RetainedBytes != 19 {
		t.Errorf("got %d messages of %d bytes, want 4 of 19", st.Retained, st.RetainedBytes)
	}
}

// TestConnectionLines: who sends no byte is counted, anybody else is logged.
func TestConnectionLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := New(Options{Logger: textLogger(&log, slog.LevelInfo)})
		l := memnet.Listen()
		go b.Serve(l)
		defer b.Close()
		dial := func(send string) {
			c, err := l.Dial()
			if err != nil {
				t.Fatal(err)
			}
			c.Write([]byte(send))
			synctest.Wait()
			c.Close()
			synctest.Wait()
		}
		for range 5 {
			dial("")
		}
		if log.Len() > 0 {
			t.Errorf("got %s", log.String())
		}
		dial("\x10")                   // a CONNECT that is not complete
		dial("GET / HTTP/1.1\r\n\r\n") // none at all
		if st := b.Stats(); st.ConnectionsSilent != 5 || st.ConnectionsUnfinished != 6 || st.ConnectionsRefused != 1 {
			t.Errorf("got %+v", st)
		}
		if got := strings.Count(log.String(), "connection accepted"); got != 2 {
			t.Errorf("got %d lines, want 2:\n%s", got, log.String())
		}
	})
}

// textLogger logs without the time.
func textLogger(w *bytes.Buffer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// The first messages that a client may not publish are worth a warning.
func TestDenialsAreSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := New(Options{Logger: textLogger(&log, slog.LevelWarn)})
		defer b.Close()
		client, server := net.Pipe()
		defer client.Close()
		b.ServeConn(server)
		go func() { // nobody waits for what is not read
			for b := make([]byte, 100); ; {
				if _, err := client.Read(b); err != nil {
					return
				}
			}
		}()
		send := func(p packet.Packet) {
			raw, err := p.Append(nil, packet.V311)
			if err != nil {
				t.Fatal(err)
			}
			client.Write(raw)
			synctest.Wait()
		}
		send(&packet.Connect{Version: packet.V311, ClientID: "x", CleanStart: true})
		for range 2 {
			for range 50 {
				send(&packet.Publish{Message: packet.Message{Topic: "$SYS/x", QoS: packet.AtLeastOnce, Payload: []byte("hi")}, PacketID: 7})
			}
			time.Sleep(time.Minute)
		}
		if got := strings.Count(log.String(), `level=WARN msg="message refused" client=x dup=false qos=1 retain=false packet_id=7 topic=$SYS/x bytes=2 err=`); got != 20 {
			t.Errorf("got %d lines, want 20:\n%s", got, log.String())
		}
		if st := b.Stats(); st.DroppedRefused != 100 || st.MessagesDropped != 100 {
			t.Errorf("got %+v", st)
		}
	})
}

// That messages for a client are dropped is said once, and again when it had got
// them for a minute.
func TestLossLines(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	inHouse(t, Options{Logger: textLogger(&log, slog.LevelInfo), MaxQueued: 1}, func(h *house) {
		pub := h.connect("id=pub clean")
		seen := func(want int) {
			h.Helper()
			if got := strings.Count(log.String(), `msg="messages dropped" client=sub err="queue is full: `); got != want {
				h.Errorf("it was said %d times, not %d:\n%s", got, want, &log)
			}
		}
		away := func(published int) {
			h.Helper()
			for range published {
				pub.SendText("PUBLISH 1 a qos=1 x")
				pub.Expect("PUBACK 1")
			}
		}
		back := func(id int) {
			h.Helper()
			sub := h.connect("id=sub")
			sub.Expect(fmt.Sprintf("PUBLISH %d a qos=1 x", id))
			sub.SendText(fmt.Sprintf("PUBACK %d", id), "DISCONNECT")
			sub.Closed()
		}
		h.subscriber("id=sub", "a qos=1").Drop()
		synctest.Wait()
		away(1)
		seen(0)
		away(5)
		seen(1)
		back(1)
		away(3) // one is taken
		seen(1)
		time.Sleep(2 * time.Minute)
		back(2)
		away(3)
		seen(2)
	})
}

// Who subscribes to what has levels of its own.
func TestSubscriptionLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := New(Options{Logger: textLogger(&log, LevelUnsubscribe)})
		defer b.Close()
		var seen []string
		b.Change(Options{Logger: textLogger(&log, LevelUnsubscribe), Trace: &Trace{
			Packet: func(_ *Client, d Direction, p packet.Packet) {
				seen = append(seen, []string{"<", ">"}[d]+p.Type().String())
			},
		}})
		l := memnet.Listen()
		go b.Serve(l)
		c, err := l.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var raw []byte
		for _, p := range []packet.Packet{
			&packet.Connect{Version: packet.V5, ClientID: "x", CleanStart: true},
			&packet.Subscribe{PacketID: 1, Subscriptions: []packet.Subscription{{Filter: "a/#", QoS: 1}}},
			&packet.Unsubscribe{PacketID: 2, Filters: []string{"b"}},
			&packet.Disconnect{},
		} {
			if raw, err = p.Append(raw, packet.V5); err != nil {
				t.Fatal(err)
			}
		}
		c.Write(raw)
		synctest.Wait()
		for _, want := range []string{
			`level=DEBUG-1 msg="client subscribed" client=x qos=1 filter=a/#`, `level=DEBUG-2 msg="client unsubscribed" client=x filter=b`,
		} {
			if strings.Count(log.String(), want) != 1 {
				t.Errorf("no %s in\n%s", want, log.String())
			}
		}
		const want = "<CONNECT >CONNACK <SUBSCRIBE >SUBACK <UNSUBSCRIBE >UNSUBACK <DISCONNECT"
		if got := strings.Join(seen, " "); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// What is traced may change while a client is connected.
func TestTraceChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		defer b.Close()
		l := memnet.Listen()
		go b.Serve(l)
		c, err := l.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		raw, _ := (&packet.Connect{Version: packet.V5, ClientID: "x", CleanStart: true}).Append(nil, packet.V5)
		raw, _ = (&packet.Subscribe{PacketID: 1, Subscriptions: []packet.Subscription{{Filter: "a"}}}).Append(raw, packet.V5)
		c.Write(raw)
		synctest.Wait()
		sent := 0
		count := &Trace{Packet: func(_ *Client, d Direction, p packet.Packet) {
			if d == Sent && p.Type() == packet.PUBLISH {
				sent++
			}
		}}
		for _, trace := range []*Trace{count, nil, count} {
			b.Change(Options{Trace: trace})
			if err := b.Publish(&packet.Message{Topic: "a"}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if sent != 2 {
			t.Errorf("%d packets were traced, want 2", sent)
		}
	})
}
