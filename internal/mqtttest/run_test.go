package mqtttest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/packet"
)

func TestDialogues(t *testing.T) {
	Run(t, "testdata/fake.txt", serveFake)
}

func TestRunScript(t *testing.T) {
	RunScript(t, "c > CONNECT id=c\nc < CONNACK\n", serveFake)
}

// fail runs a script whose last dialogue should fail, and returns why.
func fail(t *testing.T, text string, updating bool) (explained string, e *edits, s *script) {
	t.Helper()
	s, err := parseScript("", text)
	if err != nil {
		t.Fatal(err)
	}
	e = &edits{}
	synctest.Test(t, func(t *testing.T) {
		run := &engine{t: t, dialogue: s.dialogues[len(s.dialogues)-1], serve: serveFake, edits: e, updating: updating}
		if err := run.run(); err != nil {
			explained = s.explain(run.dialogue, err)
		}
	})
	return explained, e, s
}

func TestFailures(t *testing.T) {
	const connected = "c > CONNECT id=c\nc < CONNACK\n"
	tests := []struct{ name, script, want string }{
		{"another packet", connected + "c > PINGREQ\nc < CONNACK\n", "^ came PINGRESP"},
		{"nothing", connected + "c < PINGRESP\n", "^ nothing came"},
		{"wildcards", connected + "c > PINGREQ\nc < CONNACK *\n", "^ came PINGRESP"},
		{"closed instead", connected + "c > DISCONNECT\nc < PINGRESP\n", "^ the server closed the connection"},
		{"bytes", connected + "c > PINGREQ\nc < RAW d0 01\n", "^ came RAW d0 00 (PINGRESP)"},
		{"not silent", connected + "c > PINGREQ\nc silent\n", "^ came PINGRESP"},
		{"silent, but closed", connected + "c > DISCONNECT\nc silent\n", "^ the server closed the connection"},
		{"not closed", connected + "c closed\n", "^ the connection is open"},
		{"not closed at once", connected + "c >> PINGREQ\nc > DISCONNECT\nc closed\n", "^ came first: PINGRESP"},
		{"unread at the end", connected + "c > PINGREQ\n", "^ at the end of the dialogue: unread: c < PINGRESP"},
		{"unread before it drops", connected + "c > PINGREQ\nc drop\n", "^ came before: PINGRESP"},
		{"closed without a word", "c > CONNECT id=c keepalive=2\nc < CONNACK\nwait 1h\n", `^ at the end of the dialogue: c: the server closed the connection, which no line "c closed" says`},
		{"unread by others", connected + "d > CONNECT id=d\nc < PINGRESP\n", "^ nothing came\n        unread: d < CONNACK"},
		{"not connected", "c closed\n", "^ c is not connected"},
		{"connected already", connected + "c v5\n", "^ the client is connected already"},
		{"large payload", connected + "c > SUBSCRIBE 1 t\nc < SUBACK 1 0\nc > PUBLISH t \"" + strings.Repeat("x", 200) + "\"\nc < PUBLISH t size=200\n", "the encoding differs from byte 6"},
		{"option buffer", "option buffer x\n" + connected, "^ option buffer x: want bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, _, _ := fail(t, tt.script, false)
			if !strings.Contains(got, tt.want) {
				t.Errorf("got:\n%s\nwant in it:\n%s", got, tt.want)
			}
		})
	}
}

