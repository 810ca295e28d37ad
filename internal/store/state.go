package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zancudomq/zancudo/packet"
)

// Condition says what a store can do.
type Condition byte

// The conditions.
const (
	Ready  Condition = iota // everything
	Full                    // read, and remove; the disk is full
	Failed                  // read, if that; it is tried again from time to time
)

func (c Condition) String() string { return [...]string{"ready", "full", "failed"}[c] }

// State is a condition with its reason.
type State struct {
	Condition Condition
	Since     time.Time
	Text      string // why, for people; empty when Ready
}

// State returns the state of now.
func (s *Store) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// refusal is why an append is not taken, or nil. The caller holds mu.
func (s *Store) refusal(grows bool) error {
	switch {
	case s.state.Condition == Failed:
		return fmt.Errorf("the store failed: %s: %w", s.state.Text, packet.ImplementationSpecificError)
	case s.state.Condition == Full && (grows || s.engine == nil):
		return fmt.Errorf("the disk is full: %s: %w", s.state.Text, packet.QuotaExceeded)
	case s.engine == nil:
		return fmt.Errorf("the store failed: %w", packet.ImplementationSpecificError)
	}
	return nil
}

// failure is the error of an append whose engine failed.
func (s *Store) failure(cause error) error {
	if isFull(cause) {
		return fmt.Errorf("append: %w: %w", cause, packet.QuotaExceeded)
	}
	return fmt.Errorf("append: %w: %w", cause, packet.ImplementationSpecificError)
}

func (s *Store) readFailure(cause error) error {
	if cause == nil {
		return nil
	}
	return fmt.Errorf("read the store in %s: %w: %w", s.options.Dir, cause, packet.ImplementationSpecificError)
}

// giveUpReserve is called when a write finds the disk full, and before it is
// tried again. It must not write.
func (s *Store) giveUpReserve() {
	_ = s.base.Remove(s.path(reserveName))
	s.mu.Lock()
	if s.state.Condition == Ready {
		s.state = s.full()
	}
	s.mu.Unlock()
	select {
	case s.trouble <- struct{}{}:
	default:
	}
}

// full is the state of now, when the disk is full.
func (s *Store) full() State {
	return State{Full, time.Now(), "no space is left for " + s.options.Dir + "; it goes on when there is"}
}

// ensureReserve makes the reserve if it is not there. That it can be made is
// the proof that there is space again.
func (s *Store) ensureReserve() error {
	name := s.path(reserveName)
	if s.options.ReserveBytes < 0 {
		return nil
	}
	if info, err := s.base.Stat(name); err == nil && info.Size() >= s.options.ReserveBytes {
		return nil
	}
	if usage, err := s.base.GetDiskUsage(s.options.Dir); err == nil && usage.AvailBytes < 2*uint64(s.options.ReserveBytes) {
		return fmt.Errorf("%d bytes are free", usage.AvailBytes)
	}
	f, err := s.base.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	noise := rand.NewChaCha8([32]byte{}) // a file system that compresses must not get round it
	block := make([]byte, 64<<10)
	for left := s.options.ReserveBytes; left > 0 && err == nil; left -= int64(len(block)) {
		_, _ = noise.Read(block)
		_, err = f.Write(block[:min(left, int64(len(block)))])
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close(), makePrivate(s.base, name)); err != nil {
		_ = s.base.Remove(name)
	}
	return err
}

// setState tells of a new state. Only the supervisor calls it.
func (s *Store) setState(c Condition, text string) {
	s.mu.Lock()
	if s.state.Condition != c || s.state.Text != text {
		s.state = State{c, time.Now(), text}
	}
	s.mu.Unlock()
}

// supervise watches over the engines until Close.
func (s *Store) supervise(e *engine) {
	ended := s.startCommits(e)
	told := Ready
	wait := s.options.Retry
	for {
		if state := s.State(); state.Condition != told {
			told = state.Condition
			s.tell(state)
		}
		var retry <-chan time.Time
		if told == Full {
			retry = time.After(wait)
		}
		select {
		case <-s.trouble:
			wait = s.options.Retry
		case <-retry:
			wait = min(2*wait, s.options.RetryLimit)
			if s.ensureReserve() == nil {
				s.setState(Ready, "")
			}
		case <-e.dead:
			<-ended
			if e = s.recover(e); e == nil {
				return
			}
			told = Ready
			ended = s.startCommits(e)
		case <-s.stop:
			close(s.stopCommits)
			<-ended
			s.retire(e)
			return
		}
	}
}

func (s *Store) startCommits(e *engine) <-chan struct{} {
	ended := make(chan struct{})
	go s.commitLoop(e, ended)
	return ended
}

// tell writes a state to the log and to who asked for it.
func (s *Store) tell(state State) {
	if state.Condition == Ready {
		s.options.Logger.Info("store recovered", "path", s.options.Dir)
	} else {
		s.options.Logger.Error("store stopped taking facts", "path", s.options.Dir, "state", state.Condition.String(), "reason", state.Text)
	}
	s.options.Changed(state)
}

