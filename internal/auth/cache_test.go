package auth

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/packet"
)

// hashOf0 is a hash whose zero value is enough.
var hashOf0 = &password.Hash{}

// A secret that was verified is not verified again, until it has not been used
// for a while, or the password was changed.
func TestRememberedSecrets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := NewVerifier(Options{})
		before := &Passwords{Users: usersOf(t, map[string]string{"ann": "a", "bob": "a"}), Verifier: v}
		after := &Passwords{Users: usersOf(t, map[string]string{"ann": "new", "bob": "a"}), Verifier: v}
		for _, step := range []struct {
			what         string
			p            *Passwords
			name, secret string
			want         packet.ReasonCode
			remembered   uint64
			wait         time.Duration
		}{
			{"first", before, "ann", "a", packet.Success, 0, 0},
			{"again", before, "ann", "a", packet.Success, 1, 0},
			{"another secret", before, "ann", "b", packet.NotAuthorized, 1, 0},
			{"the secret of somebody else", before, "bob", "a", packet.Success, 1, 0},
			{"after a while", before, "ann", "a", packet.Success, 2, idle},
			{"after another", before, "ann", "a", packet.Success, 3, idle},
			{"too long after", before, "ann", "a", packet.Success, 3, idle + time.Second},
			{"the old password", after, "ann", "a", packet.NotAuthorized, 3, 0},
			{"the new password", after, "ann", "new", packet.Success, 3, 0},
			{"the new password again", after, "ann", "new", packet.Success, 4, 0},
			{"a user like before, with another salt", after, "bob", "a", packet.Success, 4, 0},
		} {
			time.Sleep(step.wait)
			expectCode(t, step.what, login(t.Context(), step.p, stranger, step.name, step.secret), step.want)
			if n := v.Counters().Remembered; n != step.remembered {
				t.Errorf("%s: %d were remembered, not %d", step.what, n, step.remembered)
			}
		}
	})
}

// Fields do not run into each other, and no two processes have the same proofs.
func TestProofs(t *testing.T) {
	t.Parallel()
	c := newCache()
	seen := map[proof]string{}
	for _, one := range []struct{ user, secret string }{{"ab", "c"}, {"a", "bc"}, {"", "abc"}, {"abc", ""}} {
		p := c.proof(one.user, []byte(one.secret), hashOf0)
		if other, twice := seen[p]; twice {
			t.Errorf("%v has the proof of %s", one, other)
		}
		seen[p] = one.user
	}
	if newCache().proof("a", nil, hashOf0) == c.proof("a", nil, hashOf0) {
		t.Error("two caches have the same key")
	}
}
