package broker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
)

// T-PREAUTH: what a connection costs before it is welcome.

// The time for a CONNECT is counted from accepting, whatever trickles in.
// CVE-2026-58210 (NATS MQTT); NanoMQ, mochi and gmqtt as measured: an idle timer instead of a deadline.
func TestConnectDeadlineIsAbsolute(t *testing.T) {
	t.Parallel()
	trickles := map[string][]byte{
		"silent":        nil,
		"CONNECT":       encode(t, packet.V5, "CONNECT v5 id="+strings.Repeat("x", 1000)),
		"large CONNECT": append([]byte{0x10, 0xB8, 0x85, 0x06}, encode(t, packet.V311, "CONNECT id=c")[2:]...),
		"AUTH for ever": nil,
	}
	for name, trickle := range trickles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inHouse(t, Options{Authenticator: &riddles{}}, func(h *house) {
				before := h.inventory()
				c, err := h.listener.Dial()
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if name == "AUTH for ever" {
					c.Write(encode(t, packet.V5, "CONNECT v5 id=c auth-method=RIDDLE"))
				}
				for i := range 19 {
					if i < len(trickle) {
						c.Write(trickle[i : i+1])
					}
					time.Sleep(500 * time.Millisecond)
					synctest.Wait()
					if h.inventory().conns != 1 {
						t.Fatalf("closed after %d half seconds", i+1)
					}
				}
				time.Sleep(time.Second)
				h.same(before)
				if n := h.Stats().ConnectionsUnfinished; n != 1 {
					t.Errorf("%d connections are counted as unfinished", n)
				}
			})
		})
	}
}

// Connections without a CONNECT do not keep others out, and there is a bound for
// them: in all, and for each address.
// CVE-2020-13849 (SlowITe), CVE-2024-48077 (NanoMQ).
func TestHalfOpenConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{MaxHalfOpen: 20, MaxHalfOpenPerAddress: 5}, func(h *house) {
		before := h.inventory()
		var clients []*mqtttest.Client
		for range 8 {
			clients = append(clients, h.dialFrom(net.IPv4(192, 0, 2, 7)))
		}
		synctest.Wait()
		if st := h.Stats(); st.HalfOpen != 5 || st.ConnectionsCrowdedOut != 3 {
			t.Errorf("of one address %d wait, %d were turned away", st.HalfOpen, st.ConnectionsCrowdedOut)
		}
		for _, c := range clients[5:] {
			c.Closed()
		}
		for i := range 40 { // of an IPv6 network each
			clients = append(clients, h.dialFrom(net.ParseIP(fmt.Sprintf("2001:db8:0:%x::1", i))))
		}
		synctest.Wait()
		if n := h.Stats().HalfOpen; n > 20 {
			t.Errorf("%d wait", n)
		}
		start := time.Now()
		honest := h.dialFrom(net.IPv4(192, 0, 2, 8)) // behind all of them
		honest.SendText("CONNECT id=honest")
		time.Sleep(3 * time.Second)
		honest.Expect("CONNACK")
		if n := h.Stats().HalfOpen; n > 20 {
			t.Errorf("%d wait", n)
		}
		honest.SendText("DISCONNECT")
		honest.Closed()
		t.Logf("an honest client was served within %v", time.Since(start))
		for _, c := range clients {
			c.Close()
		}
		time.Sleep(time.Second)
		before.sessions = 1
		h.same(before)
	})
}

// Addresses of one IPv6 network count as one, loopback as none.
func TestAddressesThatCountAsOne(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		addresses []net.Addr
		want      string
	}{
		{[]net.Addr{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1).To4(), Port: 2}}, "192.0.2.1/32"},
		{[]net.Addr{&net.TCPAddr{IP: net.ParseIP("2001:db8::1")}, &net.TCPAddr{IP: net.ParseIP("2001:db8::2:3:4:5"), Zone: "eth0"}}, "2001:db8::/64"},
		{[]net.Addr{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, &net.TCPAddr{IP: net.IPv6loopback}, &net.UnixAddr{Name: "x"}, nil}, "invalid Prefix"},
	} {
		for _, a := range test.addresses {
			if got := prefixOf(a).String(); got != test.want {
				t.Errorf("%v counts as %s, want %s", a, got, test.want)
			}
		}
	}
}

// ServeConn has the same bound: the oldest makes room, if it has had its time.
func TestServeConnIsBounded(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{MaxHalfOpen: 3, MaxHalfOpenPerAddress: -1}, func(h *house) {
		var ends []*memnet.Conn
		open := func() {
			client, server := memnet.Pipe(0)
			h.ServeConn(server)
			synctest.Wait()
			ends = append(ends, client)
			if n := h.Stats().HalfOpen; n > 3 {
				t.Errorf("%d wait", n)
			}
		}
		for range 5 {
			open()
		}
		time.Sleep(2 * time.Second)
		open()
		if n := h.Stats().ConnectionsCrowdedOut; n != 3 {
			t.Errorf("%d were turned away, want 3", n)
		}
		for _, c := range ends {
			c.Close()
		}
	})
}

