package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/access"
	"github.com/zancudomq/zancudo/internal/config"
)

// aclFiles are files of rules in a directory of a test.
type aclFiles struct {
	t   *testing.T
	dir string
}

func newACLFiles(t *testing.T) aclFiles {
	t.Helper()
	return aclFiles{t, t.TempDir()}
}

// write writes a file and returns its name.
func (f aclFiles) write(name, text string) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

func TestRules(t *testing.T) {
	t.Parallel()
	files := newACLFiles(t)
	acl := files.write("acl", "topic readwrite box/#\nuser alice\ntopic read house/#\ntopic write house/alice\ntopic deny house/safe\n")
	port := freePorts(t, 1)[0]
	text := "allow_anonymous true\nlistener " + strconv.Itoa(port) + " 127.0.0.1\nacl_file " + acl + "\n"
	r := startReloadable(t, text)
	alice := r.connect(port, "v5 id=phone username=alice clean", "...")
	other := r.connect(port, "v5 id=other clean", "...")
	alice.SendText("SUBSCRIBE 1 # qos=1")
	alice.Expect("SUBACK 1 1")
	other.SendText("PUBLISH 1 house/door qos=1 x", "PUBLISH 2 box/1 qos=1 x")
	other.Expect("PUBACK 1 0x87", "PUBACK 2")
	alice.SendText("PUBLISH 3 house/alice qos=1 a", "PUBLISH 4 house/door qos=1 b", "PUBLISH 5 house/safe qos=1 b")
	alice.Expect("PUBLISH 1 house/alice qos=1 a", "PUBACK 3", "PUBACK 4 0x87", "PUBACK 5 0x87")
	r.wait(t, "Warning: Client phone, user alice, may not publish to 'house/door': "+acl+": no rule allows it.\n")
	r.wait(t, "Warning: Client phone, user alice, may not publish to 'house/safe': "+acl+":5 says 'topic deny house/safe'.\n")
	r.wait(t, "Client phone, user alice, may not receive 'box/1': "+acl+": no rule allows it.\n")
	if strings.Contains(r.log.String(), "Denied PUBLISH") {
		t.Errorf("told twice:\n%s", r.log)
	}

	// A file that makes no sense changes nothing, and is told of.
	files.write("acl", "topic readwrite #\nuser alice\ntopic readwrite #\ntopic rad x\n")
	_, err := r.reload(text)
	if want := acl + ":4"; err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `Invalid topic access type "rad".`) {
		t.Errorf("got %v, want %s", err, want)
	}
	r.wait(t, "Error: Config not reloaded, and nothing has changed: Invalid topic access type \"rad\". Error found at "+acl+":4.")
	alice.SendText("PUBLISH 6 house/door qos=1 b")
	alice.Expect("PUBACK 6 0x87")

	// One that does holds at once, for who is connected and stays so.
	files.write("acl", "user alice\ntopic readwrite house/#\n")
	r.must(text, "~acl_file "+acl+" has changed: 1 rules, there were 4")
	alice.SendText("PUBLISH 7 house/door qos=1 b")
	alice.Expect("PUBLISH 2 house/door qos=1 b", "PUBACK 7")
	other.SendText("PUBLISH 3 box/1 qos=1 x")
	other.Expect("PUBACK 3 0x87")

	r.must("allow_anonymous true\nlistener "+strconv.Itoa(port)+" 127.0.0.1\n", "~acl_file "+acl+" → (none)")
	alice.SendText("PUBLISH 8 box qos=1 x")
	alice.Expect("PUBLISH 3 box qos=1 x", "PUBACK 8")
	alive(other)
}

// A broker does not start half-protected.
func TestRulesAtStart(t *testing.T) {
	t.Parallel()
	files := newACLFiles(t)
	bad, none := files.write("bad", "topic read a\nnonsense\n"), filepath.Join(files.dir, "none")
	for acl, want := range map[string]string{
		bad:       "Invalid line: \"nonsense\".\nError found at " + bad + ":2. A line begins with 'user', 'topic' or 'pattern'",
		none:      "Unable to open acl_file \"" + none + "\".\nError found at a.conf:2. There is no such file or directory: check the name.",
		files.dir: "Unable to open acl_file \"" + files.dir + "\".\nError found at a.conf:2. The reason is: is a directory.",
	} {
		c := parse(t, "listener 1\nacl_file "+acl+"\nallow_anonymous true\n")
		c.Listeners[0].Port = config.DefaultPort
		err := startConfig(t, c).result(t)
		var problems config.Problems
		if !errors.As(err, &problems) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", acl, err, want)
		}
	}
}

