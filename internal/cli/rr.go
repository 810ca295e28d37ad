package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/packet"
)

// A requester is rr at work.
type requester struct {
	*tool
	options  *rrOptions
	request  packet.Publish
	print    printer
	sent     time.Time
	response chan time.Time // when it came
	ended    bool           // it came; the reader's own
}

// rr publishes a request and prints the response.
func rr(ctx context.Context, env Env, args []string) int {
	o := newRROptions()
	if status, done := readTool(env, o, newRROptions(), args); done {
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
	r := &requester{tool: t, options: o, request: o.properties.publish, response: make(chan time.Time, 1)}
	r.request.Topic, r.request.QoS, r.request.Payload = o.topic, o.qos, payload
	if r.print, err = t.printer(&o.printing); err != nil {
		return t.fail(err)
	}
	if o.timeout > 0 {
		timed, stop := context.WithTimeoutCause(ctx, o.timeout, errTimedOut)
		defer stop()
		ctx = timed
	}
	options.OnMessage = r.message
	options.OnIdle = r.out.flush
	r.client = client.New(options)
	return r.run(ctx)
}

// run asks, and ends with the response.
func (r *requester) run(ctx context.Context) int {
	err := r.ask(ctx)
	var denied *deniedError
	switch {
	case errors.Is(context.Cause(ctx), errTimedOut):
		r.interrupted(r.goodbye())
		say(r.env.Stderr, "Timed out\n")
		return statusTimeout
	case ctx.Err() != nil:
		r.interrupted(packet.Success)
		return statusInterrupted
	case errors.As(err, &denied):
		r.interrupted(packet.Success)
		say(r.env.Stderr, "%s\n", reasonText(denied.code))
		return int(denied.code)
	case err != nil:
		status := r.fail(err)
		_ = r.client.Close() // its error is the one we have
		return status
	}
	if err := r.disconnect(ctx, packet.Success); err != nil && ctx.Err() == nil {
		return r.fail(err)
	}
	return 0
}

// ask subscribes to the response topic, publishes the request and waits for the
// response.
func (r *requester) ask(ctx context.Context) error {
	if _, err := r.client.Connect(ctx); err != nil {
		return err
	}
	subscribe := r.options.properties.subscribe
	subscribe.Subscriptions = []packet.Subscription{r.options.subscription(r.options.responseTopic, r.options.qos)}
	suback, err := r.client.Subscribe(ctx, &subscribe)
	if err != nil {
		return r.why(err)
	}
	if code, denied := deniedBy(suback); denied {
		return &deniedError{code}
	}
	r.sent = time.Now()
	if err := r.client.Publish(ctx, &r.request); err != nil {
		return r.why(err)
	}
	select {
	case came := <-r.response:
		if r.options.latency {
			r.out.printf("Latency: %s\n", latencyText(came.Sub(r.sent)))
		}
		return nil
	case <-r.client.Done():
		return r.client.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// message takes the first message as the response.
func (r *requester) message(p *packet.Publish) {
	if r.ended || p.Retain && r.options.noRetained {
		return
	}
	r.ended = true
	r.client.StopReceiving()
	came := time.Now()
	r.print(p)
	r.response <- came
}

// latencyText is a time as Mosquitto's tool prints it.
func latencyText(d time.Duration) string {
	switch ns := d.Nanoseconds(); {
	case d >= time.Second:
		return fmt.Sprintf("%d.%09d", ns/1e9, ns%1e9)
	case ns < 1e3:
		return fmt.Sprintf("%dns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%fµs", float64(ns)/1e3)
	default:
		return fmt.Sprintf("%fms", float64(ns)/1e6)
	}
}
