package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
)

// run measures a fake, with what a test should not wait for left out.
func run(t *testing.T, f *fake, o Options) (*Result, error) {
	t.Helper()
	o.Host, o.Port = f.start(t, nil)
	return Run(t.Context(), quick(o))
}

func quick(o Options) Options {
	o.Warmup, o.Settle, o.PID = -1, -1, os.Getpid()
	if o.Stall == 0 {
		o.Stall = 20 * time.Second
	}
	return o
}

func TestEveryMessageIsCounted(t *testing.T) {
	t.Parallel()
	for qos := range packet.QoS(3) {
		for _, version := range []packet.Version{packet.V31, packet.V311, packet.V5} {
			t.Run(fmt.Sprintf("%v QoS %d", version, qos), func(t *testing.T) {
				t.Parallel()
				f := &fake{}
				r, err := run(t, f, Options{QoS: qos, Version: version, Publishers: 7, Window: 5, Count: 1000})
				if err != nil {
					t.Fatal(err)
				}
				if !r.OK() || r.Expected != 1000 || r.Received != 1000 || f.count() != 1000 {
					t.Errorf("%d routed; %d of %d received: %s", f.count(), r.Received, r.Expected, r.Failure)
				}
				if in, _ := r.Figure("in"); in != 1000 {
					t.Errorf("in: %v, want 1000", in)
				}
			})
		}
	}
}

func TestFanoutAndFaninCountEveryCopy(t *testing.T) {
	t.Parallel()
	for _, scenario := range []string{"fanout", "fanin"} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			r, err := run(t, &fake{}, Options{Scenario: scenario, QoS: 1, Publishers: 3, Subscribers: 4, Count: 301})
			if err != nil {
				t.Fatal(err)
			}
			if !r.OK() || r.Expected != 4*301 || r.Received != 4*301 {
				t.Errorf("%d of %d received: %s", r.Received, r.Expected, r.Failure)
			}
		})
	}
}

func TestSharedSubscribersDivideTheMessages(t *testing.T) {
	t.Parallel()
	r, err := run(t, &fake{}, Options{Scenario: "fanin", Shared: true, QoS: 1, Publishers: 5, Subscribers: 3, Count: 500})
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK() || r.Expected != 500 || r.Received != 500 {
		t.Errorf("%d of %d received: %s", r.Received, r.Expected, r.Failure)
	}
}

// The mistakes a broker can make with messages are told by kind and number.
func TestMistakesAreDetected(t *testing.T) {
	t.Parallel()
	var held *packet.Publish
	tests := []struct {
		name  string
		route func(n int, p *packet.Publish) []*packet.Publish
		want  account
	}{
		{"drop", func(n int, p *packet.Publish) []*packet.Publish {
			if n%100 == 50 {
				return nil
			}
			return []*packet.Publish{p}
		}, account{lost: 10}},
		{"duplicate", func(n int, p *packet.Publish) []*packet.Publish {
			if n == 500 {
				return []*packet.Publish{p, p}
			}
			return []*packet.Publish{p}
		}, account{duplicates: 1}},
		{"swap", func(n int, p *packet.Publish) []*packet.Publish {
			if n == 500 {
				held = p
				return nil
			}
			if n == 501 {
				return []*packet.Publish{p, held}
			}
			return []*packet.Publish{p}
		}, account{reordered: 1}},
		{"damage", func(n int, p *packet.Publish) []*packet.Publish {
			if n == 500 {
				p.Payload = p.Payload[:20]
			}
			return []*packet.Publish{p}
		}, account{lost: 1, foreign: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, err := run(t, &fake{route: test.route}, Options{Publishers: 1, Window: 10, Count: 1000})
			if err != nil {
				t.Fatal(err)
			}
			if got := (account{r.Lost, r.Duplicates, r.Reordered, r.Foreign}); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if r.OK() || r.Expected != 1000 {
				t.Errorf("expected %d, failure %q", r.Expected, r.Failure)
			}
		})
	}
}

