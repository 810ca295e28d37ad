package auth

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// given is what the broker gives a login.
const given = 10 * time.Second

// timed logs in as the broker would, and says how long it took.
func timed(t *testing.T, p *Passwords, at from, name, secret string) (time.Duration, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), given)
	defer cancel()
	began := time.Now()
	err := login(ctx, p, at, name, secret)
	return time.Since(began), err
}

func throttled(t *testing.T) *Passwords {
	t.Helper()
	return &Passwords{Users: usersOf(t, map[string]string{"ann": "a", "bob": "b"}), Verifier: NewVerifier(Options{Workers: 4})}
}

// fail fails so often that the next login of the user waits for some time.
func fail(t *testing.T, p *Passwords, at from, name string, times int) {
	t.Helper()
	for range times {
		timed(t, p, at, name, "wrong")
	}
}

// Five failures are free; then each doubles the wait of the next login. What
// would wait for longer than a client does is refused without a look at it.
func TestDelaysGrow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := throttled(t)
		for i, seconds := range []int{0, 0, 0, 0, 0, 1, 2, 4} {
			took, err := timed(t, p, stranger, "ann", "wrong")
			if took.Seconds() != float64(seconds) {
				t.Errorf("failure %d took %v, not %d s", i+1, took, seconds)
			}
			expectCode(t, "wrong", err, packet.NotAuthorized)
		}
		// The next may come in 8 s.
		took, err := timed(t, p, stranger, "ann", "a")
		if took != patience {
			t.Errorf("refused after %v", took)
		}
		expectCode(t, "too soon", err, packet.ConnectionRateExceeded)
		took, err = timed(t, p, stranger, "ann", "a")
		if took != 3*time.Second {
			t.Errorf("let in after %v", took)
		}
		expectCode(t, "the right password in time", err, packet.Success)
		took, _ = timed(t, p, stranger, "ann", "wrong")
		if took != 0 {
			t.Errorf("waited %v for the failures before the success", took)
		}
	})
}

func TestDelaysEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := throttled(t)
		for range 40 {
			timed(t, p, stranger, "ann", "wrong")
			time.Sleep(longestDelay)
		}
		if d := delayAfter(40, freeForUser); d != longestDelay {
			t.Errorf("the longest delay is %v", d)
		}
		took, err := timed(t, p, stranger, "ann", "a")
		if took != 0 || err != nil {
			t.Errorf("after the longest delay: %v, %v", took, err)
		}
		fail(t, p, stranger, "ann", 5)
		time.Sleep(amnesty + 2*time.Second)
		fail(t, p, stranger, "ann", 4)
		if took, err := timed(t, p, stranger, "ann", "a"); took != 0 || err != nil {
			t.Errorf("what is long past still counts: %v, %v", took, err)
		}
	})
}

// Failures of a user do not count against others of the address, nor against the
// user at another address; those of many users do.
func TestWhoIsSlowedDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := throttled(t)
		fail(t, p, stranger, "ann", 30)
		for _, test := range []struct {
			name, secret string
			at           from
			want         packet.ReasonCode
		}{
			{"bob", "b", stranger, packet.Success},
			{"ann", "a", "192.0.2.8:1883", packet.Success},
			{"ann", "a", "192.0.2.7:9999", packet.ConnectionRateExceeded},
		} {
			_, err := timed(t, p, test.at, test.name, test.secret)
			expectCode(t, test.name+" at "+string(test.at), err, test.want)
		}
		for i := range 8 {
			fail(t, p, stranger, fmt.Sprintf("guess %d", i), 5)
		}
		_, err := timed(t, p, stranger, "eve", "x")
		expectCode(t, "another guess", err, packet.ConnectionRateExceeded)
		_, err = timed(t, p, stranger, "bob", "b")
		expectCode(t, "a user who is known to be good", err, packet.Success)
		_, err = timed(t, p, stranger, "bob", "wrong")
		expectCode(t, "that user with another password", err, packet.ConnectionRateExceeded)
		_, err = timed(t, p, "192.0.2.8:1", "bob", "b")
		expectCode(t, "another address", err, packet.Success)
	})
}

// Of addresses of IPv6 the first half counts: the other is the owner's to choose.
func TestNetworksOfIPv6(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := throttled(t)
		for i := range 12 {
			timed(t, p, from(fmt.Sprintf("[2001:db8:0:1::%x]:1883", i)), "ann", "wrong")
		}
		_, err := timed(t, p, "[2001:db8:0:1:ffff::1]:1883", "ann", "a")
		expectCode(t, "the same network", err, packet.ConnectionRateExceeded)
		_, err = timed(t, p, "[2001:db8:0:2::1]:1883", "ann", "a")
		expectCode(t, "another network", err, packet.Success)
		_, err = timed(t, p, "[::ffff:192.0.2.9]:1883", "ann", "wrong")
		expectCode(t, "IPv4 in IPv6", err, packet.NotAuthorized)
		if n := p.Verifier.LiftAddress(netip.MustParseAddr("2001:db8:0:1::77")); n != 1 {
			t.Errorf("lifted %d", n)
		}
		_, err = timed(t, p, "[2001:db8:0:1:ffff::1]:1883", "ann", "a")
		expectCode(t, "lifted", err, packet.Success)
	})
}

