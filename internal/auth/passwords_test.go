package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/packet"
)

// Both are needed, a user name and the password of that user.
// CVE-2016-9877 (RabbitMQ): a user name without a password was accepted.
func TestUserAndPassword(t *testing.T) {
	t.Parallel()
	type given struct {
		name  string
		has   bool
		value string
	}
	users := []given{{"absent", false, ""}, {"empty", true, ""}, {"right", true, "ann"}, {"wrong", true, "eve"}, {"of another case", true, "Ann"}, {"longer", true, "ann\x00"}}
	secrets := []given{{"absent", false, ""}, {"empty", true, ""}, {"right", true, "secret"}, {"wrong", true, "Secret"}, {"longer", true, "secrets"}}
	for _, anonymous := range []bool{false, true} {
		for _, u := range users {
			for _, s := range secrets {
				p := &Passwords{Users: usersOf(t, map[string]string{"ann": "secret", "bob": "other"}), Verifier: NewVerifier(Options{}), Anonymous: anonymous}
				r := &broker.ConnectRequest{HasUsername: u.has, Username: u.value, HasPassword: s.has, Password: []byte(s.value), Conn: conn{from: stranger}}
				err := p.Authenticate(t.Context(), r)
				want := packet.NotAuthorized
				right := u.name == "right" && s.name == "right"
				if right || !u.has && anonymous {
					want = packet.Success
				}
				what := fmt.Sprintf("anonymous %v, user %s, password %s", anonymous, u.name, s.name)
				expectCode(t, what, err, want)
				if (r.Credential != nil) != right {
					t.Errorf("%s: the credential is %v", what, r.Credential)
				}
				if err == nil {
					continue
				}
				if told := new(Refusal); !errors.As(err, &told) || told.ReasonString() == "" {
					t.Errorf("%s: %v does not tell the client what to do", what, err)
				}
			}
		}
	}
}

// The client is told the same whether there is such a user or not.
func TestRefusalsDoNotTellWhoExists(t *testing.T) {
	t.Parallel()
	p := &Passwords{Users: usersOf(t, map[string]string{"ann": "secret"}), Verifier: NewVerifier(Options{})}
	var known, unknown *Refusal
	errors.As(login(t.Context(), p, stranger, "ann", "x"), &known)
	errors.As(login(t.Context(), p, stranger, "eve", "x"), &unknown)
	if known.code != unknown.code || known.advice != unknown.advice {
		t.Errorf("%+v for a user, and %+v for none", known, unknown)
	}
	if known.Error() == unknown.Error() {
		t.Error("the log does not tell the two apart")
	}
}

func TestNobodyIsAUser(t *testing.T) {
	t.Parallel()
	for _, users := range []*Users{NewUsers(nil), {}} {
		p := &Passwords{Users: users, Verifier: NewVerifier(Options{}), Anonymous: true}
		expectCode(t, "no users", login(t.Context(), p, stranger, "", ""), packet.NotAuthorized)
	}
}

