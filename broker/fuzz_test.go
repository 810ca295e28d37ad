package broker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/packet"
)

// FuzzConnection gives a broker the bytes of up to two clients, in turns. Each
// piece of the input is a client (and what it does: write, or close), a length
// and that many bytes. Nothing may panic, no goroutine be left, and an honest
// client must be served afterwards.
func FuzzConnection(f *testing.F) {
	for _, seed := range connectionSeeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 8<<10 {
			return
		}
		fuzzConnection(t, input)
	})
}

// fuzzPiece makes a piece of the input: do is the client, 0 or 1, or 2 or 3 to
// end its connection.
func fuzzPiece(do byte, b []byte) []byte {
	return append([]byte{do, byte(len(b) >> 8), byte(len(b))}, b...)
}

// connectionSeeds are dialogues of valid packets.
func connectionSeeds(f *testing.F) (seeds [][]byte) {
	f.Helper()
	scripts := []struct {
		version packet.Version
		texts   []string
	}{
		{packet.V311, []string{"CONNECT id=a", "SUBSCRIBE 1 a/+ qos=2 $share/g/b qos=1", "PUBLISH 2 a/b qos=2 hello", "PUBREL 2", "PUBREC 1", "PUBCOMP 1", "UNSUBSCRIBE 3 a/+", "PINGREQ", "DISCONNECT"}},
		{packet.V31, []string{"CONNECT v31 id=b clean will-topic=w will-qos=1 will-payload=x", "SUBSCRIBE 1 # qos=1", "PUBLISH a retain x", "PUBLISH 4 b qos=1 y", "PUBACK 1"}},
		{packet.V5, []string{
			"CONNECT v5 id=a session-expiry=100 receive-maximum=2 alias-maximum=3 maximum-packet-size=200 will-topic=w will-delay=1 will-payload=x",
			"SUBSCRIBE 1 a no-local retain-handling=1 b qos=2 retain-as-published subid=7", "PUBLISH a alias=1 retain expiry=9 user=k:v x", `PUBLISH 3 "" qos=1 alias=1 y`,
			"PUBLISH 4 b qos=2 content-type=t response-topic=r correlation=c utf8 z", "PUBREL 4", "PUBREC 1 0x80", "PUBACK 1 0x10", "DISCONNECT 0x04 session-expiry=5",
		}},
		{packet.V5, []string{"CONNECT v5 id=c auth-method=RIDDLE auth-data=me", "AUTH 0x18 auth-method=RIDDLE auth-data=answer", "AUTH 0x19 auth-method=RIDDLE", "PINGREQ"}},
		{packet.V5, []string{"CONNECT v5 clean", "SUBSCRIBE 1 $share/g/#", "CONNECT v5 id=b", "PINGREQ"}},
	}
	for i, one := range scripts {
		for j, other := range scripts {
			var seed []byte
			for k := range max(len(one.texts), len(other.texts)) {
				if k < len(one.texts) {
					seed = append(seed, fuzzPiece(0, encode(f, one.version, one.texts[k]))...)
				}
				if k < len(other.texts) && j != i {
					seed = append(seed, fuzzPiece(1, encode(f, other.version, other.texts[k]))...)
				}
			}
			seeds = append(seeds, append(seed, fuzzPiece(byte(2+i%2), nil)...))
		}
	}
	return seeds
}

// riddles is an authentication method for the fuzzer: any answer is right.
type riddles struct{ said bool }

func (*riddles) Authenticate(context.Context, *ConnectRequest) error { return nil }

func (*riddles) Begin(_ context.Context, _ *ConnectRequest, method string) (AuthExchange, error) {
	if method != "RIDDLE" {
		return nil, packet.BadAuthenticationMethod
	}
	return &riddles{}, nil
}

func (r *riddles) Next(context.Context, []byte) (answer []byte, done bool, err error) {
	r.said = !r.said
	return []byte("?"), !r.said, nil
}

func fuzzConnection(t *testing.T, input []byte) {
	t.Helper()
	before := runtime.NumGoroutine()
	log := &logbook{}
	b := New(Options{
		Authenticator: &riddles{}, Logger: slog.New(log), WriteTimeout: 10 * time.Second,
		MaxQueued: 20, MaxInflight: 5, MaxRetained: 10, MaxSubscriptions: 20, MaxPendingBytes: 10_000,
	})
	var clients [2]net.Conn
	for len(input) >= 3 {
		do, n := input[0]%4, int(input[1])<<8|int(input[2])
		input = input[3:]
		piece := input[:min(n, len(input))]
		input = input[len(piece):]
		i := do % 2
		if do >= 2 {
			if c, ok := clients[i].(*memnet.Conn); ok && len(piece)%2 == 1 {
				c.Reset()
			} else if ok {
				c.Close()
			}
			clients[i] = nil
			continue
		}
		if clients[i] == nil {
			client, server := memnet.Pipe(64 << 10)
			b.ServeConn(server)
			clients[i] = client
			go io.Copy(io.Discard, client)
		}
		clients[i].SetWriteDeadline(time.Now().Add(10 * time.Second))
		clients[i].Write(piece)
	}
	if err := honest(b); err != nil {
		t.Errorf("an honest client is not served: %v", err)
	}
	for _, c := range clients {
		if c != nil {
			c.Close()
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := b.Shutdown(ctx); err != nil {
		t.Errorf("shut down: %v", err)
	}
	if panics := log.with("panicked"); len(panics) > 0 {
		t.Error(strings.Join(panics, "\n"))
	}
	if st := b.Stats(); st.Connected != 0 || st.HalfOpen != 0 {
		t.Errorf("left: %+v", st)
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks())
		}
	}
}

// honest connects, publishes to itself and disconnects.
func honest(b *Broker) error {
	client, server := memnet.Pipe(0)
	defer client.Close()
	b.ServeConn(server)
	client.SetDeadline(time.Now().Add(10 * time.Second))
	r := packet.NewReader(client, packet.V311)
	for _, step := range []struct {
		send packet.Packet
		want packet.Type
	}{
		{&packet.Connect{Version: packet.V311, ClientID: "honest", CleanStart: true}, packet.CONNACK},
		{&packet.Subscribe{PacketID: 1, Subscriptions: []packet.Subscription{{Filter: "honest/topic"}}}, packet.SUBACK},
		{&packet.Publish{Message: packet.Message{Topic: "honest/topic", Payload: []byte("still")}}, packet.PUBLISH},
		{&packet.Pingreq{}, packet.PINGRESP},
	} {
		wire, err := step.send.Append(nil, packet.V311)
		if err != nil {
			return err
		}
		if _, err := client.Write(wire); err != nil {
			return err
		}
		got, err := r.Next()
		if err != nil || got.Type() != step.want {
			return fmt.Errorf("came %v, %w, want %v", got, err, step.want)
		}
	}
	return nil
}

func stacks() string {
	b := make([]byte, 64<<10)
	b = b[:runtime.Stack(b, true)]
	return string(bytes.TrimSpace(b))
}
