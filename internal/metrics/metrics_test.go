package metrics

import (
	"context"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
)

func TestTable(t *testing.T) {
	t.Parallel()
	topics, series, finished := map[string]bool{}, map[string]bool{}, map[string]bool{}
	last := ""
	for _, row := range Rows() {
		for _, topic := range row.Topics {
			if topics[topic] {
				t.Errorf("%s is there twice", topic)
			}
			topics[topic] = true
		}
		if series[row.Name+row.Labels] {
			t.Errorf("%s{%s} is there twice", row.Name, row.Labels)
		}
		series[row.Name+row.Labels] = true
		if row.Name != last {
			if finished[row.Name] {
				t.Errorf("%s does not stand together", row.Name)
			}
			finished[last], last = true, row.Name
		}
		if (row.Labels != "") != (row.Series != "") {
			t.Errorf("%s{%s} has the series %q", row.Name, row.Labels, row.Series)
		}
		if strings.HasSuffix(row.Name, "_total") != (row.Kind == Counter) {
			t.Errorf("%s is of kind %d", row.Name, row.Kind)
		}
		if row.Help == "" || strings.HasSuffix(row.Help, ".") || len(row.Topics) == 0 {
			t.Errorf("%s: help %q, topics %q", row.Name, row.Help, row.Topics)
		}
	}
}

// board is what a tree has published.
type board struct {
	mu    sync.Mutex
	texts map[string]string // by topic
	last  []string          // topics, since it was read last
}

func (b *board) publish(m *packet.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !m.Retain || m.QoS != packet.ExactlyOnce && len(m.Payload) > 0 {
		return fmt.Errorf("%s has QoS %d", m.Topic, m.QoS)
	}
	if b.texts == nil {
		b.texts = map[string]string{}
	}
	if len(m.Payload) == 0 {
		delete(b.texts, m.Topic)
	} else {
		b.texts[m.Topic] = string(m.Payload)
	}
	b.last = append(b.last, strings.TrimPrefix(m.Topic, Root))
	return nil
}

func (b *board) read() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := b.last
	b.last = nil
	return last
}

func (b *board) text(topic string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.texts[Root+topic]
}

