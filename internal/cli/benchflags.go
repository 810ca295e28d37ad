package cli

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/internal/bench"
	"github.com/zancudomq/zancudo/packet"
)

// benchOptions is what the command line of bench says.
type benchOptions struct {
	bench.Options
	json, quiet, help bool

	tls, insecure bool
	cafile        string
}

// benchFlag is a row of the table of flags.
type benchFlag struct {
	names string // as in "-p, --port"
	value string // what its value is, in the help; empty: it takes none
	help  string
	set   func(o *benchOptions, value string) error
}

func benchFlags() []benchFlag {
	return []benchFlag{
		{"-h, --host", "name", "the broker's host (localhost)", func(o *benchOptions, v string) error { return setText(&o.Host, v) }},
		{"-p, --port", "number", "its port (1883, with TLS 8883)", func(o *benchOptions, v string) error { return setInt(&o.Port, v, 1, 65535) }},
		{"-V, --version", "version", "of MQTT: 3.1, 3.1.1 or 5 (3.1.1)", setBenchVersion},
		{"-u, --username", "name", "to connect with", func(o *benchOptions, v string) error { return setText(&o.Username, v) }},
		{"-P, --pw", "password", "to connect with", func(o *benchOptions, v string) error { return setText(&o.Password, v) }},
		{"--tls", "", "connect with TLS, trusting the system's certificates", func(o *benchOptions, _ string) error { o.tls = true; return nil }},
		{"--cafile", "file", "the same, trusting those in a file", func(o *benchOptions, v string) error { return setText(&o.cafile, v) }},
		{"--insecure", "", "the same, trusting anybody", func(o *benchOptions, _ string) error { o.insecure = true; return nil }},
		{"-q, --qos", "0|1|2", "of messages and subscriptions (0)", setBenchQoS},
		{"--payload", "bytes", "of a message (64)", func(o *benchOptions, v string) error {
			return setInt(&o.PayloadBytes, v, bench.MinPayload, packet.MaxRemainingLength-1000)
		}},
		{"--pubs", "number", "publishers", func(o *benchOptions, v string) error { return setInt(&o.Publishers, v, 1, 1e6) }},
		{"--subs", "number", "subscribers", func(o *benchOptions, v string) error { return setInt(&o.Subscribers, v, 1, 1e6) }},
		{"--share", "", "the subscribers of fanin share one subscription", func(o *benchOptions, _ string) error { o.Shared = true; return nil }},
		{"--window", "messages", "of a publisher that may be under way (20)", func(o *benchOptions, v string) error { return setInt(&o.Window, v, 1, bench.MaxWindow) }},
		{"--rate", "messages/s", "of all publishers; otherwise as fast as the window lets", setBenchRate},
		{"--duration", "time", "of the measurement, as 30 or 30s or 5m (5s)", func(o *benchOptions, v string) error {
			return setDuration(&o.Duration, v, time.Millisecond, 24*time.Hour)
		}},
		{"--warmup", "time", "before it (1s)", setBenchWarmup},
		{"-n, --count", "number", "messages, connections or filters, as below", func(o *benchOptions, v string) error { return setInt(&o.Count, v, 1, 1e9) }},
		{"--connecting", "number", "connections being opened at a time (64)", func(o *benchOptions, v string) error { return setInt(&o.Concurrency, v, 1, 100_000) }},
		{"-k, --keepalive", "time", "Keep Alive (60s)", func(o *benchOptions, v string) error {
			return setDuration(&o.KeepAlive, v, time.Second, 65535*time.Second)
		}},
		{"--pid", "number", "the broker's process, to report its CPU time and memory", func(o *benchOptions, v string) error { return setInt(&o.PID, v, 1, 1<<30) }},
		{"--json", "", "print the result as one line of JSON", func(o *benchOptions, _ string) error { o.json = true; return nil }},
		{"--quiet", "", "show no progress", func(o *benchOptions, _ string) error { o.quiet = true; return nil }},
		{"--help", "", "print this", func(o *benchOptions, _ string) error { o.help = true; return nil }},
	}
}

// parseBench reads a command line. Its errors are sentences that name the flag,
// its value, and what would be accepted.
func parseBench(args []string) (*benchOptions, error) {
	o := &benchOptions{}
	flags := benchFlags()
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if !strings.HasPrefix(arg, "-") {
			if err := setScenario(o, arg); err != nil {
				return nil, err
			}
			continue
		}
		name, value, given := strings.Cut(arg, "=")
		flag := findBenchFlag(flags, name)
		switch {
		case flag == nil:
			return nil, usagef("%s: there is no such flag; --help lists them.", name)
		case flag.value == "" && given:
			return nil, usagef("%s: this flag takes no value.", arg)
		case flag.value != "" && !given:
			if len(args) == 0 {
				return nil, usagef("%s: its value is missing: %s.", name, flag.value)
			}
			value, args = args[0], args[1:]
		}
		if err := flag.set(o, value); err != nil {
			return nil, usagef("%s %s: %v.", name, value, err)
		}
		if o.help {
			return o, nil
		}
	}
	return o, o.secure()
}

func findBenchFlag(flags []benchFlag, name string) *benchFlag {
	for i := range flags {
		if slices.Contains(strings.Split(flags[i].names, ", "), name) {
			return &flags[i]
		}
	}
	return nil
}

// printBenchUsage explains the command.
func printBenchUsage(w io.Writer, program string) {
	say(w, `%s measures an MQTT broker.

Usage: %[1]s [scenario] [flags]

Scenarios, and what -n counts (the default):
`, program)
	for _, s := range bench.Scenarios() {
		say(w, "  %-10s %s; -n %s\n", s.Name, s.Usage, s.Count)
	}
	say(w, "\nFlags:\n")
	for _, f := range benchFlags() {
		names := f.names
		if f.value != "" {
			names += " " + f.value
		}
		say(w, "  %-24s %s\n", names, f.help)
	}
	say(w, `
Every message is accounted for. The status is 0 if each arrived once and in
order, 1 if one was lost, came twice or out of order, or if nothing could be
measured. Ctrl-C ends a measurement early and prints what was measured.
`)
}
