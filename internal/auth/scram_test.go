package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/packet"
)

var _ client.Authenticator = (*SCRAMClient)(nil)

// scramOf are users with hashes for SCRAM, and one without.
func scramOf(t *testing.T, passwords map[string]string) *Passwords {
	t.Helper()
	hashes := map[string]*password.Hash{"plain": hashOf(t, "secret", 1)}
	for name, secret := range passwords {
		h, err := password.Recipe{Scheme: password.SCRAMSHA256, Iterations: password.MinSCRAMIterations}.Make([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		hashes[name] = h
	}
	return &Passwords{Users: NewUsers(hashes), Verifier: NewVerifier(Options{})}
}

func begin(t *testing.T, p *Passwords, r *broker.ConnectRequest) broker.AuthExchange {
	t.Helper()
	if r.Conn == nil {
		r.Conn = conn{from: stranger}
	}
	x, err := p.Begin(t.Context(), r, SCRAMSHA256)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// exchange does one of a client, and returns what came of it.
func exchange(t *testing.T, p *Passwords, r *broker.ConnectRequest, c *SCRAMClient) error {
	t.Helper()
	x := begin(t, p, r)
	data, err := c.Start()
	for err == nil {
		var answer []byte
		var done bool
		if answer, done, err = x.Next(t.Context(), data); err != nil {
			return err
		}
		if done {
			return c.Finish(answer)
		}
		data, err = c.Continue(answer)
	}
	return err
}

func TestSCRAM(t *testing.T) {
	t.Parallel()
	p := scramOf(t, map[string]string{"ann": "secret", "a=b,c": "pass\u2168word", "é": "x"})
	for _, test := range []struct {
		name, user, secret string
		right              bool
	}{
		{"right", "ann", "secret", true},
		{"wrong", "ann", "Secret", false},
		{"empty", "ann", "", false},
		{"escaped", "a=b,c", "pass\u2168word", true},
		{"entered otherwise", "a=b,c", "passIXword", true},
		{"not ASCII", "é", "x", true},
		{"nobody", "eve", "secret", false},
		{"another kind of hash", "plain", "secret", false},
	} {
		r := &broker.ConnectRequest{}
		err := exchange(t, p, r, &SCRAMClient{User: test.user, Password: []byte(test.secret)})
		if (err == nil) != test.right || (r.Credential != nil) != test.right || test.right && r.Username != test.user {
			t.Errorf("%s: %v; the request is %+v", test.name, err, r)
		}
		if err != nil {
			expectCode(t, test.name, err, packet.NotAuthorized)
		}
	}
	// The same hash lets in who tells the password.
	expectCode(t, "told", login(t.Context(), p, stranger, "ann", "secret"), packet.Success)
	expectCode(t, "told wrongly", login(t.Context(), p, stranger, "ann", "wrong"), packet.NotAuthorized)
	if err := p.Review("ann", p.Users.hashes["ann"]); err != nil {
		t.Error(err)
	}
}

func TestSCRAMNames(t *testing.T) {
	t.Parallel()
	p := scramOf(t, map[string]string{"ann": "secret"})
	for _, method := range []string{"", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "scram-sha-256", "PLAIN"} {
		_, err := p.Begin(t.Context(), &broker.ConnectRequest{}, method)
		expectCode(t, method, err, packet.BadAuthenticationMethod)
	}
	none := &Passwords{Users: usersOf(t, map[string]string{"ann": "secret"}), Verifier: NewVerifier(Options{})}
	_, err := none.Begin(t.Context(), &broker.ConnectRequest{}, SCRAMSHA256)
	expectCode(t, "nobody can use it", err, packet.BadAuthenticationMethod)
	c := &SCRAMClient{User: "ann", Password: []byte("secret")}
	if err := exchange(t, p, &broker.ConnectRequest{HasUsername: true, Username: "ann"}, c); err != nil {
		t.Errorf("the same name in the CONNECT: %v", err)
	}
	expectCode(t, "another name in the CONNECT", exchange(t, p, &broker.ConnectRequest{HasUsername: true, Username: "bob"}, c), packet.NotAuthorized)
}

// What is not as the RFC has it is refused, at whatever step.
func TestSCRAMRefuses(t *testing.T) {
	t.Parallel()
	p := scramOf(t, map[string]string{"ann": "secret"})
	for _, first := range []string{
		"n", "n,", "n,,", "x,,n=ann,r=1", "p=tls-exporter,,n=ann,r=1", "n,a=bob,n=ann,r=1", "n,,m=x,n=ann,r=1", "n,,n=ann", "n,,r=1,n=ann", "n,,n=,r=1", "n,,n=a=b,r=1",
		"n,,n=a=2c,r=1", "n,,n=ann,r=", "n,,n=ann,r=a b", "n,,n=ann,r=\u00e9", "n,,n=ann\x00,r=1", "n,,n=\xff,r=1", strings.Repeat("n", maxSCRAMMessage+1),
	} {
		_, done, err := begin(t, p, &broker.ConnectRequest{}).Next(t.Context(), []byte(first))
		expectCode(t, fmt.Sprintf("%.30q", first), err, packet.NotAuthorized)
		var told *Refusal
		if done || !errors.As(err, &told) || !strings.HasPrefix(told.ReasonString(), "SCRAM: ") {
			t.Errorf("%.30q: done %v, %v", first, done, err)
		}
	}
	proof := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for _, final := range []string{
		"", "c=biws", "c=biws,r=NONCE", "r=NONCE,c=biws,p=" + proof, "c=eSws,r=NONCE,p=" + proof, "c=!,r=NONCE,p=" + proof, "c=biws,r=1,p=" + proof, "c=biws,r=NONCEx,p=" + proof,
		"c=biws,r=NONCE,p=!", "c=biws,r=NONCE,p=", "c=biws,r=NONCE,p=AAAA", "c=biws,r=NONCE,p=" + proof, "n,,n=ann,r=1",
	} {
		x := begin(t, p, &broker.ConnectRequest{Conn: conn{from: somewhere()}})
		answer, _, err := x.Next(t.Context(), []byte("n,,n=ann,r=1"))
		if err != nil {
			t.Fatal(err)
		}
		nonce, _, _ := strings.Cut(string(answer), ",")
		_, done, err := x.Next(t.Context(), []byte(strings.ReplaceAll(final, "NONCE", nonce[2:])))
		expectCode(t, final, err, packet.NotAuthorized)
		if done {
			t.Errorf("%s is welcome", final)
		}
	}
}

// A client that waits to be asked, as MQTT allows, is asked; one that could bind
// a channel and sees that the server does not is welcome.
func TestSCRAMBeginnings(t *testing.T) {
	t.Parallel()
	p := scramOf(t, map[string]string{"ann": "secret"})
	x := begin(t, p, &broker.ConnectRequest{})
	if answer, done, err := x.Next(t.Context(), nil); answer != nil || done || err != nil {
		t.Errorf("got %q, %v, %v", answer, done, err)
	}
	if answer, done, err := x.Next(t.Context(), []byte("y,,n=ann,r=abc")); !strings.HasPrefix(string(answer), "r=abc") || done || err != nil {
		t.Errorf("got %q, %v, %v", answer, done, err)
	}
	x = begin(t, p, &broker.ConnectRequest{})
	x.Next(t.Context(), nil)
	_, _, err := x.Next(t.Context(), nil)
	expectCode(t, "nothing again", err, packet.NotAuthorized)
}

// Who does not exist has a salt like others: the same each time, and after other
// users have come.
func TestSCRAMOfNobody(t *testing.T) {
	t.Parallel()
	p := scramOf(t, map[string]string{"ann": "secret", "bob": "secret"})
	salt := func(p *Passwords, user string) string {
		answer, _, err := begin(t, p, &broker.ConnectRequest{}).Next(t.Context(), []byte("n,,n="+user+",r=1"))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(answer), ",")
		return rest
	}
	eve := salt(p, "eve")
	if eve == salt(p, "joe") || len(eve) != len(salt(p, "ann")) || !strings.HasSuffix(eve, ",i=4096") {
		t.Errorf("the salt of nobody is %s", eve)
	}
	again := &Passwords{Users: NewUsers(p.Users.hashes), Verifier: NewVerifier(Options{})}
	if salt(again, "eve") != eve || salt(p, "plain") == salt(p, "eve") {
		t.Error("the salt of nobody tells that there is nobody")
	}
}

// Guesses by SCRAM count as others do, together with them, and many exchanges
// begun at once are no more guesses.
func TestSCRAMGuesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := scramOf(t, map[string]string{"ann": "secret"})
		const n = 20
		results := make(chan error, n)
		for range n {
			go func() {
				results <- exchange(t, p, &broker.ConnectRequest{}, &SCRAMClient{User: "ann", Password: []byte("guess")})
			}()
		}
		for range n {
			<-results
		}
		count := p.Verifier.Counters()
		if count.Failed < 5 || count.Failed > 6 || count.Failed+count.Refused != n {
			t.Errorf("%+v", count)
		}
		time.Sleep(longestDelay)
		fail(t, p, stranger, "ann", 7-int(count.Failed))
		began := time.Now()
		exchange(t, p, &broker.ConnectRequest{}, &SCRAMClient{User: "ann", Password: []byte("secret")})
		if time.Since(began) != 4*time.Second {
			t.Errorf("the right password after a wrong one took %v", time.Since(began))
		}
	})
}

