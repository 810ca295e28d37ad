package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	onListener := func(line int, set func(l *Listener)) func(*Config) {
		return func(c *Config) {
			c.LocalOnly = false
			c.Listeners[0].Line, c.Listeners[0].File = line, "a.conf"
			set(c.Listeners[0])
		}
	}
	for _, tt := range []struct {
		name, text string
		want       func(c *Config) // changes what an empty file says
	}{
		{"nothing", "", func(*Config) {}},
		{"blank lines", "\n  \n\t\r\n", func(*Config) {}},
		{"comment", "# listener 1884\n#\n", func(*Config) {}},
		{"byte order mark", "\ufeffmax_qos 2", func(c *Config) { c.Listeners[0].Line, c.Listeners[0].File = 1, "a.conf" }},
		{"no newline at the end", "allow_anonymous true", func(c *Config) { c.AllowAnonymous = new(true) }},
		{"carriage returns", "max_keepalive 10\r\nlog_timestamp false\r\n", func(c *Config) { c.MaxKeepAlive = 10; c.Log.Timestamp = false }},
		{"blanks before", "   max_keepalive 10", func(c *Config) { c.MaxKeepAlive = 10 }},
		{"blanks between", "max_keepalive    10", func(c *Config) { c.MaxKeepAlive = 10 }},
		{"tabs", "max_keepalive\t10\t", func(c *Config) { c.MaxKeepAlive = 10 }},
		{"the last number counts", "max_keepalive 10\nmax_keepalive 20", func(c *Config) { c.MaxKeepAlive = 20 }},
		{"hexadecimal", "max_keepalive 0x10", func(c *Config) { c.MaxKeepAlive = 16 }},
		{"octal", "max_keepalive 010", func(c *Config) { c.MaxKeepAlive = 8 }},
		{"text behind a number", "max_keepalive 10 # seconds", func(c *Config) { c.MaxKeepAlive = 10 }},
		{"text behind a truth", "queue_qos0_messages true yes", func(c *Config) { c.QueueQoS0Messages = true }},
		{"one and zero", "queue_qos0_messages 1\nretain_available 0", func(c *Config) { c.QueueQoS0Messages = true; c.RetainAvailable = false }},
		{"text goes to the end of the line", "auto_id_prefix   a b # c ", func(c *Config) { c.AutoIDPrefix = "a b # c" }},
		{"limits", "max_inflight_messages 1\nmax_inflight_bytes 2\nmax_queued_messages 0\nmax_queued_bytes 4\nmax_packet_size 20\n" +
			"global_max_clients -1\nglobal_max_connections 7\n", func(c *Config) {
			c.MaxInflightMessages, c.MaxInflightBytes, c.MaxQueuedMessages, c.MaxQueuedBytes = 1, 2, 0, 4
			c.MaxPacketSize, c.GlobalMaxClients, c.GlobalMaxConnections = 20, -1, 7
		}},
		{"behaviour", "allow_zero_length_clientid false\ncheck_retain_source false\nallow_duplicate_messages false\n" +
			"upgrade_outgoing_qos true\nset_tcp_nodelay false\nconnection_messages false\n", func(c *Config) {
			c.AllowZeroLengthClientID, c.CheckRetainSource, c.AllowDuplicateMessages = false, false, false
			c.UpgradeOutgoingQoS, c.SetTCPNoDelay, c.Log.ConnectionMessages = true, false, false
		}},
		{"expiration", "persistent_client_expiration 2m", func(c *Config) { c.PersistentClientExpiration = 60 * 24 * time.Hour }},
		{"proxies", "listener 1\nprotocol websockets\nwebsockets_proxy ::1  10.0.0.0/8", func(c *Config) {
			l := newListener(1)
			l.File, l.Line, l.Protocol, l.WebSocketsProxy = "a.conf", 1, "websockets", "::1  10.0.0.0/8"
			c.Listeners, c.LocalOnly = []*Listener{l}, false
		}},
		{"sync", "persistence_sync never", func(c *Config) { c.PersistenceSync = Sync{Mode: "never"} }},
		{"sync with an interval", "persistence_sync never\npersistence_sync\tinterval  250 ", func(c *Config) { c.PersistenceSync = Sync{"interval", 250 * time.Millisecond} }},
		{"first log_type replaces", "log_type error\nlog_type debug", func(c *Config) { c.Log.Types = LogError | LogDebug }},
		{"all", "log_type all", func(c *Config) { c.Log.Types = LogAll }},
		{"none", "log_type none", func(c *Config) { c.Log.Types = 0 }},
		{"log_dest", "log_dest stdout\nlog_dest stderr", func(c *Config) { c.Log.Dests = LogDests{Stdout: true, Stderr: true} }},
		{"listener", "listener 1884", onListener(1, func(l *Listener) { l.Port = 1884 })},
		{"listener with an address", "\nlistener 1884 192.168.1.2", onListener(2, func(l *Listener) { l.Port, l.Address = 1884, "192.168.1.2" })},
		{"port", "port 1884", onListener(1, func(l *Listener) { l.Port = 1884 })},
		{"bind_address", "bind_address localhost", onListener(1, func(l *Listener) { l.Address = "localhost" })},
		{"port and bind_address", "bind_address ::1\nport 1885", onListener(1, func(l *Listener) { l.Port, l.Address = 1885, "::1" })},
		{"words of a listener", "listener 1884\nmax_qos 1\nmax_connections 9\nmax_topic_alias 0\nmax_topic_alias_broker 3\n" +
			"accept_protocol_versions 4, 5\nlistener_auto_id_prefix x-\nlistener_allow_anonymous true\n", onListener(1, func(l *Listener) {
			l.Port, l.MaxQoS, l.MaxConnections, l.MaxTopicAlias, l.MaxTopicAliasBroker = 1884, 1, 9, 0, 3
			l.Versions, l.AutoIDPrefix, l.AllowAnonymous = 1<<4|1<<5, "x-", new(true)
		})},
		{"the last versions count", "listener 1883\naccept_protocol_versions 3\naccept_protocol_versions 5", onListener(1, func(l *Listener) { l.Versions = 1 << 5 })},
		{"words before any listener", "max_qos 1", func(c *Config) { c.Listeners[0].MaxQoS, c.Listeners[0].Line, c.Listeners[0].File = 1, 1, "a.conf" }},
		{"two listeners", "listener 1884\nmax_qos 1\nlistener 1885 ::1\nmax_qos 0\nport 1886", func(c *Config) {
			c.LocalOnly = false
			c.Listeners = []*Listener{newListener(1884), newListener(1885), newListener(1886)}
			for i, l := range c.Listeners {
				l.File, l.Line = "a.conf", 2*i+1
			}
			c.Listeners[0].MaxQoS, c.Listeners[1].MaxQoS, c.Listeners[1].Address = 1, 0, "::1"
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse("a.conf", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			want := New()
			want.File = "a.conf"
			tt.want(want)
			got.Warnings, got.places = nil, nil
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %s\nwant %s", describe(got), describe(want))
			}
		})
	}
}

