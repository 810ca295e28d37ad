package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/internal/recording"
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// lateness is how late a message may be before replay says so while it runs.
const lateness = time.Second

// A replayer is replay at work.
type replayer struct {
	*tool
	options *replayOptions
	stdin   io.Reader
	start   time.Time     // of the first round, on the monotonic clock
	before  time.Duration // all rounds before this one, as recorded
	count   int
	bytes   int
	topics  map[string]int // messages of each; at most maxCounted topics
	late    time.Duration  // the most that a message was
	warned  bool           // the user was told of it

	mu      sync.Mutex
	refused int               // messages, by the broker
	reason  packet.ReasonCode // of the first
}

// replay publishes what was recorded.
func replay(ctx context.Context, env Env, args []string) int {
	o := newReplayOptions()
	if status, done := readTool(env, o, newReplayOptions(), args); done {
		return status
	}
	t, options, err := newTool(env, &o.connection)
	if err != nil {
		return statusError
	}
	r := &replayer{tool: t, options: o, stdin: env.Stdin, topics: map[string]int{}}
	if o.dryRun {
		return r.dryRun()
	}
	options.Reconnect = r.reconnect()
	options.OnAck = r.settled
	r.client = client.New(options)
	file, err := r.open()
	if err != nil {
		return r.unreadable(err)
	}
	if _, err := r.client.Connect(ctx); err != nil {
		_ = file.Close() // it was only read
		return r.stopped(ctx, err)
	}
	done := make(chan struct{}) // reading a pipe cannot be interrupted; see publisher.run
	go func() {
		defer close(done)
		err = r.rounds(ctx, file)
	}()
	select {
	case <-done:
		return r.stopped(ctx, err)
	case <-ctx.Done():
		r.interrupted(packet.Success)
	}
	select {
	case <-done:
		r.summary()
	case <-time.After(farewell): // it reads
	}
	return statusInterrupted
}

// open opens the recording.
func (r *replayer) open() (io.ReadCloser, error) {
	if r.options.file == "-" {
		return io.NopCloser(r.stdin), nil
	}
	return os.Open(r.options.file)
}

// unreadable says that there is no such recording.
func (r *replayer) unreadable(err error) int {
	var line *recording.LineError
	if errors.As(err, &line) {
		say(r.env.Stderr, "Error: \"%s\" is no recording: %v.\n", r.options.file, line)
	} else {
		say(r.env.Stderr, "Error: Unable to read file \"%s\": %s.\n", r.options.file, errnoText(err))
	}
	return statusError
}

// A readError is one of the recording, not of the connection.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }

// stopped ends replay and returns the exit status.
func (r *replayer) stopped(ctx context.Context, err error) int {
	var read readError
	switch {
	case ctx.Err() != nil:
		r.interrupted(packet.Success)
		return statusInterrupted
	case err == nil:
		if err = r.disconnect(ctx, packet.Success); err == nil {
			r.summary()
			return 0
		}
	case errors.As(err, &read):
		r.interrupted(packet.Success)
		return r.unreadable(read.error)
	}
	status := r.fail(err)
	_ = r.client.Close() // its error is the one we have
	return status
}

// rounds publishes the recording, again and again if it is to, and waits for the
// acknowledgements.
func (r *replayer) rounds(ctx context.Context, file io.ReadCloser) error {
	r.start = time.Now()
	for {
		length, err := r.each(file, func(e *recording.Entry) error { return r.publish(ctx, e) })
		if err == nil {
			err = r.why(r.client.Wait(ctx))
		}
		if err != nil {
			return err
		}
		if !r.options.loop {
			return nil
		}
		r.before += length
		if r.count == 0 {
			return readError{errors.New("it has no messages to begin again with")}
		}
		if file, err = r.open(); err != nil {
			return readError{err}
		}
	}
}

// settled counts the messages that the broker refused.
func (r *replayer) settled(a *packet.Ack) {
	if !a.ReasonCode.Failed() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refused++; r.refused == 1 {
		r.reason = a.ReasonCode
	}
}

