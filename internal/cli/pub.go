package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/packet"
)

// A publisher is pub at work.
type publisher struct {
	*tool
	options *pubOptions
	message packet.Publish
}

// pub publishes messages, or those that come line by line, and ends when the
// broker has acknowledged them.
func pub(ctx context.Context, env Env, args []string) int {
	o := newPubOptions()
	if status, done := readTool(env, o, newPubOptions(), args); done {
		return status
	}
	t, options, err := newTool(env, &o.connection)
	if err != nil {
		return statusError
	}
	payload, err := o.load(env.Stdin)
	if err != nil {
		say(t.env.Stderr, "Error: %v\n", err)
		return statusError
	}
	p := &publisher{tool: t, options: o, message: o.properties.publish}
	p.message.Topic, p.message.QoS, p.message.Retain, p.message.Payload = o.topic, o.qos, o.retain, payload
	options.OnAck = p.settled
	if o.source == stdinLines {
		options.Reconnect = p.reconnect()
	}
	p.client = client.New(options)
	if _, err := p.client.Connect(ctx); err != nil {
		return p.failed(ctx, err)
	}
	return p.run(ctx)
}

// run publishes on the connection, and ends it. Reading standard input cannot be
// interrupted, so that a goroutine does it. When ctx is done first, that is left
// to end with the line that it waits for, or with the process.
func (p *publisher) run(ctx context.Context) int {
	done := make(chan error, 1)
	go func() {
		if p.options.source == stdinLines {
			done <- p.lines(ctx)
		} else {
			done <- p.repeat(ctx)
		}
	}()
	select {
	case err := <-done:
		if err == nil {
			err = p.disconnect(ctx, packet.Success)
		}
		if err != nil {
			return p.failed(ctx, err)
		}
		return 0
	case <-ctx.Done():
		p.interrupted(packet.Success)
		return statusInterrupted
	}
}

// failed ends pub with an error.
func (p *publisher) failed(ctx context.Context, err error) int {
	if ctx.Err() != nil {
		p.interrupted(packet.Success)
		return statusInterrupted
	}
	status := p.fail(err)
	var refused *client.ConnackError
	if errors.As(err, &refused) { // Mosquitto says it twice; scripts may look for either
		again := "The connection was refused."
		if p.connect.Version == packet.V5 {
			again = "A network protocol error occurred when communicating with the broker."
		}
		say(p.env.Stderr, "Error: %s\n", again)
	}
	_ = p.client.Close() // its error is the one we have
	return status
}

// repeat publishes the message as often as it was asked for, each time when the
// broker has the last.
func (p *publisher) repeat(ctx context.Context) error {
	for n := 1; ; n++ {
		if err := p.client.Publish(ctx, &p.message); err != nil {
			return err
		}
		if err := p.why(p.client.Wait(ctx)); err != nil || n >= p.options.repeat {
			return err
		}
		select {
		case <-time.After(p.options.delay()):
		case <-ctx.Done():
			return ctx.Err()
		case <-p.client.Done():
			return p.client.Err()
		}
	}
}

// lines publishes a message for each line of standard input.
func (p *publisher) lines(ctx context.Context) error {
	lines := newLines(p.env.Stdin)
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return p.why(p.client.Wait(ctx))
		}
		if err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
		p.message.Payload = line
		if err := p.client.Publish(ctx, &p.message); err != nil {
			return p.why(err)
		}
	}
}

// settled warns of a message that the broker refused.
func (p *publisher) settled(a *packet.Ack) {
	if !a.ReasonCode.Failed() {
		return
	}
	say(p.env.Stderr, "Warning: Publish %d failed: %s.\n", a.PacketID, reasonText(a.ReasonCode))
	if a.ReasonString != "" {
		say(p.env.Stderr, "%s\n", a.ReasonString)
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