func describe(c *Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%+v", *c)
	for _, l := range c.Listeners {
		fmt.Fprintf(&b, " %+v", *l)
	}
	return b.String()
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{
			"misspelt", "\nmax_inflght_messages 3",
			"Unknown configuration variable 'max_inflght_messages'\nError found at a.conf:2. Did you mean 'max_inflight_messages'?",
		},
		{"upper case", "Listener 1883", "Unknown configuration variable 'Listener'\nError found at a.conf:1. Did you mean 'listener'?"},
		{"hyphens", "max-qos 1", "Unknown configuration variable 'max-qos'\nError found at a.conf:1. Did you mean 'max_qos'?"},
		{"equals sign", "max_qos=1", "Unknown configuration variable 'max_qos=1'\nError found at a.conf:1. Write 'max_qos', a space and the value."},
		{"colon", "max_qos: 1", "Unknown configuration variable 'max_qos:'\nError found at a.conf:1. Write 'max_qos', a space and the value."},
		{
			"nothing like it", "zwölf 12",
			"Unknown configuration variable 'zwölf'\nError found at a.conf:1. There is no such word, nor one like it; remove the line.",
		},
		{"comment behind blanks", " # x", "Unknown configuration variable '#'\nError found at a.conf:1. A comment begins in the first column of its line."},
		{"control characters", "a\x1b[2J\xff", "Unknown configuration variable 'a?[2J?'\nError found at a.conf:1. There is no such word, nor one like it; remove the line."},
		{"no value", "max_qos", "Empty 'max_qos' value in configuration.\nError found at a.conf:1. Write it as in 'max_qos 2'."},
		{"no port", "listener", "Empty 'listener' value in configuration.\nError found at a.conf:1. Write it as in 'listener 1883'."},
		{"no truth", "allow_anonymous", "Empty 'allow_anonymous' value in configuration.\nError found at a.conf:1. Write it as in 'allow_anonymous true'."},
		{"capital truth", "allow_anonymous True", "Invalid 'allow_anonymous' value (True).\nError found at a.conf:1. It is either true or false, in small letters."},
		{"yes", "queue_qos0_messages yes", "Invalid 'queue_qos0_messages' value (yes).\nError found at a.conf:1. It is either true or false, in small letters."},
		{"number with a tail", "max_keepalive 60s", "'max_keepalive' value not a number.\nError found at a.conf:1. Write digits only instead of '60s'."},
		{"no octal", "max_keepalive 08", "'max_keepalive' value not a number.\nError found at a.conf:1. Write digits only instead of '08'."},
		{"not C", "max_keepalive 1_0", "'max_keepalive' value not a number.\nError found at a.conf:1. Write digits only instead of '1_0'."},
		{"both bounds", "max_qos 3", "'max_qos' must be between 0 and 2 inclusive.\nError found at a.conf:1. It is 3."},
		{"too large", "max_inflight_messages 65536", "'max_inflight_messages' must be <= 65535.\nError found at a.conf:1. It is 65536."},
		{"too small", "max_packet_size 19", "'max_packet_size' must be >= 20.\nError found at a.conf:1. It is 19."},
		{"negative", "max_keepalive -1", "'max_keepalive' must be between 0 and 65535 inclusive.\nError found at a.conf:1. It is -1."},
		{"beyond 64 bits", "max_queued_bytes 99999999999999999999", "'max_queued_bytes' must be <= 4611686018427387903.\nError found at a.conf:1. It is 9223372036854775807."},
		{"prefix", "auto_id_prefix " + strings.Repeat("x", 51), "'auto_id_prefix' length must be <= 50.\nError found at a.conf:1. It is 51."},
		{"twice", "auto_id_prefix a\nauto_id_prefix b", "Duplicate 'auto_id_prefix' value in configuration.\nError found at a.conf:2. Keep this one or that of line 1."},
		{"not UTF-8", "auto_id_prefix a\xff", "Invalid 'auto_id_prefix' value in configuration.\nError found at a.conf:1. It is not UTF-8, has a null character, or is longer than 65535 bytes."},
		{
			"no unit", "persistent_client_expiration 30",
			"Invalid 'persistent_client_expiration' duration in configuration.\nError found at a.conf:1. Instead of '30' write a number and h, d, w, m or y for hours, days, weeks, months of 30 days or years.",
		},
		{"unknown sync", "persistence_sync alway", "Invalid 'persistence_sync' value (alway).\nError found at a.conf:1. It is always, interval or never."},
		{"sync without an interval", "persistence_sync interval", noInterval("interval")},
		{"sync with a unit", "persistence_sync interval 1s", noInterval("interval 1s")},
		{"sync in no time", "persistence_sync interval 0", noInterval("interval 0")},
		{"sync after an hour", "persistence_sync interval 3600001", noInterval("interval 3600001")},
		{"sync with more", "persistence_sync always 5", "Invalid 'persistence_sync' value (always 5).\nError found at a.conf:1. Nothing follows 'always'."},
		{"version 6", "listener 1883\naccept_protocol_versions 5,6", "Invalid 'accept_protocol_versions' value (5,6).\nError found at a.conf:2. It is a list of 3, 4 and 5, for MQTT 3.1, 3.1.1 and 5.0, as in '4,5'."},
		{"log_dest", "log_dest stdot", "Invalid 'log_dest' value (stdot).\nError found at a.conf:1. It is stdout, stderr, syslog, topic, file, journald, dlt, android or none."},
		{
			"log_type", "log_type info",
			"Invalid 'log_type' value (info).\nError found at a.conf:1. It is error, warning, notice, information, debug, subscribe, unsubscribe, websockets, internal, none or all.",
		},
		{"port 0", "port 0", "Invalid 'port' value (0).\nError found at a.conf:1. A port is between 1 and 65535."},
		{"port 65536", "listener 65536", "Invalid 'listener' value (65536).\nError found at a.conf:1. A port is between 1 and 65535."},
		{"port with a tail", "listener 1883x", "'listener' value not a number.\nError found at a.conf:1. Write a port such as 1883 instead of '1883x'."},
		{"comment behind a listener", "listener 1883 # the kitchen", "Invalid 'listener' value (# the kitchen).\nError found at a.conf:1. A comment is a line of its own, with # in the first column."},
		{"path with a port", "listener 1883 /run/x", "Invalid 'listener' value (/run/x).\nError found at a.conf:1. It is an IP address or the name of a host."},
		{"blank in an address", "bind_address 127.0.0.1 eth0", "Invalid 'bind_address' value (127.0.0.1 eth0).\nError found at a.conf:1. It is an IP address or the name of a host."},
		{
			"not hexadecimal", "connection a\naddress b\ntopic #\nbridge_psk 0xff",
			"Invalid 'bridge_psk' value (...).\nError found at a.conf:4. Write two of 0 to 9 and a to f for each byte, without 0x.",
		},
		{"no network", "listener 1883\nwebsockets_proxy 10.0.0.1 proxy.lan", "Invalid 'websockets_proxy' value (proxy.lan).\nError found at a.conf:2. Write addresses or networks, such as 192.168.1.5 or 10.0.0.0/8, with blanks between them."},
		{"no size of a network", "listener 1883\nwebsockets_proxy 10.0.0.0/", "Invalid 'websockets_proxy' value (10.0.0.0/).\nError found at a.conf:2. Write addresses or networks, such as 192.168.1.5 or 10.0.0.0/8, with blanks between them."},
		{"wildcards", "listener 1883\nmount_point a/+/", "Invalid 'mount_point' value (a/+/). Does it contain a wildcard character?\nError found at a.conf:2. Take out + and #."},
		{
			"one identifier for two", "connection a\naddress b\ntopic #\nlocal_clientid x\nconnection c\naddress d\ntopic #\nlocal_clientid x",
			"Invalid bridge configuration: two have the same local_clientid.\nError found at a.conf:5. Give each its own: a second client with the identifier takes the place of the first.",
		},
		{"no socket", "listener 0", "A listener with port 0 must provide a Unix socket path.\nError found at a.conf:1. Write it as in 'listener 0 /run/mosquitto/mqtt.sock'."},
		{"listener twice", "listener 1883\nlistener 1883", "Duplicate 'listener' value in configuration.\nError found at a.conf:2. Keep this one or that of line 1."},
		{"no listener", "max_topic_alias 3", "The 'max_topic_alias' option requires a listener to be defined first.\nError found at a.conf:1. Write it below a line such as 'listener 1883'."},
		{"no bridge", "round_robin true", "The 'round_robin' option requires a bridge to be defined first.\nError found at a.conf:1. Write it below a line such as 'connection NAME'."},
		{"several", "max_qos 9\nmax_keepalive x\n", "'max_qos' must be between 0 and 2 inclusive.\nError found at a.conf:1. It is 9.\n" +
			"'max_keepalive' value not a number.\nError found at a.conf:2. Write digits only instead of 'x'."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("a.conf", []byte(tt.text))
			if err == nil {
				t.Fatal("no error")
			}
			if got := err.Error(); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// What weakens security when it is passed over must be refused.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for i := range words {
		w := &words[i]
		if w.Status != Refused {
			continue
		}
		line := lineOf(w)
		text := "listener 1884\nplugin_load name path\n" + line + "\n"
		if strings.HasPrefix(line, "plugin_load ") {
			text = line
		}
		c, _ := Load(Source{File: "a.conf", Read: func(string) ([]byte, error) { return []byte(text), nil }})
		if !slices.ContainsFunc(c.Refusals, func(p *Problem) bool { return p.Word == w.Name && p.Remedy != "" }) {
			t.Errorf("%q: got the refusals %v", line, c.Refusals)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"dhparamfile x", ""}, // an error: there is no listener
		{"listener 1\ndhparamfile x", "a.conf:2: 'dhparamfile' has no effect: nobody needs Diffie-Hellman parameters of their own any more."},
		{"port 1883", "a.conf:1: 'port' is deprecated; use 'listener'."},
		{"message_size_limit 0", "a.conf:1: 'message_size_limit' is deprecated; use 'max_packet_size'."},
		{"log_timestamp_format %s # seconds", "a.conf:1: the text of 'log_timestamp_format' is all up to the end of the line: '%s # seconds'. Write the comment on a line of its own."},
		{"max_queued_messages -1", "a.conf:1: 'max_queued_messages' is at least 0, which -1 is taken for."},
		{"connection a\naddress b\ntopic #\nkeepalive_interval 1", "a.conf:4: 'keepalive_interval' is at least 5, which 1 is taken for."},
		{"maximum_qos 1", "a.conf:1: 'maximum_qos' is deprecated; use 'max_qos'."},
		{"plugin x\nauth_opt_a b", "a.conf:2: 'auth_opt_a' is deprecated; use 'plugin_opt_...'."},
		{"connection a\naddresses b\ntopic # both\nusername u", "a.conf:4: 'username' is deprecated; use 'remote_username'."},
		{"max_qos 1\nlistener 1884", "a.conf:1: 'max_qos' stands before any listener of its file and so opens port 1883 too. Write it below the 'listener' that it is for."},
	} {
		c, _ := Load(Source{File: "a.conf", Read: func(string) ([]byte, error) { return []byte(tt.text), nil }})
		var got []string
		for _, w := range c.Warnings {
			if w.Class != NotYet {
				got = append(got, w.Sentence())
			}
		}
		if strings.Join(got, "\n") != tt.want {
			t.Errorf("%q:\ngot  %v\nwant %s", tt.text, got, tt.want)
		}
	}
}

