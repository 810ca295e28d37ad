package config

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree is a source of files that a test has in memory.
func tree(files map[string]string, environ ...string) Source {
	return Source{
		File: "main.conf", Environ: environ,
		Read: func(name string) ([]byte, error) {
			text, ok := files[name]
			if !ok {
				return nil, errors.New("there is no such file")
			}
			return []byte(text), nil
		},
		List: func(dir string) (names []string, err error) {
			for name := range files {
				if path.Dir(name) == dir {
					names = append(names, path.Base(name))
				}
			}
			return names, nil
		},
		Join: func(dir, name string) string { return path.Join(dir, name) },
	}
}

// said are the sentences of problems.
func said(problems Problems) string {
	var all []string
	for _, p := range problems {
		all = append(all, p.Class.String()+": "+p.Sentence())
	}
	return strings.Join(all, "\n")
}

func TestInclude(t *testing.T) {
	t.Parallel()
	c, err := Load(tree(map[string]string{
		"main.conf":       "max_keepalive 1\ninclude_dir d\nmax_inflight_messages 9\n",
		"d/b.conf":        "max_keepalive 30\n",
		"d/B.conf":        "max_keepalive 20\nlistener 1884\nmax_qos 1\n",
		"d/a.conf":        "max_inflight_messages 5\n",
		"d/C.conf":        "include_dir e\n",
		"d/z.conf.bak":    "rubbish\n",
		"e/never.conf":    "rubbish\n",
		"d/sub/deep.conf": "rubbish\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if c.MaxKeepAlive != 30 || c.MaxInflightMessages != 9 || len(c.Listeners) != 1 || c.Listeners[0].File != "d/B.conf" {
		t.Errorf("got %+v", c)
	}
	if got, want := said(c.Warnings), "pointless: d/C.conf:1: 'include_dir' has no effect in a file that is included itself. Write it into the file that includes this one."; got != want {
		t.Errorf("got %s", got)
	}
}

// What a word belongs to is known per file.
func TestPerFile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ inner, outer, want string }{
		{"listener 1884\nmax_topic_alias 1\n", "max_topic_alias 2\n", "main.conf:2: The 'max_topic_alias' option requires a listener to be defined first. " +
			"Write it below a line such as 'listener 1883' in the same file: it does not belong to what another file has begun."},
		{"connection a\naddress b\ntopic #\n", "round_robin true\n", "main.conf:2: The 'round_robin' option requires a bridge to be defined first. " +
			"Write it below a line such as 'connection NAME' in the same file: it does not belong to what another file has begun."},
		{"plugin a\n", "plugin_opt_b c\n", "main.conf:2: The 'plugin_opt_b' option requires plugin/global_plugin/plugin_load to be defined first. Write it below a line such as 'plugin PATH'."},
		{"auto_id_prefix a\n", "auto_id_prefix b\n", "main.conf:2: Duplicate 'auto_id_prefix' value in configuration. Keep this one or that of d/a.conf:1."},
		{"allow_anonymous true\n", "per_listener_settings true\n", ""},
		{"max_connections 5\n", "listener 1883\n", "main.conf:2: Duplicate 'listener' value in configuration. " +
			"The word 'max_connections' of d/a.conf:1 stands before any listener of its file and so belongs to a listener of port 1883: write it below this line."},
	} {
		_, err := Load(tree(map[string]string{"main.conf": "include_dir d\n" + tt.outer, "d/a.conf": tt.inner}))
		var problems Problems
		errors.As(err, &problems)
		problems = slices.DeleteFunc(problems, func(p *Problem) bool { return p.Class == Refusal })
		if got := strings.ReplaceAll(said(problems), "error: ", ""); got != tt.want {
			t.Errorf("%q, %q:\ngot  %s\nwant %s", tt.inner, tt.outer, got, tt.want)
		}
	}
}

