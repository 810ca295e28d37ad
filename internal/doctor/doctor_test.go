package doctor

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/dial"
	"github.com/zancudomq/zancudo/internal/proctest"
	"github.com/zancudomq/zancudo/packet"
)

// fake is a broker that answers each packet as a test says.
func fake(t *testing.T, answer func(p packet.Packet) []packet.Packet) dial.Options {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go converse(conn, answer)
		}
	}()
	return dial.Options{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}
}

// converse is one connection; its version is that of the CONNECT.
func converse(conn net.Conn, answer func(p packet.Packet) []packet.Packet) {
	defer conn.Close()
	first := make([]byte, 12)
	if _, err := io.ReadFull(conn, first); err != nil {
		return
	}
	version := packet.Version(first[strings.LastIndexAny(string(first), "TP")+1]) // MQTT or MQIsdp
	r := packet.NewReader(io.MultiReader(strings.NewReader(string(first)), conn), version)
	for {
		p, err := r.Next()
		if err != nil {
			return
		}
		for _, q := range answer(p) {
			b, err := q.Append(nil, version)
			if err != nil {
				return
			}
			if _, err := conn.Write(b); err != nil {
				return
			}
		}
	}
}

// usual are the answers of a broker with the given CONNACK, to all but PUBLISH.
func usual(p packet.Packet, connack *packet.Connack) []packet.Packet {
	switch p := p.(type) {
	case *packet.Connect:
		return []packet.Packet{connack}
	case *packet.Pingreq:
		return []packet.Packet{&packet.Pingresp{}}
	case *packet.Subscribe:
		return []packet.Packet{&packet.Suback{PacketID: p.PacketID, ReasonCodes: []packet.ReasonCode{packet.GrantedQoS1}}}
	case *packet.Unsubscribe:
		return []packet.Packet{&packet.Unsuback{PacketID: p.PacketID, ReasonCodes: []packet.ReasonCode{packet.Success}}}
	}
	return nil
}

// found are the findings of a check, in lines.
func found(r *Report, check string) string {
	var lines []string
	for _, f := range r.Findings {
		if f.Check == check {
			lines = append(lines, fmt.Sprintf("%s: %s", f.Level, f.Text))
		}
	}
	return strings.Join(lines, "\n")
}

func TestWhatBrokersSay(t *testing.T) {
	t.Parallel()
	qos := packet.AtMostOnce
	for _, test := range []struct {
		name    string
		o       Options
		connack packet.Connack
		publish func(p *packet.Publish) []packet.Packet
		check   string
		want    string
	}{
		{
			name: "narrow limits", check: CheckLimits,
			connack: packet.Connack{
				MaximumQoS: &qos, RetainUnavailable: true, WildcardSubscriptionsUnavailable: true, SharedSubscriptionsUnavailable: true,
				SubscriptionIDsUnavailable: true, MaximumPacketSize: 1000, ReceiveMaximum: 3, ServerKeepAlive: new(uint16(20)), SessionExpiry: new(uint32(60)),
			},
			want: "ok: It has QoS 0 to 0; packets up to 1000 bytes, 3 messages under way, 0 topic aliases.\n" +
				"note: It has no QoS above 0, retained messages, wildcards, shared subscriptions and subscription identifiers.\n" +
				"note: It wants to hear from clients every 20 s, whatever they ask for.\n" +
				"note: It keeps the session of an absent client for at most 60 s.",
		},
		{
			name: "wide limits", check: CheckLimits,
			want: "ok: It has QoS 0 to 2, retained messages, wildcards, shared subscriptions and subscription identifiers; packets of any size, 65535 messages under way, 0 topic aliases.",
		},
		{
			name: "another server", check: CheckLogin, o: Options{Connect: packet.Connect{Version: packet.V5}},
			connack: packet.Connack{ReasonCode: packet.UseAnotherServer, ReasonString: "full", ServerReference: "b.example"},
			want:    "problem: It sends clients to another server (use another server: full).",
		},
		{
			name: "banned", check: CheckLogin, o: Options{Connect: packet.Connect{Version: packet.V5}},
			connack: packet.Connack{ReasonCode: packet.Banned},
			want:    "problem: It refuses this client (banned).",
		},
		{
			name: "acknowledged, but not delivered", check: CheckTopics,
			publish: func(p *packet.Publish) []packet.Packet {
				return []packet.Packet{&packet.Puback{Ack: packet.Ack{PacketID: p.PacketID}}}
			},
			want: "note: Messages to zancudo/doctor/ID do not come back: this user may either not publish or not read there, and the broker does not tell.",
		},
		{
			name: "refused", check: CheckTopics, o: Options{Topic: "a/b"},
			publish: func(p *packet.Publish) []packet.Packet {
				return []packet.Packet{&packet.Puback{Ack: packet.Ack{PacketID: p.PacketID, ReasonCode: packet.NotAuthorized}}}
			},
			want: "problem: This user may not publish to a/b (not authorized).",
		},
		{
			name: "disconnected", check: CheckTopics,
			publish: func(*packet.Publish) []packet.Packet {
				return []packet.Packet{&packet.Disconnect{ReasonCode: packet.NotAuthorized}}
			},
			want: "problem: The connection was lost: server disconnected: not authorized.",
		},
		{
			name: "QoS 0 only, and delivered", check: CheckTopics, connack: packet.Connack{MaximumQoS: &qos},
			publish: func(p *packet.Publish) []packet.Packet { return []packet.Packet{p} },
			want:    "ok: This user may publish and subscribe to zancudo/doctor/ID; a message of QoS 0 comes back in TIME.",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := test.o
			o.Timeout, o.Rounds, o.OtherPorts = 2*time.Second, 2, []int{}
			o.Where = fake(t, func(p packet.Packet) []packet.Packet {
				if p, ok := p.(*packet.Publish); ok && test.publish != nil {
					return test.publish(p)
				}
				return usual(p, &test.connack)
			})
			shown := 0
			report := Examine(t.Context(), o, func(Finding) { shown++ })
			got := found(report, test.check)
			for word := range strings.FieldsSeq(got) {
				if strings.HasPrefix(word, "zancudo/doctor/") {
					got = strings.ReplaceAll(got, strings.TrimRight(word, ";."), "zancudo/doctor/ID")
				}
			}
			if before, _, ok := strings.Cut(got, "back in "); ok {
				got = before + "back in TIME."
			}
			if diff := cmp.Diff(test.want, got); diff != "" || shown != len(report.Findings) {
				t.Errorf("%d shown (-want +got)\n%s", shown, diff)
			}
		})
	}
}