func TestExplanation(t *testing.T) {
	t.Parallel()
	got, _, _ := fail(t, `--- first
c > CONNECT id=c
--- a subscription is granted
c > CONNECT id=c
c < CONNACK
c > SUBSCRIBE 1 a/b qos=1
c < SUBACK 1 0
c > PINGREQ
`, false)
	want := `script:7:
    --- a subscription is granted
    c > CONNECT id=c
    c < CONNACK
    c > SUBSCRIBE 1 a/b qos=1
  > c < SUBACK 1 0
      ^ came SUBACK 1 1
    c > PINGREQ`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestScriptErrors(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"c > CONNEKT":                    "script:1: c > CONNEKT: CONNEKT: is not the name of a packet",
		"\n# x\nc < PUBLISH a qoz=1":     `script:3: c < PUBLISH a qoz=1: PUBLISH: has no field "qoz"`,
		"c says PINGREQ":                 "after the name comes >",
		"Client > PINGREQ":               "a line begins with the name of a client",
		"wait a moment":                  "invalid duration",
		"c > RAW 1":                      "RAW takes bytes in hexadecimal",
		"c closed now":                   "closed takes no words",
		"restart now":                    "restart takes no words",
		"c > PINGREQ\noption late 1":     "options stand before the first step",
		"c > PUBLISH a \"hello":          "the quotes do not end",
		"c > PUBLISH a qos=1 hello":      "the packet identifier is missing, as in PUBLISH 7 a qos=1",
		"c > PUBLISH a hello world":      "has one payload",
		"c > PUBLISH":                    "the topic name is missing",
		"c > PUBLISH a <hex:0>":          "odd length",
		"c > PUBLISH a <ten bytes>":      "is not a size",
		"c > PUBLISH a <x":               "the > is missing",
		"c > PUBLISH a <x>":              "is neither",
		"c > PUBLISH a retain=1":         `has no field "retain"`,
		"c > PUBLISH a qos=":             "is not a number",
		"c > PUBLISH a content-type=":    `an empty string is written ""`,
		"c > PUBLISH a user=x":           "a user property is written name:value",
		"c > PUBLISH a alias=65536":      "is not a number of 16 bits",
		"c > SUBSCRIBE a/#":              "the packet identifier is missing",
		"c > PUBACK 1 0xzz":              "is not a reason code",
		"c > PINGREQ 1":                  "does not expect 1 here",
		"c > CONNECT keepalive=1 \"v5\"": "does not expect",
	}
	for text, want := range tests {
		if _, err := parseScript("", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got: %v\nwant: %s", text, err, want)
		}
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	const before = `# kept
--- first
option greeting hello
c > CONNECT v5 id=c
c < CONNACK reason=*
c > SUBSCRIBE 1 t
c < SUBACK 1 2
c < PINGRESP
c > PUBLISH t alias=3 "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
d > CONNECT id=d
d > PINGREQ

# the end
`
	const after = `# kept
--- first
option greeting hello
c > CONNECT v5 id=c
c < CONNACK reason=*
c > SUBSCRIBE 1 t
c < SUBACK 1 0
c > PUBLISH t alias=3 "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
c < PUBLISH t alias=3 *
d > CONNECT id=d
d < CONNACK
d > PINGREQ
d < PINGRESP

# the end
`
	problem, e, s := fail(t, before, true)
	if problem != "" {
		t.Error(problem)
	}
	s.name = filepath.Join(t.TempDir(), "script.txt")
	e.write(t, s)
	got, err := os.ReadFile(s.name)
	if err != nil || string(got) != after {
		t.Errorf("got: %v\n%s\nwant:\n%s", err, got, after)
	}
	if problem, _, _ := fail(t, after, false); problem != "" {
		t.Errorf("the updated dialogue fails: %s", problem)
	}
}

func TestClientInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen()
		stop := serveFake(t, l, nil)
		t.Cleanup(stop)
		c := dial(t, l, packet.V5)
		c.SendText("CONNECT v5 id=c", "SUBSCRIBE 1 t")
		c.Expect("CONNACK", "SUBACK * 0")
		c.Silent()
		c.Pause()
		c.Send(&packet.Publish{Message: packet.Message{Topic: "t", Payload: []byte("hello")}}, &packet.Pingreq{})
		c.Silent()
		c.Resume()
		p, ok := c.Read().(*packet.Publish)
		c.Expect("PINGRESP")
		if !ok || string(p.Payload) != "hello" {
			t.Errorf("read %v", p)
		}
		c.SendText("DISCONNECT")
		c.Closed()
		dial(t, l, packet.V311).Drop()
	})
}

func dial(t *testing.T, l *memnet.Listener, v packet.Version) *Client {
	t.Helper()
	conn, err := l.Dial()
	if err != nil {
		t.Fatal(err)
	}
	return NewClient(t, conn, v)
}

func TestClientOutsideOfABubble(t *testing.T) {
	t.Parallel()
	l := memnet.Listen()
	t.Cleanup(serveFake(t, l, nil))
	c := dial(t, l, packet.V311)
	c.Timeout = 10 * time.Second
	c.SendText("CONNECT id=c")
	c.Expect("CONNACK")
	c.SendText("DISCONNECT")
	c.Closed()
}
