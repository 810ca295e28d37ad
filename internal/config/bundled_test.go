package config

import (
	"strings"
	"testing"
)

func TestPlugins(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, text, refusal, problem, users, rights string }{
		{"users", "listener 1\nplugin /usr/lib/mosquitto_password_file.so\nplugin_opt_password_file /etc/u", "", "", "/etc/u", ""},
		{"rights", "listener 1\nplugin mosquitto_acl_file.so\nplugin_opt_acl_file /etc/a", "", "", "", "/etc/a"},
		{"old names", "listener 1\nauth_plugin mosquitto_acl_file.so\nauth_opt_acl_file /etc/a", "", "", "", "/etc/a"},
		{"both", "plugin mosquitto_acl_file.so\nplugin_opt_acl_file /a\nplugin mosquitto_password_file.so\nplugin_opt_password_file /u\nlistener 1\npassword_file /u2", "", "", "/u /u2", "/a"},
		{"the same file twice", "listener 1\npassword_file /u\nacl_file /a\nplugin mosquitto_acl_file.so\nplugin_opt_acl_file /a\nplugin mosquitto_password_file.so\nplugin_opt_password_file /u", "", "", "/u", "/a"},
		{"two files of rights", "listener 1\nacl_file /a\nplugin mosquitto_acl_file.so\nplugin_opt_acl_file /b", "", "There are two files of access rules for port 1: '/b' and '/a'.\nError found at a.conf:2.", "", ""},
		{"no file", "listener 1\nplugin mosquitto_acl_file.so", "", "The plugin 'mosquitto_acl_file.so' requires plugin_opt_acl_file.\nError found at a.conf:2.", "", ""},
		{"not of this listener", "per_listener_settings true\nlistener 2\nplugin mosquitto_password_file.so\nplugin_opt_password_file /u\nlistener 1", "", "", "", ""},
		{"not used", "plugin_load x mosquitto_password_file.so\nplugin_opt_password_file /u\nlistener 1", "", "", "", ""},
		{"used", "plugin_load x mosquitto_password_file.so\nplugin_opt_password_file /u\nlistener 1\nplugin_use x", "", "", "/u", ""},
		{"global", "per_listener_settings true\nglobal_plugin mosquitto_password_file.so\nplugin_opt_password_file /u\nlistener 2\nlistener 1", "", "", "/u", ""},
		{"another", "listener 1\nplugin /opt/go-auth.so", "The plugin '/opt/go-auth.so' is not supported. This program runs no plugins in C", "", "", ""},
		{"another with a name like one", "listener 1\nplugin /opt/my_mosquitto_password_file.so", "my_mosquitto_password_file.so' is not supported.", "", "", ""},
		{"dynamic security", "listener 1\nplugin mosquitto_dynamic_security.so\nplugin_opt_config_file /d", "", "", "", ""},
		{"dynamic security without a file", "listener 1\nplugin mosquitto_dynamic_security.so", "", "The plugin 'mosquitto_dynamic_security.so' requires plugin_opt_config_file.", "", ""},
		{
			"two files of dynamic security",
			"per_listener_settings true\nlistener 1\nplugin mosquitto_dynamic_security.so\nplugin_opt_config_file /d\nlistener 2\nplugin mosquitto_dynamic_security.so\nplugin_opt_config_file /e",
			"", "There are two files of dynamic security: '/d' and '/e'.\nError found at a.conf:6.", "", "",
		},
		{"SQLite", "listener 1\nplugin mosquitto_persist_sqlite.so\nplugin_opt_sync normal\nplugin_opt_flush_period 5\nplugin_opt_page_size 4096", "", "", "", ""},
		{"loaded", "plugin_load x /opt/go-auth.so\nlistener 1", "'/opt/go-auth.so' is not supported", "", "", ""},
		{"global and another", "global_plugin /opt/go-auth.so\nlistener 1", "'/opt/go-auth.so' is not supported", "", "", ""},
	} {
		c, err := Load(Source{File: "a.conf", Read: func(string) ([]byte, error) { return []byte(test.text), nil }})
		if test.problem != "" {
			if err == nil || !strings.HasPrefix(err.Error(), test.problem) {
				t.Errorf("%s: got %v, want %s", test.name, err, test.problem)
			}
			continue
		}
		if got := c.Refusals.Error(); got == "" != (test.refusal == "") || !strings.Contains(c.sentences(), test.refusal) {
			t.Errorf("%s: got the refusals %q, want %s", test.name, got, test.refusal)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		l := c.Listeners[len(c.Listeners)-1]
		var users []string
		for _, f := range c.PasswordFilesOn(l) {
			users = append(users, f.Path)
		}
		rights := ""
		if f := c.ACLFileOn(l); f != nil {
			rights = f.Path
		}
		if got := strings.Join(users, " "); got != test.users || rights != test.rights {
			t.Errorf("%s: got users of %q and rights of %q, want %q and %q", test.name, got, rights, test.users, test.rights)
		}
	}
}

// TestDatabase: the plugin for SQLite stands for persistence.
func TestDatabase(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, text, file, location string }{
		{"none", "persistence true\npersistence_location /s/", "", "/s/"},
		{"where it keeps it", "plugin /usr/lib/mosquitto_persist_sqlite.so\nplugin_opt_db_file /var/lib/m/a.sqlite3\nlistener 1", "/var/lib/m/a.sqlite3", "/var/lib/m"},
		{"both", "persistence_location /s/\nglobal_plugin mosquitto_persist_sqlite.so\nplugin_opt_db_file /d/a", "/d/a", "/s/"},
		{"no file", "persistence_location /s/\nplugin mosquitto_persist_sqlite.so", "/s/mosquitto.sqlite3", "/s/"},
		{"nothing", "persistence false\nplugin_load x mosquitto_persist_sqlite.so", "mosquitto.sqlite3", ""},
		{"of a listener", "per_listener_settings true\nlistener 1\nplugin mosquitto_persist_sqlite.so\nplugin_opt_db_file b", "b", ""},
	} {
		c, err := Load(Source{File: "a.conf", Read: func(string) ([]byte, error) { return []byte(test.text), nil }})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if c.DatabaseFile() != test.file || c.PersistenceLocation != test.location || !c.Persistence {
			t.Errorf("%s: got %q, in %q, %v", test.name, c.DatabaseFile(), c.PersistenceLocation, c.Persistence)
		}
	}
}

// sentences are the refusals, each in a line.
func (c *Config) sentences() string {
	var all []string
	for _, r := range c.Refusals {
		all = append(all, r.Sentence())
	}
	return strings.Join(all, "\n")
}
