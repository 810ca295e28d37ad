package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/store"
	"github.com/zancudomq/zancudo/internal/store/storetest"
)

// A bug is a way to break the store that its tests must notice.
type bug struct {
	name   string
	append func(s *buggy, facts []broker.Fact, d broker.Durability) error
	yield  func(s *buggy, from, to []byte, yield func(key, value []byte) bool) error
	files  func(vfs.FS) vfs.FS
	sync   store.Sync
}

// buggy is a store with a bug.
type buggy struct {
	broker.Store
	bug *bug

	mu   sync.Mutex
	held []broker.Fact
}

func (s *buggy) Append(facts []broker.Fact, d broker.Durability) error {
	if s.bug.append == nil {
		return s.Store.Append(facts, d)
	}
	return s.bug.append(s, facts, d)
}

func (s *buggy) Range(from, to []byte, yield func(key, value []byte) bool) error {
	if s.bug.yield == nil {
		return s.Store.Range(from, to, yield)
	}
	return s.bug.yield(s, from, to, yield)
}

// only passes on the facts that are wanted.
func only(want func(i int, f *broker.Fact) bool) func(*buggy, []broker.Fact, broker.Durability) error {
	return func(s *buggy, facts []broker.Fact, d broker.Durability) error {
		var kept []broker.Fact
		for i := range facts {
			if want(i, &facts[i]) {
				kept = append(kept, facts[i])
			}
		}
		return s.Store.Append(kept, d)
	}
}

var bugs = []bug{
	{name: "acknowledge before the sync", sync: store.SyncNever},
	{name: "sync later", sync: store.SyncInterval},
	{name: "make nothing durable", append: func(s *buggy, facts []broker.Fact, _ broker.Durability) error {
		return s.Store.Append(facts, broker.Eventually)
	}},
	{name: "skip the tail of a batch", append: func(s *buggy, facts []broker.Fact, d broker.Durability) error {
		return s.Store.Append(facts[:min(len(facts), 3)], d)
	}},
	{name: "tear a batch in two", append: func(s *buggy, facts []broker.Fact, d broker.Durability) error {
		if err := s.Store.Append(facts[:len(facts)/2], d); err != nil {
			return err
		}
		return s.Store.Append(facts[len(facts)/2:], d)
	}},
	{name: "reverse a batch", append: func(s *buggy, facts []broker.Fact, d broker.Durability) error {
		var reversed []broker.Fact
		for i := range facts {
			reversed = append(reversed, facts[len(facts)-1-i])
		}
		return s.Store.Append(reversed, d)
	}},
	{name: "lose a range removal", append: only(func(_ int, f *broker.Fact) bool { return f.End == nil })},
	{name: "resurrect a removed key", append: only(func(_ int, f *broker.Fact) bool { return f.End != nil || f.Value != nil })},
	{name: "take an empty value for a removal", append: only(func(_ int, f *broker.Fact) bool { return f.Value == nil || len(f.Value) > 0 })},
	{name: "lose what may wait", append: func(s *buggy, facts []broker.Fact, d broker.Durability) error {
		if d == broker.Eventually {
			return nil
		}
		return s.Store.Append(facts, d)
	}},
	{name: "let what waits overtake", append: func(s *buggy, facts []broker.Fact, d broker.Durability) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if d == broker.Eventually {
			for _, f := range facts {
				s.held = append(s.held, copied(f))
			}
			return nil
		}
		err := s.Store.Append(facts, d)
		if err == nil && s.held != nil {
			err = s.Store.Append(s.held, d)
			s.held = nil
		}
		return err
	}},
	{name: "keep the caller's bytes", append: func(s *buggy, facts []broker.Fact, d broker.Durability) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if d == broker.Eventually {
			s.held = append(s.held, facts...)
			return nil
		}
		err := s.Store.Append(append(s.held, facts...), d)
		s.held = nil
		return err
	}},
	{name: "swallow an error", append: func(s *buggy, facts []broker.Fact, d broker.Durability) error {
		_ = s.Store.Append(facts, d)
		return nil
	}},
	{name: "keep a failed batch for later", append: func(s *buggy, facts []broker.Fact, d broker.Durability) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		err := s.Store.Append(append(s.held, facts...), d)
		s.held = nil
		if err != nil {
			for _, f := range facts {
				s.held = append(s.held, copied(f))
			}
		}
		return err
	}},
	{name: "ignore where a range begins", yield: func(s *buggy, _, to []byte, yield func(key, value []byte) bool) error {
		return s.Store.Range(nil, to, yield)
	}},
	{name: "include where a range ends", yield: func(s *buggy, from, to []byte, yield func(key, value []byte) bool) error {
		if to != nil {
			to = append(append([]byte{}, to...), 0)
		}
		return s.Store.Range(from, to, yield)
	}},
	{name: "go on when the range was stopped", yield: func(s *buggy, from, to []byte, yield func(key, value []byte) bool) error {
		return s.Store.Range(from, to, func(key, value []byte) bool { yield(key, value); return true })
	}},
	{name: "do not sync the log", files: unsynced(".log")},
	{name: "do not sync the list of tables", files: unsynced("MANIFEST")},
	{name: "do not sync tables", files: unsynced(".sst")},
	{name: "do not sync directories", files: unsynced("")},
	{name: "rename before the sync", files: unsynced(".new")},
	{name: "try a failed sync again and acknowledge", files: func(fs vfs.FS) vfs.FS { return &brokenFS{FS: fs, retries: true} }},
}