// On this machine nobody is locked out, since many may share the address; but
// everybody who fails waits.
func TestThisMachine(t *testing.T) {
	t.Parallel()
	for _, at := range []from{"127.0.0.1:1", "[::1]:1", "@", ""} {
		synctest.Test(t, func(t *testing.T) {
			p := throttled(t)
			fail(t, p, at, "ann", 20)
			took, err := timed(t, p, at, "ann", "a")
			if took != localDelay || err != nil {
				t.Errorf("%q: %v, %v", at, took, err)
			}
		})
	}
}

// Many guesses at once are not more guesses: they are decided one by one.
func TestGuessesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := throttled(t)
		const n = 50
		codes := make(chan error, n)
		for range n {
			go func() {
				_, err := timed(t, p, stranger, "ann", "wrong")
				codes <- err
			}()
		}
		for range n {
			<-codes
		}
		// 5 are looked at, and one that comes later may be held; none that waited is.
		count := p.Verifier.Counters()
		if count.Failed < 5 || count.Failed > 6 || count.Failed+count.Refused != n {
			t.Errorf("%d guesses of %d were looked at: %+v", count.Failed, n, count)
		}
		// Now one is held, and the others are not.
		began := time.Now()
		for range n {
			go func() {
				_, err := timed(t, p, stranger, "ann", "wrong")
				codes <- err
			}()
		}
		synctest.Wait()
		if len(codes) != n-1 || time.Since(began) != 0 {
			t.Errorf("%d are held", n-len(codes))
		}
		for range n {
			<-codes
		}
		if c := p.Verifier.Counters(); c.Failed != count.Failed+1 {
			t.Errorf("after %v: %+v", time.Since(began), c)
		}
		if len(p.Verifier.throttle.turns) != 0 {
			t.Error("turns are left")
		}
	})
}

// A thousand addresses together have no more failures than the budget.
func TestBudgetOfAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := throttled(t)
		good := somewhere()
		timed(t, p, good, "ann", "a")
		const n = 1000
		done := make(chan struct{}, n)
		for range n {
			at := somewhere()
			go func() {
				timed(t, p, at, "bob", "wrong")
				done <- struct{}{}
			}()
		}
		synctest.Wait()
		if _, err := timed(t, p, good, "ann", "a"); err != nil {
			t.Errorf("who is known to be good has to wait: %v", err)
		}
		for range n {
			<-done
		}
		if c := p.Verifier.Counters(); c.Failed > failuresAtOnce+failuresPerSecond*uint64(patience/time.Second)+1 || c.Failed < failuresAtOnce {
			t.Errorf("%d failures: %+v", c.Failed, c)
		}
		time.Sleep(time.Minute)
		for range 3 * failuresAtOnce { // successes cost nothing of it
			if _, err := timed(t, p, somewhere(), "bob", "b"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// What is known of failures is bounded; what is forgotten first failed longest
// ago.
func TestOriginsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle()
		for i := range 3 * maxOrigins {
			th.failed(origin{sourceAt(somewhere()), strconv.Itoa(i)})
		}
		if n := len(th.origins.entries); n != maxOrigins || th.origins.order.Len() != n {
			t.Errorf("%d origins", n)
		}
		c := newCache()
		for i := range 2 * maxVerified {
			c.remember(c.proof(strconv.Itoa(i), nil, hashOf0))
		}
		if n := len(c.verified.entries); n != maxVerified {
			t.Errorf("%d secrets are remembered", n)
		}
		if c.has(c.proof("0", nil, hashOf0)) || !c.has(c.proof(strconv.Itoa(2*maxVerified-1), nil, hashOf0)) {
			t.Error("the last is forgotten first")
		}
	})
}

func TestSlowedAndLift(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := throttled(t)
		p.Verifier.logger = slog.New(slog.NewTextHandler(&log, nil))
		fail(t, p, stranger, "ann", 6)
		fail(t, p, "@", "bob", 6)
		fail(t, p, somewhere(), "bob", 4)
		got := fmt.Sprint(p.Verifier.Slowed())
		if want := "[{unix socket bob 6 2s} {192.0.2.7 ann 6 1s}]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		for _, want := range []string{`level=WARN msg="logins slowed down" remote=192.0.2.7:1883 source=192.0.2.7 user=ann failures=5 delay=1s`, "failures=6 delay=2s"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log has no %s:\n%s", want, log.String())
			}
		}
		if strings.Contains(log.String(), "failures=4") || strings.Contains(log.String(), "wrong") {
			t.Errorf("the log has too much:\n%s", log.String())
		}
		if n := p.Verifier.LiftAddress(netip.MustParseAddr("192.0.2.7")); n != 1 {
			t.Errorf("%d were lifted", n)
		}
		if took, err := timed(t, p, stranger, "ann", "a"); took != 0 || err != nil {
			t.Errorf("after it was lifted: %v, %v", took, err)
		}
		if n := p.Verifier.Lift(); n != 1 || len(p.Verifier.Slowed()) != 0 {
			t.Errorf("%d were lifted", n)
		}
	})
}
