package auth

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/password"
)

// Options say how much a Verifier does at a time. The zero value suits a small
// machine.
type Options struct {
	// Workers is how many secrets are verified at a time; zero: half as many as
	// there are cores, at least one.
	Workers int
	// MemoryBytes bounds the memory this takes; zero: 256 MiB. What needs more is
	// verified alone.
	MemoryBytes int
	// MaxWaiting is how many may wait for it; zero: 64. Each takes the place of a
	// connection without a CONNECT, of which the broker has few.
	MaxWaiting int
	// Logger is told of origins of failures; nil: nothing is logged.
	Logger *slog.Logger
}

// Verifier verifies the secrets of those who log in, and slows down those who
// guess. It outlives changes of users; its methods may be called at once.
type Verifier struct {
	logger   *slog.Logger
	pool     pool
	cache    *cache
	throttle *throttle
	budget   *budget

	succeeded, failed, remembered, delayed, refused, overload atomic.Uint64
}

// NewVerifier returns a Verifier that remembers nothing yet.
func NewVerifier(o Options) *Verifier {
	if o.Workers <= 0 {
		o.Workers = max(runtime.GOMAXPROCS(0)/2, 1)
	}
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = 256 << 20
	}
	if o.MaxWaiting <= 0 {
		o.MaxWaiting = 64
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Verifier{
		logger: o.Logger, cache: newCache(), throttle: newThrottle(), budget: newBudget(),
		pool: pool{workers: o.Workers, memory: o.MemoryBytes, longest: o.MaxWaiting},
	}
}

// attempt is a login that is to be decided.
type attempt struct {
	origin
	conn  net.Conn
	known bool   // there is such a user
	lacks string // what else there is to know of one that is not; for the log
}

// verify decides a login by the password of its request, which the hash is
// verified against: that of the user if it is known, otherwise another, so that
// it takes as long. Nil, or a Refusal; the hash is the request's Credential then.
func (v *Verifier) verify(ctx context.Context, c *broker.ConnectRequest, h *password.Hash, known bool) error {
	a := &attempt{origin: origin{sourceOf(c.Conn), c.Username}, conn: c.Conn, known: known}
	proof := v.cache.proof(c.Username, c.Password, h)
	remembered := func() bool { return known && v.cache.has(proof) }
	err := v.judge(ctx, a, remembered, func(ctx context.Context) (right bool, err error) {
		err = v.pool.do(ctx, h.Cost().MemoryBytes, func() {
			right = remembered() || h.Verify(c.Password) && known
		})
		if right {
			v.cache.remember(proof)
		}
		return right, err
	})
	if err == nil {
		c.Credential = h
	}
	return err
}

// judge decides a login: nil, or a Refusal. First come the failures of the user
// from that address, then what is remembered, and only for what is not come the
// failures of the whole address and the work that finds out what is right.
func (v *Verifier) judge(ctx context.Context, a *attempt, remembered func() bool, right func(context.Context) (bool, error)) error {
	leave, err := v.throttle.enter(ctx, a.origin)
	switch {
	case errors.Is(err, errSlowed):
		return v.tooSoon(v.throttle.delay(a.origin))
	case err != nil:
		return v.busy(err)
	}
	defer leave()
	if err := v.hold(ctx, a.origin); err != nil {
		return err
	}
	if remembered() {
		v.remembered.Add(1)
		v.succeed(a)
		return nil
	}
	// A whole address is not held, as its logins may be many.
	if all := (origin{source: a.source}); a.source.local() {
		err = v.hold(ctx, all)
	} else if left := v.throttle.delay(all); left > 0 {
		err = v.tooSoon(left)
	}
	if err != nil {
		return err
	}
	if err := v.budget.take(ctx); err != nil {
		return v.busy(err)
	}
	ok, err := right(ctx)
	switch {
	case err != nil:
		v.budget.giveBack()
		return v.busy(err)
	case !ok:
		return v.fail(a)
	}
	v.budget.giveBack()
	v.succeed(a)
	return nil
}

// hold waits until the failures of an origin allow a login, or refuses it.
func (v *Verifier) hold(ctx context.Context, o origin) error {
	delay := v.throttle.delay(o)
	if delay == 0 {
		return nil
	}
	v.delayed.Add(1)
	if err := sleep(ctx, min(delay, patience)); err != nil {
		return v.busy(err)
	}
	if left := v.throttle.delay(o); left > 0 {
		return v.tooSoon(left)
	}
	return nil
}

func (v *Verifier) tooSoon(left time.Duration) error {
	v.refused.Add(1)
	return tooSoon(left)
}

func (v *Verifier) busy(err error) error {
	v.overload.Add(1)
	return busy(err)
}

func (v *Verifier) succeed(a *attempt) {
	v.succeeded.Add(1)
	v.throttle.succeeded(a.origin)
}

func (v *Verifier) fail(a *attempt) error {
	v.failed.Add(1)
	count, delay := v.throttle.failed(a.origin)
	if delay > 0 {
		remote := ""
		if a.conn != nil {
			remote = a.conn.RemoteAddr().String()
		}
		v.logger.Warn("logins slowed down", "remote", remote, "source", a.source.String(), "user", a.user, "failures", count, "delay", delay)
	}
	if a.known {
		return wrong("the password is wrong")
	}
	return wrong(cmp.Or(a.lacks, "there is no such user"))
}

// Counters are what a Verifier has done since it was made, but for Waiting.
type Counters struct {
	Succeeded  uint64
	Remembered uint64 // of them, those whose secret was not verified again
	Failed     uint64 // because of a wrong secret, or an unknown user
	Delayed    uint64 // held because of earlier failures
	Refused    uint64 // without a look at the secret, because of earlier failures
	Busy       uint64 // not decided, because too many came at once
	Waiting    int    // for a worker, now
}

// Counters returns them.
func (v *Verifier) Counters() Counters {
	return Counters{
		Succeeded: v.succeeded.Load(), Remembered: v.remembered.Load(), Failed: v.failed.Load(), Delayed: v.delayed.Load(),
		Refused: v.refused.Load(), Busy: v.overload.Load(), Waiting: v.pool.waiting(),
	}
}

// Slowed is an origin of failures whose next login has to wait.
type Slowed struct {
	Source   string // an address, the /64 of one, or "unix socket"
	User     string // empty: all users of the source
	Failures int
	Left     time.Duration // until a login is looked at
}

// Slowed returns them, those that failed last first.
func (v *Verifier) Slowed() []Slowed { return v.throttle.slowed() }

// Lift forgets the failures of all origins, and returns how many of them would
// have had to wait.
func (v *Verifier) Lift() int { return v.throttle.lift(func(origin) bool { return true }) }

// LiftAddress is Lift for those of one address, of its /64 for IPv6.
func (v *Verifier) LiftAddress(ip netip.Addr) int {
	at := sourceOfAddr(ip)
	return v.throttle.lift(func(o origin) bool { return o.source == at })
}
