package dynsec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/acl"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/packet"
)

// ask decides, and says why not.
func (s *Security) ask(user, id string, a acl.Action, topic string) error {
	err, _ := s.Decide(acl.Question{User: user, Client: id, Action: a, Topic: topic})
	return err
}

// house has roles of all kinds, attached in all ways.
const house = `{
 "defaultACLAccess": {"publishClientSend":false,"publishClientReceive":true,"subscribe":false,"unsubscribe":true},
 "roles": [
  {"rolename":"sensor","acls":[
    {"acltype":"publishClientSend","topic":"state/%c/#","allow":true},
    {"acltype":"publishClientSend","topic":"user/%u","allow":true},
    {"acltype":"publishClientSend","topic":"state/+/secret","priority":5,"allow":false},
    {"acltype":"publishClientReceive","topic":"hidden/#","allow":false},
    {"acltype":"subscribeLiteral","topic":"cmd/#","allow":true},
    {"acltype":"subscribePattern","topic":"cmd/#","priority":1,"allow":false},
    {"acltype":"subscribePattern","topic":"$share/g/cmd/+","priority":2,"allow":true},
    {"acltype":"subscribePattern","topic":"own/%c/#","allow":true},
    {"acltype":"subscribeLiteral","topic":"own/%c","allow":true},
    {"acltype":"unsubscribeLiteral","topic":"cmd/#","allow":false},
    {"acltype":"unsubscribePattern","topic":"keep/+","allow":false}]},
  {"rolename":"narrow","allowwildcardsubs":false,"acls":[{"acltype":"subscribePattern","topic":"#","allow":true}]},
  {"rolename":"no","acls":[{"acltype":"publishClientSend","topic":"a","allow":false}]},
  {"rolename":"yes","acls":[{"acltype":"publishClientSend","topic":"a","allow":true},{"acltype":"publishClientSend","topic":"b","allow":true}]},
  {"rolename":"guard","acls":[{"acltype":"publishClientSend","topic":"door/%c","allow":false},{"acltype":"publishClientSend","topic":"door/+","priority":-1,"allow":true}]},
  {"rolename":"loose","acls":[{"acltype":"publishClientSend","topic":"%c/#","allow":true},{"acltype":"subscribePattern","topic":"%c/#","allow":true}]},
  {"rolename":"control","acls":[{"acltype":"publishClientSend","topic":"$CONTROL/#","allow":true}]}],
 "clients": [
  {"username":"s","roles":[{"rolename":"sensor"}]},
  {"username":"n","roles":[{"rolename":"narrow"}]},
  {"username":"noyes","roles":[{"rolename":"no","priority":2},{"rolename":"yes","priority":1}]},
  {"username":"yesno","roles":[{"rolename":"no","priority":1},{"rolename":"yes","priority":2}]},
  {"username":"tie","roles":[{"rolename":"yes"},{"rolename":"no"}]},
  {"username":"own","roles":[{"rolename":"yes"}]},
  {"username":"groups","roles":[]},
  {"username":"a+b","roles":[{"rolename":"sensor"},{"rolename":"guard"}]},
  {"username":"g","roles":[{"rolename":"guard"}]},
  {"username":"l","roles":[{"rolename":"loose"}]},
  {"username":"boss","roles":[{"rolename":"control"}]}],
 "groups": [
  {"groupname":"first","roles":[{"rolename":"no"}],"clients":[{"username":"own","priority":100},{"username":"groups","priority":1}]},
  {"groupname":"second","roles":[{"rolename":"yes"}],"clients":[{"username":"groups","priority":2}]},
  {"groupname":"nobody","roles":[{"rolename":"yes"}],"clients":[]}],
 "anonymousGroup": "nobody"}`

const unsubscribe acl.Action = 99 // in the table only

