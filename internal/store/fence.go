package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A fence is the file system that one engine gets. It counts what is written,
// decides when the log is synced, and can be shut: an engine that failed may
// still have goroutines, and they must not touch files that its successor uses.
type fence struct {
	vfs.FS
	meter   *meter
	syncing *atomic.Pointer[syncing] // of the store, which may change it; nil: always
	failed  func(error)              // told of a sync that failed after its Append had returned

	shut atomic.Bool

	mu    sync.Mutex
	using int                      // operations under way; shutting waits for them
	idle  chan struct{}            // closed when there are none; nil: nobody waits
	files map[*fencedFile]struct{} // open ones
	logs  map[string]*fencedFile   // the newest file of each log's name, open or not
}

// syncing is when logs are synced.
type syncing struct {
	sync     Sync
	interval time.Duration
}

func (f *fence) how() syncing {
	if f.syncing == nil {
		return syncing{}
	}
	return *f.syncing.Load()
}

// meter counts over all engines of a store.
type meter struct {
	bytes, logBytes, syncs, logSyncs atomic.Int64
}

var errShut = errors.New("the storage engine was given up after an error")

// enter begins an operation that changes something.
func (f *fence) enter() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.shut.Load() {
		return errShut
	}
	f.using++
	return nil
}

func (f *fence) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.using--; f.using == 0 && f.idle != nil {
		close(f.idle)
		f.idle = nil
	}
}

// mustEnter is enter for what Pebble's own goroutines do. When the fence is shut
// it never returns: Pebble would try again without end, or panic on its way out.
func (f *fence) mustEnter() {
	if f.enter() != nil {
		select {}
	}
}

// change is one operation that needs no file.
func (f *fence) change(operation func() error) error {
	f.mustEnter()
	defer f.leave()
	return operation()
}

// close shuts the fence, waits for what is under way, and closes all files.
func (f *fence) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shut.Store(true)
	if f.using > 0 { // an RWMutex would do, if time in a bubble of a test went on meanwhile
		if f.idle == nil {
			f.idle = make(chan struct{})
		}
		idle := f.idle
		f.mu.Unlock()
		<-idle
		f.mu.Lock()
	}
	for file := range f.files {
		_ = file.File.Close()
	}
	f.files = nil
}

// A tail is the end of a log that was written and not acknowledged.
type tail struct {
	name     string
	from, to int64
}

// tails returns what failed appends have left behind. The fence must be closed.
func (f *fence) tails() []tail {
	var all []tail
	for name, file := range f.logs {
		if from, to := file.acknowledged.Load(), file.written.Load(); from < to {
			all = append(all, tail{name, from, to})
		}
	}
	return all
}

func (f *fence) wrap(name string, inner vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	file := &fencedFile{File: inner, fence: f, log: strings.HasSuffix(name, ".log"), open: make(chan bool, 1)}
	file.open <- true
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.files == nil {
		f.files, f.logs = map[*fencedFile]struct{}{}, map[string]*fencedFile{}
	}
	f.files[file] = struct{}{}
	return file, nil
}

// wrapNew is wrap for a file to write.
func (f *fence) wrapNew(name string, inner vfs.File, err error) (vfs.File, error) {
	if err == nil {
		err = makePrivate(f.FS, name)
	}
	wrapped, err := f.wrap(name, inner, err)
	if err != nil {
		if inner != nil {
			_ = inner.Close()
		}
		return nil, err
	}
	if file := wrapped.(*fencedFile); file.log {
		f.mu.Lock()
		f.logs[name] = file
		f.mu.Unlock()
	}
	return wrapped, nil
}

// Create makes a file.
func (f *fence) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f.mustEnter()
	defer f.leave()
	file, err := f.FS.Create(name, c)
	return f.wrapNew(name, file, err)
}

// OpenReadWrite opens a file to change it.
func (f *fence) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	f.mustEnter()
	defer f.leave()
	file, err := f.FS.OpenReadWrite(name, c, o...)
	return f.wrapNew(name, file, err)
}

// ReuseForWrite renames a file and opens it to overwrite.
func (f *fence) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f.mustEnter()
	defer f.leave()
	file, err := f.FS.ReuseForWrite(oldname, newname, c)
	return f.wrapNew(newname, file, err)
}

// Open opens a file to read.
func (f *fence) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	if err := f.enter(); err != nil {
		return nil, err
	}
	defer f.leave()
	file, err := f.FS.Open(name, o...)
	return f.wrap(name, file, err)
}

// OpenDir opens a directory to sync it.
func (f *fence) OpenDir(name string) (vfs.File, error) {
	if err := f.enter(); err != nil {
		return nil, err
	}
	defer f.leave()
	file, err := f.FS.OpenDir(name)
	return f.wrap(name, file, err)
}

// Link gives a file a second name.
func (f *fence) Link(oldname, newname string) error {
	return f.change(func() error { return f.FS.Link(oldname, newname) })
}

// Remove removes a file.
func (f *fence) Remove(name string) error {
	return f.change(func() error {
		f.mu.Lock()
		delete(f.logs, name)
		f.mu.Unlock()
		return f.FS.Remove(name)
	})
}

// RemoveAll removes a file or directory and all below it.
func (f *fence) RemoveAll(name string) error {
	return f.change(func() error { return f.FS.RemoveAll(name) })
}

