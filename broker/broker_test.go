package broker

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// Close waits for nobody: neither for a client that does not read its last
// packet, nor for one that is kicked, nor for one without a CONNECT.
func TestCloseWaitsForNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := openHouse(t, Options{MaxHalfOpenPerAddress: -1})
		h.listener.Buffer = 100
		for i := range 4 {
			c := h.subscriber(fmt.Sprintf("v5 id=c%d session-expiry=60", i), "a")
			c.Pause()
			h.Publish(&packet.Message{Topic: "a", Payload: make([]byte, 1000)})
			switch i {
			case 0:
				c.SendBytes([]byte{0x36, 0}) // ends it, and would be told why
			case 1:
				for c := range h.Clients() {
					if c.ID() == "c1" {
						c.Disconnect(nil)
					}
				}
			case 2:
				h.connect("v5 id=c2")
			}
			synctest.Wait()
		}
		h.dial()
		begin := time.Now()
		h.Close()
		if d := time.Since(begin); d > 0 {
			t.Errorf("took %v", d)
		}
	})
}

// Shutdown tells clients, waits for them to read it, and not longer than its
// context.
func TestShutdown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := openHouse(t, Options{})
		h.listener.Buffer = 100
		c := h.connect("v5 id=c")
		old := h.connect("id=old")
		slow := h.subscriber("v5 id=slow", "a")
		slow.Pause()
		h.Publish(&packet.Message{Topic: "a", Payload: make([]byte, 1000)})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		begin := time.Now()
		if err := h.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		c.Expect("DISCONNECT 0x8B ...")
		c.Closed()
		old.Closed()
		client, server := net.Pipe()
		h.ServeConn(server)
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("a connection is served after Shutdown: %v", err)
		}
		if _, err := h.Subscribe("a", nil); !errors.Is(err, ErrClosed) {
			t.Errorf("Subscribe after Shutdown: %v", err)
		}
	})
}

// The read-only view of a client.
func TestClients(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{Authenticator: passwords{}}, func(h *house) {
		c := h.subscriber("id=c username=ada password=secret", "b a qos=1")
		view := func() *Client {
			for c := range h.Clients() {
				return c
			}
			return nil
		}
		v := view()
		if v.ID() != "c" || v.User() != "ada" || !v.Connected() || v.RemoteAddr() == nil || fmt.Sprint(v.Subscriptions()) != "[a b]" {
			t.Errorf("%s %s %v %v %v", v.ID(), v.User(), v.Connected(), v.RemoteAddr(), v.Subscriptions())
		}
		c.Drop()
		synctest.Wait()
		if v.Connected() || v.RemoteAddr() != nil {
			t.Error("connected though the connection is gone")
		}
		v.Disconnect(nil)
		h.connect("id=c clean username=ada password=secret")
		if v.Connected() || len(v.Subscriptions()) > 0 {
			t.Error("the ended session is alive")
		}
	})
}

// Many publishers, many subscribers, on real sockets: everybody gets all of it,
// in the order of each publisher.
func TestFanOutUnderLoad(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := New(Options{MaxPendingBytes: -1, MaxQueued: -1, MaxQueuedBytes: -1})
	go b.Serve(listener)
	defer b.Close()
	const publishers, messages, subscribers = 4, 150, 150
	var ready, done sync.WaitGroup
	dial := func(id string, packets ...string) (net.Conn, *packet.Reader) {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(30 * time.Second))
		c.Write(encode(t, packet.V311, append([]string{"CONNECT clean id=" + id}, packets...)...))
		return c, packet.NewReader(c, packet.V311)
	}
	for i := range subscribers {
		c, r := dial(fmt.Sprintf("s%d", i), fmt.Sprintf("SUBSCRIBE 1 load/# qos=%d", i%3))
		ready.Add(1)
		done.Go(func() {
			if err := readLoad(c, r, ready.Done, publishers, messages); err != nil {
				t.Errorf("subscriber %d: %v", i, err)
			}
		})
	}
	ready.Wait()
	for i := range publishers {
		c, _ := dial(fmt.Sprintf("p%d", i))
		done.Go(func() {
			go io.Copy(io.Discard, c)
			var all bytes.Buffer
			for n := range messages {
				m := packet.Message{Topic: fmt.Sprintf("load/%d", i), QoS: packet.AtLeastOnce, Payload: binary.BigEndian.AppendUint32([]byte{byte(i)}, uint32(n))}
				p, err := (&packet.Publish{Message: m, PacketID: uint16(n + 1)}).Append(nil, packet.V311)
				if err != nil {
					t.Error(err)
				}
				all.Write(p)
			}
			c.Write(all.Bytes())
		})
	}
	done.Wait()
}

// readLoad reads all messages and acknowledges them.
func readLoad(c net.Conn, r *packet.Reader, ready func(), publishers, messages int) error {
	last := make([]int, publishers)
	for n := 0; n < publishers*messages; {
		p, err := r.Next()
		if err != nil {
			return fmt.Errorf("after %d messages: %w", n, err)
		}
		if p.Type() == packet.SUBACK {
			ready()
		}
		m, ok := p.(*packet.Publish)
		if !ok {
			continue
		}
		n++
		from, number := int(m.Payload[0]), int(binary.BigEndian.Uint32(m.Payload[1:]))
		if number != last[from] {
			return fmt.Errorf("message %d of publisher %d came, want %d", number, from, last[from])
		}
		last[from]++
		if m.QoS > 0 {
			if _, err := c.Write([]byte{0x40, 2, byte(m.PacketID >> 8), byte(m.PacketID)}); err != nil {
				return err
			}
		}
	}
	return nil
}
