package format

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/packet"
)

const head = `{"tst":"2024-02-09T15:04:05.006007+0545","topic":"a/b","qos":0,"retain":false,"payloadlen":`

func TestJSON(t *testing.T) {
	allProperties := `"properties":{"topic-alias":7,"message-expiry-interval":3000000000,"payload-format-indicator":1,` +
		`"content-type":"text/plain","response-topic":"re/ply","correlation-data":"id\u0001",` +
		`"user-properties":[{"k":"v"},{"k":"w"}],"subscription-identifier":3,"subscription-identifier":4}`
	for _, test := range []struct {
		name string
		p    *packet.Publish
		want string
	}{
		{"everything", full(), strings.Replace(head, `0,"retain":false`, `1,"retain":true`, 1) + `5,"mid":42,` + allProperties + `,"payload":"hello"}`},
		{"nothing", message(""), head + `0,"payload":null}`},
		{"escapes", message("\"\\/\b\f\n\r\t\x00\x1f\x7fé"), head + `13,"payload":"\"\\/\b\f\n\r\t\u0000\u001f` + "\x7fé" + `"}`},
		{"no UTF-8", message("\xff\xc3"), head + `2,"payload":"` + "\xff\xc3" + `"}`},
	} {
		got, err := mustParse(t, "%j").Append(nil, test.p, noon)
		if want := test.want + "\n"; string(got) != want || err != nil {
			t.Errorf("%s:\ngot  %s%v\nwant %s", test.name, got, err, want)
		}
	}
}

func TestPrettyJSON(t *testing.T) {
	p := full()
	p.Payload = []byte(`{"a":{},"b":[1,{"c":null},[]]}`)
	want := `{
	"tst":	"2024-02-09T15:04:05.006007+0545",
	"topic":	"a/b",
	"qos":	1,
	"retain":	true,
	"payloadlen":	30,
	"mid":	42,
	"properties":	{
		"topic-alias":	7,
		"message-expiry-interval":	3000000000,
		"payload-format-indicator":	1,
		"content-type":	"text/plain",
		"response-topic":	"re/ply",
		"correlation-data":	"id\u0001",
		"user-properties":	[{
				"k":	"v"
			}, {
				"k":	"w"
			}],
		"subscription-identifier":	3,
		"subscription-identifier":	4
	},
	"payload":	{
		"a":	{
		},
		"b":	[1, {
				"c":	null
			}, []]
	}
}
`
	f, err := Parse("%J", Options{Pretty: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Append(nil, p, noon)
	if string(got) != want || err != nil {
		t.Errorf("got %s%v\nwant %s", got, err, want)
	}
}

// TestPayloadOfJSON has what cJSON makes of a payload; the side-by-side test of
// the command line compares most of it with Mosquitto's tool.
func TestPayloadOfJSON(t *testing.T) {
	for _, test := range []struct{ payload, want string }{
		{``, `null`},
		{` { "a" : [ 1 , 2 ] , "b" : { } } ` + "\n", `{"a":[1,2],"b":{}}`},
		{"\xef\xbb\xbftrue", `true`},
		{`false`, `false`},
		{`null`, `null`},
		{`"x\/\u0041\u00e9\ud83d\ude00\"\n"`, `"x/Aé😀\"\n"`},
		{"\"raw\nline\"", `"raw\nline"`},
		{`"\u0000"`, `"\u0000"`},
		{`27.0`, `27`},
		{`1e3`, `1000`},
		{`-0`, `-0`},
		{`007`, `7`},
		{`1.`, `1`},
		{`0.1`, `0.1`},
		{`0.30000000000000004`, `0.3`},
		{`123456789012345678`, `1.2345678901234568e+17`},
		{`1e15`, `1e+15`},
		{`100000000000000`, `100000000000000`},
		{`0.0001`, `0.0001`},
		{`0.00001`, `1e-05`},
		{`1e400`, `null`},
		{`[[[]]]`, `[[[]]]`},
		{`{"a":1,"a":2}`, `{"a":1,"a":2}`},
	} {
		got, err := mustParse(t, "%J").Append(nil, message(test.payload), noon)
		payload := strings.TrimSuffix(string(got[strings.Index(string(got), `"payload":`)+10:]), "}\n")
		if payload != test.want || err != nil || !json.Valid(got) {
			t.Errorf("%s: got %s, %v, want %s", test.payload, payload, err, test.want)
		}
	}
}

func TestPayloadIsNoJSON(t *testing.T) {
	for _, payload := range []string{
		" ", "hello", "nul", "truex", `"open`, `"\q"`, `"\u12"`, `"\u12x4"`, `"\ud83d"`, `"\ud83dA"`, `"\ud83d\u0041"`, `"\ude00"`, `"\`,
		"-", "-x", "+1", ".5", "1 2", "1-2", "[", "[1", "[1,]", "[,]", "{", `{"a"}`, `{"a":}`, `{"a":1,}`, "{1:2}", "[1}", "1\x00",
		strings.Repeat("[", 1001) + strings.Repeat("]", 1001),
	} {
		got, err := mustParse(t, "<%J>").Append(nil, message(payload), noon)
		if string(got) != "<>\n" || complaint(err) != "Message payload is not valid JSON on topic a/b" {
			t.Errorf("%s: got %q, %v", payload, got, err)
		}
	}
}

// FuzzJSON compares with encoding/json: what that takes for valid,
// we copy into the same value.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e-7,"\ud83d\ude00"],"":{}}`, `[]`, `"\u0000"`, `-1e-400`, "1e15", "\"\xff\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		w := jsonWriter{}
		copied := w.copyJSON(payload)
		var want, got any
		if json.Unmarshal(payload, &want) != nil {
			return
		}
		if strings.Count(string(payload), "[")+strings.Count(string(payload), "{") > 900 || loneSurrogate(payload) {
			return
		}
		if !copied || json.Unmarshal(w.b, &got) != nil {
			t.Errorf("%q became %q", payload, w.b)
		}
	})
}

// loneSurrogate reports whether there may be a surrogate without its other half,
// which cJSON refuses.
func loneSurrogate(b []byte) bool { return strings.Contains(strings.ToLower(string(b)), `\ud`) }
