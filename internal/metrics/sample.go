package metrics

import (
	"os"
	"runtime"
	runtimemetrics "runtime/metrics"
	"sync"
	"time"

	"github.com/zancudomq/zancudo/broker"
)

// Sample is what is known at one moment.
type Sample struct {
	broker.Stats
	Uptime      time.Duration
	Heap        uint64 // bytes of what is in use, and of what will be collected
	HeapMaximum uint64 // the most that a sample has found
	Memory      uint64 // bytes that the process has from the system
	Goroutines  int
	Files       int // that are open, sockets too; zero where the system does not say
	MostFiles   int // that may be open; zero: nobody knows
	Store       Store
	Logins      Logins
	// Certificates are when what TLS is made of ends.
	Certificates []Certificate
}

// Sampler takes samples of a broker and of this process.
type Sampler struct {
	options SamplerOptions
	started time.Time

	mu   sync.Mutex // guards what follows
	most uint64
}

// SamplerOptions say what samples are taken of.
type SamplerOptions struct {
	Broker    *broker.Broker
	MostFiles int           // that may be open; zero: nobody knows
	Store     func() Store  // nil: the broker has none
	Logins    func() Logins // nil: nobody counts them
	// Certificates tells when what TLS is made of ends; nil: there is no TLS.
	Certificates func() []Certificate
}

// NewSampler returns a Sampler whose time begins now.
func NewSampler(o SamplerOptions) *Sampler {
	if o.Store == nil {
		o.Store = func() Store { return Store{Condition: NoStore} }
	}
	if o.Logins == nil {
		o.Logins = func() Logins { return Logins{} }
	}
	if o.Certificates == nil {
		o.Certificates = func() []Certificate { return nil }
	}
	return &Sampler{options: o, started: time.Now()}
}

// Sample takes one. It costs about what the broker's Stats do.
func (s *Sampler) Sample() Sample {
	memory := []runtimemetrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/total:bytes"}}
	runtimemetrics.Read(memory)
	sample := Sample{
		Stats: s.options.Broker.Stats(), Uptime: time.Since(s.started), Heap: memory[0].Value.Uint64(), Memory: memory[1].Value.Uint64(),
		Goroutines: runtime.NumGoroutine(), Files: openFiles(), MostFiles: s.options.MostFiles,
		Store: s.options.Store(), Logins: s.options.Logins(), Certificates: s.options.Certificates(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = max(s.most, sample.Heap)
	sample.HeapMaximum = s.most
	return sample
}

// openFiles counts the files of this process, where the system lists them.
func openFiles() int {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return 0
	}
	defer func() { _ = dir.Close() }() // it was only read
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0
	}
	return len(names) - 1 // without dir
}