func TestDecisions(t *testing.T) {
	t.Parallel()
	s := newBench(t, house)
	for _, c := range []struct {
		user, id string
		action   acl.Action
		topic    string
		why      string // empty: allowed
	}{
		{"s", "c1", acl.Publish, "state/c1/temperature", ""},
		{"s", "c1", acl.Publish, "state/c1", ""},
		{"s", "c1", acl.Publish, "state/c2/temperature", "no role allows publishClientSend"},
		{"s", "c1", acl.Publish, "state/c1/secret", `role "sensor" denies publishClientSend "state/+/secret"`},
		{"s", "c1", acl.Publish, "user/s", ""},
		{"s", "c1", acl.Publish, "user/t", "no role allows"},
		{"s", "c1", acl.Receive, "hidden/x", `role "sensor" denies publishClientReceive "hidden/#"`},
		{"s", "c1", acl.Receive, "anything", ""},
		{"s", "c1", acl.Receive, "$CONTROL/x", "no role allows"},
		{"s", "c1", acl.Subscribe, "cmd/#", ""}, // the literal comes first
		{"s", "c1", acl.Subscribe, "cmd/x", `denies subscribePattern "cmd/#"`},
		{"s", "c1", acl.Subscribe, "cmd/+", "denies"},
		{"s", "c1", acl.Subscribe, "$share/g/cmd/x", ""},
		{"s", "c1", acl.Subscribe, "$share/h/cmd/x", "no role allows"},
		{"s", "c1", acl.Subscribe, "own/c1/+", ""},
		{"s", "c1", acl.Subscribe, "own/c2/+", "no role allows"},
		{"s", "c1", acl.Subscribe, "own/%c", ""}, // nothing takes the place of %c in a literal
		{"s", "c1", acl.Subscribe, "own/c1", ""},
		{"s", "c1", acl.Subscribe, "#", "no role allows"},
		{"s", "c1", unsubscribe, "cmd/#", "denies unsubscribeLiteral"},
		{"s", "c1", unsubscribe, "cmd/x", ""},
		{"s", "c1", unsubscribe, "keep/x", `denies unsubscribePattern "keep/+"`},
		{"n", "c", acl.Subscribe, "a/b", ""},
		{"n", "c", acl.Subscribe, "a/+", `role "narrow" denies subscriptions with wildcards`},
		{"n", "c", acl.Subscribe, "#", "wildcards"},
		{"noyes", "c", acl.Publish, "a", `role "no"`},
		{"noyes", "c", acl.Publish, "b", ""},
		{"yesno", "c", acl.Publish, "a", ""},
		{"tie", "c", acl.Publish, "a", `role "no"`}, // by name
		{"own", "c", acl.Publish, "a", ""},          // before any group
		{"groups", "c", acl.Publish, "a", ""},       // second is before first
		{"", "c", acl.Publish, "a", ""},
		{"", "c", acl.Publish, "c", "the default is to deny"},
		{"who", "c", acl.Publish, "a", "no such client"},
		{"who", "c", acl.Subscribe, "a", "no such client"},
		{"who", "c", unsubscribe, "a", "no such client"},
		// A name with wildcards or levels does not widen what it may do.
		{"s", "+", acl.Publish, "state/c1/temperature", "no role allows"},
		{"s", "#", acl.Publish, "state/c1/temperature", "no role allows"},
		{"s", "c1/..", acl.Publish, "state/c1/x", "no role allows"},
		{"s", "", acl.Publish, "state//x", "no role allows"},
		{"a+b", "c", acl.Publish, "user/a+b", "no role allows"},
		{"g", "c", acl.Publish, "door/c", `role "guard" denies publishClientSend "door/c"`},
		{"g", "c", acl.Publish, "door/d", ""},
		{"g", "+", acl.Publish, "door/d", "denies"}, // nor does it get out of what it may not
		{"l", "c", acl.Publish, "c/x", ""},
		{"l", "$CONTROL", acl.Publish, "$CONTROL/dynamic-security/v1", "no role allows"},
		{"l", "$SYS", acl.Subscribe, "$SYS/#", "no role allows"},
		{"boss", "c", acl.Publish, "$CONTROL/dynamic-security/v1", ""},
		{"boss", "c", acl.Subscribe, "$CONTROL/dynamic-security/v1", "no role allows"},
	} {
		decide, q := s.Decide, acl.Question{User: c.user, Client: c.id, Action: c.action, Topic: c.topic}
		if c.action == unsubscribe {
			decide = s.DecideUnsubscribe
		}
		err, decided := decide(q)
		switch {
		case c.why == "" && err != nil, c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why)):
			t.Errorf("%s as %s, %d %s: %v, want %q", c.user, c.id, c.action, c.topic, err, c.why)
		case err != nil && !errors.Is(err, packet.NotAuthorized):
			t.Errorf("%v has no reason code", err)
		}
		if decided != (c.user != "who") {
			t.Errorf("%s: decided %v", c.user, decided)
		}
		if c.action == unsubscribe {
			continue
		}
		switch e, explained := s.Explain(q); {
		case e.Allowed != (err == nil) || explained != decided:
			t.Errorf("%s as %s, %d %s: explained as %+v, %v, decided as %v", c.user, c.id, c.action, c.topic, e, explained, err)
		case err != nil && e.Reason != err.Error():
			t.Errorf("%s as %s, %d %s: the log says %q, explained as %q", c.user, c.id, c.action, c.topic, err, e.Reason)
		}
	}
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	s := newBench(t, house)
	s.want("createClient", `"username":"u","password":"secret","clientid":"mine"`, "")
	for _, c := range []struct{ user, id, secret, why string }{
		{"u", "mine", "secret", ""},
		{"u", "mine", "wrong", "bad user name"},
		{"u", "other", "secret", `the client identifier is not "mine"`},
		{"who", "mine", "secret", "bad user name"},
		{"s", "mine", "", "bad user name"}, // it has no password
	} {
		r := &broker.ConnectRequest{Username: c.user, ClientID: c.id, Password: []byte(c.secret), HasUsername: true, HasPassword: true}
		if err := s.Authenticate(t.Context(), r); c.why == "" && err != nil || c.why != "" && (err == nil || !strings.Contains(strings.ToLower(err.Error()), c.why)) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	s.want("disableClient", `"username":"u"`, "")
	r := &broker.ConnectRequest{Username: "u", ClientID: "mine", Password: []byte("secret"), HasUsername: true, HasPassword: true}
	if err := s.Authenticate(t.Context(), r); err == nil || !strings.Contains(err.Error(), "disabled") {
		t.Errorf("disabled: %v", err)
	}
	if err := s.Review("u", nil); err == nil {
		t.Error("a disabled client may stay")
	}
	if err := s.Review("s", nil); err != nil {
		t.Error(err)
	}
	if err := s.Reload(func() ([]byte, error) { return []byte("{"), nil }); err == nil || !s.Knows("u") {
		t.Errorf("after a broken file: %v, %v", err, s.Knows("u"))
	}
	if err := s.Reload(func() ([]byte, error) { return []byte("{}"), nil }); err != nil || s.Knows("u") {
		t.Errorf("after another file: %v, %v", err, s.Knows("u"))
	}
}

