package store

import (
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options say where a store is and how it behaves. All but Dir may be zero.
type Options struct {
	Dir string // the directory of the store, made if it is not there

	// FS is the file system; nil is the operating system's. Only there are
	// owners and modes checked and set.
	FS     vfs.FS
	Logger *slog.Logger // nil logs nothing

	Sync         Sync
	SyncInterval time.Duration // of SyncInterval; 0 is a second

	MemTableBytes int   // of the table in memory that the log protects; 0 is 2 MiB
	CacheBytes    int64 // of blocks read; 0 is 2 MiB

	// ReserveBytes is the size of a file that is given up when the disk is full,
	// so that what frees space can still be written. 0 is 4 MiB; negative is none.
	ReserveBytes int64

	// Marker is a file that stands for the state, Mosquitto's persistence_file: it
	// is there while the state is, and who removes it resets the state at the next
	// Open. Empty is none.
	Marker string
	// MarkerContent is what is written into it; nil is a sentence for people.
	MarkerContent []byte

	// Changed is called when the state changes, one call at a time, and must not
	// wait for the store.
	Changed func(State)

	// Retry is the time until a store that stopped is tried again; it doubles up
	// to RetryLimit. 0 is a second, and five minutes.
	Retry, RetryLimit time.Duration
}

// Sync says when the log is made safe from power failures.
type Sync byte

// The ways to sync. All of them hand what is appended to the operating system
// before Append returns, so that the end of the process loses nothing.
const (
	SyncAlways   Sync = iota // before Append returns
	SyncInterval             // within Options.SyncInterval
	SyncNever                // when the operating system likes, and at Close
)

// EventuallyWithin is how long facts that were appended Eventually wait for
// others to be written with.
const EventuallyWithin = time.Second

const (
	defaultInterval = time.Second
	defaultMemTable = 2 << 20
	defaultCache    = 2 << 20
	defaultReserve  = 4 << 20
	pendingLimit    = 1 << 20 // bytes that wait; then they are written at once
	groupLimit      = 1 << 20 // bytes of one group, unless a single batch is larger
)

func (o *Options) setDefaults() {
	orElse(&o.FS, vfs.Default)
	orElse(&o.Logger, slog.New(slog.DiscardHandler))
	orElse(&o.MemTableBytes, defaultMemTable)
	orElse(&o.CacheBytes, defaultCache)
	orElse(&o.ReserveBytes, defaultReserve)
	orElse(&o.Retry, time.Second)
	orElse(&o.RetryLimit, 5*time.Minute)
	if o.Changed == nil {
		o.Changed = func(State) {}
	}
}

func orElse[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
