package doctor

import (
	"context"
	"encoding/binary"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/internal/dial"
	"github.com/zancudomq/zancudo/packet"
)

// zone is what a name server of a test knows: the data of the records of a name
// and type: 1 is an address, 33 a server.
type zone map[string][]string

// resolver returns one that asks a name server on the loopback and nobody else.
func (z zone) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			conn.WriteTo(z.answer(b[:n]), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// answer answers a query with one question. A name without any records does not
// exist.
func (z zone) answer(query []byte) []byte {
	const header = 12
	var labels strings.Builder
	at := header
	for query[at] != 0 {
		n := int(query[at])
		labels.WriteString(strings.ToLower(string(query[at+1:at+1+n])) + ".")
		at += 1 + n
	}
	name := labels.String()
	kind := binary.BigEndian.Uint16(query[at+1:])
	b := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, query[header:at+5]...)
	exists := false
	for key := range z {
		exists = exists || strings.HasPrefix(key, name+" ")
	}
	if !exists {
		b[3] |= 3
	}
	for _, data := range z[name+" "+strconv.Itoa(int(kind))] {
		b = append(b, 0xc0, header) // the name of the question
		b = binary.BigEndian.AppendUint16(b, kind)
		b = append(b, 0, 1, 0, 0, 0, 60) // class IN, a minute
		b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
		b = append(b, data...)
		b[7]++
	}
	return b
}

// srv is the data of an SRV record.
func srv(port int, target string) string {
	b := binary.BigEndian.AppendUint16([]byte{0, 1, 0, 1}, uint16(port))
	for label := range strings.SplitSeq(target, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return string(append(b, 0))
}

// TestAddresses: the names of the DNS, an address that works beside one that does
// not, and servers by SRV.
func TestAddresses(t *testing.T) {
	t.Parallel()
	broker := fake(t, func(p packet.Packet) []packet.Packet { return usual(p, &packet.Connack{}) })
	port := strconv.Itoa(broker.Port)
	names := zone{
		"broker.example. 1":              {"\x7f\x00\x00\x01", "\x7f\x00\x00\x02"},
		"one.example. 1":                 {"\x7f\x00\x00\x01"},
		"_mqtt._tcp.example. 33":         {srv(broker.Port, "one.example")},
		"_secure-mqtt._tcp.example. 33":  {},
		"_mqtt._tcp.elsewhere.test. 33":  {srv(1, "nowhere.example")},
		"_secure-mqtt._tcp.nothing. 999": {},
	}
	for _, test := range []struct {
		name  string
		where dial.Options
		want  string
	}{
		{"two addresses", dial.Options{Host: "broker.example", Port: broker.Port}, "ok: The name broker.example stands for 127.0.0.1 and 127.0.0.2 (TIME).\n" +
			"ok: 127.0.0.1:" + port + " accepts connections (TIME).\n" +
			"note: Could not connect to 127.0.0.2:" + port + ": connection refused: nothing listens there."},
		{"no such name", dial.Options{Host: "nowhere.example"}, "problem: No address was found for nowhere.example: there is no such name."},
		{"SRV", dial.Options{Host: "example", SRV: true}, "ok: The servers of example are one.example:" + port + "; the first is examined.\n" +
			"ok: The name one.example stands for 127.0.0.1 (TIME).\n" +
			"ok: 127.0.0.1:" + port + " accepts connections (TIME)."},
		{"no SRV with TLS", dial.Options{Host: "example", SRV: true, TLS: &dial.TLS{}}, "problem: No servers for _secure-mqtt._tcp.example: there are no such records."},
		{"SRV to nowhere", dial.Options{Host: "elsewhere.test", SRV: true}, "ok: The servers of elsewhere.test are nowhere.example:1; the first is examined.\n" +
			"problem: No address was found for nowhere.example: there is no such name."},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := Options{Where: test.where, OtherPorts: []int{}, ReadOnly: true, Connect: packet.Connect{Version: packet.V311}}
			o.Where.Resolver = names.resolver(t)
			report := Examine(t.Context(), o, func(Finding) {})
			var lines []string
			for _, check := range []string{CheckAddress, CheckConnection} {
				if text := found(report, check); text != "" {
					lines = append(lines, text)
				}
			}
			got := strings.Join(lines, "\n")
			for part := range strings.SplitSeq(got, "(") { // times stand in parentheses
				if time, _, ok := strings.Cut(part, ")"); ok {
					got = strings.ReplaceAll(got, "("+time+")", "(TIME)")
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
