package ws_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/internal/ws"
	"github.com/zancudomq/zancudo/packet"
)

// serve has a broker serve WebSockets over TCP until the test ends.
func serve(t *testing.T) string {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := broker.New(broker.Options{})
	done := make(chan error, 1)
	go func() { done <- b.Serve(ws.NewListener(inner, ws.Options{})) }()
	t.Cleanup(func() {
		b.Close()
		if err := <-done; !errors.Is(err, broker.ErrClosed) {
			t.Error(err)
		}
	})
	return inner.Addr().String()
}

// dial returns a function that opens WebSockets to an address.
func dial(address string, o ws.ClientOptions) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		o.Host = address
		return ws.Client(ctx, conn, o)
	}
}

// TestBroker sends messages of every size and QoS through a broker.
func TestBroker(t *testing.T) {
	t.Parallel()
	address := serve(t)
	const rounds = 50
	got := make(chan int, 3*rounds)
	c := client.New(client.Options{
		Dial: dial(address, ws.ClientOptions{}), Timeout: 10 * time.Second,
		Connect:   packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "c"},
		OnMessage: func(p *packet.Publish) { got <- len(p.Payload) },
	})
	defer c.Close()
	if _, err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Subscribe(t.Context(), &packet.Subscribe{Subscriptions: []packet.Subscription{{Filter: "a", QoS: 2}}}); err != nil {
		t.Fatal(err)
	}
	total := 0
	for i := range rounds {
		for qos := range packet.QoS(3) {
			size := i * i * i
			total += size
			m := packet.Message{Topic: "a", Payload: pattern(size), QoS: qos}
			if err := c.Publish(t.Context(), &packet.Publish{Message: m}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 3 * rounds {
		total -= <-got
	}
	if total != 0 {
		t.Errorf("%d bytes are missing", total)
	}
	if err := c.Disconnect(t.Context(), &packet.Disconnect{}); err != nil {
		t.Error(err)
	}
}

// TestMQTTjs has the client that browsers have go through a broker.
func TestMQTTjs(t *testing.T) {
	t.Parallel()
	modules, err := filepath.Abs("../../test/interop/node/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if _, statErr := os.Stat(filepath.Join(modules, "mqtt")); err != nil || statErr != nil {
		const sentence = "MQTT.js is not installed: apt-get install nodejs npm, then npm --prefix test/interop/node ci"
		if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
			t.Fatal(sentence)
		}
		t.Skip(sentence)
	}
	address := serve(t)
	for _, version := range []string{"3", "4", "5"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, node, "testdata/mqttjs.js", "ws://"+address+"/mqtt", version)
			cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "all arrived") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