func TestTree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		board := &board{}
		var received atomic.Uint64
		start := time.Now() // midnight: what the clock says divides by anything
		tree := NewTree(TreeOptions{
			Interval: 10 * time.Second, Version: "zancudo version 1", Changeset: "abc", Publish: board.publish,
			Sample: func() Sample {
				s := Sample{Uptime: time.Since(start)}
				s.BytesReceived = received.Load()
				return s
			},
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		time.Sleep(3 * time.Second) // it does not begin in time
		go tree.Run(ctx)
		synctest.Wait()
		all := board.read()
		if got, want := len(all), 3+len(loads)*len(spans)+topics(); got != want {
			t.Errorf("%d topics are published at the start, want %d", got, want)
		}
		for topic, want := range map[string]string{
			"version": "zancudo version 1", "changeset": "abc", "uptime": "3 seconds", "clients/total": "0", "load/connections/1min": "0.00",
		} {
			if got := board.text(topic); got != want {
				t.Errorf("%s: got %q, want %q", topic, got, want)
			}
		}

		received.Store(700)
		time.Sleep(7*time.Second - time.Millisecond)
		synctest.Wait()
		if got := board.read(); len(got) > 0 {
			t.Errorf("too early: %q", got)
		}
		time.Sleep(time.Millisecond) // the clock divides by the interval
		synctest.Wait()
		want := []string{"load/bytes/received/1min", "load/bytes/received/5min", "load/bytes/received/15min", "uptime", "bytes/received"}
		if got := board.read(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		perMinute := 700.0 * 60 / 7
		for i, topic := range want[:3] {
			over := []float64{60, 300, 900}[i]
			if got, want := board.text(topic), fmt.Sprintf("%.2f", perMinute*(1-math.Exp(-7/over))); got != want {
				t.Errorf("%s: got %s, want %s", topic, got, want)
			}
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		board.read()
		if got, want := board.text(want[2]), fmt.Sprintf("%.2f", perMinute*(1-math.Exp(-7./900))*math.Exp(-8)); got != want {
			t.Errorf("after two hours of silence a load is %s, want %s", got, want)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		board.read()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got, want := board.read(), slices.Repeat([]string{"uptime"}, 6); !slices.Equal(got, want) {
			t.Errorf("without change %q is published", got)
		}

		tree.Change(0)
		synctest.Wait()
		board.mu.Lock()
		left := slices.Collect(maps.Keys(board.texts))
		board.mu.Unlock()
		if len(left) > 0 {
			t.Errorf("left over: %v", left)
		}
		time.Sleep(time.Hour)
		board.read()
		tree.Change(time.Second)
		synctest.Wait()
		if got := board.read(); !slices.Equal(got, all) {
			t.Errorf("it has begun again with %d topics, not %d", len(got), len(all))
		}
		for _, load := range []string{"1min", "5min", "15min"} {
			if got := board.text("load/bytes/received/" + load); got != "0.00" {
				t.Errorf("a load has begun again at %s", got)
			}
		}
		cancel()
		synctest.Wait()
	})
}

func topics() (n int) {
	for _, row := range Rows() {
		n += len(row.Topics)
	}
	return n
}

// TestKnownTraffic: what the tree says of traffic that the test has counted.
func TestKnownTraffic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := broker.New(broker.Options{})
		defer b.Close()
		l := memnet.Listen()
		go b.Serve(l)
		tree := NewTree(TreeOptions{Interval: time.Second, Version: "x", Publish: b.Publish, Sample: NewSampler(SamplerOptions{Broker: b, MostFiles: 1000}).Sample})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go tree.Run(ctx)

		var sent, received atomic.Int64 // bytes
		exchange := func(c *mqtttest.Client, send, expect string) {
			if send != "" {
				c.SendText(send)
			}
			if expect != "" {
				c.Expect(expect)
			}
		}
		dial := func() *mqtttest.Client {
			conn, err := l.Dial()
			if err != nil {
				t.Fatal(err)
			}
			return mqtttest.NewClient(t, &counting{Conn: conn, sent: &sent, received: &received}, packet.V311)
		}
		sub, pub := dial(), dial()
		exchange(sub, "CONNECT id=sub", "CONNACK")
		exchange(sub, "SUBSCRIBE 1 a/# qos=1", "SUBACK 1 1")
		exchange(pub, "CONNECT clean id=pub", "CONNACK")
		for i := range 3 {
			id := strconv.Itoa(i + 1)
			exchange(pub, "PUBLISH "+id+" a/b qos=1 hello", "")
			exchange(sub, "", "PUBLISH "+id+" a/b qos=1 hello")
			exchange(sub, "PUBACK "+id, "")
			exchange(pub, "", "PUBACK "+id)
		}
		exchange(pub, "PUBLISH c retain hi", "")
		exchange(pub, "PINGREQ", "PINGRESP")
		exchange(sub, "DISCONNECT", "")
		synctest.Wait()
		exchange(pub, "PUBLISH 9 a/b qos=1 later", "PUBACK 9")
		time.Sleep(2 * time.Second)
		synctest.Wait()

		got := map[string]string{}
		stop, err := b.Subscribe("$SYS/#", func(m *packet.Message) { got[strings.TrimPrefix(m.Topic, Root)] = string(m.Payload) })
		if err != nil {
			t.Fatal(err)
		}
		stop()
		own := topics() + 2 + len(loads)*len(spans) // retained messages of the tree
		for topic, want := range map[string]int{
			"clients/total": 2, "clients/connected": 1, "clients/active": 1, "clients/disconnected": 1, "clients/inactive": 1, "clients/maximum": 2,
			"clients/expired": 0, "subscriptions/count": 1, "shared_subscriptions/count": 0,
			"messages/received": 13, "messages/sent": 11, "bytes/received": int(sent.Load()), "bytes/sent": int(received.Load()),
			"publish/messages/received": 5, "publish/messages/sent": 3, "publish/messages/dropped": 0, "messages/publish/received": 5,
			"publish/bytes/received": 22, "publish/bytes/sent": 15,
			"retained messages/count": own + 1, "messages/stored": own + 2, "store/messages/count": own + 2, "messages/inflight": 1,
			"connections/socket/count": 2, "connections/open": 1, "connections/half_open": 0, "packet/out/count": 0, "packet/out/bytes": 0,
			"mqtt/connect/received": 2, "mqtt/connack/sent": 2, "mqtt/puback/received": 3, "mqtt/puback/sent": 4, "mqtt/pingreq/received": 1,
			"mqtt/subscribe/received": 1, "mqtt/disconnect/received": 1, "process/files/maximum": 1000,
		} {
			if got[topic] != strconv.Itoa(want) {
				t.Errorf("%s is %s, want %d", topic, got[topic], want)
			}
		}
		for _, topic := range []string{"heap/current", "heap/maximum", "process/goroutines", "process/memory"} {
			if n, err := strconv.Atoi(got[topic]); err != nil || n <= 0 {
				t.Errorf("%s is %s", topic, got[topic])
			}
		}
		cancel()
		synctest.Wait()
	})
}

