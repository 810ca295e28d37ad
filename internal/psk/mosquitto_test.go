package psk

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/internal/proctest"
	"github.com/zancudomq/zancudo/packet"
)

// TestClientWithMosquitto sends a message through Debian's broker and its psk_file.
func TestClientWithMosquitto(t *testing.T) {
	t.Parallel()
	broker, err := exec.LookPath("mosquitto")
	if err != nil {
		if broker = "/usr/sbin/mosquitto"; !exists(broker) {
			needProgram(t, "mosquitto", "mosquitto")
		}
	}
	dir, port := t.TempDir(), proctest.FreePort(t)
	keys := filepath.Join(dir, "psk.txt")
	write(t, keys, testIdentity+":"+hex.EncodeToString(testKey())+"\n")
	config := filepath.Join(dir, "mosquitto.conf")
	write(t, config, fmt.Sprintf("listener %s 127.0.0.1\npsk_file %s\npsk_hint pumps\nuse_identity_as_username true\nallow_anonymous true\nuser root\nlog_type all\n", port, keys))
	out := background(t, exec.CommandContext(t.Context(), broker, "-c", config))
	dialPatiently(t, port).Close()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got := make(chan string, 1)
	var state State
	c := client.New(client.Options{
		Dial: func(context.Context) (net.Conn, error) {
			conn := Client(dialPatiently(t, port), clientConfig())
			err := conn.Handshake()
			state = conn.State()
			return conn, err
		},
		Connect:   packet.Connect{ClientID: "psk", CleanStart: true, KeepAlive: 60},
		OnMessage: func(p *packet.Publish) { got <- string(p.Payload) },
	})
	if _, err := c.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Subscribe(ctx, &packet.Subscribe{Subscriptions: []packet.Subscription{{Filter: "pumps/#", QoS: 1}}}); err != nil {
		t.Fatal(err)
	}
	want := strings.Repeat("running ", 10000)
	message := packet.Message{Topic: "pumps/1", Payload: []byte(want), QoS: 1}
	if err := c.Publish(ctx, &packet.Publish{Message: message}); err != nil {
		t.Fatal(err)
	}
	select {
	case payload := <-got:
		if payload != want {
			t.Errorf("got %d bytes, want %d", len(payload), len(want))
		}
	case <-ctx.Done():
		t.Fatal(ctx.Err())
	}
	if state.Hint != "pumps" || !state.ExtendedMasterSecret {
		t.Errorf("state %+v", state)
	}
	if err := c.Disconnect(ctx, &packet.Disconnect{}); err != nil {
		t.Error(err)
	}
	if said := waitFor(out, "u'"+testIdentity+"'"); !strings.Contains(said, "u'"+testIdentity+"'") {
		t.Error("the broker did not take the identity as the user name")
	}

	wrong := clientConfig()
	wrong.Secret = []byte("wrong")
	if err := Client(dialPatiently(t, port), wrong).Handshake(); !strings.Contains(fmt.Sprint(err), "another key") {
		t.Errorf("a wrong key: %v", err)
	}
}

// TestServerWithMosquitto takes Debian's tools to our broker behind our server.
func TestServerWithMosquitto(t *testing.T) {
	t.Parallel()
	needProgram(t, "mosquitto_pub", "mosquitto-clients")
	needProgram(t, "mosquitto_sub", "mosquitto-clients")
	port := serveBroker(t)
	for _, ciphers := range []string{"", "PSK-AES128-CBC-SHA256", "PSK-AES256-GCM-SHA384", "ECDHE-PSK-AES128-CBC-SHA256"} {
		t.Run(ciphers, func(t *testing.T) {
			args := []string{"-h", "127.0.0.1", "-p", port, "-t", "t/" + ciphers, "-q", "1", "--psk", hex.EncodeToString(testKey()), "--psk-identity", testIdentity}
			if ciphers != "" {
				args = append(args, "--ciphers", ciphers)
			}
			pub := exec.CommandContext(t.Context(), "mosquitto_pub", append(args, "-r", "-s")...)
			want := strings.Repeat("warm and wet ", 3000)
			pub.Stdin = strings.NewReader(want)
			if out, err := pub.CombinedOutput(); err != nil {
				t.Fatalf("mosquitto_pub: %v: %s", err, out)
			}
			sub := exec.CommandContext(t.Context(), "mosquitto_sub", append(args, "-C", "1", "-N", "-W", "10")...)
			if out, err := sub.CombinedOutput(); err != nil || string(out) != want {
				t.Fatalf("mosquitto_sub: %v, got %d bytes, want %d", err, len(out), len(want))
			}
		})
	}
	wrong := exec.CommandContext(t.Context(), "mosquitto_pub", "-h", "127.0.0.1", "-p", port, "-t", "a", "-m", "b", "--psk", "00ff", "--psk-identity", testIdentity)
	if out, err := wrong.CombinedOutput(); err == nil {
		t.Errorf("a wrong key got in: %s", out)
	}
}

// serveBroker runs a broker behind Server and returns its port.
func serveBroker(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := broker.New(broker.Options{})
	served := make(chan error, 1)
	go func() { served <- b.Serve(listener{l}) }()
	t.Cleanup(func() {
		b.Close()
		<-served
	})
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// listener makes a Server of each connection.
type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return Server(conn, serverConfig()), nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