// TestLooksElsewhere: nothing listens where it should, but something next door.
func TestLooksElsewhere(t *testing.T) {
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
	_, nobody, _ := net.SplitHostPort("127.0.0.1:" + proctest.FreePort(t))
	o := Options{OtherPorts: []int{l.Addr().(*net.TCPAddr).Port}}
	if _, err := fmt.Sscan(nobody, &o.Where.Port); err != nil {
		t.Fatal(err)
	}
	o.Where.Host = "127.0.0.1"
	report := Examine(t.Context(), o, func(Finding) {})
	want := fmt.Sprintf("problem: Could not connect to 127.0.0.1:%s: connection refused: nothing listens there.\nnote: Something listens on port %d of the same host.", nobody, o.OtherPorts[0])
	if got := found(report, CheckConnection); got != want || report.OK() {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestItEnds: a broker that trickles bytes for ever is given up.
func TestItEnds(t *testing.T) {
	t.Parallel()
	where := fake(t, func(p packet.Packet) []packet.Packet {
		if _, ok := p.(*packet.Pingreq); ok {
			return nil
		}
		return usual(p, &packet.Connack{})
	})
	began := time.Now()
	report := Examine(t.Context(), Options{Where: where, Timeout: 100 * time.Millisecond}, func(Finding) {})
	if got := found(report, CheckPing); !strings.HasPrefix(got, "problem: The connection was lost:") || report.OK() {
		t.Errorf("got %q", got)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		answer string
		err    error
		want   spoken
	}{
		{"", os.ErrDeadlineExceeded, spoken{form: silent}},
		{"", io.EOF, spoken{form: closing}},
		{"\x20\x02\x00\x05", nil, spoken{form: mqtt}},
		{"\x20\x03\x00\x84\x00", nil, spoken{form: mqtt}},
		{"HTTP/1.1 400 Bad Request\r\n", nil, spoken{form: web}},
		{"\x15\x03\x03\x00\x02\x02\x46", nil, spoken{form: closing, tls: true}},
		{"220 mail.example ESMTP\r\n250 ok\r\n", nil, spoken{form: foreign, detail: `"220 mail.example ESMTP"`}},
		{"\x00\xff", io.EOF, spoken{form: foreign, detail: `"\x00\xff"`}},
	} {
		if got := classify([]byte(test.answer), test.err); got != test.want {
			t.Errorf("%q, %v: got %+v, want %+v", test.answer, test.err, got, test.want)
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"0.12 ms":    short(123 * time.Microsecond),
		"45 ms":      short(45 * time.Millisecond),
		"2.5 s":      short(2500 * time.Millisecond),
		"a":          list([]string{"a"}),
		"a, b and c": list([]string{"a", "b", "c"}),
		"1 day":      days(25 * time.Hour),
		"0 days":     days(time.Hour),
		"2.00 ms (median of 3, 1.00 ms to 7.00 ms)": summary([]time.Duration{7 * time.Millisecond, time.Millisecond, 2 * time.Millisecond}),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