// Silent connections cost no time.
// CVE-2023-5632 (Mosquitto): a silent connection burned the processor.
func TestSilentConnectionsDoNothing(t *testing.T) {
	inHouse(t, Options{MaxHalfOpen: -1, MaxHalfOpenPerAddress: -1, ConnectTimeout: time.Hour}, func(h *house) {
		for range 1000 {
			h.dial()
		}
		synctest.Wait() // returns only when nobody runs
		var before, after syscall.Rusage
		syscall.Getrusage(syscall.RUSAGE_SELF, &before)
		time.Sleep(30 * time.Minute)
		syscall.Getrusage(syscall.RUSAGE_SELF, &after)
		if used := time.Duration(after.Utime.Nano() - before.Utime.Nano()); used > time.Second {
			t.Errorf("half an hour of silence costs %v", used)
		}
	})
}

// Very many user properties are refused at once.
// CVE-2021-41039 (Mosquitto): quadratic handling.
func TestManyUserProperties(t *testing.T) {
	t.Parallel()
	inHouse(t, Options{}, func(h *house) {
		for _, n := range []int{64, 65, 5000, 18_000} {
			for _, where := range []string{"connect", "will"} {
				users := make([]packet.UserProperty, n)
				p := &packet.Connect{Version: packet.V5, ClientID: "c", CleanStart: true}
				if where == "connect" {
					p.UserProperties = users
				} else {
					p.Will = &packet.Will{Message: packet.Message{Topic: "w", Properties: &packet.MessageProperties{UserProperties: users}}}
				}
				c := h.dial()
				c.Send(p)
				synctest.Wait()
				answer, ok := c.Next()
				if !ok {
					t.Fatalf("%d in the %s: no answer", n, where)
				}
				if code := answer.(*packet.Connack).ReasonCode; (code == packet.Success) != (n <= 64) {
					t.Errorf("%d in the %s: %v", n, where, code)
				}
				c.Drop()
				synctest.Wait()
			}
		}
	})
}

// After a refusal the connection is closed, whoever goes on sending or does not
// read.
// CVE-2025-56352 (tinyMQTT): it stayed open.
func TestRefusedConnectionIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := openHouse(t, Options{Authenticator: passwords{}})
		h.listener.Buffer = 1 // the CONNACK does not even fit
		before := h.inventory()
		for _, text := range []string{"CONNECT v5 id=c", "CONNECT id=c", "CONNECT v31 id=c"} {
			c := h.dial()
			c.Pause()
			c.SendText(text)
			c.SendBytes(bytes.Repeat([]byte{0xC0, 0}, 100))
			time.Sleep(goodbyeTimeout + time.Second)
			h.same(before)
		}
	})
}

// On a real socket: connections that end in every rude way leave no goroutine,
// and no memory to speak of.
func TestRudeClientsLeaveNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	goroutines := runtime.NumGoroutine()
	b := New(Options{})
	served := make(chan error, 1)
	go func() { served <- b.Serve(listener) }()
	rude := []func(c *net.TCPConn){
		func(c *net.TCPConn) { c.Close() },
		func(c *net.TCPConn) { c.SetLinger(0); c.Close() },
		func(c *net.TCPConn) { c.CloseWrite(); io.Copy(io.Discard, c); c.Close() },
		func(c *net.TCPConn) { c.CloseRead(); c.Write([]byte{0xC0, 0}); c.Close() },
		func(c *net.TCPConn) { c.Write([]byte{0x30, 0xFF}); c.Close() },
		func(c *net.TCPConn) { c.Write([]byte{0xFF, 0xFF, 0xFF}); io.Copy(io.Discard, c); c.Close() },
		func(c *net.TCPConn) {
			for range 200 {
				c.Write(encode(t, packet.V311, "PUBLISH a size=5000", "PUBLISH 1 a qos=2 size=5000"))
			}
			c.SetLinger(0)
			c.Close()
		},
	}
	before := b.inventory()
	for i := range 200 {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(10 * time.Second))
		if i%5 > 0 {
			c.Write(encode(t, packet.V311, fmt.Sprintf("CONNECT id=c%d clean will-topic=a will-payload=x", i%17), "SUBSCRIBE 1 a qos=2 # $share/g/a"))
		}
		if i%3 > 0 {
			c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			c.Read(make([]byte, 100))
			c.SetReadDeadline(time.Now().Add(10 * time.Second))
		}
		rude[i%len(rude)](c.(*net.TCPConn))
	}
	eventually(t, func() error {
		after := b.inventory()
		after.alarms = 0
		if after != before {
			return fmt.Errorf("left behind:\n  now %+v\nbefore %+v", after, before)
		}
		return nil
	})
	if err := honest(b); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := b.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	<-served
	eventually(t, func() error {
		if n := runtime.NumGoroutine(); n > goroutines {
			return fmt.Errorf("%d goroutines, %d before:\n%s", n, goroutines, stacks())
		}
		return nil
	})
}