// TestWithoutFile: without a file the state is kept, in a directory that somebody
// must name.
func TestWithoutFile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, dir, variable string
		kept                bool
		location, want      string
	}{
		{"default", "/state", "", true, "/state", ""},
		{"other place", "/state", "ZANCUDO_PERSISTENCE_LOCATION=/other", true, "/other", ""},
		{"Mosquitto's variable", "", "MOSQUITTO_PERSISTENCE_LOCATION=/other", true, "/other", ""},
		{"nothing", "", "ZANCUDO_PERSISTENCE=false", false, "", ""},
		{"nowhere", "", "", true, "", "There is no directory to keep sessions and messages in: the environment has no HOME, XDG_STATE_HOME or STATE_DIRECTORY.\n" +
			"Set one, name a directory in ZANCUDO_PERSISTENCE_LOCATION, or keep nothing with ZANCUDO_PERSISTENCE=false."},
	} {
		c, err := Load(Source{StateDir: tt.dir, Environ: []string{tt.variable}})
		if got := fmt.Sprint(err); c.Persistence != tt.kept || c.PersistenceLocation != tt.location || (tt.want != "" || err != nil) && got != tt.want {
			t.Errorf("%s: got %v in %q, %v", tt.name, c.Persistence, c.PersistenceLocation, err)
		}
	}
	c, err := Load(Source{File: "a.conf", StateDir: "/state", Read: func(string) ([]byte, error) { return []byte("persistence true"), nil }})
	if err != nil || c.PersistenceLocation != "" {
		t.Errorf("with a file: got %q, %v", c.PersistenceLocation, err)
	}
}

// TestLessSafe: who has acknowledgements promise less is told.
func TestLessSafe(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text, variable, want string
	}{
		{"persistence true", "", ""},
		{"persistence true\npersistence_sync always", "", ""},
		{"persistence_sync never", "", ""},
		{
			"persistence true\npersistence_sync interval 1500", "",
			"lossy: main.conf:2: when the power fails, what was acknowledged in the last 1.5s is lost. With 'persistence_sync always' nothing is.",
		},
		{
			"persistence true", "ZANCUDO_PERSISTENCE_SYNC=never",
			"lossy: ZANCUDO_PERSISTENCE_SYNC: when the power fails, what was acknowledged and the system has not yet written is lost. With 'persistence_sync always' nothing is.",
		},
	} {
		c, err := Load(tree(map[string]string{"main.conf": tt.text}, tt.variable))
		if got := said(c.Warnings); err != nil || got != tt.want {
			t.Errorf("%q, %q: got %s, %v", tt.text, tt.variable, got, err)
		}
	}
}

func TestIncludeOrder(t *testing.T) {
	t.Parallel()
	names := []string{"b", "a", "B", "A", "ab", "Ab", "aB", "10", "9", "_", "a.b", ""}
	slices.SortFunc(names, includeOrder)
	if got, want := fmt.Sprint(names), "[ 10 9 A Ab a a.b aB ab B b _]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPerListenerSettings(t *testing.T) {
	t.Parallel()
	c, err := Parse("a.conf", []byte("per_listener_settings true\nlistener 1\nallow_anonymous true\nacl_file a\nplugin p\nlistener 2\npassword_file b\nauto_id_prefix c\n"))
	if err != nil {
		t.Fatal(err)
	}
	one, two := c.Listeners[0], c.Listeners[1]
	if !c.AnonymousOn(one) || c.SecurityOn(one).ACLFile != "a" || c.AutoIDPrefixOn(one) != "auto-" || len(c.SecurityOn(one).Plugins) != 1 {
		t.Errorf("got %+v", one)
	}
	if c.AnonymousOn(two) || c.SecurityOn(two).PasswordFile != "b" || c.SecurityOn(two).ACLFile != "" || c.AutoIDPrefixOn(two) != "c" {
		t.Errorf("got %+v", two)
	}
}