func copied(f broker.Fact) broker.Fact {
	dup := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		return append([]byte{}, b...)
	}
	return broker.Fact{Key: dup(f.Key), Value: dup(f.Value), End: dup(f.End)}
}

// brokenFS does not sync the files whose name contains a word.
type brokenFS struct {
	vfs.FS
	lazy    string // "" is directories
	retries bool
}

func unsynced(lazy string) func(vfs.FS) vfs.FS {
	return func(fs vfs.FS) vfs.FS { return &brokenFS{FS: fs, lazy: lazy} }
}

type brokenFile struct {
	vfs.File
	fs   *brokenFS
	lazy bool
}

func (f *brokenFile) Sync() error { return f.sync(f.File.Sync) }

func (f *brokenFile) SyncData() error { return f.sync(f.File.SyncData) }

func (f *brokenFile) SyncTo(int64) (bool, error) { return false, nil }

func (f *brokenFile) sync(now func() error) error {
	if f.lazy {
		return nil
	}
	err := now()
	if err != nil && f.fs.retries {
		return nil // the second fsync says so, though the kernel has dropped the pages
	}
	return err
}

func (fs *brokenFS) wrap(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &brokenFile{File: f, fs: fs, lazy: !fs.retries && fs.lazy != "" && strings.Contains(filepath.Base(name), fs.lazy)}, nil
}

func (fs *brokenFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, c)
	return fs.wrap(name, f, err)
}

func (fs *brokenFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.ReuseForWrite(oldname, newname, c)
	return fs.wrap(newname, f, err)
}

func (fs *brokenFS) OpenDir(name string) (vfs.File, error) {
	f, err := fs.FS.OpenDir(name)
	if err != nil || fs.lazy != "" || fs.retries {
		return f, err
	}
	return &brokenFile{File: f, fs: fs, lazy: true}, nil
}

func (b *bug) open(d *storetest.Disk) (broker.Store, error) {
	o := store.Options{
		FS: d.FS(), Dir: "/state/store", MemTableBytes: 64 << 10, ReserveBytes: 4096, Sync: b.sync,
		Retry: time.Millisecond, RetryLimit: 4 * time.Millisecond,
	}
	if b.files != nil {
		o.FS = b.files(o.FS)
	}
	s, err := store.Open(o)
	if err != nil {
		return nil, err
	}
	return &buggy{Store: s, bug: b}, nil
}

// caught returns what the tests of the store say of a bug.
func (b *bug) caught() string {
	medium := func() storetest.Opener {
		disk := storetest.NewDisk()
		return func() (broker.Store, error) { return b.open(disk) }
	}
	for seed := range uint64(40) {
		for _, kept := range keeps {
			if err := storetest.CrashRound(seed, kept, b.open); err != nil {
				return fmt.Sprintf("crash %d, %d %% kept: %v", seed, kept, err)
			}
		}
	}
	for n := int64(1); n < 30; n++ {
		for _, only := range []string{"sync", ""} {
			if err := storetest.FaultRound(uint64(n), storetest.Fault{From: n, For: 3, Err: syscall.EIO, Only: only}, b.open); err != nil {
				return fmt.Sprintf("fault at operation %d: %v", n, err)
			}
		}
	}
	if all := storetest.Violations(medium); len(all) > 0 {
		return strings.Join(all, "; ")
	}
	return ""
}

// TestSeededBugs: a test that cannot fail proves nothing.
func TestSeededBugs(t *testing.T) {
	t.Parallel()
	for i := range bugs {
		t.Run(bugs[i].name, func(t *testing.T) {
			t.Parallel()
			said := bugs[i].caught()
			if said == "" {
				t.Error("nothing noticed the bug")
			}
			if os.Getenv("ZANCUDO_VERBOSE") != "" {
				t.Logf("%.300s", said)
			}
		})
	}
	none := bug{name: "none"}
	if said := none.caught(); said != "" {
		t.Errorf("without a bug: %s", said)
	}
}
