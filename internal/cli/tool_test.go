package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/packet"
)

// A world is a bubble with a broker in it, which may go away and come back.
type world struct {
	t        *testing.T
	mu       sync.Mutex
	broker   *broker.Broker
	listener *memnet.Listener
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	w.up()
	t.Cleanup(w.down)
	return w
}

func (w *world) up() { w.serve(broker.New(broker.Options{})) }

func (w *world) serve(b *broker.Broker) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broker, w.listener = b, memnet.Listen()
	go func(b *broker.Broker, l net.Listener) { _ = b.Serve(l) }(w.broker, w.listener)
}

func (w *world) down() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	w.listener.Close()
	if err := w.broker.Shutdown(ctx); err != nil {
		w.t.Error(err)
	}
}

func (w *world) dial(context.Context, string, string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.listener.Dial()
}

// received collects the payloads that the broker gets.
func (w *world) received() func() string {
	var mu sync.Mutex
	var got []string
	stop, err := w.broker.Subscribe("#", func(m *packet.Message) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, fmt.Sprintf("%s:%s:%d:%d", m.Topic, m.Payload, m.QoS, bit(m.Retain)))
	})
	must(w.t, err)
	return func() string {
		synctest.Wait()
		stop()
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(got, " ")
	}
}

// A process is a command that runs.
type process struct {
	stdout, stderr buffer
	status         chan int
	interrupt      context.CancelFunc
}

// start runs "zancudo" with a command line that has no blanks in its words.
func (w *world) start(stdin io.Reader, line string) *process {
	ctx, cancel := context.WithCancel(w.t.Context())
	p := &process{status: make(chan int, 1), interrupt: cancel}
	name, args, _ := strings.Cut(line, " ")
	env := Env{Program: "zancudo " + name, Stdin: stdin, Stdout: &p.stdout, Stderr: &p.stderr, Dial: w.dial}
	go func() { p.status <- dispatch(ctx, env, name, strings.Fields(args)) }()
	synctest.Wait()
	return p
}

// end waits for the end of the process.
func (p *process) end() run { return run{<-p.status, p.stdout.String(), p.stderr.String()} }

// buffer is a strings.Builder for many goroutines.
type buffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestPub(t *testing.T) {
	for _, test := range []struct {
		line, stdin string
		want        run
		received    string
	}{
		{"pub -t a -m b", "", run{}, "a:b:0:0"},
		{"pub -t a -m b -q 1 -r", "", run{}, "a:b:1:1"},
		{"pub -t a -m b -q 2 -V 5", "", run{}, "a:b:2:0"},
		{"pub -t a -m b -q 2 -V 31", "", run{}, "a:b:2:0"},
		{"pub -t a -n", "", run{}, "a::0:0"},
		{"pub -t a -s", "1\n2\n", run{}, "a:1\n2\n:0:0"},
		{"pub -t a -l", "1\n\n3", run{}, "a:1:0:0 a::0:0 a:3:0:0"},
		{"pub -t a -l -q 1", "1\n2\r\n", run{}, "a:1:1:0 a:2\r:1:0"},
		{"pub -t a -l -q 2", "", run{}, ""},
		{"pub -t a -f /nowhere/x", "", run{1, "", "Error: Unable to read file \"/nowhere/x\": No such file or directory.\nError loading input file \"/nowhere/x\".\n"}, ""},
		{"pub -t a -m hello -q 1 -i me -d", "", run{stdout: `Client me sending CONNECT
Client me received CONNACK (0)
Client me sending PUBLISH (d0, q1, r0, m1, 'a', ... (5 bytes))
Client me received PUBACK (Mid: 1, RC:0)
Client me sending DISCONNECT
`}, "a:hello:1:0"},
		{"pub -t a -l -i me -d", "1\n2\n", run{stdout: `Client me sending CONNECT
Client me received CONNACK (0)
Client me sending PUBLISH (d0, q0, r0, m1, 'a', ... (1 bytes))
Client me sending PUBLISH (d0, q0, r0, m2, 'a', ... (1 bytes))
Client me sending DISCONNECT
`}, "a:1:0:0 a:2:0:0"},
	} {
		t.Run(test.line, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				received := w.received()
				if got := w.start(strings.NewReader(test.stdin), test.line).end(); got != test.want {
					t.Errorf("got %+v, want %+v", got, test.want)
				}
				if got := received(); got != test.received {
					t.Errorf("broker received %q, want %q", got, test.received)
				}
			})
		})
	}
}

func TestSub(t *testing.T) {
	for _, test := range []struct {
		line string
		want run
	}{
		{"sub -t a/# -C 3", run{stdout: "1\n3\n"}}, // an empty message is counted, not shown
		{"sub -t a/# -C 3 -v", run{stdout: "a/1 1\na/2 (null)\na/3 3\n"}},
		{"sub -t a/1 -t a/3 -C 2 -N", run{stdout: "13"}},
		{"sub -t a/1 -W 5 -q 1", run{27, "1\n", "Timed out\n"}},
		{"sub -t a/1 -W 5 --quiet", run{27, "1\n", ""}},
		{"sub -t a/1 -C 1 -V 31", run{stdout: "1\n"}},
		{"sub -t a/1 -C 1 -q 1 -i me -d", run{stdout: `Client me sending CONNECT
Client me received CONNACK (0)
Client me sending SUBSCRIBE (Mid: 1, Topic: a/1, QoS: 1, Options: 0x00)
Client me received SUBACK
Subscribed (mid: 1): 1
Client me received PUBLISH (d0, q1, r0, m1, 'a/1', ... (1 bytes))
1
Client me sending PUBACK (m1, rc0)
Client me sending DISCONNECT
`}},
	} {
		t.Run(test.line, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				p := w.start(nil, test.line)
				for i, payload := range []string{"1", "", "3"} {
					must(t, w.broker.Publish(&packet.Message{Topic: fmt.Sprintf("a/%d", i+1), Payload: []byte(payload), QoS: 1}))
				}
				got := p.end()
				if got != test.want {
					t.Errorf("got %+v, want %+v", got, test.want)
				}
			})
		})
	}
}

func TestSubIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.start(nil, "sub -t a -d -i me")
		began := time.Now()
		p.interrupt()
		got := p.end()
		if got.status != 0 || !strings.HasSuffix(got.stdout, "Client me sending DISCONNECT\n") {
			t.Errorf("got %+v", got)
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("took %v", took)
		}
	})
}

func TestPubIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stdin, keyboard := io.Pipe()
		p := w.start(stdin, "pub -t a -l -d -i me")
		p.interrupt()
		if got := p.end(); got.status != 130 || !strings.HasSuffix(got.stdout, "Client me sending DISCONNECT\n") {
			t.Errorf("got %+v", got)
		}
		keyboard.Close()
	})
}

// TestSubLeavesTheRest shows that a message beyond -C is not acknowledged.
func TestSubLeavesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start(nil, "sub -t a -q 1 -c -i me -W 1").end()
		for _, payload := range []string{"1", "2", "3"} {
			must(t, w.broker.Publish(&packet.Message{Topic: "a", Payload: []byte(payload), QoS: 1}))
		}
		for _, want := range []string{"1\n", "2\n", "3\n"} {
			if got := w.start(nil, "sub -t a -q 1 -c -i me -C 1").end(); got.stdout != want {
				t.Errorf("got %+v, want %s", got, want)
			}
		}
	})
}

func TestSubComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.start(nil, "sub -t a -C 2")
		must(t, w.broker.Publish(&packet.Message{Topic: "a", Payload: []byte("1")}))
		synctest.Wait()
		w.down()
		time.Sleep(10 * time.Second)
		w.up()
		time.Sleep(30 * time.Second)
		must(t, w.broker.Publish(&packet.Message{Topic: "a", Payload: []byte("2")}))
		want := run{0, "1\n2\n", "Warning: Connection lost: EOF; connecting again.\n"}
		if got := p.end(); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestPubResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stdin, keyboard := io.Pipe()
		first := w.received()
		p := w.start(stdin, "pub -t a -l -q 1")
		fmt.Fprintln(keyboard, "1")
		if got := first(); got != "a:1:1:0" {
			t.Errorf("first broker received %q", got)
		}
		w.down()
		fmt.Fprintln(keyboard, "2")
		fmt.Fprintln(keyboard, "3")
		time.Sleep(10 * time.Second)
		w.up()
		second := w.received()
		time.Sleep(30 * time.Second)
		fmt.Fprintln(keyboard, "4")
		keyboard.Close()
		if got := p.end(); got.status != 0 || strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("got %+v", got)
		}
		if got := second(); got != "a:2:1:0 a:3:1:0 a:4:1:0" {
			t.Errorf("second broker received %q", got)
		}
	})
}

// A refusing authenticator lets nobody in.
type refusing struct{ code packet.ReasonCode }

func (r refusing) Authenticate(context.Context, *broker.ConnectRequest) error { return r.code }

func TestToolsAreRefused(t *testing.T) {
	const again3, again5 = "Error: The connection was refused.\n", "Error: A network protocol error occurred when communicating with the broker.\n"
	for _, test := range []struct {
		line string
		code packet.ReasonCode
		want run
	}{
		{"pub -t a -m b", packet.NotAuthorized, run{5, "", "Connection error: Connection Refused: not authorised.\n" + again3}},
		{"pub -t a -m b", packet.BadUserNameOrPassword, run{4, "", "Connection error: Connection Refused: bad user name or password.\n" + again3}},
		{"pub -t a -m b -V 5", packet.NotAuthorized, run{135, "", "Connection error: Not authorized\n" + again5}},
		{"pub -t a -m b -V 5", packet.BadUserNameOrPassword, run{134, "", "Connection error: Bad username or password\n" + again5}},
		{"sub -t a", packet.NotAuthorized, run{5, "", "Connection error: Connection Refused: not authorised.\n"}},
		{"sub -t a -V 5", packet.Banned, run{138, "", "Connection error: Banned\n"}},
		{"sub -t a --quiet", packet.NotAuthorized, run{5, "", ""}},
	} {
		t.Run(test.line, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.down()
				w.serve(broker.New(broker.Options{Authenticator: refusing{test.code}}))
				if got := w.start(nil, test.line).end(); got != test.want {
					t.Errorf("got %+v, want %+v", got, test.want)
				}
			})
		})
	}
}

func TestNobodyListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.listener.Close()
		want := run{1, "", "Error: Connection refused\n"}
		for _, line := range []string{"pub -t a -m b", "pub -t a -l", "sub -t a"} {
			if got := w.start(nil, line).end(); got != want {
				t.Errorf("%s: got %+v", line, got)
			}
		}
	})
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	l := newLines(strings.NewReader("a\n\n" + long + "\nb\n" + long))
	for _, want := range []string{"a", "", long, "b", long} {
		got, err := l.next()
		if err != nil || string(got) != want {
			t.Fatalf("got %d bytes, %v, want %d", len(got), err, len(want))
		}
	}
	if _, err := l.next(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v at the end", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