// All kinds of hashes that Mosquitto and go-auth write let their users in.
func TestKindsOfHashes(t *testing.T) {
	t.Parallel()
	text := strings.Join([]string{
		"m20:$7$101$Enz0TclhXchMiaT6$HMiDoIfbjRSvI5Q0i6Nn8CILaGlrzM/S2M6rwVC9BydS1vLxncrxXSsMx07ngSjOPWR0C61SSkBp6LWgWoRiqw==",
		"m16:$6$1j0bcFCJgxC7RDm1$xWZaC3pnW35LIkCD4+Kh6lBHzvyKblD381jncsIFJuLKSdTmIOGHjCauvkYVD181Hw5gOi+/wob/FCRwj6Mazg==",
		"goauth:PBKDF2$sha256$100000$MDEyMzQ1Njc4OWFiY2RlZg==$plwZLotEAEMO707yToj/A2wZs5Moai9JwWz+JsVD+Cc=",
		"bcrypt:$2a$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
	}, "\n")
	f, err := password.ParseFile([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	hashes, err := f.Users()
	if err != nil {
		t.Fatal(err)
	}
	p := &Passwords{Users: NewUsers(hashes), Verifier: NewVerifier(Options{})}
	for name := range hashes {
		expectCode(t, name, login(t.Context(), p, somewhere(), name, "secret"), packet.Success)
		expectCode(t, name, login(t.Context(), p, somewhere(), name, "other"), packet.NotAuthorized)
	}
}

// An unknown user costs what most of the known ones do, and is never let in by
// the password of the one whose hash stands in.
func TestDecoy(t *testing.T) {
	t.Parallel()
	hashes := map[string]*password.Hash{"a": hashOf(t, "secret", 10), "b": hashOf(t, "secret", 10), "c": hashOf(t, "secret", 9000)}
	users := NewUsers(hashes)
	h, known := users.find("nobody")
	if known || h.Cost().Iterations != 10 {
		t.Errorf("known %v, costs %+v", known, h.Cost())
	}
	p := &Passwords{Users: users, Verifier: NewVerifier(Options{})}
	for range 2 {
		expectCode(t, "the password of the decoy", login(t.Context(), p, somewhere(), "nobody", "secret"), packet.NotAuthorized)
		expectCode(t, "a", login(t.Context(), p, somewhere(), "a", "secret"), packet.Success)
		expectCode(t, "b", login(t.Context(), p, somewhere(), "b", "secret"), packet.Success)
	}
	delete(hashes, "a") // the map is the caller's
	expectCode(t, "a", login(t.Context(), p, somewhere(), "a", "secret"), packet.Success)
}

func TestPasswordsReview(t *testing.T) {
	t.Parallel()
	old, fresh := hashOf(t, "secret", 1), hashOf(t, "secret", 1)
	same, err := password.Parse(old.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name       string
		user       string
		credential any
		now        map[string]*password.Hash
		anonymous  bool
		stays      bool
	}{
		{"nothing changed", "ann", old, map[string]*password.Hash{"ann": same}, false, true},
		{"another salt", "ann", old, map[string]*password.Hash{"ann": fresh}, false, false},
		{"removed", "ann", old, nil, false, false},
		{"removed where anonymous clients may come", "ann", old, nil, true, false},
		{"renamed", "ann", old, map[string]*password.Hash{"eve": same}, false, false},
		{"anonymous", "", nil, nil, true, true},
		{"anonymous no more", "", nil, map[string]*password.Hash{"ann": same}, false, false},
		{"by something else than a password", "ann", "certificate", map[string]*password.Hash{"ann": same}, true, false},
		{"a name that was not verified", "ann", nil, map[string]*password.Hash{"ann": same}, true, false},
	} {
		p := &Passwords{Users: NewUsers(test.now), Verifier: NewVerifier(Options{}), Anonymous: test.anonymous}
		err := p.Review(test.user, test.credential)
		if (err == nil) != test.stays {
			t.Errorf("%s: %v", test.name, err)
		}
		if err != nil {
			expectCode(t, test.name, err, packet.NotAuthorized)
		}
	}
}

// A login that cannot be decided is refused, whatever the reason.
func TestUndecidedIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := NewVerifier(Options{Workers: 1, MaxWaiting: 1})
		p := &Passwords{Users: usersOf(t, map[string]string{"ann": "secret", "bob": "secret", "eve": "secret"}), Verifier: v}
		done, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		go v.pool.do(t.Context(), 0, func() { <-release })
		synctest.Wait()
		outcome := make(chan error, 1)
		go func() { outcome <- login(done, p, stranger, "ann", "secret") }()
		synctest.Wait()
		if v.Counters().Waiting != 1 {
			t.Errorf("%+v: nobody waits", v.Counters())
		}
		expectCode(t, "nobody may wait any more", login(t.Context(), p, stranger, "bob", "secret"), packet.ServerBusy)
		cancel()
		expectCode(t, "there is no time", <-outcome, packet.ServerBusy)
		close(release)
		synctest.Wait()
		if c := v.Counters(); c.Busy != 2 || c.Waiting != 0 || c.Succeeded+c.Failed != 0 {
			t.Errorf("%+v", c)
		}
		expectCode(t, "there is nobody else", login(t.Context(), p, stranger, "bob", "secret"), packet.Success)
	})
}
