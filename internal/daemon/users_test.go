package daemon

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/console"
	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/packet"
)

// usersFile is a password file that a test changes.
type usersFile struct {
	t    *testing.T
	path string
}

func newUsersFile(t *testing.T, users ...string) *usersFile {
	t.Helper()
	f := &usersFile{t, filepath.Join(t.TempDir(), "passwd")}
	f.write(users...)
	return f
}

// write writes users, each as name:password.
func (f *usersFile) write(users ...string) {
	f.t.Helper()
	var text strings.Builder
	for _, user := range users {
		name, secret, _ := strings.Cut(user, ":")
		text.WriteString(name + ":" + hash(f.t, secret) + "\n")
	}
	f.writeText(text.String())
}

// hash is the same for the same secret within a test binary: a hash that
// changes would be another password.
func hash(t *testing.T, secret string) string {
	t.Helper()
	known := map[string]string{
		"secret": "$7$101$Enz0TclhXchMiaT6$HMiDoIfbjRSvI5Q0i6Nn8CILaGlrzM/S2M6rwVC9BydS1vLxncrxXSsMx07ngSjOPWR0C61SSkBp6LWgWoRiqw==",
	}
	if h := known[secret]; h != "" {
		return h
	}
	h, err := password.Recipe{Iterations: 1}.Make([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}

func (f *usersFile) writeText(text string) {
	f.t.Helper()
	if err := os.WriteFile(f.path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// Who is let in, for each way to say it.
func TestUsersOfListeners(t *testing.T) {
	t.Parallel()
	one, two := newUsersFile(t, "ann:secret"), newUsersFile(t, "bob:secret", "ann:other")
	const closed, open = "refused", "let in"
	for _, test := range []struct {
		name, text                     string // PORT stands for a listener
		anonymous, ann, bob, wrong, no string // how these fare
	}{
		{"a file", "PORT\npassword_file " + one.path, closed, open, closed, closed, closed},
		{"a file and anonymous clients", "PORT\nallow_anonymous true\npassword_file " + one.path, open, open, closed, closed, closed},
		{"a file for this machine", "password_file " + one.path + "\nPORT", closed, open, closed, closed, closed},
		{"of the listener", "PORT\nlistener_allow_anonymous true\npassword_file " + one.path, open, open, closed, closed, closed},
		{"not of the listener", "allow_anonymous true\npassword_file " + one.path + "\nPORT\nlistener_allow_anonymous false", closed, open, closed, closed, closed},
		{"per listener", "per_listener_settings true\nOTHER\npassword_file " + one.path + "\nPORT\npassword_file " + two.path, closed, closed, open, closed, closed},
		{"per listener, without one", "per_listener_settings true\nOTHER\npassword_file " + one.path + "\nPORT\nallow_anonymous true", open, open, open, open, open},
		{"plugin", "PORT\nplugin /usr/lib/mosquitto_password_file.so\nplugin_opt_password_file " + one.path, closed, open, closed, closed, closed},
		{"plugin and word", "PORT\npassword_file " + two.path + "\nplugin mosquitto_password_file.so\nplugin_opt_password_file " + one.path, closed, open, open, closed, closed},
		{"global plugin", "per_listener_settings true\nglobal_plugin mosquitto_password_file.so\nplugin_opt_password_file " + one.path + "\nPORT", closed, open, closed, closed, closed},
		{"plugin that is used", "plugin_load users mosquitto_password_file.so\nplugin_opt_password_file " + one.path + "\nOTHER\nPORT\nplugin_use users", closed, open, closed, closed, closed},
		{"user name for an identifier", "PORT\nuse_username_as_clientid true\npassword_file " + one.path, closed, open, closed, closed, closed},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ports := freePorts(t, 2)
			text := strings.NewReplacer("PORT", fmt.Sprintf("listener %d 127.0.0.1", ports[0]), "OTHER", fmt.Sprintf("listener %d 127.0.0.1", ports[1])).Replace(test.text)
			r := startReloadable(t, text)
			for words, want := range map[string]string{
				"": test.anonymous, "username=ann password=secret": test.ann, "username=bob password=secret": test.bob, "username=ann password=wrong": test.wrong, "username=ann": test.no,
			} {
				c := r.attempt(ports[0], fmt.Sprintf("v5 id=i%x clean %s", words, words))
				answer, ok := c.Read().(*packet.Connack)
				if !ok || answer.ReasonCode == packet.Success != (want == open) || want == closed && answer.ReasonCode != packet.NotAuthorized {
					t.Errorf("%q is not %s: %v", words, want, answer)
				}
				c.Drop()
			}
		})
	}
}

// A broker whose users cannot be read does not start: it says where they are
// wrong.
func TestBadUsersEndTheStart(t *testing.T) {
	t.Parallel()
	good := newUsersFile(t, "ann:secret")
	for _, test := range []struct{ name, text, want string }{
		{"no hash", "# users\nann:secret\n", "User ann: is no password hash: $7$, $argon2id$, $scram-sha-256$, $6$, PBKDF2$ and $2a$ begin one.\nError found at PATH:2. Give"},
		{"no colon", "ann\n", "A line of a password file is a comment, or like user:hash.\nError found at PATH:1. Remove it"},
		{"no user", ":" + hash(t, "secret") + "\n", "A line of a password file is a comment"},
		{"twice", "ann:" + hash(t, "secret") + "\n\nann:" + hash(t, "other") + "\n", "User ann: occurs twice.\nError found at PATH:3."},
		{"too dear", "ann:$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHRzYWx0$" + strings.Repeat("A", 86), "m=4194304 of argon2id"},
	} {
		f := newUsersFile(t)
		f.writeText(test.text)
		for _, text := range []string{
			"listener 1 127.0.0.1\npassword_file " + f.path,
			"listener 1 127.0.0.1\nallow_anonymous true\nplugin x/mosquitto_password_file.so\nplugin_opt_password_file " + f.path,
			"per_listener_settings true\nlistener 1 127.0.0.1\npassword_file " + good.path + "\nlistener 2 127.0.0.1\npassword_file " + f.path,
		} {
			err := startConfig(t, parse(t, text)).result(t)
			want := strings.ReplaceAll(test.want, "PATH", f.path)
			var problem *config.Problem
			if !errors.As(err, &problem) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %s", test.name, err, want)
			}
		}
	}
	err := startConfig(t, parse(t, "listener 1 127.0.0.1\npassword_file /nowhere/passwd")).result(t)
	if want := "Unable to open the password file '/nowhere/passwd'.\nError found at a.conf:2. There is no such file"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := config.Parse("a.conf", []byte("plugin mosquitto_password_file.so")); err == nil || !strings.Contains(err.Error(), "requires plugin_opt_password_file") {
		t.Errorf("a plugin without its file: %v", err)
	}
}

// A reload disconnects who has lost the right to be connected, and nobody else;
// one that fails changes nothing.
func TestReloadUsers(t *testing.T) {
	t.Parallel()
	f := newUsersFile(t, "ann:secret", "bob:b", "eve:e")
	port := freePorts(t, 1)[0]
	text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\npassword_file %s\n", port, f.path)
	r := startReloadable(t, text)
	connect := func(id, name, secret string) *mqtttest.Client {
		words := "v5 clean id=" + id
		if name != "" {
			words += " username=" + name + " password=" + secret
		}
		return r.connect(port, words, "...")
	}
	ann, bob, eve, anonymous := connect("1", "ann", "secret"), connect("2", "bob", "b"), connect("3", "eve", "e"), connect("4", "", "")
	r.must(text)
	for _, c := range []*mqtttest.Client{ann, bob, eve, anonymous} {
		alive(c)
	}
	f.write("ann:secret", "bob:new", "joe:j")
	r.must(text, "~users of "+f.path+": 1 added, 1 removed, 1 with another password", "-2 clients, who may not be connected any more")
	bob.Expect("DISCONNECT 0x87 ...")
	eve.Expect("DISCONNECT 0x87 ...")
	alive(ann)
	alive(anonymous)
	r.connect(port, "v5 id=x username=eve password=e", "0x87 ...").Closed()
	leave(connect("5", "bob", "new"))
	leave(connect("6", "joe", "j"))

	f.writeText("ann:" + hash(t, "secret") + "\njoe\n")
	if _, err := r.reload(text); err == nil || !strings.Contains(err.Error(), "Error found at "+f.path+":2.") {
		t.Errorf("got %v", err)
	}
	r.wait(t, "Config not reloaded, and nothing has changed: ")
	alive(ann)
	leave(connect("5", "bob", "new"))

	f.write("ann:secret")
	without := strings.Replace(text, "allow_anonymous true\n", "", 1)
	r.must(without, "~allow_anonymous true → (none)", "~users of "+f.path+": 0 added, 2 removed, 0 with another password", "-1 clients, who may not be connected any more")
	anonymous.Expect("DISCONNECT 0x87 ...")
	alive(ann)
	r.must(strings.Replace(without, "password_file "+f.path+"\n", "", 1), "~password_file "+f.path+" → (none)", "-1 clients, who may not be connected any more")
	ann.Expect("DISCONNECT 0x87 ...")
}

// The plugin for access rules is the same as acl_file, and denies what they do.
func TestPluginOfRules(t *testing.T) {
	t.Parallel()
	users, rules := newUsersFile(t, "ann:secret"), newACLFiles(t).write("acl", "user ann\ntopic write yes\n")
	port := freePorts(t, 1)[0]
	text := fmt.Sprintf("listener %d 127.0.0.1\nplugin mosquitto_acl_file.so\nplugin_opt_acl_file %s\nplugin mosquitto_password_file.so\nplugin_opt_password_file %s\n", port, rules, users.path)
	r := startReloadable(t, text)
	c := r.connect(port, "v5 id=c clean username=ann password=secret", "...")
	c.SendText("PUBLISH 1 yes qos=1 x", "PUBLISH 2 no qos=1 x")
	c.Expect("PUBACK 1 0x10", "PUBACK 2 0x87")
	r.connect(port, "v5 id=d clean", "0x87 ...").Closed()
	err := startConfig(t, parse(t, strings.Replace(text, rules, "/nowhere/acl", 1))).result(t)
	if want := "Unable to open acl_file \"/nowhere/acl\".\nError found at a.conf:2."; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// askLogins asks the console whose logins are slowed down.
func (r *reloadable) askLogins(in, out any) error {
	r.t.Helper()
	found, err := console.Find(r.dir)
	if err != nil || len(found) != 1 {
		r.t.Fatalf("%d brokers, %v", len(found), err)
	}
	return found[0].Call(r.t.Context(), "logins", in, out)
}

// Who has to wait because of failed logins is seen in the figures, in the log,
// by fail2ban and at the console, which lifts it.
func TestSlowedLogins(t *testing.T) {
	t.Parallel()
	f := newUsersFile(t, "ann:secret")
	port := freePorts(t, 1)[0]
	r := startReloadable(t, fmt.Sprintf("listener %d 127.0.0.1\npassword_file %s\nsys_interval 1\n", port, f.path))
	for i := range 5 {
		r.connect(port, fmt.Sprintf("v5 id=c%d username=ann password=guess", i), `0x87 reason="Check the user name and the password."`).Closed()
	}
	r.wait(t, "Warning: Logins slowed down: 5 failed logins from 127.0.0.1:")
	r.wait(t, " as user 'ann', the next one waits for 1s.")
	r.wait(t, "Client c4 [127.0.0.1:")
	r.wait(t, "] disconnected: not authorised.\n")
	var told Logins
	if err := r.askLogins(nil, &told); err != nil || len(told.Slowed) > 1 || told.Lifted != 0 {
		t.Errorf("got %+v, %v", told, err)
	}
	failures := 5
	for told.Slowed = nil; len(told.Slowed) == 0; { // a slow machine needs a longer delay
		failures++
		r.connect(port, "v5 id=c username=ann password=guess", "0x87 ...").Closed()
		if err := r.askLogins(LoginsRequest{}, &told); err != nil || failures > 15 {
			t.Fatalf("got %+v, %v after %d failures", told, err, failures)
		}
	}
	if got := told.Slowed[0]; len(told.Slowed) != 1 || got.User != "ann" || got.Address != "127.0.0.1" || got.Failures != failures {
		t.Errorf("got %+v", told)
	}
	if err := r.askLogins(LoginsRequest{Lift: "192.0.2.1"}, &told); err != nil || told.Lifted != 0 {
		t.Errorf("got %+v, %v", told, err)
	}
	if err := r.askLogins(LoginsRequest{Lift: "127.0.0.1"}, &told); err != nil || told.Lifted > 1 || len(told.Slowed) != 0 {
		t.Errorf("got %+v, %v", told, err)
	}
	if err := r.askLogins(LoginsRequest{Lift: "ann"}, nil); err == nil || err.Error() != "'ann' is no IP address" {
		t.Errorf("got %v", err)
	}
	watch := r.connect(port, "v5 id=watch clean username=ann password=secret", "...")
	watch.SendText("SUBSCRIBE 1 $SYS/broker/logins/#")
	awaitFigures(t, watch, map[string]string{
		"$SYS/broker/logins/failed": strconv.Itoa(failures), "$SYS/broker/logins/succeeded": "1", "$SYS/broker/logins/slowed": "0",
	})
}

// leave disconnects, and returns when the broker has noticed.
func leave(c *mqtttest.Client) {
	c.SendText("DISCONNECT")
	c.Closed()
}

func TestWarnsOfExposedUsers(t *testing.T) {
	t.Parallel()
	f := newUsersFile(t, "ann:secret")
	text := "listener 1884\npassword_file " + f.path
	if got := Warnings(parse(t, text)); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	if err := os.Chmod(f.path, 0o644); err != nil {
		t.Fatal(err)
	}
	got := Warnings(parse(t, text+"\nlistener 1885"))
	if len(got) != 1 || !strings.HasPrefix(got[0], "File "+f.path+" has world readable permissions (mode 0644)") {
		t.Errorf("got %q", got)
	}
}

// The API asks for the names and passwords that clients of MQTT have.
func TestUsersOfTheAPI(t *testing.T) {
	t.Parallel()
	f := newUsersFile(t, "ann:secret")
	port := freePorts(t, 1)[0]
	text := fmt.Sprintf("listener %d 127.0.0.1\nprotocol http_api\npassword_file %s\n", port, f.path)
	r := startReloadable(t, text)
	status := func(name, secret string) int {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+strconv.Itoa(port)+"/api/v1/version", nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Close = true
		if name != "" {
			q.SetBasicAuth(name, secret)
		}
		answer, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	for _, test := range []struct {
		name, secret string
		want         int
	}{{"ann", "secret", 200}, {"ann", "wrong", 401}, {"ann", "", 401}, {"bob", "secret", 401}, {"", "", 401}} {
		if got := status(test.name, test.secret); got != test.want {
			t.Errorf("%s:%s gets %d, want %d", test.name, test.secret, got, test.want)
		}
	}
	f.write("bob:secret")
	r.must(text, "~users of "+f.path+": 1 added, 1 removed, 0 with another password")
	if got := status("ann", "secret"); got != 401 {
		t.Errorf("who was removed gets %d", got)
	}
	if got := status("bob", "secret"); got != 200 {
		t.Errorf("who was added gets %d", got)
	}
}
