package cli

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/format"
	"github.com/zancudomq/zancudo/packet"
)

// TestFormatsSideBySide has Debian's mosquitto_sub print messages in many formats
// and compares with ours. Debian has version 2.0, and we follow 2.1 where they
// differ; not compared are therefore
//   - user properties in JSON, which were an object;
//   - %x and %X with a width or a precision, and %f and %d;
//   - absent properties with 0, which was not heeded by %C.
//
// "retain" in JSON, which was a number, is translated. Deliberately, we print
// NUL bytes in JSON strings where Mosquitto's end, expiry intervals beyond 2³¹
// without a sign, and no blanks behind %-p without a width.
func TestFormatsSideBySide(t *testing.T) {
	need(t, "mosquitto_sub", "mosquitto-clients")
	plain := packet.Message{Topic: "f/plain", Payload: []byte("hello\x00\xff"), QoS: 1}
	empty := packet.Message{Topic: "f/empty", QoS: 1}
	full := packet.Message{
		Topic: "f/full", Payload: []byte(`{ "a" : [1.50, {}, "\u00e9\ud83d\ude00"] }`), QoS: 1,
		Properties: &packet.MessageProperties{
			PayloadIsUTF8: true, ContentType: "text/plain", ResponseTopic: "re/ply", CorrelationData: []byte("id\x01"),
		},
	}
	withUsers := full
	withUsers.Properties = &packet.MessageProperties{UserProperties: []packet.UserProperty{{Name: "k", Value: "v"}, {Name: "k", Value: "w"}}}
	topics := "%t|%9t|%-9t|%09t|%.1t|%5.2t|%-5.2t|%2t|%.0t|%.t|"
	numbers := "%l|%4l|%04l|%-4l|%-04l|%m|%3m|%03m|%-3m|%q|%r|%3q|%%|%5%|"
	payloads := "%p|%9p|%09p|%-9p|%3p|%-3p|%x|%X|"
	properties := "%A|%3A|%03A|%C|%12C|%-12C|%.3C|%D|%E|%3E|%F|%2F|%02F|%-2F|%R|%9R|%-9R|%.2R|%S|%2S|%02S|"
	times := "@Y|@C|@y|@G|@b|@%|@n|@t|@E|@!|%.4I|%-6.4I|"
	escapes := `\\|\0|\a|\e|\n|\r|\t|\v|@@|`
	for _, test := range []struct {
		message packet.Message
		format  string
		args    string
	}{
		{plain, topics + numbers + payloads + properties + times + escapes, ""},
		{empty, topics + numbers + payloads + properties + times + escapes, ""},
		{full, topics + numbers + payloads + properties + times + escapes, ""},
		{full, topics, "-N"},
		{withUsers, "%P|%9P|%-9P", ""},
		{plain, "%U|%I|%j", ""},
		{full, "%I %j %J", ""},
		{full, "%j|%J", "--pretty"},
		{empty, "%j|%J", ""},
		{empty, "%j", "--pretty"},
	} {
		if test.message.Topic == "f/plain" && regexp.MustCompile("%j").MatchString(test.format) {
			test.message.Payload = []byte("\"\\/\b\f\n\r\t\x1f\x7f\xffé")
		}
		compareFormat(t, test.message, test.format, test.args)
	}
}

// TestPayloadsOfJSONSideBySide compares what becomes of payloads that are JSON,
// or are not.
func TestPayloadsOfJSONSideBySide(t *testing.T) {
	need(t, "mosquitto_sub", "mosquitto-clients")
	for _, payload := range []string{
		` { "a" : [ 1 , 2 ] , "b" : { } } `, "\xef\xbb\xbftrue", "null", `"x\/\u0041\u00e9\ud83d\ude00\"\n"`, "\"raw\nline\"",
		"[27.0,1e3,-0,007,1.,0.1,0.30000000000000004,123456789012345678,1e15,100000000000000,0.0001,0.00001,1e400,-1.5e-9,2147483648]",
		`[[[{}]]]`, `{"a":1,"a":2}`, "hello", `"\ud83d"`, "[1,]", "1 2", "-", "\x01 1",
	} {
		compareFormat(t, packet.Message{Topic: "f/json", Payload: []byte(payload), QoS: 1}, "%J", "")
	}
}

// need skips a test for which a program is missing that is in a package of Debian.
func need(t *testing.T, program, debian string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
			t.Fatalf("%v: install Debian's %s", err, debian)
		}
		t.Skipf("%v: install Debian's %s to compare with it", err, debian)
	}
}

// compareFormat publishes a message for a session of mosquitto_sub and compares
// what it prints with what we would.
func compareFormat(t *testing.T, m packet.Message, spec, flag string) {
	t.Helper()
	f, err := format.Parse(spec, format.Options{NoNewline: flag == "-N", Pretty: flag == "--pretty"})
	must(t, err)
	want, complaint := f.Append(nil, &packet.Publish{Message: m, PacketID: 1}, time.Now())
	b, port := serveBroker(t, broker.Options{})
	session := []string{"-V", "5", "-q", "1", "-t", m.Topic, "-c", "-i", "me", "-p", port}
	runProgram(t, "mosquitto_sub", append(session, "-E"), "")
	must(t, b.Publish(&m))
	args := append(session, "-C", "1", "-F", spec)
	if flag != "" {
		args = append(args, flag)
	}
	got := runProgram(t, "mosquitto_sub", args, "")
	if masked(got.stdout) != masked(string(want)) {
		t.Errorf("%s of %s %s:\nours   %q\ntheirs %q", spec, m.Topic, flag, masked(string(want)), masked(got.stdout))
	}
	if complaint != nil && got.stderr != fmt.Sprintf("Error: %v.\n", complaint) {
		t.Errorf("%s of %q:\nours   %v\ntheirs %q", spec, m.Payload, complaint, got.stderr)
	}
}

// moments are times of receipt, which Debian's version puts a Z into.
var moments = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z?([+-]\d{4})|\d{10}\.\d{9}`)

// numericRetain is how Debian's version says whether a message was retained.
var numericRetain = regexp.MustCompile(`("retain":\t?)0`)

// masked takes away what differs between runs and versions.
func masked(s string) string {
	return numericRetain.ReplaceAllString(moments.ReplaceAllString(s, "TIME$2"), "${1}false")
}