func TestDefaultListener(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, listeners, warnings string }{
		{"max_qos 1", "port 1883", ""},
		{"protocol mqtt\nlistener 1883", "port 1883", "pointless: a.conf:1: 'protocol' has no effect: it stands before any listener of its file. Write it below the 'listener' that it is for."},
		{"max_qos 1\nlistener 1884", "port 1883, port 1884", "pointless: a.conf:1: 'max_qos' stands before any listener of its file and so opens port 1883 too. Write it below the 'listener' that it is for."},
		{"max_qos 1\nport 1885\nlistener 1884", "port 1885, port 1884", "deprecated: a.conf:2: 'port' is deprecated; use 'listener'."},
		// It would open a port to everybody.
		{"per_listener_settings true\nallow_anonymous true\nlistener 1884", "port 1884", "pointless: a.conf:2: 'allow_anonymous' has no effect: it stands before any listener of its file. Write it below the 'listener' that it is for."},
		{
			"listener 1883\nsocket_domain ipv4\nlistener 1883\nsocket_domain ipv6\nlistener 1884 ::1\nlistener 1884 127.0.0.1\nlistener 0 /a\nlistener 0 /b",
			"port 1883, port 1883, port 1884 of ::1, port 1884 of 127.0.0.1, the unix socket /a, the unix socket /b", "",
		},
		{"listener 1883\nbind_interface eth0\nlistener 1883\nbind_interface eth1", "port 1883, port 1883", ""},
	} {
		c, err := load(tt.text)
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		var names []string
		for _, l := range c.Listeners {
			names = append(names, l.String())
		}
		if got := strings.Join(names, ", "); got != tt.listeners || said(c.Warnings) != tt.warnings {
			t.Errorf("%q: got %s and\n%s", tt.text, got, said(c.Warnings))
		}
	}
}

func TestOverlaps(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		one, other string
		want       bool
	}{
		{"listener 1", "listener 1", true},
		{"listener 1", "listener 2", false},
		{"listener 1", "listener 1 127.0.0.1", true},
		{"listener 1 ::1", "listener 1", true},
		{"listener 1 0.0.0.0", "listener 1 127.0.0.1", true},
		{"listener 1 0.0.0.0", "listener 1 ::1", false},
		{"listener 1 ::", "listener 1 0.0.0.0", false},
		{"listener 1 127.0.0.1", "listener 1 127.0.0.2", false},
		{"listener 1", "listener 1 localhost", false}, // who knows
		{"listener 1\nsocket_domain ipv6", "listener 1 127.0.0.1", false},
		{"listener 1\nsocket_domain ipv4", "listener 1 127.0.0.1", true},
		{"listener 1\nsocket_domain ipv4", "listener 1\nsocket_domain ipv6", false},
		{"listener 1\nsocket_domain ipv4", "listener 1", true},
		{"listener 1\nbind_interface a", "listener 1\nbind_interface b", false},
		{"listener 1\nbind_interface a", "listener 1", true},
		{"listener 1\nsocket_name a", "listener 1\nsocket_name b", false},
		{"listener 0 /a", "listener 0 /a", true},
		{"listener 0 /a", "listener 0 /b", false},
	} {
		_, err := load(tt.one + "\n" + tt.other)
		if got := err != nil; got != tt.want {
			t.Errorf("%q and %q: got %v", tt.one, tt.other, err)
		}
	}
}

