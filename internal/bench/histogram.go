package bench

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that are 1/32 of their value wide at
// most, so that a quantile is right within 1.6 %. It never allocates.
type histogram struct {
	count   uint64
	highest uint64
	buckets [1920]uint64
}

func (h *histogram) add(nanoseconds int64) {
	v := uint64(max(0, nanoseconds))
	h.count++
	h.highest = max(h.highest, v)
	h.buckets[bucket(v)]++
}

// quantile returns the duration below which the given share of all lies.
func (h *histogram) quantile(share float64) time.Duration {
	rank := uint64(share * float64(h.count))
	if rank >= h.count {
		return time.Duration(h.highest)
	}
	for i, n := range h.buckets {
		if rank < n {
			return time.Duration(min(middle(i), h.highest))
		}
		rank -= n
	}
	return time.Duration(h.highest)
}

// bucket is the index for v: v itself below 64, then 32 buckets for each power
// of two.
func bucket(v uint64) int {
	shift := max(0, bits.Len64(v)-6)
	return shift*32 + int(v>>shift)
}

func middle(i int) uint64 {
	shift := max(0, i/32-1)
	return uint64(i-shift*32)<<shift + 1<<shift/2
}