// Rename renames a file.
func (f *fence) Rename(oldname, newname string) error {
	return f.change(func() error { return f.FS.Rename(oldname, newname) })
}

// MkdirAll makes a directory and those above it.
func (f *fence) MkdirAll(dir string, _ os.FileMode) error {
	return f.change(func() error { return f.FS.MkdirAll(dir, 0o700) })
}

// Lock does nothing: the store has locked its directory for all its engines.
func (f *fence) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// Unwrap returns the file system below.
func (f *fence) Unwrap() vfs.FS { return f.FS }

// fencedFile is a file of a fence.
type fencedFile struct {
	vfs.File
	fence *fence
	log   bool // a log, whose syncs are acknowledgements

	written, acknowledged atomic.Int64
	unsynced              atomic.Bool // the last sync was put off
	promised              atomic.Bool // and syncLate will be called

	open chan bool // held by whoever closes the file or syncs it late: neither may meet the other
}

func (f *fencedFile) Write(p []byte) (int, error) {
	f.fence.mustEnter()
	defer f.fence.leave()
	n, err := f.File.Write(p)
	f.count(n)
	return n, err
}

func (f *fencedFile) WriteAt(p []byte, offset int64) (int, error) {
	f.fence.mustEnter()
	defer f.fence.leave()
	n, err := f.File.WriteAt(p, offset)
	f.count(n)
	return n, err
}

func (f *fencedFile) count(n int) {
	f.written.Add(int64(n))
	f.fence.meter.bytes.Add(int64(n))
	if f.log {
		f.fence.meter.logBytes.Add(int64(n))
	}
}

func (f *fencedFile) Preallocate(offset, length int64) error {
	return f.fence.change(func() error { return f.File.Preallocate(offset, length) })
}

func (f *fencedFile) Sync() error     { return f.synced(f.File.Sync) }
func (f *fencedFile) SyncData() error { return f.synced(f.File.SyncData) }

// SyncTo asks for an early write of what was written; a full sync is not taken
// for an acknowledgement.
func (f *fencedFile) SyncTo(length int64) (bool, error) {
	f.fence.mustEnter()
	defer f.fence.leave()
	return f.File.SyncTo(length)
}

// synced makes safe what was written, or, of a log, promises it.
func (f *fencedFile) synced(now func() error) error {
	f.fence.mustEnter()
	defer f.fence.leave()
	written := f.written.Load()
	if how := f.fence.how(); f.log && how.sync != SyncAlways {
		f.unsynced.Store(true)
		if how.sync == SyncInterval && !f.promised.Swap(true) {
			time.AfterFunc(how.interval, f.syncLate)
		}
	} else {
		f.unsynced.Store(false)
		if err := f.syncNow(now); err != nil {
			return err
		}
	}
	if f.fence.shut.Load() {
		return errShut // nobody waits any longer, and nothing may be kept
	}
	f.acknowledged.Store(written)
	return nil
}

func (f *fencedFile) syncNow(now func() error) error {
	f.fence.meter.syncs.Add(1)
	if f.log {
		f.fence.meter.logSyncs.Add(1)
	}
	return now()
}

// syncLate keeps the promise of SyncInterval.
func (f *fencedFile) syncLate() {
	if f.fence.enter() != nil {
		return
	}
	open := <-f.open
	f.promised.Store(false) // what is written from now on gets a promise of its own
	var err error
	if open && f.unsynced.Swap(false) {
		err = f.syncNow(f.File.SyncData)
	}
	f.open <- open
	f.fence.leave()
	if err != nil {
		f.fence.failed(err)
	}
}

func (f *fencedFile) Close() error {
	if err := f.fence.enter(); err != nil {
		return err
	}
	defer f.fence.leave()
	f.fence.mu.Lock()
	delete(f.fence.files, f)
	f.fence.mu.Unlock()
	<-f.open
	defer func() { f.open <- false }()
	if f.unsynced.Swap(false) {
		if err := f.syncNow(f.File.SyncData); err != nil {
			_ = f.File.Close()
			return err
		}
	}
	return f.File.Close()
}

// isOS reports whether a file system is the operating system's.
func isOS(fs vfs.FS) bool { return vfs.Root(fs) == vfs.Default }

// syncDir makes the names in a directory safe.
func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// writeFile makes a file with its contents, whole or not at all, and safe when
// it returns: a new file is written and synced before it takes the name.
func writeFile(fs vfs.FS, name string, contents []byte) error {
	if err := replaceFile(fs, name, contents, vfs.File.Sync); err != nil {
		return err
	}
	return syncDir(fs, filepath.Dir(name))
}

// replaceFile gives a file new contents, all at once for whoever reads it. What
// must outlive a power failure is synced before the file takes the name.
func replaceFile(fs vfs.FS, name string, contents []byte, sync func(vfs.File) error) error {
	temporary := name + ".new"
	f, err := fs.Create(temporary, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(contents)
	if err == nil {
		err = sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := makePrivate(fs, temporary); err != nil {
		return err
	}
	return fs.Rename(temporary, name)
}

// makePrivate keeps others from a file, where files have owners.
func makePrivate(fs vfs.FS, name string) error {
	if !isOS(fs) {
		return nil
	}
	return os.Chmod(name, 0o600)
}

func readFile(fs vfs.FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	return b, errors.Join(err, f.Close())
}
