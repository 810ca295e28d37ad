package fact

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

type keyValue struct{ key, value []byte }

// someFacts are facts of all kinds, in the order of their keys.
func someFacts(tb testing.TB) []keyValue {
	tb.Helper()
	var all []keyValue
	add := func(key, value []byte, err error) {
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, keyValue{key, value})
	}
	plain := &packet.Message{Topic: "a/b", Payload: []byte("x\n\x1b[2J"), QoS: packet.AtLeastOnce}
	value, err := AppendBody(nil, full())
	add(Key(nil, BodyLetter, 12), value, err)
	add(ReceivingKey(nil, 3, 17), AppendReceiving(nil), nil)
	value, err = AppendQueued(nil, &session.Record{QoS: packet.AtLeastOnce, Body: 12, Share: "g", IDs: []uint32{5, 6}}, full())
	add(QueuedKey(nil, 3, 40), value, err)
	value, err = AppendQueued(nil, &session.Record{QoS: packet.AtLeastOnce, Retain: true}, plain)
	add(QueuedKey(nil, 3, 41), value, err)
	add(QueuedKey(nil, 3, 42), AppendReleased(nil), nil)
	value, err = (&Retained{Message: full(), Order: 7, Origin: &Origin{ID: "pump", User: "ann"}}).Append(nil)
	add(RetainedKey(nil, "a/b"), value, err)
	value, err = (&Session{ID: "\x00sensor", User: "bob", Expiry: 3600, Since: instant}).Append(nil)
	add(Key(nil, SessionLetter, 3), value, err)
	will := &packet.Will{Message: *plain, DelayInterval: 5, HasMessageExpiry: true, MessageExpiry: 60}
	value, err = (&Session{ID: "lamp", Connected: true, Expiry: session.Never, WillAt: instant.Add(time.Second), Will: will}).Append(nil)
	add(Key(nil, SessionLetter, 4), value, err)
	sub, err := session.NewSubscription(&packet.Subscription{Filter: "$share/g/a/#", QoS: packet.ExactlyOnce, NoLocal: false, RetainAsPublished: true})
	if err != nil {
		tb.Fatal(err)
	}
	sub.IDs = []uint32{5}
	add(SubscriptionKey(nil, 3, "$share/g/a/#"), AppendSubscription(nil, sub), nil)
	return all
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	var d Describer
	facts := append(someFacts(t), keyValue{[]byte("q\x00"), nil}, keyValue{[]byte("zoo"), []byte{1}}, keyValue{Key(nil, SessionLetter, 9), []byte{2, 0, 0}},
		keyValue{[]byte("rx"), []byte{version}})
	for _, f := range facts {
		d.Meet(f.key, f.value)
	}
	describe := func() (lines []string) {
		for _, f := range facts {
			lines = append(lines, d.Describe(f.key, f.value))
		}
		return lines
	}
	want := []string{
		`body 12: "a/b", QoS 2, retain, expires at 2023-11-14T22:13:20Z, 7 bytes, content type "text/plain", response topic "r", correlation data of 3 bytes, 1 user property`,
		`session 3 of "\x00sensor", packet 17: QoS 2, taken and not yet released by PUBREL`,
		`session 3 of "\x00sensor", message 40: QoS 1, of share "g", subscription identifier 5, subscription identifier 6, body 12 of 7 bytes`,
		`session 3 of "\x00sensor", message 41: QoS 1, retain, published as "a/b", QoS 1, 6 bytes`,
		`session 3 of "\x00sensor", message 42: QoS 2, received by the client, awaits PUBCOMP`,
		`retained message of "a/b": "a/b", QoS 2, retain, expires at 2023-11-14T22:13:20Z, 7 bytes, content type "text/plain", response topic "r", ` +
			`correlation data of 3 bytes, 1 user property, from client "pump", user "ann"`,
		`session 3 of "\x00sensor": client "\x00sensor", user "bob", gone since 2023-11-14T22:13:20Z, ends 1h0m0s after the client has gone`,
		`session 4 of "lamp": client "lamp", connected, never ends, will "a/b", QoS 1, 6 bytes, delayed by 5s, due at 2023-11-14T22:13:21Z, which expires after 1m0s`,
		`session 3 of "\x00sensor", subscription "$share/g/a/#": QoS 2, retain as published, identifier 5`,
		`key "q\x00": cannot be read (fact is damaged), 0 bytes`,
		`key "zoo": cannot be read (of a kind that this version does not know: fact is damaged), 1 byte`,
		`session 9: cannot be read (fact of version 2: fact is damaged), 3 bytes`,
		`retained message of "x": cannot be read (fact is damaged), 1 byte`,
	}
	if diff := cmp.Diff(want, describe()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	d.Payloads = true
	lines := describe()
	for i, part := range map[int]string{
		0: `payload "payload"`, 3: `payload "x\n\x1b[2J"`, 5: `correlation data "\x01\x00\x02", user property "k"="v"`, 7: `payload "x\n\x1b[2J"`,
	} {
		if !strings.Contains(lines[i], part) {
			t.Errorf("%s has no %s", lines[i], part)
		}
	}
}