// A loss at the end shows in nothing but silence.
func TestLastMessageLost(t *testing.T) {
	t.Parallel()
	drop := func(n int, p *packet.Publish) []*packet.Publish {
		if n == 100 {
			return nil
		}
		return []*packet.Publish{p}
	}
	r, err := run(t, &fake{route: drop}, Options{Publishers: 1, Count: 100, Stall: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if r.Lost != 1 || r.OK() {
		t.Errorf("lost %d, failure %q", r.Lost, r.Failure)
	}
}

func TestPacketsMayArriveInPieces(t *testing.T) {
	t.Parallel()
	r, err := run(t, &fake{chop: true}, Options{QoS: 2, Publishers: 3, PayloadBytes: 200, Count: 60})
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK() || r.Received != 60 {
		t.Errorf("%d of %d received: %s", r.Received, r.Expected, r.Failure)
	}
}

func TestLargePayloads(t *testing.T) {
	t.Parallel()
	r, err := run(t, &fake{}, Options{QoS: 1, Publishers: 2, PayloadBytes: 2 << 20, Count: 20})
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK() || r.Received != 20 {
		t.Errorf("%d of %d received: %s", r.Received, r.Expected, r.Failure)
	}
}

// A busy machine makes a rate lower, never higher.
func TestRateIsKept(t *testing.T) {
	t.Parallel()
	began := time.Now()
	r, err := run(t, &fake{}, Options{Scenario: "latency", Publishers: 5, Rate: 500, Count: 101})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); !r.OK() || took < 200*time.Millisecond {
		t.Errorf("101 messages at 500 a second in %v: %s", took, r.Failure)
	}
	if _, ok := r.Figure("lag_p99_us"); !ok {
		t.Error("how late the generator was is not told")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	one := packet.AtLeastOnce
	tests := []struct {
		name    string
		connack packet.Connack
		o       Options
		want    string
	}{
		{"not authorized", packet.Connack{ReasonCode: packet.NotAuthorized}, Options{}, "refused to connect"},
		{"QoS", packet.Connack{MaximumQoS: &one}, Options{QoS: 2}, "Maximum QoS is 1"},
		{"size", packet.Connack{MaximumPacketSize: 500}, Options{PayloadBytes: 600}, "Maximum Packet Size is 500"},
		{"shared", packet.Connack{SharedSubscriptionsUnavailable: true}, Options{Scenario: "fanin", Shared: true}, "no shared"},
		{"retain", packet.Connack{RetainUnavailable: true}, Options{Scenario: "retained"}, "no retained"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.o.Version = packet.V5
			_, err := run(t, &fake{connack: &test.connack}, test.o)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"scenario", Options{Scenario: "p3p"}, "p2p, fanout"},
		{"payload", Options{PayloadBytes: 15}, "16 to"},
		{"QoS", Options{QoS: 3}, "0, 1 or 2"},
		{"window", Options{Window: 70_000}, "1 to 65535"},
		{"negative", Options{Publishers: -1}, "negative"},
		{"shared", Options{Shared: true}, "only fanin"},
		{"queue", Options{Scenario: "queue", Subscribers: 7, Publishers: 2}, "each publisher"},
		{"persistent", Options{Scenario: "connect", Persistent: true}, "persistent sessions"},
		{"part", Options{Scenario: "queue", Part: StoreOnly}, "need a run"},
		{"part of nothing", Options{Run: "a", Part: StoreOnly}, "only scenario queue"},
		{"run", Options{Run: "a/b"}, "run \"a/b\""},
		{"process", Options{PID: 1 << 30}, "process 1073741824"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Run(t.Context(), test.o)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().(*net.TCPAddr)
	l.Close()
	_, err = Run(t.Context(), Options{Host: "127.0.0.1", Port: address.Port})
	if want := fmt.Sprintf("connect to %v: connect: connection refused", address); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestMoreConnectionsThanFiles(t *testing.T) {
	t.Parallel()
	n := openFiles()
	if n > 1_000_000 {
		t.Skip("any number of files may be open; ulimit -n 1000000 makes this a test")
	}
	_, err := run(t, &fake{}, Options{Scenario: "idle", Count: n})
	if err == nil || !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("got %v, want a remedy", err)
	}
}

// A broker that goes away leaves a result of what was measured until then.
func TestBrokerHangsUp(t *testing.T) {
	t.Parallel()
	r, err := run(t, &fake{hangUp: 500}, Options{Publishers: 1, Window: 1, Count: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if r.OK() || r.Received != 499 || r.Lost != 1 {
		t.Errorf("received %d, lost %d, failure %q", r.Received, r.Lost, r.Failure)
	}
}

// Ctrl-C ends the measurement, not the accounting.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := &fake{route: func(n int, p *packet.Publish) []*packet.Publish {
		if n == 1000 {
			cancel()
		}
		return []*packet.Publish{p}
	}}
	o := Options{Publishers: 3, Duration: time.Hour}
	o.Host, o.Port = f.start(t, nil)
	r, err := Run(ctx, quick(o))
	if err != nil {
		t.Fatal(err)
	}
	if !r.Interrupted || !r.OK() || r.Received < 1000 || r.Received != uint64(f.count()) {
		t.Errorf("interrupted %v, received %d of %d: %s", r.Interrupted, r.Received, f.count(), r.Failure)
	}
}

func TestProgressIsTold(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	told := false
	o := Options{Publishers: 3, Duration: time.Hour}
	o.Progress = func(p Progress) {
		if p.Phase == "measuring" && p.Elapsed > 0 && p.Sent > 0 && p.Received > 0 && p.InRate > 0 && p.OutRate > 0 {
			told = true
			cancel()
		}
	}
	o.Host, o.Port = (&fake{}).start(t, nil)
	if r, err := Run(ctx, quick(o)); err != nil || !r.OK() || !told {
		t.Errorf("told %v, result %+v, %v", told, r, err)
	}
}

// all are the scenarios in a size for a test.
var all = []Options{
	{Scenario: "p2p", QoS: 2, Publishers: 5, Count: 500},
	{Scenario: "fanout", QoS: 1, Subscribers: 10, Count: 100},
	{Scenario: "fanin", Publishers: 10, Window: 1, Count: 500},
	{Scenario: "fanin", QoS: 1, Publishers: 5, Subscribers: 3, Shared: true, Count: 500},
	{Scenario: "latency", Publishers: 3, Rate: 500, Count: 100},
	{Scenario: "connect", Concurrency: 5, Count: 100},
	{Scenario: "idle", Count: 50, Duration: time.Millisecond},
	{Scenario: "retained", Subscribers: 2, Count: 300},
	{Scenario: "queue", Subscribers: 10, Publishers: 5, Count: 20},
	{Scenario: "filters", Subscribers: 9, Publishers: 2, Count: 300, Duration: 100 * time.Millisecond},
}

// Every scenario against the broker itself, over raw sockets and over TLS, which
// has the other network.
func TestScenarios(t *testing.T) {
	t.Parallel()
	certificate, pool := selfSigned(t)
	for _, o := range all {
		for _, version := range []packet.Version{packet.V311, packet.V5} {
			for _, secure := range []bool{false, true} {
				name := fmt.Sprintf("%s %v TLS %v", o.Scenario, version, secure)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					o := quick(o)
					o.Version = version
					var wrap func(net.Listener) net.Listener
					if secure {
						o.TLS = &tls.Config{RootCAs: pool}
						wrap = func(l net.Listener) net.Listener {
							return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}})
						}
					}
					o.Host, o.Port = serve(t, wrap)
					r, err := Run(t.Context(), o)
					if err != nil {
						t.Fatal(err)
					}
					if !r.OK() || r.Received != r.Expected || r.Expected == 0 && o.Scenario != "connect" {
						t.Errorf("%d of %d received: %s", r.Received, r.Expected, r.Failure)
					}
					var table strings.Builder
					if err := r.WriteTable(&table); err != nil || !strings.HasSuffix(table.String(), "\nok\n") {
						t.Errorf("%v, table:\n%s", err, table.String())
					}
				})
			}
		}
	}
}