// recover gives up a dead engine and returns a new one, or nil when the store
// is closed first. What the dead one had not synced is never taken for synced:
// its log is cut there, and read again.
func (s *Store) recover(e *engine) *engine {
	condition := Failed
	if isFull(e.cause) {
		condition = Full
	}
	s.abandon(e, State{condition, time.Now(), e.cause.Error()})
	s.tell(s.State())
	if time.Since(s.reopened) < time.Minute { // it failed again: this is not a passing trouble
		s.readMeanwhile()
		if !s.pause(s.options.Retry) {
			return nil
		}
	}
	return s.reviveInTime(e.cause, condition)
}

// openToRead opens a store that has no space left even to be opened, for reading
// only. It reports whether that works.
func (s *Store) openToRead() bool {
	s.readMeanwhile()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = s.full()
	return s.reader != nil
}

// superviseLater is supervise for a store that was opened to be read, when it can
// be opened to be written.
func (s *Store) superviseLater(cause error) {
	s.tell(s.State())
	if !s.pause(s.options.Retry) {
		return
	}
	if e := s.reviveInTime(cause, Full); e != nil {
		s.supervise(e)
	}
}

// reviveInTime tries again and again to open the store anew. It returns nil when
// the store is closed first.
func (s *Store) reviveInTime(cause error, condition Condition) *engine {
	wait := s.options.Retry
	for {
		next, err := s.revive(cause)
		if err == nil {
			s.reopened = time.Now()
			s.setState(Ready, "")
			s.use(next)
			s.tell(s.State())
			return next
		}
		s.setState(condition, fmt.Sprintf("%v; tried again: %v", cause, err))
		s.readMeanwhile()
		if !s.pause(wait) {
			return nil
		}
		wait = min(2*wait, s.options.RetryLimit)
	}
}

// abandon fails what waits for a dead engine and takes its files away from it.
func (s *Store) abandon(e *engine, state State) {
	s.mu.Lock()
	s.state = state
	s.engine, s.reader = nil, nil
	queue := s.queue
	s.queue = nil
	s.mu.Unlock()
	for _, r := range queue {
		r.done <- s.failure(e.cause)
	}
	e.bury()
	s.tails = append(s.tails, e.fence.tails()...)
}

// pause waits before the next attempt; false is the end of the store.
func (s *Store) pause(wait time.Duration) bool {
	s.mu.Lock()
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	select {
	case <-time.After(wait):
		return true
	case <-s.stop:
		s.mu.Lock()
		reader := s.reader
		s.reader = nil
		s.mu.Unlock()
		if reader != nil {
			_ = reader.close()
		}
		return false
	}
}

// revive makes what the dead engine left fit to be opened, and opens it.
func (s *Store) revive(cause error) (*engine, error) {
	s.mu.Lock()
	reader := s.reader
	s.reader = nil
	s.mu.Unlock()
	if reader != nil {
		_ = reader.close()
	}
	if isFull(cause) {
		if err := s.ensureReserve(); err != nil {
			return nil, err
		}
	}
	for len(s.tails) > 0 {
		if err := s.cut(s.tails[0]); err != nil {
			return nil, fmt.Errorf("cut log %s: %w", s.tails[0].name, err)
		}
		s.tails = s.tails[1:]
	}
	if isDamage(cause) {
		if err := s.rescue(cause, nil); err != nil {
			return nil, err
		}
	}
	return s.openOrRescue(mark{})
}

// cut overwrites the end of a log with zeros, which needs no space.
func (s *Store) cut(t tail) error {
	if _, err := s.base.Stat(t.name); errors.Is(err, errNotExist) {
		return nil
	}
	f, err := s.base.OpenReadWrite(t.name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(make([]byte, t.to-t.from), t.from)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// readMeanwhile opens what there is for reading only, while nothing can be written.
func (s *Store) readMeanwhile() {
	s.mu.Lock()
	has := s.reader != nil
	s.mu.Unlock()
	if has {
		return
	}
	e, err := s.openEngine(readOnly)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.reader = e
	s.mu.Unlock()
}

// awaitRecovery waits, after an error of a range, until there is another engine
// to read from. It reports whether there is.
func (s *Store) awaitRecovery(e *engine, err error) bool {
	if isDamage(err) {
		e.fail(err)
	}
	select {
	case <-e.dead:
	default:
		return false
	}
	for range 2 { // the attempt at once, and one more
		s.mu.Lock()
		reader, changed := s.reader, s.changed
		s.mu.Unlock()
		if reader != nil && reader != e {
			return true
		}
		select {
		case <-changed:
		case <-s.closing:
			return false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reader != nil && s.reader != e
}

// retire closes the last engine.
func (s *Store) retire(e *engine) {
	s.mu.Lock()
	s.engine, s.reader = nil, nil
	s.mu.Unlock()
	if err := e.close(); err != nil {
		s.closeErr = s.failure(err)
	}
}

// isDamage reports whether files of the store are not what they were.
func isDamage(err error) bool {
	return pebble.IsCorruptionError(err) || errors.Is(err, pebble.ErrDBDoesNotExist) || errors.Is(err, errNotExist) || errors.Is(err, errDamagedLog)
}