// Decisions are made while commands are done, and remember no more than they may.
func TestDecideMeanwhile(t *testing.T) {
	t.Parallel()
	s := newBench(t, house)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			s.do("addRoleACL", fmt.Sprintf(`"rolename":"yes","acltype":"publishClientSend","topic":"x/%d","allow":true`, i))
		}
	}()
	for i := 0; ; i++ {
		if err := s.ask("own", strconv.Itoa(i), acl.Publish, "a"); err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
			if err := s.ask("own", "c", acl.Publish, "x/199"); err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
	}
}

func TestSubjectsAreBounded(t *testing.T) {
	t.Parallel()
	s := newBench(t, house)
	for i := range maxSubjects + 10 {
		_ = s.ask("own", strconv.Itoa(i), acl.Publish, "a")
	}
	if n := len(s.view.Load().subjects); n > maxSubjects {
		t.Errorf("%d are remembered", n)
	}
}

func TestDecidingAllocatesNothing(t *testing.T) {
	s := newBench(t, house)
	if n := testing.AllocsPerRun(100, func() {
		_ = s.ask("s", "c1", acl.Publish, "state/c1/temperature")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDecide(b *testing.B) {
	var text strings.Builder
	text.WriteString(`{"roles":[{"rolename":"r","acls":[`)
	for i := range 1000 {
		fmt.Fprintf(&text, `{"acltype":"publishClientSend","topic":"plant/%d/+/#","allow":true},`, i)
	}
	text.WriteString(`{"acltype":"publishClientSend","topic":"x","allow":true}]}],"clients":[{"username":"u","roles":[{"rolename":"r"}]}]}`)
	s, err := New([]byte(text.String()), Options{Passwords: func(map[string]*password.Hash) broker.Authenticator { return nil }})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := s.ask("u", "c", acl.Publish, "plant/500/a/b"); err != nil {
			b.Fatal(err)
		}
	}
}