// FuzzDescribe describes any bytes in one line that a terminal only prints, and
// audits them.
func FuzzDescribe(f *testing.F) {
	for _, fact := range someFacts(f) {
		f.Add(fact.key, fact.value)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		for _, d := range []Describer{{}, {Payloads: true}} {
			d.Meet(key, value)
			line := d.Describe(key, value)
			if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q", line)
			}
		}
		var a Audit
		a.Meet(key, value)
		a.Add(key, value)
		if len(a.Problems()) == 0 && a.Useless(key) {
			t.Errorf("no problem, but the key %q is useless", key)
		}
	})
}

func audit(facts []keyValue) (*Audit, []string) {
	a := &Audit{}
	for _, f := range facts {
		a.Meet(f.key, f.value)
	}
	for _, f := range facts {
		a.Add(f.key, f.value)
	}
	return a, a.Problems()
}

func TestAudit(t *testing.T) {
	t.Parallel()
	facts := someFacts(t)
	a, problems := audit(facts)
	if len(problems) > 0 {
		t.Errorf("problems of what is well: %q", problems)
	}
	if got, want := a.Count.String(), "2 sessions, 1 subscription, 3 queued messages, 1 message half received, 1 retained message"; got != want {
		t.Errorf("counts %s, want %s", got, want)
	}
	twin, err := (&Session{ID: "lamp"}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	without := func(letter byte) (rest []keyValue) {
		for _, f := range facts {
			if f.key[0] != letter || f.key[len(f.key)-1] == 4 {
				rest = append(rest, f)
			}
		}
		return rest
	}
	insert := func(at int, key, value []byte) []keyValue {
		return append(append(facts[:at:at], keyValue{key, value}), facts[at:]...)
	}
	for name, tt := range map[string]struct {
		facts []keyValue
		want  []string
	}{
		"no body": {without(BodyLetter), []string{
			`session 3 of "\x00sensor", message 40: body 12, which holds what it says, is not there`,
		}},
		"no session": {without(SessionLetter), []string{
			"session 3 is not there, but 1 subscription, 3 queued messages, 1 message half received of it",
			"body 12 is there, but no message that needs it",
		}},
		"no need": {without(QueuedLetter), []string{"body 12 is there, but no message that needs it"}},
		"two sessions of a client": {insert(8, Key(nil, SessionLetter, 5), twin), []string{
			`session 4 of "lamp": the client has a later session, which counts`,
		}},
		"a value that cannot be read": {insert(6, RetainedKey(nil, "b"), nil), []string{`retained message of "b": fact is damaged`}},
		"another topic":               {insert(6, RetainedKey(nil, "b"), facts[5].value), []string{`retained message of "b": its message has the topic "a/b"`}},
	} {
		a, problems := audit(tt.facts)
		if diff := cmp.Diff(tt.want, problems); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		// Without what is useless all is well.
		var rest []keyValue
		for _, f := range tt.facts {
			if !a.Useless(f.key) {
				rest = append(rest, f)
			}
		}
		if _, problems := audit(rest); len(problems) > 0 || len(rest) == len(tt.facts) {
			t.Errorf("%s: after a repair of %d facts to %d: %q", name, len(tt.facts), len(rest), problems)
		}
	}
}

// TestAuditOfMany does not say the same without end.
func TestAuditOfMany(t *testing.T) {
	t.Parallel()
	var facts []keyValue
	for i := range 1000 {
		facts = append(facts, keyValue{Key(nil, SessionLetter, uint64(i)), nil})
	}
	if _, problems := audit(facts); len(problems) != mostProblems+1 || problems[mostProblems] != "and 900 more" {
		t.Errorf("%d problems, the last is %q", len(problems), problems[len(problems)-1])
	}
}