func TestEnviron(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		environ    []string
		ok         func(c *Config) bool
		warnings   string
	}{
		{"a word", "max_keepalive 1", []string{"ZANCUDO_MAX_KEEPALIVE=20", "HOME=/"}, func(c *Config) bool { return c.MaxKeepAlive == 20 && c.LocalOnly }, ""},
		{"a text of a file again", "auto_id_prefix a", []string{"ZANCUDO_AUTO_ID_PREFIX=b c"}, func(c *Config) bool { return c.AutoIDPrefix == "b c" }, ""},
		{"the default listener", "", []string{"ZANCUDO_MAX_QOS=1"}, func(c *Config) bool { return c.Listeners[0].MaxQoS == 1 && c.LocalOnly && len(c.Listeners) == 1 }, ""},
		{
			"that of port", "port 1884",
			[]string{"ZANCUDO_MAX_TOPIC_ALIAS=1"},
			func(c *Config) bool { return c.Listeners[0].MaxTopicAlias == 1 && len(c.Listeners) == 1 },
			"deprecated: main.conf:1: 'port' is deprecated; use 'listener'.",
		},
		{
			"a listener", "",
			[]string{"ZANCUDO_MOUNT_POINT=a/", "ZANCUDO_LISTENER=1884 127.0.0.1", "ZANCUDO_CIPHERS_TLS1_3=x"},
			func(c *Config) bool {
				l := c.Listeners[0]
				return l.Port == 1884 && l.Address == "127.0.0.1" && l.MountPoint == "a/" && l.TLS.CiphersTLS13 == "x" && !c.LocalOnly
			}, "",
		},
		{
			"per listener", "",
			[]string{"ZANCUDO_ALLOW_ANONYMOUS=true", "ZANCUDO_LISTENER=1884", "ZANCUDO_PER_LISTENER_SETTINGS=true"},
			func(c *Config) bool { return c.AnonymousOn(c.Listeners[0]) && c.PerListenerSettings }, "",
		},
		{"lines", "log_type error", []string{"ZANCUDO_LOG_TYPE=debug\n\nnotice\n"}, func(c *Config) bool { return c.Log.Types == LogDebug|LogNotice }, ""},
		{"nothing", "max_keepalive 1", []string{"ZANCUDO_MAX_KEEPALIVE="}, func(c *Config) bool { return c.MaxKeepAlive == 1 }, ""},
		{
			"a plugin", "",
			[]string{"ZANCUDO_PLUGIN_OPT_CONFIG_FILE=/a", "ZANCUDO_PLUGIN=x.so"},
			func(c *Config) bool { return c.Plugins[0].Option("config_file") == "/a" }, "",
		},
		{
			"a bridge", "",
			[]string{"ZANCUDO_TOPIC=# both\na in", "ZANCUDO_CONNECTION=b", "ZANCUDO_ADDRESS=c", "ZANCUDO_REMOTE_PASSWORD_FILE=secret", "ZANCUDO_REMOTE_USERNAME=u"},
			func(c *Config) bool { return c.Bridges[0].RemotePassword == "s3cret" && len(c.Bridges[0].Topics) == 2 }, "",
		},
		{"a word that ends in file", "", []string{"ZANCUDO_PASSWORD_FILE=secret"}, func(c *Config) bool { return c.PasswordFile == "secret" }, ""},
		{"location", "persistence_location /a", []string{"MOSQUITTO_PERSISTENCE_LOCATION=/b"}, func(c *Config) bool { return c.PersistenceLocation == "/b" }, ""},
		{"location of ours", "", []string{"MOSQUITTO_PERSISTENCE_LOCATION=/b", "ZANCUDO_PERSISTENCE_LOCATION=/c"}, func(c *Config) bool { return c.PersistenceLocation == "/c" }, ""},
		{"not for users", "", []string{"ZANCUDO_TEST_ALL=1", "ZANCUDO_FUZZ_SECONDS=1"}, func(*Config) bool { return true }, ""},
		{
			"misspelt", "",
			[]string{"ZANCUDO_MAX_QS=1", "ZANCUDO_max_qos=1"},
			func(c *Config) bool { return c.Listeners[0].MaxQoS == 2 },
			"pointless: ZANCUDO_MAX_QS: the variable 'ZANCUDO_MAX_QS' has no effect: there is no such word. Did you mean 'ZANCUDO_MAX_QOS'?\n" +
				"pointless: ZANCUDO_max_qos: the variable 'ZANCUDO_max_qos' has no effect: there is no such word. Did you mean 'ZANCUDO_MAX_QOS'?",
		},
		{
			"deprecated", "",
			[]string{"ZANCUDO_MAXIMUM_QOS=1"},
			func(c *Config) bool { return c.Listeners[0].MaxQoS == 1 },
			"deprecated: ZANCUDO_MAXIMUM_QOS: 'maximum_qos' is deprecated; use 'max_qos'.",
		},
	} {
		c, err := Load(tree(map[string]string{"main.conf": tt.text, "secret": "s3cret\n"}, tt.environ...))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		c.Warnings = slices.DeleteFunc(c.Warnings, func(p *Problem) bool { return p.Class == NotYet })
		if !tt.ok(c) || said(c.Warnings) != tt.warnings {
			t.Errorf("%s: got %s\n%s", tt.name, describe(c), said(c.Warnings))
		}
	}
}

