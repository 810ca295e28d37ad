package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/daemon"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	file := write(t, "acl", "topic read news\nuser alice\ntopic readwrite house/#\ntopic deny house/safe/#\ntopic read x\npattern readwrite dev/%c/#\n")
	bad := write(t, "bad", "user alice\ntopic rad x\n")
	open := write(t, "open.conf", "allow_anonymous true\nlistener 1\n")
	conf := write(t, "acl.conf", "per_listener_settings true\nlistener 1\nacl_file "+file+"\nlistener 2\nmount_point m/\nacl_file "+file+"\nlistener 3\n")
	lax := write(t, "lax.conf", "acl_file "+file+"\nacl_mode warn\n")
	dynamic := write(t, "dynamic.json", `{"defaultACLAccess":{"publishClientSend":false,"publishClientReceive":true,"subscribe":false,"unsubscribe":true},
		"roles":[{"rolename":"sensor","acls":[{"acltype":"publishClientSend","topic":"state/%c","allow":true},{"acltype":"publishClientSend","topic":"state/x","allow":false}]}],
		"clients":[{"username":"s","roles":[{"rolename":"sensor"}]},{"username":"m","roles":[]}],
		"groups":[{"groupname":"members","roles":[{"rolename":"sensor"}],"clients":[{"username":"m"}]}]}`)
	dyn := write(t, "dyn.conf", "allow_anonymous true\nplugin mosquitto_dynamic_security.so\nplugin_opt_config_file "+dynamic+"\nacl_file "+file+"\n")
	of := func(args ...string) []string { return append([]string{"--acl", file}, args...) }
	for _, tt := range []struct {
		args   []string
		status int
		stdout string
		stderr string
	}{
		{of("-u", "alice", "-i", "phone", "publish", "house/safe/door"), 1, `Client phone, user alice, may not publish to 'house/safe/door'.
  ✗ FILE:4  user alice: topic deny house/safe/#  denies
`, ""},
		{of("--user", "alice", "--client", "phone", "receive", "house/door"), 0, `Client phone, user alice, may receive 'house/door'.
  ✓ FILE:3  user alice: topic readwrite house/#  allows
    1 rule was looked at that does not match
`, ""},
		{of("-u", "bob", "publish", "dev/x/y"), 1, `User bob may not publish to 'dev/x/y'.
    FILE:6  pattern readwrite dev/%c/#  does not hold for this client
No rule allows it.
Note: the file has no 'user bob': nothing but patterns is for that user.
`, ""},
		{of("-i", "x", "publish", "dev/x/y"), 0, `Client x, without a user name, may publish to 'dev/x/y'.
  ✓ FILE:6  pattern readwrite dev/%c/#  allows
    1 rule was looked at that does not match
`, ""},
		{of("--all", "-u", "alice", "publish", "x"), 1, `User alice may not publish to 'x'.
    FILE:4  user alice: topic deny house/safe/#   does not match
    FILE:3  user alice: topic readwrite house/#   does not match
    FILE:5  user alice: topic read x              matches, but allows only read
    FILE:6  pattern readwrite dev/%c/#            does not hold for this client
No rule allows it.
`, ""},
		{of("subscribe", "#"), 0, `A client without a user name may subscribe to '#'.
No rule for this client says 'subscribe': every subscription is accepted, and each message is checked.
`, ""},
		{of("-u", "alice", "receive", "$SYS/broker/uptime"), 1, `User alice may not receive '$SYS/broker/uptime'.
    FILE:6  pattern readwrite dev/%c/#  does not hold for this client
    3 rules were looked at that do not match
No rule allows it.
Note: a topic that begins with $ is matched only by filters that begin with $.
`, ""},
		{of("publish", "$SYS/x"), 1, "A client without a user name may not publish to '$SYS/x'.\nOnly the broker publishes to such a topic.\n", ""},
		{of("-i", "a\x1b[31m", "receive", "news"), 0, "Client a�[31m, without a user name, may receive 'news'.\n  ✓ FILE:1  topic read news  allows\n", ""},
		{[]string{"-c", open, "publish", "a"}, 0, "A client without a user name may publish to 'a'.\nThere are no rules: everything is allowed.\n", ""},
		{[]string{"-c", conf, "receive", "news"}, 1, `By port 1:
A client without a user name may receive 'news'.
  ✓ FILE:1  topic read news  allows

By port 2:
A client without a user name may not receive 'news'.
    FILE:6  pattern readwrite dev/%c/#  does not hold for this client
    1 rule was looked at that does not match
No rule allows it.
With the mount point it is 'm/news'.

By port 3:
A client without a user name may receive 'news'.
There are no rules: everything is allowed.
`, ""},
		{[]string{"-c", lax, "publish", "news"}, 1, `A client without a user name may not publish to 'news'.
    FILE:1  topic read news             matches, but allows only read
    FILE:6  pattern readwrite dev/%c/#  does not hold for this client
No rule allows it.
Even so it passes: 'acl_mode warn' enforces no rule.
`, ""},
		{[]string{"-c", dyn, "-u", "s", "-i", "a", "publish", "state/a"}, 0, "Client a, user s, may publish to 'state/a'.\n" +
			"  ✓ role sensor  allow publishClientSend state/%c  allows\n", ""},
		{[]string{"-c", dyn, "-u", "s", "-i", "a", "publish", "state/x"}, 1, "Client a, user s, may not publish to 'state/x'.\n" +
			"  ✗ role sensor  deny publishClientSend state/x  denies\n    1 rule was looked at that does not match\n", ""},
		{[]string{"-c", dyn, "-u", "m", "-i", "b", "publish", "state/b"}, 0, "Client b, user m, may publish to 'state/b'.\n" +
			"  ✓ role sensor of group members  allow publishClientSend state/%c  allows\n", ""},
		{[]string{"-c", dyn, "-u", "s", "-i", "a", "receive", "x"}, 0, "Client a, user s, may receive 'x'.\n" +
			"Dynamic security: no role says anything of it, and the default access allows publishClientReceive.\n", ""},
		{[]string{"-c", dyn, "-u", "alice", "publish", "house/safe/door"}, 1, "User alice may not publish to 'house/safe/door'.\n" +
			"  ✗ FILE:4  user alice: topic deny house/safe/#  denies\nNote: dynamic security does not know the client, and so the rules decide.\n", ""},
		{[]string{"-c", lax, "publish", "$SYS/x"}, 1, "A client without a user name may not publish to '$SYS/x'.\nOnly the broker publishes to such a topic.\n", ""},
		{of("subscribe", "a/#/b"), 3, "", "Error: 'a/#/b': the wildcard # must be the last level of the filter.\n"},
		{of("publish", "a/+"), 3, "", "Error: 'a/+': a topic name must not contain a wildcard (+ or #).\n"},
		{[]string{"--acl", bad, "publish", "a"}, 3, "", "Error: " + bad + `:2: Invalid topic access type "rad". The words are read, write, readwrite, deny, subscribe and publish; a filter with a blank in it needs one before it.` + "\n"},
		{[]string{"--acl", "/none", "publish", "a"}, 3, "", "Error: Unable to open /none: There is no such file or directory: check the name.\n"},
		{[]string{"--acl", file, "-c", conf, "publish", "a"}, 3, "", "Error: Give either -c or --acl.\n"},
		{[]string{"--run-dir", filepath.Join(t.TempDir(), "none"), "publish", "a"}, 2, "", ""},
	} {
		got := call(t, append([]string{"zancudo", "explain"}, tt.args...)...)
		stdout := strings.ReplaceAll(got.stdout, file, "FILE")
		if got.status != tt.status || !sameColumns(stdout, tt.stdout) || tt.status != 2 && got.stderr != tt.stderr {
			t.Errorf("%v: got %d %s\n%swant %d %s\n%s", tt.args, got.status, got.stderr, stdout, tt.status, tt.stderr, tt.stdout)
		}
	}
}

// sameColumns compares but for the width of columns, which is that of the name
// of a file.
func sameColumns(a, b string) bool {
	squeeze := func(s string) string {
		for strings.Contains(s, "   ") {
			s = strings.ReplaceAll(s, "   ", "  ")
		}
		return s
	}
	return squeeze(a) == squeeze(b)
}

func TestExplainJSON(t *testing.T) {
	t.Parallel()
	file := write(t, "acl", "user alice\ntopic deny a/#\n")
	got := call(t, "zancudo", "explain", "--json", "--acl", file, "-u", "alice", "publish", "a/b")
	var e daemon.Explanation
	if err := json.Unmarshal([]byte(got.stdout), &e); err != nil || got.status != 1 || len(e.Answers) != 1 {
		t.Fatalf("got %d, %v, %s", got.status, err, got.stdout)
	}
	a := e.Answers[0]
	if e.User != "alice" || a.Allowed || a.Rule == nil || a.Rule.Line != 2 || a.Rule.Text != "topic deny a/#" || a.Reason != file+":2 denies it" || a.Steps[0].Outcome != "denies" {
		t.Errorf("got %+v", e)
	}
}
