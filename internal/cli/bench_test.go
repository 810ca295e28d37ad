package cli

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/bench"
	"github.com/zancudomq/zancudo/packet"
)

func TestBenchCommandLineThatMakesNoSense(t *testing.T) {
	t.Parallel()
	noPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noPEM, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args string
		want string
	}{
		{"p3p", "Invalid scenario 'p3p'; it takes p2p, fanout, fanin, latency, connect, idle, retained, queue or filters."},
		{"p2p fanin", "Unexpected argument 'fanin'."},
		{"--qos 3", "Invalid value '3' for -q; -q takes 0, 1 or 2."},
		{"-q", "-q argument given but no QoS specified."},
		{"--port 70000", "Invalid value '70000' for -p; -p takes a number from 1 to 65535."},
		{"-p mqtt", "Invalid value 'mqtt' for -p; -p takes a number from 1 to 65535."},
		{"--payload 15", "Invalid value '15' for --payload; --payload takes a number from 16 to 268434455."},
		{"--window=0", "Invalid value '0' for --window; --window takes a number from 1 to 65535."},
		{"-V 4", "Invalid value '4' for -V; -V takes 3.1, 3.1.1 or 5."},
		{"--rate -1", "Invalid value '-1' for --rate; --rate takes a number above 0, up to 10000000."},
		{"--rate NaN", "Invalid value 'NaN' for --rate; --rate takes a number above 0, up to 10000000."},
		{"--duration soon", "Invalid value 'soon' for --duration; --duration takes a time from 1ms to 24h0m0s, as 30 (seconds), 500ms or 5m."},
		{"--keepalive 0", "Invalid value '0' for -k; -k takes a time from 1s to 18h12m15s, as 30 (seconds), 500ms or 5m."},
		{"--host=", "Invalid value '' for -h; -h takes a text that is not empty."},
		{"--json=yes", "--json takes no value, and 'yes' is given."},
		{"--verbose", "Unknown option '--verbose'."},
		{"--cafile /nowhere/ca.pem", "--cafile /nowhere/ca.pem: it cannot be read: no such file or directory."},
		{"--cafile " + noPEM, "--cafile " + noPEM + ": it holds no certificate; it must be a file in PEM format."},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			status := Main(t.Context(), append([]string{"zancudo", "bench"}, strings.Fields(test.args)...), nil, &stdout, &stderr)
			if got, want := stderr.String(), "Error: "+test.want+"\n\nUse 'zancudo bench --help' to see usage.\n"; status != usageStatus || got != want || stdout.Len() > 0 {
				t.Errorf("status %d, stderr %q, want %q", status, got, want)
			}
		})
	}
}

func TestBenchFlags(t *testing.T) {
	t.Parallel()
	o := &benchOptions{}
	err := benchTable(o).Parse(strings.Fields("fanin -h broker -p 1884 --qos 1 --payload=256 -V mqttv5 --insecure --pubs 3 --subs 4 --share " +
		"--window 7 --rate 2.5 --duration 90 --warmup 0 -n 12 -u me -P secret --pid 42 --json --quiet -k 10s"))
	if err == nil {
		err = o.secure()
	}
	if err != nil {
		t.Fatal(err)
	}
	if o.TLS == nil || !o.TLS.InsecureSkipVerify || !o.json || !o.quiet {
		t.Errorf("got %+v", o)
	}
	got := o.Options
	got.TLS = nil
	want := bench.Options{
		Scenario: "fanin", Host: "broker", Port: 1884, QoS: 1, PayloadBytes: 256, Version: packet.V5,
		Publishers: 3, Subscribers: 4, Shared: true, Window: 7, Rate: 2.5, Duration: 90 * time.Second, Warmup: -1, Count: 12,
		Username: "me", Password: "secret", PID: 42, KeepAlive: 10 * time.Second,
	}
	got.Progress, want.Progress = nil, nil
	if a, b := show(got), show(want); a != b {
		t.Errorf("got  %s\nwant %s", a, b)
	}
}

func show(o bench.Options) string {
	b, err := json.Marshal(struct {
		bench.Options
		Progress, TLS any
	}{Options: o})
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func TestBenchMeasures(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := broker.New(broker.Options{})
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	defer func() {
		b.Close()
		<-served
	}()
	args := []string{
		"zancudo", "bench", "p2p", "-h", "127.0.0.1", "-p", strconv.Itoa(l.Addr().(*net.TCPAddr).Port), "--qos", "1",
		"--pubs", "5", "-n", "100", "--pid", strconv.Itoa(os.Getpid()),
	}
	for _, format := range []string{"--quiet", "--json"} {
		var stdout, stderr bytes.Buffer
		if status := Main(t.Context(), append(args, "--quiet", format), nil, &stdout, &stderr); status != 0 || stderr.Len() > 0 {
			t.Fatalf("status %d, stderr %q", status, stderr.String())
		}
		if format != "--json" {
			if !strings.HasPrefix(stdout.String(), "p2p, 127.0.0.1:") || !strings.HasSuffix(stdout.String(), "\nok\n") {
				t.Errorf("table:\n%s", stdout.String())
			}
			continue
		}
		var got struct {
			Expected, Received, Lost int
			OK                       bool
			USPerMsg                 float64 `json:"us_per_msg"`
		}
		if err := json.Unmarshal(stdout.Bytes(), &got); err != nil || got.Expected != 100 || got.Received != 100 || got.Lost != 0 || !got.OK || got.USPerMsg == 0 {
			t.Errorf("%v, got %+v of %s", err, got, stdout.String())
		}
	}
}

func TestBenchFindsNoBroker(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	var stdout, stderr bytes.Buffer
	status := Main(t.Context(), []string{"zancudo", "bench", "-h", "127.0.0.1", "-p", port}, nil, &stdout, &stderr)
	if want := "Error: connect to " + address + ": connect: connection refused\n"; status != 1 || stderr.String() != want {
		t.Errorf("status %d, stderr %q, want %q", status, stderr.String(), want)
	}
}

func TestBenchProgressIsPlainInALog(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	l := newProgressLine(&b)
	for _, p := range []bench.Progress{
		{Phase: "connecting", Elapsed: time.Second},
		{Phase: "measuring", Elapsed: 4 * time.Second, Sent: 1, Received: 1},
		{Phase: "measuring", Elapsed: 5 * time.Second, Sent: 20, Received: 19, InRate: 4, OutRate: 3.8},
		{Phase: "measuring", Elapsed: 6 * time.Second, Sent: 25},
	} {
		l.show(p)
	}
	l.clear()
	if got, want := b.String(), "measuring      5.0 s   sent 20 (4/s)   received 19 (4/s)\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
