package recording

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxLine bounds a line: the largest payload of MQTT, in base64, and then some.
const maxLine = 400 << 20

// A Reader reads recordings line by line.
type Reader struct {
	r         *bufio.Reader
	lines     int
	base      time.Duration // where the recording begins that is being read
	last      time.Duration
	truncated bool
}

// NewReader returns a Reader, which buffers.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, 64<<10)} }

// A LineError is a line that is no entry.
type LineError struct {
	Line int
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

func (e *LineError) Unwrap() error { return e.Err }

// Next returns the next entry, which may be kept. At the end the error is io.EOF;
// what is wrong with a line is a *LineError.
func (r *Reader) Next() (*Entry, error) {
	for {
		text, err := r.line()
		whole := err == nil
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if text = bytes.TrimSpace(text); len(text) == 0 {
			if !whole {
				return nil, io.EOF
			}
			continue
		}
		l, err := parseLine(text)
		switch {
		case err != nil && !whole:
			r.truncated = true
			return nil, io.EOF
		case err != nil:
			return nil, &LineError{r.lines, err}
		case l.Recording != 0:
			if l.Recording != Version {
				return nil, &LineError{r.lines, fmt.Errorf("recording version %d is not known, only %d", l.Recording, Version)}
			}
			r.base = r.last // another recording begins
			continue
		}
		e, err := l.entry(r.last - r.base)
		if err != nil {
			return nil, &LineError{r.lines, err}
		}
		e.Offset = max(e.Offset+r.base, r.last)
		r.last = e.Offset
		return e, nil
	}
}

// Truncated reports, at the end, whether the last line was cut off, as when the
// disk was full; it is left out.
func (r *Reader) Truncated() bool { return r.truncated }

// line returns the next line, with its end if it has one; otherwise the error is
// io.EOF.
func (r *Reader) line() (text []byte, err error) {
	r.lines++
	for {
		part, err := r.r.ReadSlice('\n')
		if err == nil && text == nil {
			return part, nil
		}
		text = append(text, part...)
		if len(text) > maxLine {
			return nil, &LineError{r.lines, fmt.Errorf("is longer than %d bytes", maxLine)}
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return text, err
		}
	}
}
