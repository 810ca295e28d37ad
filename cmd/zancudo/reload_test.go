//go:build unix

package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/proctest"
	"github.com/zancudomq/zancudo/packet"
)

// crowd is many clients that count what they get.
type crowd struct {
	ready   sync.WaitGroup // have subscribed
	running sync.WaitGroup
	got     []atomic.Int32 // messages of each client
	leaving atomic.Bool
	lost    atomic.Pointer[string] // why the first client was disconnected, or what came in a wrong order
	conns   []net.Conn
}

func (c *crowd) complain(format string, args ...any) {
	if !c.leaving.Load() {
		c.lost.CompareAndSwap(nil, new(fmt.Sprintf(format, args...)))
	}
}

// join connects a client and has it count the messages of topic "all", whose
// payloads count too.
func (c *crowd) join(t *testing.T, port string, i int) {
	t.Helper()
	conn := dial(t, "127.0.0.1", port)
	c.conns = append(c.conns, conn)
	hello, _ := (&packet.Connect{Version: packet.V311, ClientID: "c" + strconv.Itoa(i), CleanStart: true}).Append(nil, packet.V311)
	hello, _ = (&packet.Subscribe{PacketID: 1, Subscriptions: []packet.Subscription{{Filter: "all", QoS: 1}}}).Append(hello, packet.V311)
	if _, err := conn.Write(hello); err != nil {
		t.Fatal(err)
	}
	c.running.Go(func() {
		r := packet.NewReader(bufio.NewReaderSize(conn, 256), packet.V311)
		for {
			p, err := r.Next()
			if err != nil {
				c.complain("client %d: %v", i, err)
				return
			}
			switch p := p.(type) {
			case *packet.Suback:
				c.ready.Done()
			case *packet.Publish:
				if n := c.got[i].Add(1); string(p.Payload) != strconv.Itoa(int(n)) {
					c.complain("client %d: message %s is its number %d", i, p.Payload, n)
				}
				ack, _ := (&packet.Puback{Ack: packet.Ack{PacketID: p.PacketID}}).Append(nil, packet.V311)
				if _, err := conn.Write(ack); err != nil {
					c.complain("client %d: %v", i, err)
				}
			}
		}
	})
}

// TestReloadUnderACrowd reloads twenty times, with other limits, listeners and
// log settings each time, while everybody gets messages: nobody is disconnected
// and no message is lost.
func TestReloadUnderACrowd(t *testing.T) {
	clients := 500
	if os.Getenv("ZANCUDO_TEST_ALL") == "1" && !race {
		clients = 10_000
	}
	port, second := proctest.FreePort(t), proctest.FreePort(t)
	dir := t.TempDir()
	file, runDir := filepath.Join(dir, "zancudo.conf"), filepath.Join(dir, "run")
	configure := func(i int) {
		t.Helper()
		text := fmt.Sprintf("allow_anonymous true\nlistener %s 127.0.0.1\nconnection_messages false\nmax_queued_messages %d\nmax_inflight_messages %d\nmax_packet_size %d\n",
			port, 1000+i, 20+i%3, 100_000+i)
		if i%2 == 1 {
			text += fmt.Sprintf("listener %s 127.0.0.1\nmax_qos 1\n", second)
		}
		text += "log_dest stderr\n" + [...]string{"", "log_type error\nlog_type notice\n", "log_dest file " + filepath.Join(dir, "a.log") + "\n", "log_timestamp false\n"}[i%4]
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	configure(0)
	t.Setenv("RUNTIME_DIRECTORY", runDir)
	b := broker(t, "-c", file)

	c := &crowd{got: make([]atomic.Int32, clients)}
	defer c.running.Wait()
	defer func() {
		c.leaving.Store(true)
		for _, conn := range c.conns {
			conn.Close()
		}
	}()
	c.ready.Add(clients)
	for i := range clients {
		c.join(t, port, i)
	}
	c.ready.Wait()

	publisher := client(t, port, packet.V311)
	publisher.SendText("CONNECT id=publisher clean")
	publisher.Expect("CONNACK")
	publish := func(n int) {
		t.Helper()
		publisher.SendText(fmt.Sprintf("PUBLISH %d all qos=1 %d", n, n))
		publisher.Expect(fmt.Sprintf("PUBACK %d", n))
	}
	messages := 0
	for i := 1; i <= 20; i++ {
		configure(i)
		for range 2 {
			messages++
			publish(messages)
		}
		status, stdout, stderr := run(t, zancudo, "reload")
		if status != 0 || !strings.Contains(stdout, "~max_queued_messages") || !strings.Contains(stdout, "listener "+second) {
			t.Fatalf("reload %d: status %d, %s%s", i, status, stdout, stderr)
		}
	}
	messages++
	publish(messages)
	for deadline := time.Now().Add(patience); ; {
		missing := 0
		for i := range c.got {
			missing += messages - int(c.got[i].Load())
		}
		if why := c.lost.Load(); why != nil {
			t.Fatal(*why)
		}
		if missing == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d messages are missing", missing)
		}
		publisher.SendText("PINGREQ") // the time of an answer
		publisher.Expect("PINGRESP")
	}
	if err := syscall.Kill(b.cmd.Process.Pid, 0); errors.Is(err, syscall.ESRCH) {
		t.Error("the broker has ended")
	}
}

// TestReloadSays shows what a person sees who has made a mistake.
func TestReloadSays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	port := proctest.FreePort(t)
	good := "listener " + port + " 127.0.0.1\nallow_anonymous true\n"
	file := write(t, good)
	b := startCommand(t, inRunDir(dir, zancudo, "-c", file))
	b.wait(&b.stderr, " running\n")
	for _, tt := range []struct {
		conf           string
		status         int
		stdout, stderr string
	}{
		{good, 0, "nothing has changed\n", ""},
		{good + "max_qoss 1\n", 3, "", "Error: Unknown configuration variable 'max_qoss'\nError found at " + file + ":3. Did you mean 'max_qos'?\n" +
			"Nothing has changed: the broker runs on with the configuration it had.\n"},
		{good + "max_qos 1\n", 0, "~max_qos 2 → 1 (listener " + port + " 127.0.0.1)\n", ""},
	} {
		if err := os.WriteFile(file, []byte(tt.conf), 0o600); err != nil {
			t.Fatal(err)
		}
		p := startCommand(t, inRunDir(dir, zancudo, "reload"))
		if status := p.status(); status != tt.status || p.stdout.String() != tt.stdout || p.stderr.String() != tt.stderr {
			t.Errorf("status %d, printed %q and %q, want %d, %q and %q", status, &p.stdout, &p.stderr, tt.status, tt.stdout, tt.stderr)
		}
	}
	p := startCommand(t, inRunDir(t.TempDir(), zancudo, "reload"))
	if status := p.status(); status != 1 || !strings.HasPrefix(p.stderr.String(), "Error: No broker of this user runs on this machine") {
		t.Errorf("status %d, printed %q", status, &p.stderr)
	}
}
