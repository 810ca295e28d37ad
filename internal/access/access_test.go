package access

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/acl"
	"github.com/zancudomq/zancudo/packet"
)

func parse(tb testing.TB, text string) *acl.Rules {
	tb.Helper()
	rules, err := acl.Parse("acl", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return rules
}

// logbook is what was logged. It may be read while timers write.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logbook) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

// logged are Denials whose log is text without times.
func logged() (*Denials, *logbook) {
	b := &logbook{}
	return NewDenials(slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))), b
}

func TestDenialsAreToldLessAndLessOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rules := parse(t, "user alice\ntopic deny a/#\n")
		d, log := logged()
		z := &Authorizer{Rules: rules, Denials: d}
		try := func(topic string) {
			q := acl.Question{User: "alice", Client: "phone", Action: acl.Publish, Topic: topic}
			d.tell(q, z.Rules.Decide(q).Err(), Enforce)
		}
		for i := range 100 {
			try(fmt.Sprint("a/", i))
		}
		try("b")
		want := `level=WARN msg="access denied" client=phone user=alice action=publish topic=a/0 err="acl:2 says 'topic deny a/#'"
level=WARN msg="access denied" client=phone user=alice action=publish topic=b err="acl: no rule allows it"
`
		if diff := cmp.Diff(want, log.String()); diff != "" {
			t.Error(diff)
		}
		log.Reset()
		time.Sleep(61 * time.Second)
		synctest.Wait()
		want = `level=WARN msg="access denied" client=phone user=alice action=publish more=99 err="acl:2 says 'topic deny a/#'"` + "\n"
		if diff := cmp.Diff(want, log.String()); diff != "" {
			t.Error(diff)
		}
		log.Reset()
		start := time.Now()
		for time.Since(start) < 24*time.Hour {
			try("a/1")
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if n := strings.Count(log.String(), "\n"); n < 24 || n > 32 {
			t.Errorf("%d lines in a day", n)
		}
		log.Reset()
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if len(d.told) != 0 {
			t.Errorf("%d kinds are remembered", len(d.told))
		}
		try("a/1")
		try("a/2")
		d.Close()
		try("a/3")
		if n := strings.Count(log.String(), "topic=a/1"); n != 1 || !strings.Contains(log.String(), "more=1 ") || strings.Contains(log.String(), "a/3") {
			t.Errorf("at the end:\n%s", log)
		}
	})
}

func TestDenialsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rules := parse(t, "")
		d, log := logged()
		for i := range maxKinds + 500 {
			q := acl.Question{Client: fmt.Sprint("c", i), Action: acl.Receive, Topic: "a"}
			d.tell(q, rules.Decide(q).Err(), Enforce)
		}
		if len(d.told) != maxKinds {
			t.Errorf("%d kinds", len(d.told))
		}
		log.Reset()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := log.String(); got != "level=WARN msg=\"access denied to many\" denials=500\n" {
			t.Errorf("got %.300s", got)
		}
		d.Close()
	})
}

