package dynsec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/packet"
)

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
  {"username":"boss","roles":[{"rolename":"control"}]}],
 "groups": [
  {"groupname":"first","roles":[{"rolename":"no"}],"clients":[{"username":"own","priority":100},{"username":"groups","priority":1}]},
  {"groupname":"second","roles":[{"rolename":"yes"}],"clients":[{"username":"groups","priority":2}]},
  {"groupname":"nobody","roles":[{"rolename":"yes"}],"clients":[]}],
 "anonymousGroup": "nobody"}`

const unsubscribe broker.Action = 99 // in the table only

func TestDecisions(t *testing.T) {
	t.Parallel()
	s := newBench(t, house)
	for _, c := range []struct {
		user, id string
		action   broker.Action
		topic    string
		why      string // empty: allowed
	}{
		{"s", "c1", broker.Publish, "state/c1/temperature", ""},
		{"s", "c1", broker.Publish, "state/c1", ""},
		{"s", "c1", broker.Publish, "state/c2/temperature", "no role says anything"},
		{"s", "c1", broker.Publish, "state/c1/secret", `role "sensor" denies publishClientSend "state/+/secret"`},
		{"s", "c1", broker.Publish, "user/s", ""},
		{"s", "c1", broker.Publish, "user/t", "no role"},
		{"s", "c1", broker.Receive, "hidden/x", `role "sensor" denies publishClientReceive "hidden/#"`},
		{"s", "c1", broker.Receive, "anything", ""},
		{"s", "c1", broker.Receive, "$CONTROL/x", "no role"},
		{"s", "c1", broker.Subscribe, "cmd/#", ""}, // the literal comes first
		{"s", "c1", broker.Subscribe, "cmd/x", `denies subscribePattern "cmd/#"`},
		{"s", "c1", broker.Subscribe, "cmd/+", "denies"},
		{"s", "c1", broker.Subscribe, "$share/g/cmd/x", ""},
		{"s", "c1", broker.Subscribe, "$share/h/cmd/x", "no role"},
		{"s", "c1", broker.Subscribe, "own/c1/+", ""},
		{"s", "c1", broker.Subscribe, "own/c2/+", "no role"},
		{"s", "c1", broker.Subscribe, "own/%c", ""}, // nothing takes the place of %c in a literal
		{"s", "c1", broker.Subscribe, "own/c1", ""},
		{"s", "c1", broker.Subscribe, "#", "no role"},
		{"s", "c1", unsubscribe, "cmd/#", "denies unsubscribeLiteral"},
		{"s", "c1", unsubscribe, "cmd/x", ""},
		{"s", "c1", unsubscribe, "keep/x", `denies unsubscribePattern "keep/+"`},
		{"n", "c", broker.Subscribe, "a/b", ""},
		{"n", "c", broker.Subscribe, "a/+", `role "narrow" denies subscriptions with wildcards`},
		{"n", "c", broker.Subscribe, "#", "wildcards"},
		{"noyes", "c", broker.Publish, "a", `role "no"`},
		{"noyes", "c", broker.Publish, "b", ""},
		{"yesno", "c", broker.Publish, "a", ""},
		{"tie", "c", broker.Publish, "a", `role "no"`}, // by name
		{"own", "c", broker.Publish, "a", ""},          // before any group
		{"groups", "c", broker.Publish, "a", ""},       // second is before first
		{"", "c", broker.Publish, "a", ""},
		{"", "c", broker.Publish, "c", "the default is to deny"},
		{"who", "c", broker.Publish, "a", "no such client"},
		{"who", "c", broker.Subscribe, "a", "no such client"},
		{"who", "c", unsubscribe, "a", "no such client"},
		// A name with wildcards or levels does not widen what it may do.
		{"s", "+", broker.Publish, "state/c1/temperature", "no role"},
		{"s", "#", broker.Publish, "state/c1/temperature", "no role"},
		{"s", "c1/..", broker.Publish, "state/c1/x", "no role"},
		{"s", "", broker.Publish, "state//x", "no role"},
		{"a+b", "c", broker.Publish, "user/a+b", "no role"},
		{"g", "c", broker.Publish, "door/c", `role "guard" denies publishClientSend "door/c"`},
		{"g", "c", broker.Publish, "door/d", ""},
		{"g", "+", broker.Publish, "door/d", "denies"}, // nor does it get out of what it may not
		{"boss", "c", broker.Publish, "$CONTROL/dynamic-security/v1", ""},
		{"boss", "c", broker.Subscribe, "$CONTROL/dynamic-security/v1", "no role"},
	} {
		var err error
		if c.action == unsubscribe {
			v := s.view.Load()
			err = v.filter(identity{c.user, c.id}, unsubscribeLiteral, unsubscribePattern, c.topic, v.book.defaults.Unsubscribe)
		} else {
			err = s.decide(identity{c.user, c.id}, c.action, c.topic)
		}
		switch {
		case c.why == "" && err != nil, c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why)):
			t.Errorf("%s as %s, %d %s: %v, want %q", c.user, c.id, c.action, c.topic, err, c.why)
		case err != nil && !errors.Is(err, packet.NotAuthorized):
			t.Errorf("%v has no reason code", err)
		}
		if Undecided(err) != (c.user == "who") {
			t.Errorf("%s: undecided %v", c.user, Undecided(err))
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
	if err := s.Reload([]byte("{")); err == nil || !s.Knows("u") {
		t.Errorf("after a broken file: %v, %v", err, s.Knows("u"))
	}
	if err := s.Reload([]byte("{}")); err != nil || s.Knows("u") {
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
		if err := s.decide(identity{"own", strconv.Itoa(i)}, broker.Publish, "a"); err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
			if err := s.decide(identity{"own", "c"}, broker.Publish, "x/199"); err != nil {
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
		_ = s.decide(identity{"own", strconv.Itoa(i)}, broker.Publish, "a")
	}
	if n := len(s.view.Load().subjects); n > maxSubjects {
		t.Errorf("%d are remembered", n)
	}
}

func TestDecidingAllocatesNothing(t *testing.T) {
	s := newBench(t, house)
	if n := testing.AllocsPerRun(100, func() {
		_ = s.decide(identity{"s", "c1"}, broker.Publish, "state/c1/temperature")
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
		if err := s.decide(identity{"u", "c"}, broker.Publish, "plant/500/a/b"); err != nil {
			b.Fatal(err)
		}
	}
}
