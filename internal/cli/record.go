package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/internal/recording"
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// A recorder is record at work. What belongs to messages is the reader's own.
type recorder struct {
	*tool
	options *recordOptions
	file    recordFile
	started bool // the file has something of this recording
	end     context.CancelCauseFunc
	ended   bool // no more messages are wanted
	start   time.Time
	buf     []byte // whole lines that are not written yet
	count   int
	topics  map[string]struct{} // at most maxCounted of them
}

// maxCounted bounds the topics that are kept to be counted.
const maxCounted = 100_000

// record writes messages into a file until it is interrupted, its time is over
// or all have come that it was asked for.
func record(ctx context.Context, env Env, args []string) int {
	o := newRecordOptions()
	if status, done := readTool(env, o, newRecordOptions(), args); done {
		return status
	}
	t, options, err := newTool(env, &o.connection)
	if err != nil {
		return statusError
	}
	r := &recorder{tool: t, options: o, topics: map[string]struct{}{}}
	if r.file, err = r.open(env.Stdout); err != nil {
		say(r.env.Stderr, "Error: Unable to write file \"%s\": %s.\n", o.file, errnoText(err))
		return statusError
	}
	if o.duration > 0 {
		timed, stop := context.WithTimeoutCause(ctx, o.duration, errEnough)
		defer stop()
		ctx = timed
	}
	ctx, r.end = context.WithCancelCause(ctx)
	defer r.end(nil)
	options.ReadBuffer = 64 << 10
	options.Reconnect = r.reconnect()
	options.OnConnect = func(ctx context.Context, _ *packet.Connack) { r.subscribe(ctx) }
	options.OnMessage = r.message
	options.OnIdle = r.flush
	r.client = client.New(options)
	return r.run(ctx)
}

// recordFile is what record writes to.
type recordFile interface {
	io.WriteCloser
	Truncate(size int64) error
}

// open opens the file. What is in one that exists stays until something is to be
// written.
func (r *recorder) open(stdout io.Writer) (recordFile, error) {
	how := os.O_WRONLY | os.O_CREATE
	switch {
	case r.options.file == "-":
		return pipe{stdout}, nil
	case r.options.append:
		how |= os.O_APPEND
	case !r.options.overwrite:
		how |= os.O_EXCL
	}
	f, err := os.OpenFile(r.options.file, how, 0o666)
	if errors.Is(err, os.ErrExist) {
		return nil, errors.New("it exists; --append adds to it and --overwrite replaces it")
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// pipe is a writer that belongs to somebody else.
type pipe struct{ io.Writer }

func (pipe) Close() error         { return nil }
func (pipe) Truncate(int64) error { return nil }

// run connects and waits for the end.
func (r *recorder) run(ctx context.Context) int {
	r.start = time.Now()
	r.buf = recording.AppendHeader(r.buf, r.start)
	status := 0
	if _, err := r.client.Connect(ctx); err != nil {
		if ctx.Err() == nil {
			status = r.fail(err)
		}
		r.undo()
		return r.outcome(ctx, status)
	}
	select {
	case <-ctx.Done():
		r.interrupted(packet.Success)
	case <-r.client.Done():
		status = r.fail(r.client.Err())
	}
	var denied *deniedError
	if errors.As(context.Cause(ctx), &denied) && r.count == 0 {
		r.undo()
		return r.outcome(ctx, status)
	}
	r.write() // the client has ended, and nobody else has the buffer
	if err := r.file.Close(); err != nil {
		r.end(err)
	}
	status = r.outcome(ctx, status)
	say(r.env.Stderr, "Recorded %s in %v.\n", r.counted(), time.Since(r.start).Round(time.Millisecond))
	return status
}

// undo removes a file that was made for nothing.
func (r *recorder) undo() {
	_ = r.file.Close() // nothing was written to it
	if o := r.options; o.file != "-" && !o.append && !o.overwrite && !r.started {
		_ = os.Remove(o.file)
	}
}

// outcome says why the recording ended, if it was neither the user nor the connection,
// and returns the exit status.
func (r *recorder) outcome(ctx context.Context, status int) int {
	var denied *deniedError
	cause := context.Cause(ctx)
	switch {
	case status != 0, cause == nil, errors.Is(cause, errEnough):
	case errors.Is(cause, context.Canceled):
		if !r.started { // it has not even connected
			return statusInterrupted
		}
	case errors.As(cause, &denied):
		say(r.env.Stderr, "%s.\n", capital(denied.Error()))
		return int(denied.code)
	default:
		say(r.env.Stderr, "Error: Unable to write file \"%s\": %s.\n", r.options.file, errnoText(cause))
		return statusError
	}
	return status
}

// counted says how much was recorded.
func (r *recorder) counted() string { return countOf(r.count, len(r.topics)) }

// countOf counts messages and topics.
func countOf(messages, topics int) string {
	if topics >= maxCounted {
		return fmt.Sprintf("%s of %d or more topics", plural(messages, "message"), topics)
	}
	return plural(messages, "message") + " of " + plural(topics, "topic")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// subscribe subscribes on a new connection.
func (r *recorder) subscribe(ctx context.Context) {
	p := r.properties.subscribe
	for _, f := range r.options.filters {
		p.Subscriptions = append(p.Subscriptions, r.options.subscription(f))
	}
	suback, err := r.client.Subscribe(ctx, &p)
	if err != nil {
		return // the connection is lost, and that is told elsewhere
	}
	if code, denied := deniedBy(suback); denied {
		r.end(&deniedError{code})
	}
}

// message writes a message.
func (r *recorder) message(p *packet.Publish) {
	o := r.options
	if r.ended || slices.ContainsFunc(o.filterOut, func(f string) bool { return topic.Match(f, p.Topic) }) {
		return
	}
	if o.noRetained && p.Retain && o.connect.Version != packet.V5 { // of 5 the broker knew, and the flag is the publisher's
		return
	}
	e := recording.Entry{
		Offset: time.Since(r.start), Message: p.Message,
		MessageExpiry: p.MessageExpiry, HasMessageExpiry: p.HasMessageExpiry,
	}
	r.buf = e.Append(r.buf)
	if r.count++; len(r.topics) < maxCounted {
		r.topics[p.Topic] = struct{}{}
	}
	if len(r.buf) >= outputSize {
		r.flush()
	}
	if r.count == o.count {
		r.ended = true
		r.client.StopReceiving()
		r.end(errEnough)
	}
}

// flush writes the lines that have come together, once there is a message: until
// then, what was in the file stays.
func (r *recorder) flush() {
	if r.count > 0 {
		r.write()
	}
}

func (r *recorder) write() {
	if len(r.buf) == 0 {
		return
	}
	var err error
	if r.options.overwrite && !r.started {
		err = r.file.Truncate(0)
	}
	r.started = true
	if err == nil {
		_, err = r.file.Write(r.buf)
	}
	if err != nil {
		r.ended = true
		r.end(err)
	}
	if r.buf = r.buf[:0]; cap(r.buf) > 4*outputSize {
		r.buf = nil
	}
}
