package cli

import (
	"context"
	"errors"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/packet"
)

var (
	errTimedOut = errors.New("timed out")
	errCounted  = errors.New("counted")
)

// A deniedError is a SUBACK that grants nothing.
type deniedError struct{ code packet.ReasonCode }

func (e *deniedError) Error() string { return "all subscription requests were denied" }

// sub subscribes and prints messages until it is interrupted, its time is over
// or all messages have come that it was asked for.
func sub(ctx context.Context, env Env, args []string) int {
	t, status := newTool(env, subTool, args)
	if t == nil {
		return status
	}
	if t.options.timeout > 0 {
		timed, stop := context.WithTimeoutCause(ctx, t.options.timeout, errTimedOut)
		defer stop()
		ctx = timed
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	options := t.clientOptions()
	options.ReadBuffer = 64 << 10
	options.Reconnect = t.reconnect()
	options.OnConnect = func(ctx context.Context, _ *packet.Connack) { t.subscribe(ctx, end) }
	options.OnMessage = t.printer(end)
	options.OnIdle = t.out.flush
	t.client = client.New(options)
	if _, err := t.client.Connect(ctx); err != nil && ctx.Err() == nil {
		return t.fail(err)
	}
	select {
	case <-ctx.Done():
	case <-t.client.Done():
		return t.fail(t.client.Err())
	}
	t.interrupted()
	var denied *deniedError
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errTimedOut):
		say(t.env.Stderr, "Timed out\n")
		return statusTimeout
	case errors.As(cause, &denied):
		say(t.env.Stderr, "%s.\n", capital(denied.Error()))
		return int(denied.code)
	default:
		return 0
	}
}

// printer returns the function that prints messages and counts them.
func (t *tool) printer(end context.CancelCauseFunc) func(*packet.Publish) {
	o, n := t.options, 0
	return func(p *packet.Publish) {
		t.out.message(p, o.verbose, !o.noNewline)
		if n++; n == o.count {
			t.client.StopReceiving() // the next ones stay with the broker
			end(errCounted)
		}
	}
}

// subscribe subscribes on a new connection.
func (t *tool) subscribe(ctx context.Context, end context.CancelCauseFunc) {
	p := &packet.Subscribe{}
	for _, f := range t.options.topics {
		p.Subscriptions = append(p.Subscriptions, packet.Subscription{Filter: f, QoS: t.options.qos})
	}
	suback, err := t.client.Subscribe(ctx, p)
	if err != nil {
		return // the connection is lost, and that is told elsewhere
	}
	var failed packet.ReasonCode
	for _, code := range suback.ReasonCodes {
		if !code.Failed() {
			return
		}
		failed = code
	}
	end(&deniedError{failed})
}
