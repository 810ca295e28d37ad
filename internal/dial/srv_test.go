package dial_test

import (
	"context"
	"encoding/binary"
	"net"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/dial"
)

// A record is of type SRV.
type record struct {
	priority, weight uint16
	port             int
	target           string
}

// appendName appends a name in the wire format of the DNS.
func appendName(b []byte, name string) []byte {
	for label := range strings.SplitSeq(strings.Trim(name, "."), ".") {
		if label != "" {
			b = append(append(b, byte(len(label))), label...)
		}
	}
	return append(b, 0)
}

// nameServer serves SRV records over UDP on the loopback, and returns a resolver
// that asks nobody else. Every other name is 127.0.0.1.
func nameServer(t *testing.T, records map[string][]record) *net.Resolver {
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
			conn.WriteTo(answer(b[:n], records), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// answer answers a query with one question.
func answer(query []byte, records map[string][]record) []byte {
	var name strings.Builder
	at := 12
	for query[at] != 0 {
		name.Write(query[at+1 : at+1+int(query[at])])
		name.WriteByte('.')
		at += 1 + int(query[at])
	}
	kind := binary.BigEndian.Uint16(query[at+1:])
	question := query[12 : at+5]
	b := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
	add := func(data []byte) {
		b = append(b, 0xC0, 12)                    // the name of the question
		b = binary.BigEndian.AppendUint16(b, kind) // type
		b = append(b, 0, 1, 0, 0, 0, 60)           // class IN, a minute
		b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
		b = append(b, data...)
		b[7]++
	}
	all, known := records[strings.ToLower(name.String())]
	switch kind {
	case 33:
		if !known {
			b[3] |= 3 // no such name
		}
		for _, r := range all {
			data := binary.BigEndian.AppendUint16(nil, r.priority)
			data = binary.BigEndian.AppendUint16(data, r.weight)
			data = binary.BigEndian.AppendUint16(data, uint16(r.port))
			add(appendName(data, r.target))
		}
	case 1:
		add([]byte{127, 0, 0, 1})
	}
	return b
}

func TestSRV(t *testing.T) {
	t.Parallel()
	l := echo(t, "tcp", "127.0.0.1:0")
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	resolver := nameServer(t, map[string][]record{
		"_mqtt._tcp.one.example.":         {{0, 0, port(l), "a.one.example."}},
		"_mqtt._tcp.next.example.":        {{20, 0, port(l), "b.next.example."}, {10, 5, port(gone), "a.next.example."}, {10, 1, port(gone), "c.next.example."}},
		"_mqtt._tcp.all-gone.example.":    {{0, 0, port(gone), "a.example."}, {1, 0, port(gone), "b.example."}},
		"_mqtt._tcp.without.example.":     {{0, 0, 0, "."}},
		"_secure-mqtt._tcp.one.example.":  {{0, 0, port(gone), "a.one.example."}},
		"_mqtt._tcp.nothing.one.example.": {},
	})
	for _, domain := range []string{"one.example", "next.example"} {
		conn, err := open(t, dial.Options{Host: domain, SRV: true, Resolver: resolver})
		expectEcho(t, conn, err)
	}
	for _, test := range []struct {
		o     dial.Options
		stage dial.Stage
		says  string
	}{
		{dial.Options{Host: "all-gone.example"}, dial.AtConnect, "connect to b.example:"},
		{dial.Options{Host: "one.example", TLS: &dial.TLS{}}, dial.AtConnect, "nothing listens there"},
		{dial.Options{Host: "without.example"}, dial.AtLookup, "no such service"},
		{dial.Options{Host: "unknown.example"}, dial.AtLookup, "no servers for _mqtt._tcp.unknown.example"},
		{dial.Options{Host: "nothing.one.example"}, dial.AtLookup, "nothing.one.example"},
	} {
		test.o.SRV, test.o.Resolver = true, resolver
		_, err := open(t, test.o)
		expectError(t, err, test.stage, test.says)
	}
}
