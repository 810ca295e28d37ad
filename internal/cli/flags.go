package cli

import (
	"strings"
	"time"

	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/packet"
)

// tools is a set of the tools that take Mosquitto's flags.
type tools byte

const (
	pubTool tools = 1 << iota
	subTool
	allTools = pubTool | subTool
)

// toolOptions is what the command line of such a tool says.
type toolOptions struct {
	debug, quiet bool

	host        string
	port        int
	connect     packet.Connect
	idPrefix    string
	keepSession bool    // -c
	expiry      *uint32 // -x; nil: not given
	maxInflight int

	topics []string // of pub the last one counts
	qos    packet.QoS

	// Of pub.
	source  source
	payload []byte
	file    string
	retain  bool

	// Of sub.
	verbose, noNewline bool
	count              int           // zero: no end
	timeout            time.Duration // zero: none
}

// source says where the messages come from.
type source byte

const (
	noSource source = iota
	argument
	nullMessage
	stdinLines
	wholeFile
	allOfStdin
)

// A toolFlag is a row of the table of flags. It drives parsing, errors and
// help.
type toolFlag struct {
	short, long string // with their dashes; either may be empty
	value       string // what follows the flag, in errors and help; empty: nothing
	tools       tools
	help        string
	set         func(o *toolOptions, value string) error
}

// toolFlags are the flags in the order of the help.
func toolFlags() []toolFlag {
	return []toolFlag{
		{"-h", "--host", "host", allTools, "the broker, by name or address (localhost)", setHost},
		{"-p", "--port", "port", allTools, "its port (1883)", setPort},
		{"-t", "--topic", "topic", pubTool, "to publish to", setTopic},
		{"-t", "--topic", "topic", subTool, "to subscribe to; may be repeated", addTopic},
		{"-m", "--message", "message", pubTool, "to send", setMessage},
		{"-n", "--null-message", "", pubTool, "send an empty message", setSource(nullMessage)},
		{"-l", "--stdin-line", "", pubTool, "send each line of standard input as a message", setSource(stdinLines)},
		{"-f", "--file", "file", pubTool, "send what is in a file", setFile},
		{"-s", "--stdin-file", "", pubTool, "send all of standard input as one message", setSource(allOfStdin)},
		{"-r", "--retain", "", pubTool, "the broker shall keep the message for later subscribers", func(o *toolOptions, _ string) error { o.retain = true; return nil }},
		{"-q", "--qos", "QoS", allTools, "quality of service: 0, 1 or 2 (0)", setToolQoS},
		{"-v", "--verbose", "", subTool, "print the topic before each message", func(o *toolOptions, _ string) error { o.verbose = true; return nil }},
		{"-N", "", "", subTool, "no end of line after a message", func(o *toolOptions, _ string) error { o.noNewline = true; return nil }},
		{"-C", "", "count", subTool, "end after so many messages", setCount},
		{"-W", "", "timeout", subTool, "end after so many seconds, with status 27", setTimeout},
		{"-i", "--id", "id", allTools, "client identifier (the broker gives one)", func(o *toolOptions, v string) error { o.connect.ClientID = v; return nil }},
		{"-I", "--id-prefix", "id prefix", allTools, "client identifier: this and the process id", func(o *toolOptions, v string) error { o.idPrefix = v; return nil }},
		{"-u", "--username", "username", allTools, "user name", setUsername},
		{"-P", "--pw", "password", allTools, "password", setPassword},
		{"-c", "--disable-clean-session", "", allTools, "the broker shall keep the session; needs -i", func(o *toolOptions, _ string) error { o.keepSession = true; return nil }},
		{"-x", "", "session expiry interval", allTools, "seconds that the broker keeps the session, -1: for ever; MQTT 5", setSessionExpiry},
		{"-k", "--keepalive", "keepalive", allTools, "seconds, 5 to 65535 (60)", setKeepAlive},
		{"-M", "", "max inflight", pubTool, "messages of QoS 1 and 2 under way at a time (20)", setMaxInflight},
		{"-V", "--protocol-version", "version", allTools, "of MQTT: mqttv31, mqttv311 or mqttv5 (mqttv311)", setProtocolVersion},
		{"", "--nodelay", "", allTools, "send at once; always so here", func(*toolOptions, string) error { return nil }},
		{"-d", "--debug", "", allTools, "show the packets", func(o *toolOptions, _ string) error { o.debug = true; return nil }},
		{"", "--quiet", "", allTools, "print no errors", func(o *toolOptions, _ string) error { o.quiet = true; return nil }},
	}
}

// toolTable describes a tool whose options are o.
func toolTable(o *toolOptions, tool tools) *flags.Command {
	c := &flags.Command{Name: "pub", Summary: "publish messages", Usage: []string{"-t topic {-m message | -n | -l | -f file | -s} [flags]"}}
	if tool == subTool {
		c = &flags.Command{Name: "sub", Summary: "subscribe to topics and print the messages", Usage: []string{"-t topic [-t topic ...] [flags]"}}
	}
	group := flags.Group{}
	for _, f := range toolFlags() {
		if f.tools&tool == 0 {
			continue
		}
		group.Flags = append(group.Flags, flags.Flag{
			Names: strings.Trim(f.short+", "+f.long, ", "), Value: f.value, Help: f.help,
			Set: func(v []string) error { return f.set(o, strings.Join(v, "")) },
		})
	}
	group.Flags = append(group.Flags, standardFlags()...)
	c.Groups = []flags.Group{group}
	return c
}

// newToolOptions are the options without a command line.
func newToolOptions() *toolOptions {
	return &toolOptions{
		host: "localhost", port: 1883,
		connect: packet.Connect{Version: packet.V311, KeepAlive: 60},
	}
}

func usagef(format string, args ...any) error { return flags.Errorf(format, args...) }