// A client finishes only with a server that knows the password, and is not made
// to work for ever.
func TestSCRAMClientRefuses(t *testing.T) {
	t.Parallel()
	salt := base64.StdEncoding.EncodeToString([]byte("salt"))
	for name, answer := range map[string]string{
		"empty": "", "other": "x", "nonce": "r=other,s=" + salt + ",i=4096", "the client's nonce": "r=NONCE,s=" + salt + ",i=4096", "salt": "r=NONCEx,s=!,i=4096", "no salt": "r=NONCEx,s=,i=4096",
		"few iterations": "r=NONCEx,s=" + salt + ",i=1", "many iterations": "r=NONCEx,s=" + salt + ",i=1000000000", "no number": "r=NONCEx,s=" + salt + ",i=x",
	} {
		c := &SCRAMClient{User: "ann", Password: []byte("secret")}
		c.Start()
		if _, err := c.Continue([]byte(strings.ReplaceAll(answer, "NONCE", c.nonce))); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	c := &SCRAMClient{User: "ann", Password: []byte("secret")}
	c.Start()
	if err := c.Finish(nil); err == nil {
		t.Error("a server that skips the exchange is accepted")
	}
	answer := []byte("r=" + c.nonce + "x,s=" + salt + ",i=4096")
	if _, err := c.Continue(answer); err != nil {
		t.Fatal(err)
	}
	for _, last := range []string{"", "v=", "v=AAAA", "e=other-error"} {
		if err := c.Finish([]byte(last)); err == nil {
			t.Errorf("%q is accepted", last)
		}
	}
	if _, err := c.Continue(answer); err == nil {
		t.Error("a second salt is accepted")
	}
}

// FuzzSCRAM: whatever a client says, it is not welcome without the password.
func FuzzSCRAM(f *testing.F) {
	f.Add([]byte("n,,n=ann,r=1"), []byte("c=biws,r=1,p=AAAA"))
	f.Add([]byte("y,,n=a=2Cb,r=1,x=y"), []byte("c=biws,r=1,x=y,p="))
	h, err := password.Recipe{Scheme: password.SCRAMSHA256, Iterations: password.MinSCRAMIterations}.Make([]byte("secret"))
	if err != nil {
		f.Fatal(err)
	}
	users := NewUsers(map[string]*password.Hash{"ann": h})
	f.Fuzz(func(t *testing.T, first, final []byte) {
		p := &Passwords{Users: users, Verifier: NewVerifier(Options{})}
		x := begin(t, p, &broker.ConnectRequest{})
		answer, done, err := x.Next(t.Context(), first)
		if err == nil && !done && len(answer) > 0 {
			nonce, _, _ := strings.Cut(string(answer), ",")
			_, done, err = x.Next(t.Context(), []byte(strings.Replace(string(final), "r=1", nonce, 1)))
		}
		if done {
			t.Errorf("%q and %q are welcome: %v", first, final, err)
		}
	})
}
