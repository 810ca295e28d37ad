package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/packet"
)

// Store keeps facts in a directory. See broker.Store for what it promises.
type Store struct {
	options Options
	base    vfs.FS // the file system as it is
	fs      vfs.FS // the same, giving up the reserve when it is full
	lock    io.Closer
	meter   meter
	syncing atomic.Pointer[syncing]

	groups, appends, refused, factsIn atomic.Int64
	backups                           sync.Mutex // one at a time

	work        chan struct{} // of the committer: look at the queue
	trouble     chan struct{} // of the supervisor: the state has changed
	closing     chan struct{} // closed when Close is called
	stop        chan struct{} // of the supervisor: all calls have ended
	stopCommits chan struct{} // of the committer
	supervised  sync.WaitGroup
	calls       sync.WaitGroup // Append, Range and others that Close waits for

	mu       sync.Mutex
	closed   bool
	engine   *engine // what is written to; nil while there is none
	reader   *engine // what is read from; the engine, or a read-only one
	changed  chan struct{}
	state    State
	queue    []*request
	pending  pending
	flushing pending // what was pending and is being written; the committer's while it does
	flushNow bool
	timing   bool // timer is running
	timer    *time.Timer
	reports  []Report

	// The supervisor's own.
	reopened time.Time // when it last replaced an engine
	tails    []tail    // of logs of failed engines, to be cut
	closeErr error
}

var _ broker.Store = (*Store)(nil)

var errClosed = fmt.Errorf("the store is closed: %w", packet.ImplementationSpecificError)

// Open opens the store of a directory, or makes one. What it finds damaged it
// puts aside, see [Store.Reports]. An error says what is in the way, and the way on.
func Open(o Options) (*Store, error) {
	o.setDefaults()
	s := &Store{
		options: o,
		base:    o.FS,
		work:    make(chan struct{}, 1),
		trouble: make(chan struct{}, 1),
		closing: make(chan struct{}),
		stop:    make(chan struct{}),
		changed: make(chan struct{}),
		state:   State{Since: time.Now()},
	}
	s.ChangeSync(o.Sync, o.SyncInterval)
	s.fs = vfs.OnDiskFull(s.base, s.giveUpReserve)
	if err := s.open(); err != nil {
		if s.lock != nil {
			_ = s.lock.Close()
		}
		return nil, err
	}
	return s, nil
}

func (s *Store) open() error {
	if err := s.enterDir(); err != nil {
		return err
	}
	mark, err := s.readMark()
	if err != nil {
		return err
	}
	if _, err := s.finishSwap(); err != nil {
		return err
	}
	if mark.wantsReset(s) {
		if err := s.reset(&mark); err != nil {
			return fmt.Errorf("reset the state, as %s was removed: %w", mark.marker, err)
		}
	}
	if err := s.ensureReserve(); err != nil {
		s.giveUpReserve()
	}
	e, err := s.openOrRescue(mark)
	if isFull(err) && !mark.fresh && s.openToRead() {
		s.supervised.Go(func() { s.superviseLater(err) })
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.writeMark(mark); err != nil {
		return errors.Join(s.explain("make the store", err), e.close())
	}
	s.use(e)
	s.supervised.Go(func() { s.supervise(e) })
	return nil
}

// ChangeSync sets anew what Options.Sync and Options.SyncInterval say, for what is
// appended from now on.
func (s *Store) ChangeSync(how Sync, interval time.Duration) {
	orElse(&interval, defaultInterval)
	s.syncing.Store(&syncing{how, interval})
}

// use makes an engine the one to write to, and starts its committer.
func (s *Store) use(e *engine) {
	s.mu.Lock()
	old := s.reader
	s.engine, s.reader = e, e
	s.stopCommits = make(chan struct{})
	s.flushNow = !s.pending.empty()
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	if old != nil {
		_ = old.close()
	}
	s.wake()
}

// begin counts a call that Close waits for.
func (s *Store) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	s.calls.Add(1)
	return nil
}

// Append applies facts, see broker.Store.
func (s *Store) Append(facts []broker.Fact, d broker.Durability) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.calls.Done()
	s.appends.Add(1)
	s.factsIn.Add(int64(len(facts)))
	err := s.append(facts, d)
	if err != nil {
		s.refused.Add(1)
	}
	return err
}

func (s *Store) append(facts []broker.Fact, d broker.Durability) error {
	grows := false
	for i := range facts {
		if err := facts[i].Validate(); err != nil {
			return fmt.Errorf("append: %w: %w", err, packet.ImplementationSpecificError)
		}
		grows = grows || facts[i].Value != nil
	}
	if d == broker.Eventually {
		return s.hold(facts, grows)
	}
	r := &request{batch: new(pebble.Batch), grows: grows}
	if err := addFacts(r.batch, facts); err != nil {
		return fmt.Errorf("append: %w: %w", err, packet.ImplementationSpecificError)
	}
	return s.enqueue(r)
}

// Range yields facts, see broker.Store. Where it meets damage it goes on behind
// what could not be saved.
func (s *Store) Range(from, to []byte, yield func(key, value []byte) bool) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.calls.Done()
	if to != nil && bytes.Compare(from, to) >= 0 {
		return nil
	}
	for {
		v, err := s.view(from, to)
		if err != nil {
			return err
		}
		next, err := v.yield(yield)
		if err == nil || !s.awaitRecovery(v.engine, err) {
			return s.readFailure(err)
		}
		if next != nil {
			from = next
		}
	}
}

// Close writes what waits and lets go of the directory.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	close(s.closing)
	s.calls.Wait()
	err := s.flushLast()
	close(s.stop)
	s.supervised.Wait()
	return errors.Join(err, s.leaveDir())
}

// flushLast writes what waits; nobody appends any longer.
func (s *Store) flushLast() error {
	s.mu.Lock()
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.pending.empty() && s.flushing.empty() {
		s.mu.Unlock()
		return nil
	}
	if s.engine == nil {
		s.mu.Unlock()
		return s.failure(errors.New("facts that were not yet written are lost: " + s.state.Text))
	}
	r := &request{batch: new(pebble.Batch), done: make(chan error, 1)}
	s.queue = append(s.queue, r)
	s.mu.Unlock()
	s.wake()
	return <-r.done
}

func (s *Store) facts() string { return filepath.Join(s.options.Dir, factsName) }

func (s *Store) path(name string) string { return filepath.Join(s.options.Dir, name) }