func TestManyProblems(t *testing.T) {
	t.Parallel()
	_, err := Parse("a.conf", []byte(strings.Repeat("x\n", 1000)))
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != maxProblems {
		t.Errorf("got %d problems, want %d", len(problems), maxProblems)
	}
}

func TestUsePorts(t *testing.T) {
	t.Parallel()
	c, err := Parse("a.conf", []byte("max_qos 1"))
	if err != nil {
		t.Fatal(err)
	}
	c.UsePorts([]int{1884, 1885})
	if len(c.Listeners) != 2 || c.Listeners[0].Port != 1884 || c.Listeners[1].Port != 1885 || c.Listeners[1].MaxQoS != 1 || !c.LocalOnly {
		t.Errorf("got %s", describe(c))
	}
	if c, err = Parse("a.conf", []byte("listener 1886")); err != nil {
		t.Fatal(err)
	}
	c.UsePorts([]int{1884})
	if len(c.Listeners) != 1 || c.Listeners[0].Port != 1886 || len(c.Warnings) != 1 {
		t.Errorf("got %s", describe(c))
	}
}

func noInterval(value string) string {
	return "Invalid 'persistence_sync' value (" + value + ").\nError found at a.conf:1. After 'interval' comes a number of milliseconds, 1 to 3600000, as in 'interval 1000'."
}