func TestEnvironProblems(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, environ, want string }{
		{"", "ZANCUDO_MAX_QOS=3", "'max_qos' must be between 0 and 2 inclusive.\nError found at ZANCUDO_MAX_QOS of the environment. It is 3."},
		{"listener 1884", "ZANCUDO_MAX_QOS=1", "'max_qos' belongs to a listener, and the file has listeners of its own.\nError found at ZANCUDO_MAX_QOS of the environment. " +
			"Write it into the file, below the listener it is for."},
		{"connection a\naddress b\ntopic c", "ZANCUDO_ROUND_ROBIN=true", "The 'round_robin' option requires a bridge to be defined first.\nError found at ZANCUDO_ROUND_ROBIN of the environment. " +
			"Write it into a file instead."},
		{"", "ZANCUDO_INCLUDE_DIR=d", "'include_dir' is for files only.\nError found at ZANCUDO_INCLUDE_DIR of the environment. Name the directory in a file, and the file with -c."},
		{"", "ZANCUDO_REMOTE_PASSWORD_FILE=none", "Unable to read the file 'none' that ZANCUDO_REMOTE_PASSWORD_FILE names.\n" +
			"Error found at ZANCUDO_REMOTE_PASSWORD_FILE of the environment. there is no such file"},
	} {
		_, err := Load(tree(map[string]string{"main.conf": tt.text}, tt.environ))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: got\n%v\nwant\n%s", tt.environ, err, tt.want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for name, text := range map[string]string{"include_dir d\nlistener 1883": "port 0x1\r\nbind_address\t::1", "connection a\naddress ::1:1 b\ntopic \"a b\" both 2 l r": "max_qos 1\n"} {
		f.Add([]byte(name), []byte(text), "ZANCUDO_MAX_QOS=1\nZANCUDO_LISTENER=1")
	}
	f.Add([]byte("\ufeff# c\n #\nmax_qos 3\nlog_type all\nlog_dest file x"), []byte("per_listener_settings 1\nplugin_load a b\nplugin_opt_ x"), "ZANCUDO_PSK_FILE")
	for _, pattern := range []string{"testdata/real/*.conf", "testdata/broken/*.conf"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text, []byte(nil), "")
		}
	}
	f.Add([]byte("persistent_client_expiration 9999999999y\nlistener 0 /x\naccept_protocol_versions ,4,,5"), []byte("connection\ntopic"), "ZANCUDO_=\nZANCUDO_X_FILE=a")
	f.Fuzz(func(t *testing.T, main, other []byte, environ string) {
		s := tree(map[string]string{"main.conf": string(main), "d/a.conf": string(other)}, strings.Split(environ, "\n")...)
		c, err := Load(s)
		var problems Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatal(err)
		}
		if len(c.Listeners) == 0 || c.PersistentClientExpiration < 0 {
			t.Errorf("got %s", describe(c))
		}
		all := slices.Concat(problems, c.Warnings, c.Refusals, Lint(c, Facts{Stat: func(string) (FileFact, bool) { return FileFact{Mode: 0o666}, true }}))
		for _, p := range all {
			if p.Text == "" || p.Word == "" || strings.ContainsAny(p.Text+p.Remedy, "\n\r\x1b\x00") {
				t.Errorf("got %+v", p)
			}
		}
	})
}

