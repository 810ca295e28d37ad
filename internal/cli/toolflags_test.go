package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/packet"
)

// read reads the command line of a tool, whose words have no blanks, into o.
func read(o toolOptions, line string) error {
	err := o.table().Parse(strings.Fields(line))
	if err == nil {
		err = o.check()
	}
	return err
}

func TestPubFlags(t *testing.T) {
	for _, test := range []struct {
		args string
		ok   func(o *pubOptions) bool
	}{
		{"-t a -m b", func(o *pubOptions) bool {
			c := o.connect
			return o.host == "" && o.port == 0 && c.KeepAlive == 60 && c.Version == packet.V311 &&
				c.CleanStart && c.ClientID == "" && o.qos == 0 && !o.retain && string(o.payload) == "b" && c.Will == nil
		}},
		{"--message b --topic a --host h --port 8 --qos 2 --retain --debug --quiet --nodelay", func(o *pubOptions) bool {
			return o.host == "h" && o.port == 8 && o.qos == 2 && o.retain && o.debug && o.quiet
		}},
		{"-t a -t b -n", func(o *pubOptions) bool { return o.topic == "b" && o.source == nullMessage }},
		{"-l -t a -M 7", func(o *pubOptions) bool { return o.source == stdinLines && o.maxInflight == 7 }},
		{"-f x -t a", func(o *pubOptions) bool { return o.source == wholeFile && o.file == "x" }},
		{"-s -t a", func(o *pubOptions) bool { return o.source == allOfStdin }},
		{"-t a -n --repeat 3 --repeat-delay 0.5", func(o *pubOptions) bool { return o.repeat == 3 && o.delay().Milliseconds() == 500 }},
		{"-t a -n --will-topic w --will-payload p --will-qos 1 --will-retain", func(o *pubOptions) bool {
			w := o.connect.Will
			return w != nil && w.Topic == "w" && string(w.Payload) == "p" && w.QoS == 1 && w.Retain
		}},
		{"-L mqtts://u:p@h:1/a/b -n", func(o *pubOptions) bool {
			c := o.connect
			return o.host == "h" && o.port == 1 && o.systemRoots && o.topic == "a/b" && c.Username == "u" && string(c.Password) == "p"
		}},
		{"-L WS://[::1]/a -n", func(o *pubOptions) bool { return o.host == "::1" && o.port == 1883 && o.webSocket && !o.systemRoots }},
	} {
		o := newPubOptions()
		if err := read(o, test.args); err != nil || !test.ok(o) {
			t.Errorf("%s: got %+v, %v", test.args, o, err)
		}
	}
}

func TestSubFlags(t *testing.T) {
	for _, test := range []struct {
		args string
		ok   func(o *subOptions) bool
	}{
		{"-t a -t b/# -v -N -C 3 -W 4", func(o *subOptions) bool {
			return len(o.filters) == 2 && o.verbose && o.noNewline && o.count == 3 && o.timeout.Seconds() == 4 && o.connect.ReceiveMaximum == 3
		}},
		{"-t a -C 20", func(o *subOptions) bool { return o.connect.ReceiveMaximum == 0 }},
		{"-t a -C 2 -D connect receive-maximum 9", func(o *subOptions) bool { return o.connect.ReceiveMaximum == 9 }},
		{"-t a -u u -P p -k 5", func(o *subOptions) bool {
			c := o.connect
			return c.HasUsername && c.Username == "u" && c.HasPassword && string(c.Password) == "p" && c.KeepAlive == 5
		}},
		{"-t a -c -i me", func(o *subOptions) bool { return !o.connect.CleanStart && o.connect.SessionExpiry == 0 }},
		{"-t a -c -i me -V 5", func(o *subOptions) bool { return !o.connect.CleanStart && o.connect.SessionExpiry == 1<<32-1 }},
		{"-t a -c -i me -x 9", func(o *subOptions) bool { return o.connect.Version == packet.V5 && o.connect.SessionExpiry == 9 }},
		{"-t a -c -i me -x 0", func(o *subOptions) bool { return o.connect.SessionExpiry == 0 }},
		{"-t a -x 0x10", func(o *subOptions) bool { return o.connect.SessionExpiry == 16 }},
		{"-t a -i me -x -1", func(o *subOptions) bool { return o.connect.SessionExpiry == 1<<32-1 }},
		{"-t a -i me -x ∞", func(o *subOptions) bool { return o.connect.SessionExpiry == 1<<32-1 }},
		{"-t a -V mqttv31", func(o *subOptions) bool { return o.connect.Version == packet.V31 && len(o.connect.ClientID) == 23 }},
		{"-t a -V mqttv5 -P p", func(o *subOptions) bool { return o.connect.Version == packet.V5 && !o.connect.HasUsername }},
		{"-t a -I pre", func(o *subOptions) bool {
			return strings.HasPrefix(o.connect.ClientID, "pre") && len(o.connect.ClientID) > 3
		}},
		{"-U a -T b -T c/#", func(o *subOptions) bool {
			return o.unsubscribe[0] == "a" && len(o.filterOut) == 2 && len(o.filters) == 0
		}},
		{"-t a -R", func(o *subOptions) bool {
			return o.noRetained && o.subscription("a", 0).RetainHandling == packet.DoNotSendRetained
		}},
		{"-t a --retain-handling new --retain-as-published", func(o *subOptions) bool {
			s := o.subscription("a", 2)
			return s.RetainHandling == packet.SendRetainedIfNew && s.RetainAsPublished && s.QoS == 2
		}},
	} {
		o := newSubOptions()
		if err := read(o, test.args); err != nil || !test.ok(o) {
			t.Errorf("%s: got %+v, %v", test.args, o, err)
		}
	}
}

