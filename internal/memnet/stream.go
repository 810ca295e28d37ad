package memnet

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// DefaultBuffer is how many bytes a direction holds unless told otherwise.
const DefaultBuffer = 64 << 10

// stream is one direction of a connection. Readers and writers wait on a
// sync.Cond, which synctest takes for durably blocked; nobody holds the mutex
// while waiting for anything else.
type stream struct {
	mu   sync.Mutex
	cond sync.Cond
	max  int

	buf      []byte
	readErr  error // what reads get at once
	endErr   error // what reads get after the buffered bytes
	writeErr error // what writes get

	readDeadline, writeDeadline deadline
}

type deadline struct {
	timer   *time.Timer
	set     int // counts changes, so that an old timer knows it is old
	expired bool
}

func newStream(buffer int) *stream {
	if buffer <= 0 {
		buffer = DefaultBuffer
	}
	s := &stream{max: buffer}
	s.cond.L = &s.mu
	return s
}

func (s *stream) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.readErr != nil:
			return 0, s.readErr
		case s.readDeadline.expired:
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case len(s.buf) > 0:
			n := copy(b, s.buf)
			s.buf = s.buf[:copy(s.buf, s.buf[n:])]
			s.cond.Broadcast()
			return n, nil
		case s.endErr != nil:
			return 0, s.endErr
		}
		s.cond.Wait()
	}
}

func (s *stream) write(b []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.writeErr != nil:
			return n, s.writeErr
		case s.writeDeadline.expired:
			return n, os.ErrDeadlineExceeded
		}
		room := min(s.max-len(s.buf), len(b)-n)
		s.buf = append(s.buf, b[n:n+room]...)
		n += room
		s.cond.Broadcast()
		if n == len(b) {
			return n, nil
		}
		s.cond.Wait()
	}
}

// endWrite is the writer's good-bye: later writes get err.
func (s *stream) endWrite(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.writeErr, err) { // ended twice
		return err
	}
	s.writeErr = err
	if s.endErr == nil {
		s.endErr = io.EOF
	}
	s.cond.Broadcast()
	return nil
}

// endRead is the reader's good-bye: its reads get readErr, writes writeErr.
func (s *stream) endRead(readErr, writeErr error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readErr = readErr
	s.buf = nil
	if s.writeErr == nil {
		s.writeErr = writeErr
	}
	s.cond.Broadcast()
}

// reset breaks the stream; an end that closed it itself keeps its error.
func (s *stream) reset(readErr, writeErr error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = nil
	if s.readErr == nil {
		s.readErr = readErr
	}
	if s.writeErr == nil {
		s.writeErr = writeErr
	}
	s.cond.Broadcast()
}

func (s *stream) buffered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.buf)
}

func (s *stream) setDeadline(d *deadline, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.set++
	left := time.Until(t)
	d.expired = !t.IsZero() && left <= 0
	s.cond.Broadcast()
	if t.IsZero() || d.expired {
		return
	}
	set := d.set
	d.timer = time.AfterFunc(left, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if d.set == set {
			d.expired = true
			s.cond.Broadcast()
		}
	})
}
