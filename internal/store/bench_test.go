package store_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/store"
	"github.com/zancudomq/zancudo/internal/store/storetest"
)

// BenchmarkAppend has writers that each wait for their batch: the more there
// are, the more share one sync. B/fact is what is written to all files.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 8, 64, 512} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s, err := store.Open(store.Options{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			before := s.Stats()
			value := strings.Repeat("x", 100)
			var all sync.WaitGroup
			b.ResetTimer()
			for w := range writers {
				all.Go(func() {
					for i := w; i < b.N; i += writers {
						if err := s.Append([]broker.Fact{storetest.Put(fmt.Sprintf("queue/%03d/%08d", w, i), value)}, broker.Durable); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.StopTimer()
			after := s.Stats()
			b.ReportMetric(float64(after.Bytes-before.Bytes)/float64(b.N), "B/fact")
			b.ReportMetric(float64(after.LogSyncs-before.LogSyncs)/float64(b.N), "syncs/fact")
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkSensor writes one retained value a round, as it is once a second: an
// operation is a second of a quiet home.
func BenchmarkSensor(b *testing.B) {
	s, err := store.Open(store.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	before := s.Stats()
	b.ResetTimer()
	for i := range b.N {
		fact := storetest.Put(fmt.Sprintf("retained/home/room%02d/temperature", i%20), fmt.Sprintf("%d %s", i, strings.Repeat("x", 30)))
		for range 3 { // a change that comes thrice is written once
			if err := s.Append([]broker.Fact{fact}, broker.Eventually); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Append(nil, broker.Durable); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	after := s.Stats()
	b.ReportMetric(float64(after.Bytes-before.Bytes)/float64(b.N), "B/second")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
