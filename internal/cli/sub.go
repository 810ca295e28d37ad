package cli

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

var (
	errTimedOut = errors.New("timed out")
	errEnough   = errors.New("all is done that was asked for")
)

// A deniedError is a SUBACK that grants nothing.
type deniedError struct{ code packet.ReasonCode }

func (e *deniedError) Error() string { return "all subscription requests were denied" }

// A subscriber is sub at work.
type subscriber struct {
	*tool
	options *subOptions
	print   printer
	end     context.CancelCauseFunc
	ended   bool         // no more messages are wanted; the reader's own
	count   int          // messages that were handled; the reader's own
	removal *removal     // nil: none
	view    *treeView    // nil: none
	second  atomic.Int64 // messages since --message-rate printed a number
}

// sub subscribes and prints messages until it is interrupted, its time is over
// or all has come that it was asked for.
func sub(ctx context.Context, env Env, args []string) int {
	o := newSubOptions()
	if status, done := readTool(env, o, newSubOptions(), args); done {
		return status
	}
	t, options, err := newTool(env, &o.connection)
	if err != nil {
		return statusError
	}
	s := &subscriber{tool: t, options: o}
	if s.print, err = t.printer(&o.printing); err != nil {
		return t.fail(err)
	}
	if o.timeout > 0 {
		timed, stop := context.WithTimeoutCause(ctx, o.timeout, errTimedOut)
		defer stop()
		ctx = timed
	}
	ctx, s.end = context.WithCancelCause(ctx)
	defer s.end(nil)
	if t.tracer != nil {
		t.tracer.granted = true
	}
	if o.exitAfterSub {
		options.Trace = s.stopAtAnswer(options.Trace)
	}
	options.ReadBuffer = 64 << 10
	options.Reconnect = s.reconnect()
	options.OnConnect = func(ctx context.Context, _ *packet.Connack) { s.subscribe(ctx) }
	options.OnMessage = s.message
	options.OnIdle = s.out.flush
	s.client = client.New(options)
	if o.tree {
		return s.runTree(ctx)
	}
	return s.run(ctx)
}

// run connects and waits for the end.
func (s *subscriber) run(ctx context.Context) int {
	var background sync.WaitGroup
	defer background.Wait()
	defer s.end(nil)
	if s.options.rate {
		background.Go(func() { s.printRate(ctx) })
	}
	if s.options.removes {
		s.removal = newRemoval(s.client)
		defer s.removal.stop(0)
	}
	if _, err := s.client.Connect(ctx); err != nil && ctx.Err() == nil {
		return s.fail(err)
	}
	select {
	case <-ctx.Done():
	case <-s.client.Done():
		return s.fail(s.client.Err())
	}
	var denied *deniedError
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errTimedOut):
		s.removal.stop(farewell)
		s.interrupted(s.goodbye())
		say(s.env.Stderr, "Timed out\n")
		return statusTimeout
	case errors.As(cause, &denied):
		s.interrupted(packet.Success)
		say(s.env.Stderr, "%s.\n", capital(denied.Error()))
		return int(denied.code)
	case errors.Is(cause, errEnough):
		s.removal.stop(client.DefaultTimeout)
		s.interrupted(packet.Success)
	default: // a signal
		s.interrupted(s.goodbye())
	}
	return 0
}

// goodbye is the reason code for an end from outside: the broker shall publish
// the will.
func (t *tool) goodbye() packet.ReasonCode {
	if t.connect.Version == packet.V5 {
		return packet.DisconnectWithWill
	}
	return packet.Success
}

// message handles a message, in the order of Mosquitto's tool.
func (s *subscriber) message(p *packet.Publish) {
	o := s.options
	switch {
	case s.ended:
		return
	case o.retainedOnly && !p.Retain:
		s.enough()
		return
	case p.Retain && o.noRetained, slices.ContainsFunc(o.filterOut, func(f string) bool { return topic.Match(f, p.Topic) }):
		return
	}
	if o.removes && p.Retain {
		s.removal.add(p.Topic)
	}
	switch {
	case o.rate:
		s.second.Add(1)
	case o.chance == 100 || rand.Float64()*100 < o.chance:
		s.print(p)
	}
	if s.count++; s.count == o.count {
		s.enough()
	}
}

// enough ends sub when it has what it was asked for; the next messages stay
// with the broker.
func (s *subscriber) enough() {
	s.ended = true
	s.client.StopReceiving()
	s.end(errEnough)
}

// printRate prints each second how many messages came.
func (s *subscriber) printRate(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.out.printf("%d\n", s.second.Swap(0))
		case <-ctx.Done():
			return
		}
	}
}

// stopAtAnswer has messages ignored that come behind the SUBACK that -E waits
// for: they stay with the broker.
func (s *subscriber) stopAtAnswer(trace func(client.Direction, packet.Packet)) func(client.Direction, packet.Packet) {
	last, answered := packet.UNSUBACK, false
	if len(s.options.filters) > 0 {
		last = packet.SUBACK
	}
	return func(d client.Direction, p packet.Packet) {
		if trace != nil && (!answered || p.Type() != packet.PUBLISH) {
			trace(d, p)
		}
		if p.Type() == last {
			answered = true
			s.client.StopReceiving()
		}
	}
}

// subscribe subscribes and unsubscribes on a new connection.
func (s *subscriber) subscribe(ctx context.Context) {
	o := s.options
	if s.view != nil {
		s.view.connected()
	}
	if len(o.filters) > 0 {
		p := o.properties.subscribe
		for _, f := range o.filters {
			p.Subscriptions = append(p.Subscriptions, o.subscription(f, o.qos))
		}
		suback, err := s.client.Subscribe(ctx, &p)
		if err != nil {
			return // the connection is lost, and that is told elsewhere
		}
		if code, denied := deniedBy(suback); denied {
			s.end(&deniedError{code})
			return
		}
	}
	for _, f := range o.unsubscribe {
		p := o.properties.unsubscribe
		p.Filters = []string{f}
		if _, err := s.client.Unsubscribe(ctx, &p); err != nil {
			return
		}
	}
	if o.exitAfterSub {
		s.end(errEnough)
	}
}

// deniedBy says why nothing was granted.
func deniedBy(p *packet.Suback) (last packet.ReasonCode, denied bool) {
	for _, code := range p.ReasonCodes {
		if !code.Failed() {
			return 0, false
		}
		last = code
	}
	return last, true
}
