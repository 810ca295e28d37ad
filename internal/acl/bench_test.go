package acl

import (
	"fmt"
	"strings"
	"testing"
)

// thousand is a file of a thousand rules: for one user, for others, and patterns.
func thousand(tb testing.TB) *Rules {
	tb.Helper()
	var b strings.Builder
	b.WriteString("user alice\n")
	for i := range 400 {
		fmt.Fprintf(&b, "topic readwrite house/floor%d/room%d/+\n", i%4, i)
	}
	for i := range 200 {
		fmt.Fprintf(&b, "topic deny house/+/room%d/secret\n", i)
	}
	for i := range 300 {
		fmt.Fprintf(&b, "pattern readwrite site%d/%%u/%%c/#\n", i)
	}
	for i := range 100 {
		fmt.Fprintf(&b, "user user%d\ntopic read house/#\n", i)
	}
	rules, err := Parse("acl", []byte(b.String()))
	if err != nil {
		tb.Fatal(err)
	}
	if rules.Len() != 1000 {
		tb.Fatalf("%d rules", rules.Len())
	}
	return rules
}

var thousandQuestions = []struct {
	name string
	Question
	allowed bool
}{
	{"own", Question{"alice", "phone-17", Publish, "house/floor3/room123/temperature"}, true},
	{"denied", Question{"alice", "phone-17", Receive, "house/floor3/room123/secret"}, false},
	{"pattern", Question{"alice", "phone-17", Receive, "site211/alice/phone-17/battery/level"}, true},
	{"none", Question{"alice", "phone-17", Receive, "elsewhere/floor3/room123/temperature"}, false},
	{"subscribe", Question{"alice", "phone-17", Subscribe, "$share/g/house/floor3/room123/+"}, true},
	{"several levels", Question{"alice", "phone/17", Receive, "site211/alice/phone/17/level"}, false},
}

func TestDecideAllocatesNothing(t *testing.T) {
	rules := thousand(t)
	for _, q := range thousandQuestions {
		if got := rules.Decide(q.Question); got.Allowed != q.allowed {
			t.Errorf("%s: %+v", q.name, got)
		}
		if n := testing.AllocsPerRun(100, func() {
			if (rules.Decide(q.Question).Err() == nil) != q.allowed {
				t.Error(q.name)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", q.name, n)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	rules := thousand(b)
	for _, q := range thousandQuestions {
		b.Run(q.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if rules.Decide(q.Question).Allowed != q.allowed {
					b.Fatal(q.name)
				}
			}
		})
	}
}