func TestTellingAllocatesNothing(t *testing.T) {
	rules := parse(t, "topic deny a")
	d, _ := logged()
	defer d.Close()
	q := acl.Question{Client: "c", Action: acl.Receive, Topic: "a"}
	decision := rules.Decide(q)
	if n := testing.AllocsPerRun(100, func() { d.tell(q, decision.Err(), Enforce) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	var nobody *Denials
	nobody.tell(q, decision.Err(), Enforce)
	if !errors.Is(decision.Err(), packet.NotAuthorized) {
		t.Error(decision.Err())
	}
}

func TestBook(t *testing.T) {
	t.Parallel()
	var b Book
	for range 3 {
		b.Note(acl.Question{User: "u", Client: "c", Action: acl.Publish, Topic: "b"})
	}
	b.Note(acl.Question{User: "u", Client: "c", Action: acl.Publish, Topic: "a"})
	uses, lost := b.Uses()
	want := []acl.Use{
		{Question: acl.Question{User: "u", Client: "c", Action: acl.Publish, Topic: "a"}, Times: 1},
		{Question: acl.Question{User: "u", Client: "c", Action: acl.Publish, Topic: "b"}, Times: 3},
	}
	if diff := cmp.Diff(want, uses); diff != "" || lost != 0 {
		t.Errorf("lost %d, %s", lost, diff)
	}
	big := strings.Repeat("x", 60_000)
	for i := range 200 {
		b.Note(acl.Question{Client: strconv.Itoa(i), Topic: big})
	}
	for i := range maxUses {
		b.Note(acl.Question{Client: strconv.Itoa(i), Topic: "a"})
	}
	if uses, lost := b.Uses(); len(uses) > maxUses || b.bytes > maxBytes || lost == 0 {
		t.Errorf("%d uses of %d bytes, %d lost", len(uses), b.bytes, lost)
	}
	var nobody *Book
	nobody.Note(acl.Question{})
}

// Who may come by several doors may what one of them lets through; what none does
// is denied, told of or noted as the mode says.
func TestAnyOf(t *testing.T) {
	t.Parallel()
	a, b := parse(t, "topic write a"), parse(t, "topic write b")
	var c broker.Client
	for _, tt := range []struct {
		name  string
		mode  Mode
		rules []*acl.Rules
		topic string
		want  bool
		lines int
		notes int
	}{
		{"the first", Enforce, []*acl.Rules{a, b}, "a", true, 0, 0},
		{"the second", Enforce, []*acl.Rules{a, b}, "b", true, 0, 0},
		{"none", Enforce, []*acl.Rules{a, b}, "c", false, 1, 0},
		{"no rules", Enforce, []*acl.Rules{a, nil}, "c", true, 0, 0},
		{"nobody", Enforce, nil, "c", true, 0, 0},
		{"warn", Warn, []*acl.Rules{a, b}, "c", true, 1, 0},
		{"learn", Learn, []*acl.Rules{a, b}, "a", true, 0, 1},
	} {
		d, log := logged()
		var book Book
		var all AnyOf
		for _, rules := range tt.rules {
			all = append(all, &Authorizer{Rules: rules, Mode: tt.mode, Denials: d, Book: &book})
		}
		got := all.Authorize(&c, broker.Publish, tt.topic)
		uses, _ := book.Uses()
		if lines := strings.Count(log.String(), "\n"); (got == nil) != tt.want || lines != tt.lines || len(uses) != tt.notes {
			t.Errorf("%s: %v, %d lines, %d notes", tt.name, got, lines, len(uses))
		}
		d.Close()
	}
}

// Whatever the mode, nobody controls the broker who may not, and what was denied
// is not learned.
func TestControlIsAlwaysEnforced(t *testing.T) {
	t.Parallel()
	var c broker.Client
	for _, mode := range []Mode{Enforce, Warn, Learn} {
		d, log := logged()
		var book Book
		z := &Authorizer{Rules: parse(t, "topic write $CONTROL/broker/v1\n"), Mode: mode, Denials: d, Book: &book}
		for _, tt := range []struct {
			topic string
			want  bool
		}{{"$CONTROL/broker/v1", true}, {"$CONTROL/dynamic-security/v1", false}, {"other", mode != Enforce}} {
			if got := z.Authorize(&c, broker.Publish, tt.topic); (got == nil) != tt.want {
				t.Errorf("mode %d: %s: %v", mode, tt.topic, got)
			}
		}
		if !strings.Contains(log.String(), `msg="access denied" client="" action=publish topic=$CONTROL/dynamic-security/v1`) {
			t.Errorf("mode %d: the log is\n%s", mode, log)
		}
		uses, _ := book.Uses()
		for _, u := range uses {
			if u.Topic == "$CONTROL/dynamic-security/v1" {
				t.Errorf("mode %d: noted %+v", mode, u)
			}
		}
		d.Close()
	}
}
