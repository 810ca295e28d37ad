package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

var (
	zone = time.FixedZone("NPT", (5*60+45)*60)
	noon = time.Date(2024, 2, 9, 15, 4, 5, 6007008, zone)
)

// full is a message that has everything.
func full() *packet.Publish {
	return &packet.Publish{
		Message: packet.Message{
			Topic: "a/b", Payload: []byte("hello"), QoS: packet.AtLeastOnce, Retain: true,
			Properties: &packet.MessageProperties{
				PayloadIsUTF8: true, ContentType: "text/plain", ResponseTopic: "re/ply", CorrelationData: []byte("id\x01"),
				UserProperties: []packet.UserProperty{{Name: "k", Value: "v"}, {Name: "k", Value: "w"}},
			},
		},
		PacketID: 42, TopicAlias: 7, MessageExpiry: 3000000000, HasMessageExpiry: true, SubscriptionIDs: []uint32{3, 4},
	}
}

func message(payload string) *packet.Publish {
	return &packet.Publish{Message: packet.Message{Topic: "a/b", Payload: []byte(payload)}}
}

func float32Payload(v float32) string {
	return string(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
}

func float64Payload(v float64) string {
	return string(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
}

func TestDirectives(t *testing.T) {
	for _, test := range []struct{ format, want string }{
		{"", ""},
		{"plain é", "plain é"},
		{"100%%", "100%"},
		{"%-05.3%", "%"},
		{"%A %E %F %S", "7 3000000000 1 3"},
		{"%3A|%-3A|%03A|%-03A", "  7|7  |007|7  "},
		{"%12E|%012E|%-12E|%2E", "  3000000000|003000000000|3000000000  |3000000000"},
		{"%2F%02F%-2F|", " 1011 |"},
		{"%2S%02S%-2S|", " 3033 |"},
		{"%C|%12C|%-12C|%012C", "text/plain|  text/plain|text/plain  |  text/plain"},
		{"%.4C|%6.4C|%-6.4C|%.0C|%.C", "text|  text|text  ||"},
		{"%D|%9D", "id\x01|id\x01"},
		{"%P|%9P", "k:v k:w|k:v k:w"},
		{"%R|%8R|%-8R|%.2R", "re/ply|  re/ply|re/ply  |re"},
		{"%t|%5t|%-5t|%05t|%.1t|%5.2t|%-5.2t|%2t", "a/b|  a/b|a/b  |  a/b|a|   a/|a/   |a/b"},
		{"%q%r %3q%3r", "11 11"},
		{"%l|%3l|%03l|%-3l", "5|  5|005|5  "},
		{"%m|%4m|%04m|%-4m|%1m", "42|  42|0042|42  |42"},
		{"%p|%7p|%07p|%-7p|%3p", "hello|  hello|00hello|hello  |hel"},
		{"%x", "68656c6c6f"},
		{"%X", "68656C6C6F"},
		{"%.2x|%.4x|%.2:X|%.4-x|%.1 x", "68 65 6c 6c 6f|6865 6c6c 6f|68:65:6C:6C:6F|6865-6c6c-6f|6 8 6 5 6 c 6 c 6 f"},
		{"%.%%:t", "%a/b"},
		{"%12x|%012x|%-12x|%2x", "  68656c6c6f|0068656c6c6f|68656c6c6f  |6865"},
		{"%012.2:x", "00:68:65:6c:6c:6f"},
		{"%.3x", "686 56c 6c6 f"},
		{"%I|%26I|%-26I|%.10I", "2024-02-09T15:04:05+0545|  2024-02-09T15:04:05+0545|2024-02-09T15:04:05+0545  |2024-02-09"},
		{"%U", "1707470345.006007008"},
		{"@N @@ @s", "006007008 @ 1707470345"},
		{"@Y-@m-@dT@H:@M:@S@z @Z", "2024-02-09T15:04:05+0545 NPT"},
		{`\\\0\a\e\n\r\t\v`, "\\\x00\a\x1b\n\r\t\v"},
		{`%t\t%p`, "a/b\thello"},
	} {
		f, err := Parse(test.format, Options{})
		if err != nil {
			t.Errorf("%s: %v", test.format, err)
			continue
		}
		got, err := f.Append([]byte("before:"), full(), noon)
		if want := "before:" + test.want + "\n"; string(got) != want || err != nil {
			t.Errorf("%s:\ngot  %q, %v\nwant %q", test.format, got, err, want)
		}
	}
}

func TestAbsentProperties(t *testing.T) {
	for _, test := range []struct{ format, want string }{
		{"%A%C%D%E%F%P%R%S", ""},
		{"%2A|%2C|%2E|%2F|%2S", "  |  |  |  |  "},
		{"%02A|%02C|%02E|%02F|%02S", "00|00|00|00|00"},
		{"%-02A|%-2C", "  |  "},
		{"%2R|%2D|%2P", "||"},
		{"%m", "0"},
	} {
		got, err := mustParse(t, test.format).Append(nil, message(""), noon)
		if string(got) != test.want+"\n" || err != nil {
			t.Errorf("%s: got %q, %v, want %q", test.format, got, err, test.want)
		}
	}
}

func TestFloats(t *testing.T) {
	for _, test := range []struct{ format, payload, want, complaint string }{
		{"%f", float32Payload(1.5), "1.500000", ""},
		{"%.2f|%.0f|%.f", float32Payload(2.25), "2.25|2|2", ""},
		{"%8.2f|%08.2f|%-8.2f|", float32Payload(-1.5), "   -1.50|-0001.50|-1.50   |", ""},
		{"%d", float64Payload(math.Pi), "3.141593", ""},
		{"%.15d", float64Payload(math.Pi), "3.141592653589793", ""},
		{"%010.3d", float64Payload(math.Pi), "000003.142", ""},
		{"%05d|%-5d|", float64Payload(math.Inf(1)), "  inf|inf  |", ""},
		{"%06d", float64Payload(math.Inf(-1)), "  -inf", ""},
		{"%05f", float32Payload(float32(math.NaN())), "  nan", ""},
		{"%.1d", float64Payload(math.Copysign(0, -1)), "-0.0", ""},
		{"(%f)", "12345", "()", "requested float printing, but non-float data received on topic a/b"},
		{"(%d)", "1234", "()", "requested double printing, but non-double data received on topic a/b"},
	} {
		got, err := mustParse(t, test.format).Append(nil, message(test.payload), noon)
		if string(got) != test.want+"\n" || complaint(err) != test.complaint {
			t.Errorf("%s: got %q, %v, want %q, %s", test.format, got, err, test.want, test.complaint)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ format, want string }{
		{"%", "Incomplete format specifier."},
		{"a%-", "Incomplete format specifier."},
		{"%0", "Incomplete format specifier."},
		{"%10", "Incomplete format specifier."},
		{"%10.", "Incomplete format specifier."},
		{"%5.3", "Incomplete format specifier."},
		{"%.2:", "Incomplete format specifier."},
		{"%z", "Invalid format specifier 'z'."},
		{"%5z", "Invalid format specifier 'z'."},
		{"%::x", "Invalid format specifier ':'."},
		{"%é", "Invalid format specifier 'é'."},
		{"%70000t", "Invalid width or precision in format; at most 65535."},
		{"%.70000t", "Invalid width or precision in format; at most 65535."},
		{"@", "Incomplete format specifier."},
		{`\`, "Incomplete escape specifier."},
		{`\q`, "Invalid escape specifier 'q'."},
		{`\é`, "Invalid escape specifier 'é'."},
	} {
		if _, err := Parse(test.format, Options{}); complaint(err) != test.want {
			t.Errorf("%s: got %v, want %s", test.format, err, test.want)
		}
	}
}

func TestWithoutFormatString(t *testing.T) {
	for _, test := range []struct {
		name    string
		format  *Format
		payload string
		want    string
	}{
		{"payload", Payload(Options{}), "x\xff", "x\xff\n"},
		{"payload, no newline", Payload(Options{NoNewline: true}), "x", "x"},
		{"empty payload", Payload(Options{}), "", ""},
		{"verbose", Verbose(Options{}), "x", "a/b x\n"},
		{"verbose, no newline", Verbose(Options{NoNewline: true}), "x", "a/b x"},
		{"verbose, empty", Verbose(Options{}), "", "a/b (null)\n"},
		{"verbose, empty, no newline", Verbose(Options{NoNewline: true}), "", ""},
	} {
		if got, err := test.format.Append(nil, message(test.payload), noon); string(got) != test.want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", test.name, got, err, test.want)
		}
	}
	f, err := Parse("%p", Options{NoNewline: true})
	if got, _ := f.Append(nil, message("x"), noon); err != nil || string(got) != "x" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestNeedsTime(t *testing.T) {
	for format, want := range map[string]bool{"%t %p": false, "%I": true, "%U": true, "%j": true, "%J": true, "@H": true, "@@": false} {
		if got := mustParse(t, format).NeedsTime(); got != want {
			t.Errorf("%s: got %v", format, got)
		}
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	p := full()
	p.Payload = []byte(`{"a":[1,2.5,"x"]}`)
	b := make([]byte, 0, 4096)
	for _, format := range []string{"%t %p", "%-10.3t %08l %m %A %C %D %E %F %P %R %S %q %r", "%x %X %.2:x", "%I %U @a @j @H @N", "%j", "%J"} {
		f := mustParse(t, format)
		if n := testing.AllocsPerRun(100, func() { b, _ = f.Append(b[:0], p, noon) }); n > 0 {
			t.Errorf("%s: %v allocations", format, n)
		}
	}
}

func FuzzFormat(f *testing.F) {
	f.Add("%-010.3:x %t @H \\n %j", []byte("payload"))
	f.Add("%J", []byte(`{"a":[1e400,-0,"\ud83d\ude00\u0000",{}],"b":null}`))
	f.Add("%f%d%I%U%12.4p", []byte("\x00\x00\x80\x7f"))
	f.Fuzz(func(t *testing.T, s string, payload []byte) {
		if strings.Count(s, "%") > 50 {
			return
		}
		format, err := Parse(s, Options{Pretty: len(payload)%2 == 1})
		if err != nil {
			return
		}
		p := full()
		p.Payload = payload
		once, _ := format.Append(nil, p, noon)
		again, _ := format.Append([]byte("x"), p, noon)
		if !bytes.Equal(once, again[1:]) {
			t.Errorf("%q is followed by %q", once, again[1:])
		}
	})
}

func mustParse(t *testing.T, format string) *Format {
	t.Helper()
	f, err := Parse(format, Options{})
	if err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return f
}

// complaint is the text of an error, which is of one of two kinds.
func complaint(err error) string {
	var payload *PayloadError
	var syntax syntaxError
	switch {
	case errors.As(err, &payload):
		return payload.Error()
	case errors.As(err, &syntax):
		return syntax.Error()
	}
	return ""
}
