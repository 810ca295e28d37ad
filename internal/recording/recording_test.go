package recording

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zancudomq/zancudo/packet"
)

var entries = []struct {
	entry Entry
	line  string
}{
	{
		Entry{Message: packet.Message{Topic: "a", Payload: []byte{}}},
		`{"offset":0.000000,"topic":"a","qos":0,"retain":false,"payload":""}`,
	},
	{
		Entry{Offset: 1250000 * time.Microsecond, Message: packet.Message{Topic: "lamp/ü<&>", QoS: 2, Retain: true, Payload: []byte("\"on\"\n\x00é")}},
		`{"offset":1.250000,"topic":"lamp/ü<&>","qos":2,"retain":true,"payload":"\"on\"\n\u0000é"}`,
	},
	{
		Entry{Offset: 26 * time.Hour, Message: packet.Message{Topic: "b", Payload: []byte("\xff\xd8")}},
		`{"offset":93600.000000,"topic":"b","qos":0,"retain":false,"payload-base64":"/9g="}`,
	},
	{
		Entry{
			Offset: 26*time.Hour + 7*time.Microsecond,
			Message: packet.Message{Topic: "c", Payload: []byte("x"), Properties: &packet.MessageProperties{
				PayloadIsUTF8: true, ContentType: "text/plain", ResponseTopic: "re", CorrelationData: []byte("\x00\xff"),
				UserProperties: []packet.UserProperty{{Name: "k", Value: "v"}, {Name: "k", Value: "w"}},
			}},
			HasMessageExpiry: true,
		},
		`{"offset":93600.000007,"topic":"c","qos":0,"retain":false,"properties":{"message-expiry-interval":0,"payload-format-indicator":1,` +
			`"content-type":"text/plain","response-topic":"re","correlation-data":"AP8=","user-properties":[{"k":"v"},{"k":"w"}]},"payload":"x"}`,
	},
	{
		Entry{
			Offset: 26*time.Hour + 7*time.Microsecond, MessageExpiry: 60, HasMessageExpiry: true,
			Message: packet.Message{Topic: "d", Payload: []byte("x")},
		},
		`{"offset":93600.000007,"topic":"d","qos":0,"retain":false,"properties":{"message-expiry-interval":60},"payload":"x"}`,
	},
}

func TestLines(t *testing.T) {
	text := AppendHeader(nil, time.Date(2026, 6, 1, 12, 0, 0, 5000, time.UTC))
	lines := []string{`{"recording":1,"start":"2026-06-01T12:00:00.000005Z"}`}
	for _, test := range entries {
		text = test.entry.Append(text)
		lines = append(lines, test.line)
	}
	want := strings.Join(lines, "\n") + "\n"
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	r := NewReader(strings.NewReader(want))
	for _, test := range entries {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&test.entry, e); diff != "" {
			t.Error(diff)
		}
	}
	if e, err := r.Next(); !errors.Is(err, io.EOF) || r.Truncated() {
		t.Errorf("behind the end: %v, %v", e, err)
	}
}

// TestByHand has what people write, cut out and put together.
func TestByHand(t *testing.T) {
	for _, test := range []struct {
		name, text, want string
		truncated        bool
	}{
		{"nothing", "", "", false},
		{"the least", `{"topic":"a"}`, "0s a", false},
		{"no offsets", "{\"topic\":\"a\",\"offset\":2}\n{\"topic\":\"b\"}\n", "2s a, 2s b", false},
		{"blank lines", "\n{\"topic\":\"a\"}\r\n \n", "0s a", false},
		{"out of order", "{\"topic\":\"a\",\"offset\":2}\n{\"topic\":\"b\",\"offset\":1}\n", "2s a, 2s b", false},
		{"two recordings", strings.Repeat("{\"recording\":1}\n{\"topic\":\"a\",\"offset\":1}\n{\"topic\":\"b\",\"offset\":2}\n", 2), "1s a, 2s b, 3s a, 4s b", false},
		{"cut off", "{\"topic\":\"a\"}\n{\"topic\":\"b\",\"pay", "0s a", true},
		{"cut off by a character", "{\"topic\":\"a\"}\n{\"topic\":\"b\"}", "0s a, 0s b", false},
	} {
		r := NewReader(strings.NewReader(test.text))
		var got []string
		for {
			e, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			got = append(got, e.Offset.String()+" "+e.Topic)
		}
		if strings.Join(got, ", ") != test.want || r.Truncated() != test.truncated {
			t.Errorf("%s: got %v, truncated %v, want %s", test.name, got, r.Truncated(), test.want)
		}
	}
}

func TestRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"nonsense":                           "invalid character",
		"[]":                                 "cannot unmarshal array",
		"{}":                                 `topic "": `,
		`{"topic":"a/#"}`:                    `topic "a/#": `,
		`{"topic":"a","qos":3}`:              "qos 3 is not 0, 1 or 2",
		`{"topic":"a","qos":"1"}`:            "cannot unmarshal string",
		`{"topic":"a","offset":-1}`:          "offset -1 is not from 0",
		`{"topic":"a","offset":1e300}`:       "offset 1e+300 is not from 0",
		`{"topic":"a","payload":"b"} x`:      "more than one object",
		`{"topic":"a"}{"topic":"b"}`:         "more than one object",
		`{"topic":"a","paylod":"b"}`:         `unknown field "paylod"`,
		`{"topic":"a","payload-base64":"!"}`: "illegal base64",
		`{"topic":"a","payload":"","payload-base64":""}`:                     "both payload and payload-base64",
		`{"topic":"a","properties":{"payload-format-indicator":2}}`:          "payload-format-indicator 2 is not 0 or 1",
		`{"topic":"a","properties":{"user-properties":[{"a":"1","b":"2"}]}}`: "an object of one pair",
		`{"recording":2}`: "recording version 2 is not known, only 1",
	} {
		_, err := NewReader(strings.NewReader("\n" + line + "\n")).Next()
		var e *LineError
		if !errors.As(err, &e) || e.Line != 2 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", line, err, want)
		}
	}
}

func TestLongLines(t *testing.T) {
	e := Entry{Message: packet.Message{Topic: "a", Payload: []byte(strings.Repeat("long ", 100_000))}}
	got, err := NewReader(strings.NewReader(string(e.Append(nil)))).Next()
	if err != nil || string(got.Payload) != string(e.Payload) {
		t.Errorf("got %v, %d bytes", err, len(got.Payload))
	}
}

// FuzzReader: what was read is written, and read again, as the same.
func FuzzReader(f *testing.F) {
	for _, test := range entries {
		f.Add([]byte(test.line))
	}
	f.Add([]byte("{\"recording\":1}\n{\"topic\":\"a\",\"properties\":{\"user-properties\":[{\"\":\"\"}]}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := NewReader(strings.NewReader(string(text)))
		for {
			e, err := r.Next()
			if err != nil {
				return
			}
			again, err := NewReader(strings.NewReader(string(e.Append(nil)))).Next()
			if err != nil {
				t.Fatalf("%s: %v", e.Append(nil), err)
			}
			if len(e.Payload) == 0 { // nil and empty are the same message
				e.Payload, again.Payload = nil, nil
			}
			if diff := cmp.Diff(e, again); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}