// An empty file allows nothing.
func TestEmptyRules(t *testing.T) {
	t.Parallel()
	acl := newACLFiles(t).write("acl", "# nothing\n")
	r := start(t, "acl_file "+acl+"\n")
	c := r.dial(t)
	c.SendText("CONNECT v5 id=c clean will-topic=w will-payload=x")
	c.Expect(`CONNACK 0x87 reason="the access rules do not allow this topic"`)
	c = r.dial(t)
	c.SendText("CONNECT v5 id=c clean", "SUBSCRIBE 1 a qos=1", "PUBLISH 1 a qos=1 x", "PUBLISH 2 a qos=2 x")
	c.Expect("CONNACK ...", "SUBACK 1 1", "PUBACK 1 0x87", "PUBREC 2 0x87")
}

func TestRulesPerListener(t *testing.T) {
	t.Parallel()
	files := newACLFiles(t)
	ports := freePorts(t, 3)
	listener := func(i int) string { return "listener " + strconv.Itoa(ports[i]) + " 127.0.0.1\nallow_anonymous true\n" }
	r := startReloadable(t, "per_listener_settings true\n"+listener(0)+"acl_file "+files.write("a", "topic write a\n")+"\n"+
		listener(1)+"acl_file "+files.write("b", "topic write m/b\n")+"\nmount_point m/\n"+listener(2))
	for i, want := range []string{"PUBACK 1 0x10", "PUBACK 1 0x87", "PUBACK 1 0x10"} {
		c := r.connect(ports[i], "v5 id=c clean", "...")
		c.SendText("PUBLISH 1 a qos=1 x")
		c.Expect(want)
	}
	for i, want := range []string{"PUBACK 1 0x87", "PUBACK 1 0x10", "PUBACK 1 0x10"} {
		c := r.connect(ports[i], "v5 id=c clean", "...")
		c.SendText("PUBLISH 1 b qos=1 x")
		c.Expect(want)
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	files := newACLFiles(t)
	port := freePorts(t, 1)[0]
	base := "allow_anonymous true\nlistener " + strconv.Itoa(port) + " 127.0.0.1\nacl_file " + files.write("acl", "user alice\ntopic read house/#\ntopic read $SYS/#\n") + "\n"
	r := startReloadable(t, base+"acl_mode warn\n")
	r.wait(t, "Warning: NO ACCESS RULE IS ENFORCED: with 'acl_mode warn' every client may")
	c := r.connect(port, "v5 id=phone username=alice clean", "...")
	c.SendText("SUBSCRIBE 1 $SYS/broker/acl/mode")
	c.Expect("SUBACK 1 0", "PUBLISH $SYS/broker/acl/mode retain warn")
	c.SendText("PUBLISH 1 house/door qos=1 x")
	c.Expect("PUBACK 1 0x10")
	r.wait(t, "Client phone, user alice, would not be allowed to publish to 'house/door': ")

	r.must(base+"acl_mode learn\n", "~acl_mode warn → learn")
	c.Expect("PUBLISH $SYS/broker/acl/mode learn")
	r.wait(t, "Warning: NO ACCESS RULE IS ENFORCED: with 'acl_mode learn' every client may")
	c.SendText("PUBLISH 2 house/window qos=1 x", "PUBLISH 3 $SYS/x qos=1 x")
	c.Expect("PUBACK 2 0x10", "PUBACK 3 0x87")

	r.must(base, "~acl_mode learn → enforce")
	c.Expect("PUBLISH $SYS/broker/acl/mode enforce")
	c.SendText("PUBLISH 4 house/window qos=1 x")
	c.Expect("PUBACK 4 0x87")
}

func TestDiagnoseRules(t *testing.T) {
	t.Parallel()
	files := newACLFiles(t)
	conf := files.write("conf", "acl_file "+files.write("acl", "pattern read a\ntopic deny\n")+"\n")
	_, problems := Diagnose(conf, nil)
	var got []string
	for _, p := range problems {
		got = append(got, p.Class.String()+": "+strings.ReplaceAll(p.Sentence(), files.dir+"/", ""))
	}
	want := "pointless: acl:1: The pattern has neither %c nor %u. It holds for everybody.\n" +
		"pointless: acl:2: 'deny' stands alone and is taken for a filter that may be read and written. Write the filter behind it."
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
	conf = files.write("conf", "acl_file "+files.dir+"/none\n")
	if _, problems = Diagnose(conf, nil); len(problems) != 1 || problems[0].Class != config.Wrong {
		t.Errorf("got %v", problems)
	}
}

// Mosquitto's plugin for rules is known by the name of its file.
func TestRulesOfAPlugin(t *testing.T) {
	t.Parallel()
	files := newACLFiles(t)
	a := files.write("a", "topic write a\n")
	base := "allow_anonymous true\nlistener " + strconv.Itoa(freePorts(t, 1)[0]) + " 127.0.0.1\n"
	for name, text := range map[string]string{
		"plugin":             base + "plugin /usr/lib/mosquitto_acl_file.so\nplugin_opt_acl_file " + a + "\n",
		"global":             "per_listener_settings true\nglobal_plugin mosquitto_acl_file.so\nplugin_opt_acl_file " + a + "\nlistener 1 127.0.0.1\nallow_anonymous true\n",
		"loaded":             "plugin_load rules mosquitto_acl_file.so\nplugin_opt_acl_file " + a + "\n" + base + "plugin_use rules\n",
		"the same as a word": base + "plugin mosquitto_acl_file.so\nplugin_opt_acl_file " + a + "\nacl_file " + a + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conf := parse(t, text)
			conf.Listeners[0].Port = config.DefaultPort
			r := startConfig(t, conf)
			c := r.dial(t)
			c.SendText("CONNECT v5 id=c clean", "PUBLISH 1 a qos=1 x", "PUBLISH 2 b qos=1 x")
			c.Expect("CONNACK ...", "PUBACK 1 0x10", "PUBACK 2 0x87")
		})
	}
}