// summary says what was done.
func (r *replayer) summary() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refused > 0 {
		say(r.env.Stderr, "Warning: The broker refused %s: %s.\n", plural(r.refused, "message"), reasonText(r.reason))
	}
	took := time.Since(r.start).Round(time.Millisecond)
	say(r.env.Stderr, "Replayed %s in %v, at most %v late.\n", countOf(r.count, len(r.topics)), took, r.late.Round(time.Millisecond))
}

// each calls f with each entry that the filters let through, and returns how long
// the recording is.
func (r *replayer) each(file io.ReadCloser, f func(*recording.Entry) error) (length time.Duration, err error) {
	defer func() { err = errors.Join(err, file.Close()) }()
	entries := recording.NewReader(file)
	for {
		e, err := entries.Next()
		switch {
		case errors.Is(err, io.EOF):
			if entries.Truncated() {
				say(r.env.Stderr, "Warning: The last line of \"%s\" was cut off, and is left out.\n", r.options.file)
			}
			return length, nil
		case err != nil:
			return length, readError{err}
		}
		length = e.Offset
		if !r.options.wants(e.Topic) {
			continue
		}
		if err := f(e); err != nil {
			return length, err
		}
		r.counts(e)
	}
}

func (o *replayOptions) wants(name string) bool {
	matches := func(f string) bool { return topic.Match(f, name) }
	return (o.filters == nil || slices.ContainsFunc(o.filters, matches)) && !slices.ContainsFunc(o.filterOut, matches)
}

func (r *replayer) counts(e *recording.Entry) {
	r.count++
	r.bytes += len(e.Payload)
	if _, known := r.topics[e.Topic]; known || len(r.topics) < maxCounted {
		r.topics[e.Topic]++
	}
}

// publish publishes a message when its time has come.
func (r *replayer) publish(ctx context.Context, e *recording.Entry) error {
	o := r.options
	if !math.IsInf(o.speed, 0) {
		due := r.start.Add(time.Duration(float64(r.before+e.Offset) / o.speed))
		if err := r.sleep(ctx, time.Until(due)); err != nil {
			return err
		}
		r.lag(time.Since(due))
	}
	p := &packet.Publish{Message: e.Message, MessageExpiry: e.MessageExpiry, HasMessageExpiry: e.HasMessageExpiry}
	p.Topic = o.prefix + p.Topic
	p.Retain = p.Retain && !o.withoutRetain
	if o.hasQoS {
		p.QoS = o.qos
	}
	return r.why(r.client.Publish(ctx, p))
}

// sleep waits, unless the replay ends before.
func (r *replayer) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.client.Done():
		return r.client.Err()
	}
}

// lag notes how late a message is, and says so the first time that it is much.
func (r *replayer) lag(late time.Duration) {
	r.late = max(r.late, late)
	if late > lateness && !r.warned {
		r.warned = true
		say(r.env.Stderr, "Warning: %v late after %s; broker or connection cannot keep up at this speed.\n",
			late.Round(time.Millisecond), plural(r.count, "message"))
	}
}

// dryRun says what is in the recording.
func (r *replayer) dryRun() int {
	file, err := r.open()
	if err != nil {
		return r.unreadable(err)
	}
	length, err := r.each(file, func(*recording.Entry) error { return nil })
	if err != nil {
		return r.unreadable(err)
	}
	if !math.IsInf(r.options.speed, 0) {
		length = time.Duration(float64(length) / r.options.speed)
	}
	say(r.env.Stdout, "%s in %v, %d bytes of payload\n", countOf(r.count, len(r.topics)), length.Round(time.Millisecond), r.bytes)
	names := make([]string, 0, len(r.topics))
	for name := range r.topics {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(r.topics[b], r.topics[a]), cmp.Compare(a, b))
	})
	for _, name := range names {
		say(r.env.Stdout, "%8d  %s%s\n", r.topics[name], r.options.prefix, name)
	}
	return 0
}