// TestNotForClients: what the tree says cannot be forged, nor does it reach those
// who ask for everything.
func TestNotForClients(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := broker.New(broker.Options{})
		defer b.Close()
		l := memnet.Listen()
		go b.Serve(l)
		tree := NewTree(TreeOptions{Interval: time.Second, Version: "x", Publish: b.Publish, Sample: NewSampler(SamplerOptions{Broker: b}).Sample})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go tree.Run(ctx)
		conn, err := l.Dial()
		if err != nil {
			t.Fatal(err)
		}
		c := mqtttest.NewClient(t, conn, packet.V5)
		c.SendText("CONNECT v5 id=me")
		c.Expect("CONNACK ...")
		c.SendText("SUBSCRIBE 1 # qos=1")
		c.Expect("SUBACK 1 1")
		c.SendText("PUBLISH 2 $SYS/broker/version qos=1 retain forged")
		c.Expect("PUBACK 2 0x87 ...")
		time.Sleep(5 * time.Second)
		c.SendText("PINGREQ")
		c.Expect("PINGRESP") // and nothing before it
		c.SendText("SUBSCRIBE 3 $SYS/broker/version")
		c.Expect("SUBACK 3 0")
		c.Expect("PUBLISH $SYS/broker/version retain x")
		cancel()
		synctest.Wait()
	})
}

// counting counts the bytes of a connection.
type counting struct {
	*memnet.Conn
	sent, received *atomic.Int64
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.sent.Add(int64(n))
	return n, err
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.received.Add(int64(n))
	return n, err
}

func TestText(t *testing.T) {
	t.Parallel()
	s := &Sample{Uptime: 1500 * time.Millisecond}
	s.Connected = 7
	s.PacketsReceived[packet.PUBLISH] = 9
	text := string(AppendText(nil, s))
	for _, want := range []string{
		"# HELP zancudo_clients_connected Clients that are connected.\n# TYPE zancudo_clients_connected gauge\nzancudo_clients_connected 7\n",
		"# TYPE zancudo_packets_by_type_received_total counter\n", "\nzancudo_packets_by_type_received_total{type=\"publish\"} 9\n",
		"\nzancudo_uptime_seconds 1.500\n",
	} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is not there once in\n%s", want, text)
		}
	}
	line := regexp.MustCompile(`^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[a-z_]+"\})? [0-9.]+)$`)
	for l := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if !line.MatchString(l) {
			t.Errorf("%q is no line of the format", l)
		}
	}
}
