package access

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/broker"
)

// A client without a name, of a thousand rules.
func thousand(tb testing.TB) *Authorizer {
	tb.Helper()
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "topic readwrite house/floor%d/room%d/+\n", i%10, i)
	}
	d, _ := logged()
	tb.Cleanup(d.Close)
	return &Authorizer{Rules: parse(tb, b.String()), Denials: d}
}

var authorizing = map[string]struct {
	topic   string
	allowed bool
}{
	"allowed": {"house/floor7/room817/temperature", true},
	"denied":  {"house/floor7/room817/temperature/inside", false},
}

func TestAuthorizeAllocatesNothing(t *testing.T) {
	z := thousand(t)
	for name, tt := range authorizing {
		var c broker.Client
		if n := testing.AllocsPerRun(100, func() {
			if (z.Authorize(&c, broker.Receive, tt.topic) == nil) != tt.allowed {
				t.Error(name)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkAuthorize(b *testing.B) {
	z := thousand(b)
	for name, tt := range authorizing {
		b.Run(name, func(b *testing.B) {
			var c broker.Client
			b.ReportAllocs()
			for b.Loop() {
				if (z.Authorize(&c, broker.Receive, tt.topic) == nil) != tt.allowed {
					b.Fatal(name)
				}
			}
		})
	}
}
