package storetest

import (
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// Disk is a file system in memory that knows what was synced. It can lose power
// and it can fail.
//
//	disk := storetest.NewDisk()
//	s, err := store.Open(store.Options{FS: disk.FS(), Dir: "/state"})
//	…
//	after := disk.Crash(seed, 50) // what the next start would find
type Disk struct {
	mem *vfs.MemFS
	fs  vfs.FS

	changes atomic.Int64 // operations that change something
	all     atomic.Int64 // these and reads

	slow atomic.Int64 // nanoseconds at most of a sync of a log

	mu      sync.Mutex
	crashAt int64
	atCrash func()
	fault   Fault
	shorten sync.Map // of files, the error of the next write, which is a short one
}

// A Fault makes operations fail.
type Fault struct {
	From, For int64 // of all operations, the first that fails, counted from 1, and how many do; 0 is none
	Err       error
	Short     bool   // writes that fail have written a half
	Only      string // operations whose name contains it: "sync", "write", "create", "remove", "rename", "read" or "open"; empty is all
}

// NewDisk returns an empty disk.
func NewDisk() *Disk { return newDisk(vfs.NewCrashableMem()) }

func newDisk(mem *vfs.MemFS) *Disk {
	d := &Disk{mem: mem}
	d.fs = errorfs.Wrap(shortFS{mem, d}, errorfs.InjectorFunc(d.operation))
	return d
}

// FS is the disk's file system, faults and all.
func (d *Disk) FS() vfs.FS { return d.fs }

// Changes is the number of changing operations until now.
func (d *Disk) Changes() int64 { return d.changes.Load() }

// Operations is the number of operations until now.
func (d *Disk) Operations() int64 { return d.all.Load() }

// BeforeChange calls f before the n-th changing operation, in the middle of
// whatever caused it.
func (d *Disk) BeforeChange(n int64, f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.crashAt, d.atCrash = n, f
}

// Fail arranges a fault, in place of an earlier one.
func (d *Disk) Fail(f Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = f
}

// SlowSync has each sync of a log take up to that long.
func (d *Disk) SlowSync(atMost time.Duration) { d.slow.Store(int64(atMost)) }

func (d *Disk) operation(op errorfs.Op) error {
	n := d.all.Add(1)
	if slow := d.slow.Load(); slow > 0 && word(op.Kind) == "sync" && strings.HasSuffix(op.Path, ".log") {
		time.Sleep(time.Duration(rand.Int64N(slow)))
	}
	d.mu.Lock()
	fault := d.fault
	var crash func()
	if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && d.changes.Add(1) == d.crashAt {
		crash = d.atCrash
	}
	d.mu.Unlock()
	if crash != nil {
		crash()
	}
	if fault.For > 0 && n >= fault.From && n < fault.From+fault.For && strings.Contains(word(op.Kind), fault.Only) {
		if fault.Short && op.Kind == errorfs.OpFileWrite {
			d.shorten.Store(op.Path, fault.Err)
			return nil
		}
		return fault.Err
	}
	return nil
}

// word is the name of an operation in a Fault.
func word(kind errorfs.OpKind) string {
	switch kind {
	case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo, errorfs.OpFileFlush:
		return "sync"
	case errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFilePreallocate:
		return "write"
	case errorfs.OpCreate, errorfs.OpReuseForWrite, errorfs.OpLink, errorfs.OpMkdirAll:
		return "create"
	case errorfs.OpRemove, errorfs.OpRemoveAll:
		return "remove"
	case errorfs.OpRename:
		return "rename"
	case errorfs.OpFileRead, errorfs.OpFileReadAt:
		return "read"
	default:
		return "open"
	}
}

// Crash returns a disk as it may look after a power failure now. Of what was not
// synced, each 4 KiB block and each name is there with a probability of kept
// percent; where blocks of a log are, single sectors of them may be missing.
func (d *Disk) Crash(seed uint64, kept int) *Disk {
	if kept == 0 {
		return newDisk(d.mem.CrashClone(vfs.CrashCloneCfg{}))
	}
	if kept == 100 {
		return newDisk(d.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(seed, 1))}))
	}
	r := rand.New(rand.NewPCG(seed, uint64(kept)))
	synced := d.mem.CrashClone(vfs.CrashCloneCfg{})
	clone := d.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: r})
	tear(clone, synced, "/", r)
	return newDisk(clone)
}

const sector = 512

// tear takes back unsynced sectors of logs, so that a block is half written.
func tear(clone, synced *vfs.MemFS, dir string, r *rand.Rand) {
	names, err := clone.List(dir)
	if err != nil {
		return
	}
	for _, name := range names {
		full := path.Join(dir, name)
		info, err := clone.Stat(full)
		switch {
		case err != nil:
		case info.IsDir():
			tear(clone, synced, full, r)
		case strings.HasSuffix(name, ".log"):
			torn, err := clone.UnsafeGetFileDataBuffer(full)
			if err != nil {
				continue
			}
			safe, _ := synced.UnsafeGetFileDataBuffer(full)
			tearBytes(torn, safe, r)
		}
	}
}

func tearBytes(torn, safe []byte, r *rand.Rand) {
	for at := 0; at < len(torn); at += sector {
		if r.IntN(4) > 0 {
			continue
		}
		end := min(at+sector, len(torn))
		n := 0
		if at < len(safe) {
			n = copy(torn[at:end], safe[at:])
		}
		clear(torn[at+n : end])
	}
}
