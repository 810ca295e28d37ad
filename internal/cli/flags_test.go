package cli

import (
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/packet"
)

func TestToolFlags(t *testing.T) {
	for _, test := range []struct {
		tool tools
		args string
		ok   func(o *toolOptions) bool
	}{
		{pubTool, "-t a -m b", func(o *toolOptions) bool {
			c := o.connect
			return o.host == "localhost" && o.port == 1883 && c.KeepAlive == 60 && c.Version == packet.V311 &&
				c.CleanStart && c.ClientID == "" && o.qos == 0 && !o.retain && string(o.payload) == "b"
		}},
		{pubTool, "--message b --topic a --host h --port 8 --qos 2 --retain --debug --quiet --nodelay", func(o *toolOptions) bool {
			return o.host == "h" && o.port == 8 && o.qos == 2 && o.retain && o.debug && o.quiet
		}},
		{pubTool, "-t a -t b -n", func(o *toolOptions) bool { return len(o.topics) == 1 && o.topics[0] == "b" && o.source == nullMessage }},
		{pubTool, "-l -t a -M 7", func(o *toolOptions) bool { return o.source == stdinLines && o.maxInflight == 7 }},
		{pubTool, "-f x -t a", func(o *toolOptions) bool { return o.source == wholeFile && o.file == "x" }},
		{pubTool, "-s -t a", func(o *toolOptions) bool { return o.source == allOfStdin }},
		{subTool, "-t a -t b/# -v -N -C 3 -W 4", func(o *toolOptions) bool {
			return len(o.topics) == 2 && o.verbose && o.noNewline && o.count == 3 && o.timeout.Seconds() == 4 && o.connect.ReceiveMaximum == 3
		}},
		{subTool, "-t a -C 20", func(o *toolOptions) bool { return o.connect.ReceiveMaximum == 0 }},
		{subTool, "-t a -u u -P p -k 5", func(o *toolOptions) bool {
			c := o.connect
			return c.HasUsername && c.Username == "u" && c.HasPassword && string(c.Password) == "p" && c.KeepAlive == 5
		}},
		{subTool, "-t a -c -i me", func(o *toolOptions) bool { return !o.connect.CleanStart && o.connect.SessionExpiry == 0 }},
		{subTool, "-t a -c -i me -V 5", func(o *toolOptions) bool { return !o.connect.CleanStart && o.connect.SessionExpiry == 1<<32-1 }},
		{subTool, "-t a -c -i me -x 9", func(o *toolOptions) bool { return o.connect.Version == packet.V5 && o.connect.SessionExpiry == 9 }},
		{subTool, "-t a -x -1", func(o *toolOptions) bool { return o.connect.SessionExpiry == 1<<32-1 }},
		{subTool, "-t a -V mqttv31", func(o *toolOptions) bool { return o.connect.Version == packet.V31 && len(o.connect.ClientID) == 23 }},
		{subTool, "-t a -V mqttv5 -P p", func(o *toolOptions) bool { return o.connect.Version == packet.V5 && !o.connect.HasUsername }},
		{subTool, "-t a -I pre", func(o *toolOptions) bool {
			return strings.HasPrefix(o.connect.ClientID, "pre") && len(o.connect.ClientID) > 3
		}},
	} {
		o, err := parseTool(test.tool, test.args)
		if err != nil || !test.ok(o) {
			t.Errorf("%s: got %+v, %v", test.args, o, err)
		}
	}
}

// TestToolFlagsThatMakeNoSense also makes sure that errors begin as Mosquitto's.
func TestToolFlagsThatMakeNoSense(t *testing.T) {
	for _, test := range []struct {
		tool tools
		args string
		want string // begins so
	}{
		{pubTool, "", "Both topic and message must be supplied"},
		{pubTool, "-t a", "Both topic and message must be supplied"},
		{pubTool, "-m a", "Both topic and message must be supplied"},
		{subTool, "", "You must specify a topic to subscribe to"},
		{pubTool, "--bogus", "Unknown option '--bogus'."},
		{pubTool, "-t a -m b stray", "Unknown option 'stray'."},
		{pubTool, "-v", "Unknown option '-v'."},
		{subTool, "-m x", "Unknown option '-m'."},
		{pubTool, "-t", "-t argument given but no topic specified."},
		{pubTool, "--qos", "-q argument given but no QoS specified."},
		{pubTool, "-t a -m b -n", "Only one type of message can be sent at once"},
		{pubTool, "-t a/# -m b", "Invalid publish topic 'a/#', does it contain '+' or '#'?"},
		{subTool, "-t a#", "Invalid subscription topic 'a#', are all '+' and '#' wildcards correct?"},
		{pubTool, "-q 3", "Invalid QoS given: 3; -q takes 0, 1 or 2."},
		{pubTool, "-q one", "Invalid QoS given: one; -q takes 0, 1 or 2."},
		{pubTool, "-p 0", "Invalid port given: 0; -p takes 1 to 65535."},
		{pubTool, "-p 65536", "Invalid port given: 65536; -p takes 1 to 65535."},
		{pubTool, "-k 4", "Invalid keepalive given: 4; it must be between 5 and 65535 inclusive."},
		{pubTool, "-V 9", "Invalid protocol version argument given: 9; -V takes mqttv31, mqttv311 or mqttv5."},
		{pubTool, "-M 0", "Maximum inflight messages must be greater than 0: 0"},
		{pubTool, "-x soon", "session-expiry-interval not a number"},
		{subTool, "-C 0", `Invalid message count "0"`},
		{subTool, "-W 0", `Invalid timeout "0"`},
		{subTool, "-t a -c", "You must provide a client id if you are using the -c option"},
		{subTool, "-t a -i a -I b", "-i and -I argument cannot be used together"},
		{subTool, "-t a -P p", "Problem setting username and/or password"},
	} {
		_, err := parseTool(test.tool, test.args)
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%q: got %v, want %s", test.args, err, test.want)
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

// parseTool reads a command line whose words have no blanks.
func parseTool(tool tools, line string) (*toolOptions, error) {
	o := newToolOptions()
	err := toolTable(o, tool).Parse(strings.Fields(line))
	if err == nil {
		err = o.check(tool)
	}
	return o, err
}