func TestRRFlags(t *testing.T) {
	o := newRROptions()
	if err := read(o, "-t a -e b -m c -q 1"); err != nil || o.connect.Version != packet.V5 || o.connect.ReceiveMaximum != 1 || o.message("publish").ResponseTopic != "b" {
		t.Errorf("got %+v, %v", o, err)
	}
}

// TestProperties gives every property to every packet that may have it.
func TestProperties(t *testing.T) {
	o := newSubOptions()
	if err := read(o, `-t a -i me --will-topic w -D connect session-expiry-interval 1 -D connect receive-maximum 2 -D connect maximum-packet-size 3
		-D connect topic-alias-maximum 4 -D connect request-response-information 1 -D connect request-problem-information 0
		-D connect authentication-method m -D connect authentication-data d -D connect user-property a b -D connect user-property a c
		-D publish payload-format-indicator 1 -D publish message-expiry-interval 5 -D publish content-type text -D publish response-topic r
		-D publish correlation-data c -D publish topic-alias 6 -D publish user-property a b
		-D subscribe subscription-identifier 7 -D subscribe user-property a b -D unsubscribe user-property a b
		-D disconnect session-expiry-interval 8 -D disconnect reason-string why -D disconnect server-reference s -D disconnect user-property a b
		-D will will-delay-interval 9 -D will message-expiry-interval 10 -D will payload-format-indicator 1 -D will content-type text
		-D will response-topic r -D will correlation-data c -D will user-property a b`); err != nil {
		t.Fatal(err)
	}
	user := []packet.UserProperty{{Name: "a", Value: "b"}}
	all := func(all ...bool) {
		for i, ok := range all {
			if !ok {
				t.Errorf("condition %d does not hold: %+v", i, o)
			}
		}
	}
	c, p := o.connect, o.properties
	all(c.Version == packet.V5, c.SessionExpiry == 1, c.ReceiveMaximum == 2, c.MaximumPacketSize == 3, c.TopicAliasMaximum == 4, c.RequestResponseInformation,
		c.NoProblemInformation, c.AuthenticationMethod == "m", string(c.AuthenticationData) == "d", len(c.UserProperties) == 2)
	m := p.publish.Properties
	all(m.PayloadIsUTF8, p.publish.HasMessageExpiry, p.publish.MessageExpiry == 5, m.ContentType == "text", m.ResponseTopic == "r",
		string(m.CorrelationData) == "c", p.publish.TopicAlias == 6, m.UserProperties[0] == user[0])
	all(p.subscribe.SubscriptionID == 7, p.subscribe.UserProperties[0] == user[0], p.unsubscribe.UserProperties[0] == user[0],
		*p.disconnect.SessionExpiry == 8, p.disconnect.ReasonString == "why", p.disconnect.ServerReference == "s", p.disconnect.UserProperties[0] == user[0])
	w := c.Will
	all(w.DelayInterval == 9, w.MessageExpiry == 10, w.HasMessageExpiry, w.Properties.PayloadIsUTF8, w.Properties.ContentType == "text",
		w.Properties.ResponseTopic == "r", string(w.Properties.CorrelationData) == "c", w.Properties.UserProperties[0] == user[0])
	for _, command := range propertyCommands {
		for _, name := range propertiesOf(command) {
			if name != userProperty && command+name != "publishsubscription-identifier" && !p.has(command, name) {
				t.Errorf("%s of %s is not tried", name, command)
			}
		}
	}
}

