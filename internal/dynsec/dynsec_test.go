package dynsec

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/acl"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/packet"
)

// logins is an Authenticator of users with passwords, without any of the care
// that a broker takes.
type logins map[string]*password.Hash

func (l logins) Authenticate(_ context.Context, c *broker.ConnectRequest) error {
	if h := l[c.Username]; h == nil || !h.Verify(c.Password) {
		return packet.BadUserNameOrPassword
	}
	return nil
}

// bench is a Security whose file is in memory.
type bench struct {
	*testing.T
	*Security
	file     []byte
	failing  error
	expelled []map[string]bool
}

func newBench(t *testing.T, text string) *bench {
	t.Helper()
	b := &bench{T: t, file: []byte(text)}
	s, err := New([]byte(text), Options{
		Save: func(text []byte) error {
			if b.failing == nil {
				b.file = text
			}
			return b.failing
		},
		Passwords: func(h map[string]*password.Hash) broker.Authenticator { return logins(h) },
		Expel:     func(users map[string]bool) { b.expelled = append(b.expelled, users) },
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Security = s
	return b
}

// do does one command, of which fields are JSON, and returns its response
// without the name.
func (b *bench) do(command, fields string) string {
	b.Helper()
	request := fmt.Sprintf(`{"commands":[{"command":%q%s}]}`, command, comma(fields))
	var answer struct {
		Responses []struct {
			Command string
			Error   string
			Data    json.RawMessage
		}
	}
	if err := json.Unmarshal(b.Answer(Request{ID: "ctrl", User: "admin", Payload: []byte(request)}), &answer); err != nil || len(answer.Responses) != 1 {
		b.Fatalf("%s: %v, %+v", request, err, answer)
	}
	r := answer.Responses[0]
	if r.Command != command {
		b.Errorf("%s is answered by %s", command, r.Command)
	}
	return r.Error + string(r.Data)
}

func comma(fields string) string {
	if fields == "" {
		return ""
	}
	return "," + fields
}

// want does a command and compares the response.
func (b *bench) want(command, fields, want string) {
	b.Helper()
	if got := b.do(command, fields); got != want {
		b.Errorf("%s %s:\ngot  %s\nwant %s", command, fields, got, want)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	b := newBench(t, "{}")
	for _, c := range []struct{ command, fields, want string }{
		{"getDefaultACLAccess", "", `{"acls":[{"acltype":"publishClientSend","allow":false},{"acltype":"publishClientReceive","allow":true},{"acltype":"subscribe","allow":false},{"acltype":"unsubscribe","allow":true}]}`},
		{"setDefaultACLAccess", `"acls":[{"acltype":"publishClientSend","allow":true},{"acltype":"subscribe","allow":true}]`, ""},
		{"getDefaultACLAccess", "", `{"acls":[{"acltype":"publishClientSend","allow":true},{"acltype":"publishClientReceive","allow":true},{"acltype":"subscribe","allow":true},{"acltype":"unsubscribe","allow":true}]}`},
		{"setDefaultACLAccess", `"acls":[{"acltype":"other","allow":true}]`, "Unknown acltype"},
		{"setDefaultACLAccess", `"acls":[{"acltype":"subscribe"}]`, "Invalid/missing allow"},
		{"setDefaultACLAccess", `"acls":[{"acltype":"unsubscribe","access":"allow"}]`, ""},
		{"setDefaultACLAccess", ``, "Invalid/missing acls array"},

		{"createRole", `"rolename":"r1","textname":"one","acls":[{"acltype":"publishClientSend","topic":"a/#","allow":true,"priority":5}]`, ""},
		{"createRole", `"rolename":"r1"`, "Role already exists"},
		{"createRole", ``, "Invalid/missing rolename"},
		{"createRole", `"rolename":7`, "Invalid/missing rolename"},
		{"createRole", `"rolename":"r2","acls":[{"acltype":"x","topic":"a"}]`, "Unknown acltype"},
		{"createRole", `"rolename":"r2","acls":[{"acltype":"subscribeLiteral","topic":"a/#/b"}]`, "Invalid ACL topic"},
		{"createRole", `"rolename":"r2","acls":[{"acltype":"subscribeLiteral","topic":"a"},{"acltype":"subscribeLiteral","topic":"a"}]`, "ACL with this topic already exists"},
		{"createRole", `"rolename":"r2","allowwildcardsubs":false`, ""},
		{"addRoleACL", `"rolename":"r2","acltype":"subscribePattern","topic":"b/+","allow":true`, ""},
		{"addRoleACL", `"rolename":"r2","acltype":"subscribePattern","topic":"b/+"`, "ACL with this topic already exists"},
		{"addRoleACL", `"rolename":"none","acltype":"subscribePattern","topic":"b/+"`, "Role not found"},
		{"removeRoleACL", `"rolename":"r2","acltype":"subscribeLiteral","topic":"b/+"`, "ACL not found"},
		{"getRole", `"rolename":"r2"`, `{"role":{"rolename":"r2","allowwildcardsubs":false,"acls":[{"acltype":"subscribePattern","topic":"b/+","priority":0,"allow":true}]}}`},
		{"removeRoleACL", `"rolename":"r2","acltype":"subscribePattern","topic":"b/+"`, ""},
		{"modifyRole", `"rolename":"r2","textdescription":"two","allowwildcardsubs":true`, ""},
		{"listRoles", ``, `{"totalCount":2,"roles":["r1","r2"]}`},
		{"listRoles", `"verbose":true,"count":1,"offset":1`, `{"totalCount":2,"roles":[{"rolename":"r2","textdescription":"two","allowwildcardsubs":true,"acls":[]}]}`},

		{"createGroup", `"groupname":"g1","roles":[{"rolename":"r1","priority":9}]`, ""},
		{"createGroup", `"groupname":"g1"`, "Group already exists"},
		{"createGroup", `"groupname":"g2","roles":[{"rolename":"none"}]`, "Role not found"},
		{"createGroup", `"groupname":"g2"`, ""},
		{"addGroupRole", `"groupname":"g2","rolename":"r2"`, ""},
		{"addGroupRole", `"groupname":"g2","rolename":"r2"`, "Group is already in this role"},

		{"createClient", `"username":"u1","password":"secret","clientid":"c1","textname":"first","groups":[{"groupname":"g1","priority":3}],"roles":[{"rolename":"r2"}]`, ""},
		{"createClient", `"username":"u1"`, "Client already exists"},
		{"createClient", `"username":"u2","password":""`, "Empty password is not allowed"},
		{"createClient", `"username":"u2","groups":[{"groupname":"none"}]`, "Group not found"},
		{"createClient", `"username":"u\u0007"`, "Invalid/missing username"},
		{"createClient", `"username":"u2"`, ""},
		{"getClient", `"username":"u1"`, `{"client":{"username":"u1","clientid":"c1","textname":"first","roles":[{"rolename":"r2"}],"groups":[{"groupname":"g1","priority":3}],"connections":[]}}`},
		{"getClient", `"username":"none"`, "Client not found"},
		{"listClients", `"count":1`, `{"totalCount":2,"clients":["u1"]}`},
		{"listClients", `"offset":-1`, "Invalid/missing offset"},
		{"listClients", `"offset":7`, `{"totalCount":2,"clients":[]}`},
		{"addClientRole", `"username":"u2","rolename":"r1","priority":200000`, ""},
		{"addClientRole", `"username":"u2","rolename":"r1"`, "Client already has this role"},
		{"removeClientRole", `"username":"u2","rolename":"r2"`, "Client does not have this role"},
		{"disableClient", `"username":"u2"`, ""},
		{"getClient", `"username":"u2"`, `{"client":{"username":"u2","disabled":true,"roles":[{"rolename":"r1","priority":100000}],"groups":[],"connections":[]}}`},
		{"enableClient", `"username":"u2"`, ""},
		{"setClientId", `"username":"u1"`, ""},
		{"setClientPassword", `"username":"u2"`, "Invalid/missing password"},
		{"setClientPassword", `"username":"u2","password":"other"`, ""},
		{"modifyClient", `"username":"u1","textname":"second","groups":[{"groupname":"g2"}],"roles":[]`, ""},
		{"getClient", `"username":"u1"`, `{"client":{"username":"u1","textname":"second","roles":[],"groups":[{"groupname":"g2"}],"connections":[]}}`},
		{"addGroupClient", `"groupname":"g2","username":"u1"`, "Client is already in this group"},
		{"addGroupClient", `"groupname":"g2","username":"u2","priority":4`, ""},
		{"getGroup", `"groupname":"g2"`, `{"group":{"groupname":"g2","roles":[{"rolename":"r2"}],"clients":[{"username":"u1"},{"username":"u2","priority":4}]}}`},
		{"removeGroupClient", `"groupname":"g2","username":"u1"`, ""},
		{"removeGroupClient", `"groupname":"g2","username":"u1"`, "Client is not in this group"},
		{"removeGroupRole", `"groupname":"g2","rolename":"r1"`, "Group does not have this role"},
		{"modifyGroup", `"groupname":"g2","clients":[{"username":"none"}]`, "Client not found"},
		{"modifyGroup", `"groupname":"g2","clients":[{"username":"u1"}],"textname":"G"`, ""},
		{"listGroups", `"verbose":true,"offset":1`, `{"totalCount":2,"groups":[{"groupname":"g2","textname":"G","roles":[{"rolename":"r2"}],"clients":[{"username":"u1"}]}]}`},

		{"getAnonymousGroup", ``, `{"group":{"groupname":""}}`},
		{"setAnonymousGroup", `"groupname":"none"`, "Group not found"},
		{"setAnonymousGroup", `"groupname":"g2"`, ""},
		{"getAnonymousGroup", ``, `{"group":{"groupname":"g2"}}`},
		{"deleteGroup", `"groupname":"g2"`, "Deleting the anonymous group is forbidden"},
		{"deleteGroup", `"groupname":"g1"`, ""},
		{"deleteRole", `"rolename":"r2"`, ""},
		{"getGroup", `"groupname":"g2"`, `{"group":{"groupname":"g2","textname":"G","roles":[],"clients":[{"username":"u1"}]}}`},
		{"deleteClient", `"username":"u1"`, ""},
		{"deleteClient", `"username":"u1"`, "Client not found"},
		{"getGroup", `"groupname":"g2"`, `{"group":{"groupname":"g2","textname":"G","roles":[],"clients":[]}}`},
		{"removeClientRole", `"username":"u2","rolename":"r1"`, ""},
		{"getDetails", ``, `{"clientCount":1,"groupCount":1,"roleCount":1,"changeIndex":26}`},
	} {
		before, saved := b.do("getDetails", ""), string(b.file)
		b.want(c.command, c.fields, c.want)
		if failed := c.want != "" && c.want[0] != '{'; failed && (b.do("getDetails", "") != before || string(b.file) != saved) {
			t.Errorf("%s %s fails, and changes something", c.command, c.fields)
		}
	}
	again := newBench(t, string(b.file))
	for _, command := range []string{"listClients", "listGroups", "listRoles"} {
		again.want(command, `"verbose":true`, b.do(command, `"verbose":true`))
	}
}

// What is not saved has not happened.
func TestSaveFails(t *testing.T) {
	t.Parallel()
	b := newBench(t, "{}")
	b.failing = errors.New("no space")
	b.want("createClient", `"username":"u"`, "Internal error: the file cannot be saved")
	b.want("listClients", "", `{"totalCount":0,"clients":[]}`)
	b.failing = nil
	b.want("createClient", `"username":"u"`, "")
	if len(b.expelled) != 1 {
		t.Errorf("expelled %v", b.expelled)
	}
}

// Who has lost a right must go, and nobody else.
func TestExpelled(t *testing.T) {
	t.Parallel()
	b := newBench(t, "{}")
	for _, c := range [][2]string{
		{"createRole", `"rolename":"r"`},
		{"createRole", `"rolename":"s"`},
		{"createGroup", `"groupname":"g","roles":[{"rolename":"r"}]`},
		{"createClient", `"username":"own","roles":[{"rolename":"r"}]`},
		{"createClient", `"username":"member","groups":[{"groupname":"g"}]`},
		{"createClient", `"username":"other","roles":[{"rolename":"s"}]`},
	} {
		b.want(c[0], c[1], "")
	}
	for _, c := range []struct{ command, fields, want string }{
		{"addRoleACL", `"rolename":"r","acltype":"publishClientSend","topic":"a"`, "member own"},
		{"modifyRole", `"rolename":"s","textname":"S"`, "other"},
		{"removeGroupRole", `"groupname":"g","rolename":"r"`, "member"},
		{"setClientPassword", `"username":"own","password":"p"`, "own"},
		{"disableClient", `"username":"own"`, "own"},
		{"enableClient", `"username":"own"`, ""},
		{"setAnonymousGroup", `"groupname":"g"`, "anonymous"},
		{"addGroupRole", `"groupname":"g","rolename":"r"`, "anonymous member"},
		{"removeGroupClient", `"groupname":"g","username":"member"`, "member"},
		{"deleteRole", `"rolename":"r"`, "anonymous own"},
		{"deleteClient", `"username":"own"`, "own"},
	} {
		b.expelled = nil
		b.want(c.command, c.fields, "")
		var got []string
		for _, name := range []string{"", "member", "other", "own"} {
			if len(b.expelled) == 1 && b.expelled[0][name] {
				got = append(got, cmp.Or(name, "anonymous"))
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s %s: %v must go, want %q", c.command, c.fields, got, c.want)
		}
	}
}

// A file of Mosquitto 2.0 is read and stays one; what nobody knows stays in it.
func TestFiles(t *testing.T) {
	t.Parallel()
	h, err := password.Recipe{}.Make([]byte("old secret"))
	if err != nil {
		t.Fatal(err)
	}
	part := strings.Split(h.String(), "$")
	old := fmt.Sprintf(`{"defaultACLAccess":{"publishClientSend":false,"publishClientReceive":true,"subscribe":false,"unsubscribe":true},
		"clients":[{"username":"u","roles":[{"rolename":"r"}],"password":%q,"salt":%q,"iterations":%s,"colour":"red"}],
		"groups":[{"groupname":"g","roles":[],"clients":[{"username":"u"}],"more":[1,2]}],
		"roles":[{"rolename":"r","acls":[{"acltype":"publishClientSend","topic":"a","priority":3,"allow":true,"why":"<x>"}]}],"version":7}`, part[4], part[3], part[2])
	b := newBench(t, old)
	login := func(user, secret string) error {
		return b.Authenticate(t.Context(), &broker.ConnectRequest{Username: user, Password: []byte(secret), HasUsername: true, HasPassword: true})
	}
	if err := login("u", "old secret"); err != nil {
		t.Errorf("the old password: %v", err)
	}
	b.want("createClient", `"username":"v","password":"new"`, "")
	var saved struct {
		ChangeIndex int
		Version     int
		Clients     []map[string]any
		Groups      []map[string]any
		Roles       []struct{ ACLs []map[string]any }
	}
	if err := json.Unmarshal(b.file, &saved); err != nil {
		t.Fatal(err)
	}
	if saved.ChangeIndex != 1 || saved.Version != 7 || saved.Clients[0]["colour"] != "red" || saved.Clients[0]["password"] != part[4] ||
		saved.Clients[1]["iterations"] == nil || saved.Clients[1]["encoded_password"] != nil || saved.Groups[0]["more"] == nil || saved.Roles[0].ACLs[0]["why"] != "<x>" {
		t.Errorf("saved:\n%s", b.file)
	}
	b = newBench(t, string(b.file))
	if err := errors.Join(login("u", "old secret"), login("v", "new")); err != nil {
		t.Errorf("after it was saved: %v", err)
	}
}

func TestBegin(t *testing.T) {
	t.Parallel()
	text, err := Begin("a long secret")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, string(text))
	b.want("getAnonymousGroup", "", `{"group":{"groupname":"unauthenticated"}}`)
	for _, c := range []struct {
		user   string
		action acl.Action
		topic  string
		want   bool
	}{
		{"admin", acl.Publish, Topic, true},
		{"admin", acl.Subscribe, Topic + "/#", true},
		{"admin", acl.Receive, "$SYS/broker/uptime", true},
		{"admin", acl.Publish, "a", false},
		{"", acl.Publish, Topic, false},
		{"", acl.Subscribe, "#", false},
	} {
		if err := b.ask(c.user, "x", c.action, c.topic); (err == nil) != c.want {
			t.Errorf("%q %v %s: %v", c.user, c.action, c.topic, err)
		}
	}
	if text, err = Init("boss", "p"); err != nil {
		t.Fatal(err)
	}
	b = newBench(t, string(text))
	if err := b.ask("boss", "", acl.Publish, Topic); err != nil {
		t.Error(err)
	}
}

func TestBrokenFiles(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{"", "unexpected end"},
		{"{\n\n\"clients\": [}", "line 3: "},
		{"{\n\"clients\": 7}", "line 2: "},
		{`{"clients":[{}]}`, "client 1: username: it is empty"},
		{`{"clients":[{"username":"u","roles":[{"rolename":"r"}]}]}`, `client 1: "u": there is no role "r"`},
		{`{"clients":[{"username":"u","encoded_password":"$9$x"}]}`, `client 1: password of "u"`},
		{`{"groups":[{"groupname":"g","clients":[{"username":"u"}]}]}`, `group 1: "g": there is no client "u"`},
		{`{"roles":[{"rolename":"r","acls":[{"acltype":"publishClientSend","topic":"#/a"}]}]}`, `role 1: ACL 1 of "r": topic "#/a"`},
		{`{"roles":[{"rolename":"r","acls":[{"acltype":"all","topic":"a"}]}]}`, `role 1: ACL 1 of "r": unknown acltype "all"`},
		{`{"anonymousGroup":"g"}`, `there is no group "g"`},
	} {
		if _, err := New([]byte(test.text), Options{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.text, err, test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(house))
	f.Add([]byte(`{"clients":[{"username":"u","encoded_password":"$7$1$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","x":1}],"y":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := parse(text)
		if err != nil {
			return
		}
		once, err := b.append()
		if err != nil {
			t.Fatal(err)
		}
		if b, err = parse(once); err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, once)
		}
		twice, err := b.append()
		if err != nil || string(once) != string(twice) {
			t.Fatalf("%v\n%s", err, diff.Diff(string(once), string(twice)))
		}
	})
}