func TestLint(t *testing.T) {
	t.Parallel()
	facts := map[string]FileFact{
		"/missing": {Missing: true}, "/open": {Mode: 0o644, Owner: "root (uid 0)"}, "/writable": {Mode: 0o666, Owner: "root (uid 0)"}, "/closed": {Mode: 0o640}, "main.conf": {Mode: 0o644, Owner: "me"},
	}
	certificates := map[string]CertificateFact{
		"/old": {Until: "2020-01-31", Expired: true, Soon: true}, "/ending": {Until: "2030-01-31", Soon: true, Weak: "a key of 1024 bits"}, "/closed": {Until: "2040-01-31"},
	}
	const tls = "certfile /closed\nkeyfile /closed\n"
	for _, tt := range []struct {
		name, text string
		want       []string // what each sentence has, in order
	}{
		{"nothing", "", nil},
		{"this machine", "listener 1883 127.0.0.1\nallow_anonymous true", nil},
		{"a socket", "listener 0 /a\nallow_anonymous true", nil},
		{"everybody", "listener 1883\nallow_anonymous true", []string{"insecure: main.conf:2: whoever reaches port 1883 may connect, without a name or password."}},
		{"everybody on one", "listener 1883\nlistener_allow_anonymous true", []string{"insecure: main.conf:2: whoever reaches"}},
		{"everybody, or with a password", "allow_anonymous true\npassword_file /closed\nlistener 1883\n" + tls, []string{"main.conf:1: whoever reaches port 1883 may connect without a name; only"}},
		{"certificates", "allow_anonymous true\nlistener 1883\n" + tls + "cafile /closed\nrequire_certificate true", nil},
		{"passwords in the clear", "password_file /closed\nlistener 1883", []string{"insecure: main.conf:1: passwords for port 1883 cross the network in the clear."}},
		{"old TLS", "listener 1883\n" + tls + "tls_version tlsv1.1", []string{"insecure: main.conf:4: TLS 1.1 is broken"}},
		{"ciphers", "listener 1883\n" + tls + "ciphers HIGH:!aNULL:RC4-SHA", []string{"insecure: main.conf:4: the ciphers of 'RC4-SHA' are broken"}},
		{"good ciphers", "listener 1883\n" + tls + "ciphers HIGH:!aNULL:-MD5:ECDHE+AESGCM", nil},
		{"no dates", "listener 1883\n" + tls + "cafile /closed\nrequire_certificate true\ndisable_client_cert_date_checks true", []string{"insecure: main.conf:6: certificates of clients are accepted after"}},
		{"web pages", "listener 1883 127.0.0.1\nprotocol websockets\nallow_anonymous true", []string{"insecure: main.conf:2: any web page"}},
		{"named web pages", "listener 1883 127.0.0.1\nprotocol websockets\nallow_anonymous true\nwebsockets_origin https://a", nil},
		{"proxies", "listener 1883\nenable_proxy_protocol 1", []string{"insecure: main.conf:2: whoever reaches port 1883 can claim"}},
		{"a key for all", "listener 1883\ncertfile /open\nkeyfile /open", []string{"insecure: main.conf:3: everybody on this machine can read '/open' (mode 0644, owner root (uid 0)). Run 'chmod o-rwx /open'."}},
		{"a list for all", "acl_file /writable\nlistener 1883", []string{"insecure: main.conf:1: everybody on this machine can change '/writable'"}},
		{"no file", "listener 1883\ncertfile /missing\nkeyfile /closed", []string{"error: main.conf:2: There is no file '/missing'."}},
		{"an old certificate", "listener 1883\ncertfile /old\nkeyfile /closed", []string{"insecure: main.conf:2: the certificate in '/old' has expired on 2020-01-31."}},
		{"a weak one that ends", "listener 1883\ncertfile /ending\nkeyfile /closed", []string{"main.conf:2: the certificate in '/ending' expires on 2030-01-31.", "main.conf:2: the certificate in '/ending' has a key of 1024 bits."}},
		{"a key in an engine", "listener 1883\ncertfile /closed\nkeyfile /missing\ntls_keyform engine", nil},
		{"bridge in the clear", "connection b\naddress far\ntopic #\nremote_username u\nremote_password p", []string{"main.conf:5: the password of bridge b crosses", "main.conf:5: everybody on this machine can read this (mode 0644, owner me)"}},
		{
			"careless bridge", "connection b\naddress far\ntopic #\nbridge_tls_use_os_certs true\nbridge_insecure true\nbridge_tls_version tlsv1.1\nbridge_ciphers NULL",
			[]string{"main.conf:5: bridge b does not check whom", "main.conf:6: TLS 1.1", "main.conf:7: the ciphers of 'NULL'"},
		},
		{"a circle", "listener 1883\nconnection b\naddress 127.0.0.1\ntopic # both", []string{"pointless: main.conf:3: bridge b leads back to this broker"}},
		{"no circle", "listener 1884\nconnection b\naddress 127.0.0.1\ntopic # both", nil},
		{"TLS without", "listener 1883\nrequire_certificate true\nciphers x\nuse_identity_as_username false", []string{"insecure: main.conf:2: clients are not asked", "pointless: main.conf:3: 'ciphers' has no effect: the listener does not speak TLS"}},
		{"authority for nothing", "listener 1883\n" + tls + "cafile /closed", []string{"pointless: main.conf:4: 'cafile' has no effect: clients are not asked"}},
		{"no authority", "listener 1883\n" + tls + "require_certificate true", []string{"pointless: main.conf:4: no client has a valid certificate"}},
		{"keys", "listener 1883\npsk_hint a", []string{"pointless: main.conf:2: no client has a pre-shared key"}},
		{"keys for nobody", "psk_file /closed\nlistener 1883", []string{"pointless: main.conf:1: 'psk_file' has no effect: no listener has a 'psk_hint'"}},
		{
			"words of others", "listener 1883\nwebsockets_origin a\nhttp_dir b\nproxy_protocol_v2_require_tls true",
			[]string{"main.conf:2: 'websockets_origin' has no effect", "main.conf:3: 'http_dir' has no effect", "main.conf:4: 'proxy_protocol_v2_require_tls' has no effect"},
		},
		{"no MQTT", "listener 1883 127.0.0.1\nprotocol http_api\nmax_qos 1", []string{"main.conf:3: 'max_qos' has no effect: nobody speaks MQTT"}},
		{"aliases of old", "listener 1883\naccept_protocol_versions 3,4\nmax_topic_alias 3", []string{"main.conf:3: 'max_topic_alias' has no effect: topic aliases are of MQTT 5.0"}},
		{
			"limits", "global_max_connections 10\nglobal_max_clients 5\nlistener 1883\nmax_connections 20",
			[]string{"main.conf:1: 'global_max_connections' is never reached: 'global_max_clients' is 5", "main.conf:4: 'max_connections' is never reached"},
		},
		{"sizes", "max_packet_size 100\nmessage_size_limit 200\nmax_queued_bytes 50", []string{"main.conf:2: 'message_size_limit' is never reached", "main.conf:3: a message of 'max_packet_size' (100) can never wait"}},
		{
			"logs", "log_dest none\nlog_dest stdout\nlog_facility 3\nlog_timestamp false\nlog_timestamp_format x",
			[]string{"main.conf:2: nothing is logged anywhere", "main.conf:3: 'log_facility' has no effect", "main.conf:5: 'log_timestamp_format' has no effect"},
		},
		{"nothing kept", "persistence_file x\npersistence_location y", []string{"main.conf:1: 'persistence_file' has no effect", "main.conf:2: 'persistence_location' has no effect"}},
		{"nothing to sync", "persistence_sync never", []string{"main.conf:1: 'persistence_sync' has no effect: 'persistence' is false"}},
		{"plugins keep", "persistence_location y\nplugin z", nil},
		{"unused plugin", "plugin_load a b", []string{"main.conf:1: no listener uses the plugin 'a'"}},
		{
			"bridge words", "connection b\naddress far\ntopic #\nround_robin true\nidle_timeout 3\nnotifications false\nnotification_topic x\nbridge_max_topic_alias 3\nbridge_alpn x\nremote_password p",
			[]string{":4: 'round_robin' has no effect", ":5: 'idle_timeout' has", ":7: 'notification_topic' has", ":8: 'bridge_max_topic_alias' has", ":9: 'bridge_alpn' has", ":10: the password", ":10: 'remote_password' has", ":10: everybody"},
		},
	} {
		s := tree(map[string]string{"main.conf": tt.text})
		c, err := Load(s)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		got := Lint(c, Facts{
			Stat:        func(name string) (FileFact, bool) { fact, ok := facts[name]; return fact, ok },
			Certificate: func(name string) (CertificateFact, bool) { fact, ok := certificates[name]; return fact, ok },
		})
		sentences := strings.Split(said(got), "\n")
		if len(got) != len(tt.want) {
			t.Errorf("%s: got\n%s", tt.name, said(got))
			continue
		}
		for i, want := range tt.want {
			if !strings.Contains(sentences[i], want) {
				t.Errorf("%s: got %s, want %s", tt.name, sentences[i], want)
			}
		}
	}
}