// Sentences that Mosquitto 2.1 prints, and its own tests look for.
func TestSentences(t *testing.T) {
	const pubOnly, subOnly, rrOnly, all = "pub", "sub", "rr", "pub sub rr"
	for _, test := range []struct{ tools, args, want string }{
		{all, "-A", "-A argument given but no address specified."},
		{subOnly, "-C", "-C argument given but no count specified."},
		{rrOnly, "-e", "-e argument given but no response topic specified."},
		{"pub rr", "-f", "-f argument given but no file specified."},
		{all, "-h", "-h argument given but no host specified."},
		{all, "--host", "-h argument given but no host specified."},
		{all, "-i", "-i argument given but no id specified."},
		{all, "-I", "-I argument given but no id prefix specified."},
		{all, "-k", "-k argument given but no keepalive specified."},
		{all, "-L", "-L argument given but no URL specified."},
		{all, "-M", "-M argument given but max_inflight not specified."},
		{"pub rr", "-m", "-m argument given but no message specified."},
		{all, "-o", "-o argument given but no options file specified."},
		{all, "-p", "-p argument given but no port specified."},
		{all, "-P", "-P argument given but no password specified."},
		{all, "--proxy", "--proxy argument given but no proxy url specified."},
		{subOnly, "--random-filter", "--random-filter argument given but no chance specified."},
		{all, "-q", "-q argument given but no QoS specified."},
		{pubOnly, "--repeat", "--repeat argument given but no count specified."},
		{pubOnly, "--repeat-delay", "--repeat-delay argument given but no time specified."},
		{"sub rr", "--retain-handling", "--retain-handling argument given but no option specified."},
		{all, "-t", "-t argument given but no topic specified."},
		{subOnly, "-T", "-T argument given but no topic filter specified."},
		{all, "-u", "-u argument given but no username specified."},
		{subOnly, "-U", "-U argument given but no unsubscribe topic specified."},
		{all, "--unix", "--unix argument given but no socket path specified."},
		{all, "-V", "--protocol-version argument given but no version specified."},
		{"sub rr", "-F", "-F argument given but no format specified."},
		{"sub rr", "-W", "-W argument given but no timeout specified."},
		{all, "--will-payload", "--will-payload argument given but no will payload specified."},
		{all, "--will-qos", "--will-qos argument given but no will QoS specified."},
		{all, "--will-topic", "--will-topic argument given but no will topic specified."},
		{all, "-x", "-x argument given but no session expiry interval specified."},
		{all, "--cafile", "--cafile argument given but no file specified."},
		{all, "--capath", "--capath argument given but no directory specified."},
		{all, "--cert", "--cert argument given but no file specified."},
		{all, "--ciphers", "--ciphers argument given but no ciphers specified."},
		{all, "--key", "--key argument given but no file specified."},
		{all, "--keyform", "--keyform argument given but no keyform specified."},
		{all, "--psk", "--psk argument given but no key specified."},
		{all, "--psk-identity", "--psk-identity argument given but no identity specified."},
		{all, "--tls-alpn", "--tls-alpn argument given but no protocol specified."},
		{all, "--tls-engine", "--tls-engine argument given but no engine_id specified."},
		{all, "--tls-engine-kpass-sha1", "--tls-engine-kpass-sha1 argument given but no kpass sha1 specified."},
		{all, "--tls-keylog", "--tls-keylog argument given but no file specified."},
		{all, "--tls-version", "--tls-version argument given but no version specified."},

		{all, "-V 5 -D", "--property argument given but not enough arguments specified."},
		{all, "-D connect receive-maximum", "--property argument given but not enough arguments specified."},
		{all, "-D connect user-property key", "--property argument given but not enough arguments specified."},
		{all, "-D invalid receive-maximum 1", "Invalid command invalid given in --property argument."},
		{all, "-D connect invalid 1", "Invalid property name invalid given in --property argument."},
		{all, "-D connect will-delay-interval 1", "will-delay-interval property not allowed for connect in --property argument."},
		{all, "-D connect subscription-identifier 1", "subscription-identifier property not allowed for connect in --property argument."},
		{all, "-D publish subscription-identifier 1", "subscription-identifier property not supported for publish in --property argument."},
		{all, "-D subscribe topic-alias 1", "topic-alias property not allowed for subscribe in --property argument."},
		{all, "-D auth authentication-method 1", "authentication-method property not supported for auth in --property argument."},
		{all, "-D puback reason-string 1", "reason-string property not supported for puback in --property argument."},
		{all, "-D connect request-problem-information -1", "Property value (-1) out of range for property request-problem-information."},
		{all, "-D connect request-problem-information 256", "Property value (256) out of range for property request-problem-information."},
		{all, "-D connect receive-maximum 65536", "Property value (65536) out of range for property receive-maximum."},
		{all, "-D connect session-expiry-interval 4294967296", "Property value (4294967296) out of range for property session-expiry-interval."},
		{all, "-D subscribe subscription-identifier 4294967296", "Property value (4294967296) out of range for property subscription-identifier."},
		{all, "-D publish content-type a -D publish content-type b", "Error in PUBLISH properties: Duplicate property in property list"},
		{all, "-D connect receive-maximum 0", "Error in CONNECT properties: A network protocol error occurred when communicating with the broker."},
		{rrOnly, "-t a -m b -e c -D publish response-topic d", "Error in PUBLISH properties: Duplicate response topic."},

		{all, "-i id -I prefix", "-i and -I argument cannot be used together."},
		{all, "-I prefix -i id", "-i and -I argument cannot be used together."},
		{all, "--will-payload payload", "Will payload given, but no will topic given."},
		{all, "--will-retain", "Will retain given, but no will topic given."},
		{all, "-V mqttv5 -x -1", "You must provide a client id if you are using an infinite session expiry interval."},
		{all, "-V mqttv311 -c", "You must provide a client id if you are using the -c option."},
		{all, "-V mqttv311 -c -I pre", "You must provide a client id if you are using the -c option."},
		{all, "-V 311 -P p", "Problem setting username and/or password."},
		{"pub rr", "-m message -f file", "Only one type of message can be sent at once."},
		{pubOnly, "-l -s", "Only one type of message can be sent at once."},
		{all, "--cert file", "Both certfile and keyfile must be provided if one of them is set."},
		{all, "--key file", "Both certfile and keyfile must be provided if one of them is set."},
		{all, "--keyform file", "If keyform is set, keyfile must be also specified."},
		{all, "--tls-engine-kpass-sha1 hash", "when using tls-engine-kpass-sha1, both tls-engine and keyform must also be provided."},
		{all, "--cafile file --psk key", "Only one of --psk or --cafile/--capath may be used at once."},
		{all, "--capath dir --psk key", "Only one of --psk or --cafile/--capath may be used at once."},
		{all, "--psk key", "--psk-identity required if --psk used."},
		{subOnly, "-t a -R --retained-only", "Combining '-R' and '--retained-only' makes no sense."},

		{"sub rr", "-F %", "Incomplete format specifier."},
		{"sub rr", "-F %Z", "Invalid format specifier 'Z'."},
		{"sub rr", `-F \`, "Incomplete escape specifier."},
		{"sub rr", `-F \Z`, "Invalid escape specifier 'Z'."},
		{all, "-k -1", "Invalid keepalive given, it must be between 5 and 65535 inclusive."},
		{all, "-k 65536", "Invalid keepalive given, it must be between 5 and 65535 inclusive."},
		{all, "-M 0", "Maximum inflight messages must be greater than 0."},
		{all, "-p -1", "Invalid port given: -1"},
		{all, "-p 65536", "Invalid port given: 65536"},
		{all, "-q -1", "Invalid QoS given: -1"},
		{all, "-q 3", "Invalid QoS given: 3"},
		{all, "-q one", "Invalid QoS given: one"},
		{subOnly, "-C 0", `Invalid message count "0".`},
		{all, "-L invalid://", "Unsupported URL scheme."},
		{all, "-L mqtt://localhost", "Invalid URL for -L argument specified - topic missing."},
		{all, "-L ws://localhost", "Invalid URL for -L argument specified - topic missing."},
		{all, "-L mqtt://localhost:x/a", "Invalid URL for -L argument specified."},
		{all, "--proxy http://x", "Unsupported proxy protocol: http://x"},
		{all, "--proxy socks5h://x:0", "Invalid proxy."},
		{pubOnly, "--repeat 0", "--repeat argument must be >0."},
		{pubOnly, "--repeat-delay -1", "--repeat-delay argument must be >=0.0."},
		{"pub rr", "-t topic/+", "Invalid publish topic 'topic/+', does it contain '+' or '#'?"},
		{subOnly, "-t ++", "Invalid subscription topic '++', are all '+' and '#' wildcards correct?"},
		{subOnly, "-T ++", "Invalid filter topic '++', are all '+' and '#' wildcards correct?"},
		{subOnly, "-U ++", "Invalid unsubscribe topic '++', are all '+' and '#' wildcards correct?"},
		{rrOnly, "-e topic/+", "Invalid response topic 'topic/+', does it contain '+' or '#'?"},
		{all, "--will-topic +", "Invalid will topic '+', does it contain '+' or '#'?"},
		{"pub rr", "-t \xff", "Malformed UTF-8 in -t argument."},
		{all, "-V 0", "Invalid protocol version argument given."},
		{"sub rr", "-W 0", `Invalid timeout "0".`},
		{all, "--will-qos -1", "Invalid will QoS -1."},
		{all, "--will-qos 3", "Invalid will QoS 3."},
		{all, "-x A", "session-expiry-interval not a number."},
		{all, "-x -2", "session-expiry-interval out of range."},
		{all, "-x 4294967296", "session-expiry-interval out of range."},
		{"sub rr", "--retain-handling invalid", "Unknown value 'invalid' for --retain-handling."},
		{subOnly, "--random-filter 0", "--random-filter chance must be between 0.1-100.0"},
		{pubOnly, "-t a", "Both topic and message must be supplied."},
		{pubOnly, "-m a", "Both topic and message must be supplied."},
		{subOnly, "", "You must specify a topic to subscribe to (-t) or unsubscribe from (-U)."},
		{rrOnly, "-t a -m b", "All of topic, message, and response topic must be supplied."},

		{all, "--unknown", "Unknown option '--unknown'."},
		{all, "stray", "Unknown option 'stray'."},
		{pubOnly, "-C 1", "Unknown option '-C'."},
		{pubOnly, "-e r", "Unknown option '-e'."},
		{pubOnly, "-E", "Unknown option '-E'."},
		{pubOnly, "-F %p", "Unknown option '-F'."},
		{pubOnly, "-N", "Unknown option '-N'."},
		{pubOnly, "--pretty", "Unknown option '--pretty'."},
		{pubOnly, "-R", "Unknown option '-R'."},
		{pubOnly, "--retained-only", "Unknown option '--retained-only'."},
		{pubOnly, "-v", "Unknown option '-v'."},
		{pubOnly, "-W", "Unknown option '-W'."},
		{pubOnly, "-w", "Unknown option '-w'."},
		{pubOnly, "-T", "Unknown option '-T'."},
		{subOnly, "-l", "Unknown option '-l'."},
		{subOnly, "-m", "Unknown option '-m'."},
		{subOnly, "-n", "Unknown option '-n'."},
		{subOnly, "-r", "Unknown option '-r'."},
		{subOnly, "--repeat", "Unknown option '--repeat'."},
		{subOnly, "-s", "Unknown option '-s'."},
		{rrOnly, "-l", "Unknown option '-l'."},
		{rrOnly, "-r", "Unknown option '-r'."},
		{rrOnly, "--message-rate", "Unknown option '--message-rate'."},
		{rrOnly, "--repeat", "Unknown option '--repeat'."},
		{rrOnly, "-C", "Unknown option '-C'."},
	} {
		for tool := range strings.SplitSeq(test.tools, " ") {
			got := call(t, append([]string{"mosquitto_" + tool}, strings.Fields(test.args)...)...)
			want := "Error: " + test.want
			if strings.HasPrefix(test.want, "Error in ") {
				want = test.want
			}
			if got.status != 1 || !strings.HasPrefix(got.stderr, want) || got.stdout != "" {
				t.Errorf("%s %s: got %+v\nwant %s", tool, test.args, got, want)
			}
		}
	}
}

func TestUsageError(t *testing.T) {
	got := call(t, "zancudo", "pub", "-q", "3")
	want := "Error: Invalid QoS given: 3; -q takes 0, 1 or 2.\n\nUse 'zancudo pub --help' to see usage.\n"
	if got.status != 1 || got.stdout != "" || got.stderr != want {
		t.Errorf("got %+v", got)
	}
}

// TestHelpStatus shows that Mosquitto's names have Mosquitto's exit status.
func TestHelpStatus(t *testing.T) {
	for _, flag := range []string{"--help", "--version"} {
		for program, want := range map[string]int{"mosquitto_pub": 1, "mosquitto_sub": 1, "mosquitto_rr": 1} {
			if got := call(t, program, flag); got.status != want || got.stdout == "" {
				t.Errorf("%s %s: got %d", program, flag, got.status)
			}
		}
		for _, tool := range []string{"pub", "sub", "rr"} {
			if got := call(t, "zancudo", tool, flag); got.status != 0 || got.stdout == "" {
				t.Errorf("%s %s: got %d", tool, flag, got.status)
			}
		}
	}
}

func TestOptionsFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(name), 0o700))
		must(t, os.WriteFile(name, []byte(text), 0o600))
		return name
	}
	named := write("named", "# a comment\n\n-h named\r\n-D publish user-property a b c\n-u  me \n--retain\n")
	env := func(home string) Env {
		return Env{Program: "zancudo pub", Stdout: &buffer{}, Stderr: &buffer{}, Getenv: func(name string) string {
			return map[string]string{"HOME": home}[name]
		}}
	}
	write("both/.config/zancudo_pub", "-h own\n")
	write("both/.config/mosquitto_pub", "-h mosquitto\n")
	write("bad/.config/mosquitto_pub", "-p 1\n--hots x\n")
	both := env(filepath.Join(dir, "both"))
	mosquitto := both
	mosquitto.Program = "mosquitto_pub"
	xdg := both
	xdg.Getenv = func(string) string { return filepath.Join(dir, "both", ".config") }
	for _, test := range []struct {
		name string
		env  Env
		args string
		want string
	}{
		{"named", both, "-t a -m b -o " + named, "named"},
		{"command line wins", both, "-t a -m b -h mine -o " + named, "mine"},
		{"own", both, "-t a -m b", "own"},
		{"Mosquitto's", mosquitto, "-t a -m b", "mosquitto"},
		{"XDG_CONFIG_HOME", xdg, "-t a -m b", "own"},
		{"none", env(dir), "-t a -m b", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := newPubOptions()
			status, done := readTool(test.env, o, newPubOptions(), strings.Fields(test.args))
			if done || status != 0 || o.host != test.want {
				t.Errorf("got %d, %+v\n%s", status, o, test.env.Stderr)
			}
			if u := o.properties.publish.Properties; strings.Contains(test.args, "-o") &&
				(u == nil || u.UserProperties[0] != packet.UserProperty{Name: "a", Value: "b c"} || o.connect.Username != "me " || !o.retain) {
				t.Errorf("got %+v", o)
			}
		})
	}
	for _, test := range []struct {
		env        Env
		args, want string
	}{
		{both, "-t a -m b -o /nowhere/x", "Error: Unable to open options file '/nowhere/x': No such file or directory.\n"},
		{both, "-o a -o b", "Error: Duplicate -o argument given.\n\nUse 'zancudo pub --help' to see usage.\n"},
		{env(filepath.Join(dir, "bad")), "-t a -m b", "Error: Unknown option '--hots'. Did you mean '--host'? It is read from " +
			filepath.Join(dir, "bad/.config/mosquitto_pub") + ", line 2.\n\nUse 'zancudo pub --help' to see usage.\n"},
	} {
		var stderr buffer
		test.env.Stderr = &stderr
		status, done := readTool(test.env, newPubOptions(), newPubOptions(), strings.Fields(test.args))
		if !done || status != 1 || stderr.String() != test.want {
			t.Errorf("%s: got %d %s\nwant %s", test.args, status, stderr.String(), test.want)
		}
	}
}
