package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/packet"
)

// pub publishes one message, or those that come line by line, and ends when
// the broker has acknowledged them.
func pub(ctx context.Context, env Env, args []string) int {
	t, status := newTool(env, pubTool, args)
	if t == nil {
		return status
	}
	o := t.options
	message := &packet.Publish{Message: packet.Message{Topic: o.topics[0], QoS: o.qos, Retain: o.retain}}
	if err := t.load(message); err != nil {
		say(t.env.Stderr, "Error: %v.\n", err)
		return statusError
	}
	options := t.clientOptions()
	options.OnAck = t.settled
	if o.source == stdinLines {
		options.Reconnect = t.reconnect()
	}
	t.client = client.New(options)
	if _, err := t.client.Connect(ctx); err != nil {
		return t.pubFailed(ctx, err)
	}
	// Reading standard input cannot be interrupted, so ctx is not waited for
	// in there. When it is done first, the goroutine is left to end with the
	// line that it waits for, or with the process.
	done := make(chan error, 1)
	go func() { done <- t.publish(ctx, message) }()
	select {
	case err := <-done:
		if err == nil {
			err = t.disconnect(ctx)
		}
		if err != nil {
			return t.pubFailed(ctx, err)
		}
		return 0
	case <-ctx.Done():
		t.interrupted()
		return statusInterrupted
	}
}

// pubFailed ends pub with an error.
func (t *tool) pubFailed(ctx context.Context, err error) int {
	if ctx.Err() != nil {
		t.interrupted()
		return statusInterrupted
	}
	status := t.fail(err)
	var refused *client.ConnackError
	if errors.As(err, &refused) { // Mosquitto says it twice; scripts may look for either
		again := "The connection was refused."
		if t.options.connect.Version == packet.V5 {
			again = "A network protocol error occurred when communicating with the broker."
		}
		say(t.env.Stderr, "Error: %s\n", again)
	}
	_ = t.client.Close() // its error is the one we have
	return status
}

// load reads a message that comes in one piece.
func (t *tool) load(message *packet.Publish) (err error) {
	var b []byte
	switch t.options.source {
	case argument:
		b = t.options.payload
	case wholeFile:
		if b, err = os.ReadFile(t.options.file); err != nil {
			return usagef("Unable to open file \"%s\": %v", t.options.file, errors.Unwrap(err))
		}
	case allOfStdin:
		if b, err = io.ReadAll(t.env.Stdin); err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
	case noSource, nullMessage, stdinLines:
	}
	message.Payload = b
	return nil
}

// publish publishes the message, or a message for each line of standard input.
func (t *tool) publish(ctx context.Context, message *packet.Publish) error {
	if t.options.source != stdinLines {
		if err := t.client.Publish(ctx, message); err != nil {
			return err
		}
		return t.wait(ctx)
	}
	lines := newLines(t.env.Stdin)
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return t.wait(ctx)
		}
		if err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
		message.Payload = line
		if err := t.client.Publish(ctx, message); err != nil {
			return t.why(err)
		}
	}
}

// wait waits for the acknowledgements.
func (t *tool) wait(ctx context.Context) error { return t.why(t.client.Wait(ctx)) }

// why prefers the reason of the client's end to an error that follows from it.
func (t *tool) why(err error) error {
	if err == nil {
		return nil
	}
	if end := t.client.Err(); end != nil {
		return end
	}
	return err
}

// settled warns of a message that the broker refused.
func (t *tool) settled(a *packet.Ack) {
	if a.ReasonCode.Failed() {
		say(t.env.Stderr, "Warning: Publish %d failed: %s.\n", a.PacketID, reasonText(a.ReasonCode))
	}
}

// lines reads lines of any length.
type lines struct {
	r    *bufio.Reader
	long []byte // a line that is longer than the buffer of r
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, 64<<10)} }

// next returns a line without its end, valid until the next call. What follows
// the last end of line, if anything, is a line too.
func (l *lines) next() ([]byte, error) {
	l.long = l.long[:0]
	for {
		b, err := l.r.ReadSlice('\n')
		switch {
		case err == nil && len(l.long) == 0:
			return b[:len(b)-1], nil
		case err == nil:
			l.long = append(l.long, b[:len(b)-1]...)
			return l.long, nil
		}
		l.long = append(l.long, b...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(l.long) > 0:
			return l.long, nil
		default:
			return nil, err
		}
	}
}