// serve runs a broker until the test ends.
func serve(t *testing.T, wrap func(net.Listener) net.Listener) (host string, port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().(*net.TCPAddr)
	if wrap != nil {
		l = wrap(l)
	}
	b := broker.New(broker.Options{})
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	t.Cleanup(func() {
		b.Close()
		<-served
	})
	return address.IP.String(), address.Port
}

// What one process has stored another drains, and whoever finds less says so.
func TestQueueInTwoParts(t *testing.T) {
	t.Parallel()
	host, port := serve(t, nil)
	o := quick(Options{Scenario: "queue", Host: host, Port: port, Subscribers: 4, Publishers: 2, Count: 25, Run: "parts", Part: StoreOnly})
	r, err := Run(t.Context(), o)
	if err != nil || !r.OK() || r.Received != 0 {
		t.Fatalf("storing: %+v, %v", r, err)
	}
	o.Part = DrainOnly
	if r, err = Run(t.Context(), o); err != nil || !r.OK() || r.Received != 100 {
		t.Fatalf("draining: %+v, %v", r, err)
	}
	o.Stall = time.Second
	if r, err = Run(t.Context(), o); err == nil && r.OK() {
		t.Errorf("nothing was left, and yet it is content: %+v", r)
	}
}

// The sessions of persistent subscribers are gone when it is over.
func TestPersistent(t *testing.T) {
	t.Parallel()
	b := broker.New(broker.Options{})
	defer b.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	o := quick(Options{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, QoS: 1, Publishers: 3, Count: 300, Persistent: true})
	if r, err := Run(t.Context(), o); err != nil || !r.OK() || r.Received != 300 {
		t.Fatalf("%+v, %v", r, err)
	}
	for c := range b.Clients() {
		if !c.Connected() {
			t.Errorf("the session of %s is left", c.ID())
		}
	}
	b.Close()
	<-served
}

// selfSigned makes a certificate for 127.0.0.1, and the pool that trusts it.
func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
