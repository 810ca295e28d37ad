package bench

import (
	"math"
	"testing"
	"time"
)

func TestHistogramQuantiles(t *testing.T) {
	t.Parallel()
	var h histogram
	const n = 100_000
	for i := range int64(n) {
		h.add((i + 1) * 1000) // 1 µs to 100 ms, evenly
	}
	for _, share := range []float64{0, .01, .5, .9, .99, .999} {
		want := share*n*1000 + 1000
		if got := float64(h.quantile(share)); math.Abs(got-want) > .016*want+1000 {
			t.Errorf("quantile(%v) = %v, want %v within 1.6 %%", share, got, want)
		}
	}
	if got, want := h.quantile(1), 100*time.Millisecond; got != want {
		t.Errorf("quantile(1) = %v, want the highest, %v", got, want)
	}
}

func TestHistogramBucketsAreContinuous(t *testing.T) {
	t.Parallel()
	last := -1
	for v := range uint64(1 << 20) {
		if b := bucket(v); b != last && b != last+1 {
			t.Fatalf("bucket(%d) = %d after %d", v, b, last)
		} else if last = b; math.Abs(float64(middle(b))-float64(v)) > .016*float64(v)+1 {
			t.Fatalf("middle(bucket(%d)) = %d", v, middle(b))
		}
	}
	if b := bucket(math.MaxInt64); b >= len(histogram{}.buckets) {
		t.Errorf("bucket of the highest duration is %d, beyond the last", b)
	}
}

func TestHistogramTakesWhatAClockCanSay(t *testing.T) {
	t.Parallel()
	var h histogram
	h.add(-1)
	h.add(math.MaxInt64)
	if h.count != 2 || h.quantile(0) != 0 || h.quantile(1) != math.MaxInt64 {
		t.Errorf("count %d, quantiles %v and %v", h.count, h.quantile(0), h.quantile(1))
	}
	if got := (&histogram{}).quantile(.5); got != 0 {
		t.Errorf("quantile of nothing is %v", got)
	}
}