// A session that nobody has come for since the start may what it may by one of
// the listeners; with one that has no rules, everything.
func TestRulesOfNoListener(t *testing.T) {
	t.Parallel()
	files := newACLFiles(t)
	a, b := files.write("a", "topic write a\n"), files.write("b", "topic write b\n")
	per := "per_listener_settings true\nlistener 1\nacl_file " + a + "\nlistener 2\n"
	for name, tt := range map[string]struct {
		text string
		want int // sets of rules; 0: none decides
	}{
		"no rules":        {"listener 1\n", 0},
		"one for all":     {"acl_file " + a + "\nlistener 1\nlistener 2\n", 1},
		"one without":     {per, 0},
		"each its own":    {per + "acl_file " + b + "\n", 2},
		"the same":        {per + "acl_file " + a + "\n", 1},
		"figures by HTTP": {per + "protocol http_api\n", 1},
	} {
		g, err := newGuards(parse(t, tt.text), nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all, _ := g.general().(access.AnyOf)
		if len(all) != tt.want {
			t.Errorf("%s: %d sets of rules, want %d", name, len(all), tt.want)
		}
	}
}

// A name that nobody has proven gets the rules of that name, as in Mosquitto, but
// owns no session.
func TestClaimedNamesOwnNothing(t *testing.T) {
	t.Parallel()
	acl := newACLFiles(t).write("acl", "user alice\ntopic write a\nuser bob\ntopic write b\n")
	r := start(t, "acl_file "+acl+"\n")
	for _, user := range []string{"alice", "bob"} {
		c := r.dial(t)
		c.SendText("CONNECT v5 id=c session-expiry=60 username="+user, "PUBLISH 1 a qos=1 x", "PUBLISH 2 b qos=1 x")
		c.Expect("CONNACK ...")
		if user == "alice" {
			c.Expect("PUBACK 1 0x10", "PUBACK 2 0x87")
		} else {
			c.Expect("PUBACK 1 0x87", "PUBACK 2 0x10")
		}
	}
}
