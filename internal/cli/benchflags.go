package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/internal/bench"
	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/packet"
)

// benchOptions is what the command line of bench says.
type benchOptions struct {
	bench.Options
	json, quiet bool

	tls, insecure bool
	cafile        string
}

// benchTable describes the command whose options are o.
func benchTable(o *benchOptions) *flags.Command {
	var scenarios []string
	var about strings.Builder
	about.WriteString("It puts load on any broker and accounts for every message.")
	for _, s := range bench.Scenarios() {
		scenarios = append(scenarios, s.Name)
		fmt.Fprintf(&about, "\n\n%s: %s; -n %s.", s.Name, s.Usage, s.Count)
	}
	about.WriteString("\n\nThe status is 0 if each message arrived once and in order, 1 if one was lost, came twice or out of order, or if nothing could be measured. " +
		"Ctrl-C ends a measurement early and prints what was measured.")
	return &flags.Command{
		Name: "bench", Summary: "measure a broker", Usage: []string{"[scenario] [flags]"}, Text: about.String(),
		Args: []flags.Arg{{Name: "scenario", Help: "what to do, as above, which also says what -n counts and how many there are otherwise", Optional: true, Choices: scenarios, Set: flags.Text(&o.Scenario)}},
		Groups: []flags.Group{
			{Title: "Connection", Flags: benchConnectionFlags(o)},
			{Title: "Load", Flags: benchLoadFlags(o)},
			{Title: "Output", Flags: append([]flags.Flag{
				{Names: "--pid", Value: "number", Help: "the broker's process, to report its CPU time and memory", Set: flags.Int(&o.PID, 1, 1<<30)},
				{Names: "--json", Help: "print the result as one line of JSON", Set: flags.True(&o.json)},
				{Names: "--quiet", Help: "show no progress", Set: flags.True(&o.quiet)},
			}, flags.Flag{Names: "--help", Help: "print this", Set: flags.Help})},
		},
	}
}

func benchConnectionFlags(o *benchOptions) []flags.Flag {
	return []flags.Flag{
		{Names: "-h, --host", Value: "name", Help: "the broker's host (localhost)", Set: flags.Given(&o.Host)},
		{Names: "-p, --port", Value: "number", Help: "its port (1883, with TLS 8883)", Set: flags.Int(&o.Port, 1, 65535)},
		{Names: "-V, --version", Value: "version", Help: "of MQTT: 3.1, 3.1.1 or 5 (3.1.1)", Set: flags.With(o.setVersion)},
		{Names: "-u, --username", Value: "name", Help: "to connect with", Set: flags.Given(&o.Username)},
		{Names: "-P, --pw", Value: "password", Help: "to connect with", Set: flags.Given(&o.Password)},
		{Names: "--tls", Help: "connect with TLS, trusting the system's certificates", Set: flags.True(&o.tls)},
		{Names: "--cafile", Value: "file", Help: "the same, trusting those in a file", Set: flags.Given(&o.cafile), Completes: flags.File},
		{Names: "--insecure", Help: "the same, trusting anybody", Set: flags.True(&o.insecure)},
		{Names: "-k, --keepalive", Value: "time", Help: "Keep Alive (60s)", Set: flags.Duration(&o.KeepAlive, time.Second, 65535*time.Second)},
		{Names: "--connecting", Value: "number", Help: "connections being opened at a time (64)", Set: flags.Int(&o.Concurrency, 1, 100_000)},
	}
}

func benchLoadFlags(o *benchOptions) []flags.Flag {
	return []flags.Flag{
		{Names: "-q, --qos", Value: "QoS", Help: "of messages and subscriptions: 0, 1 or 2 (0)", Choices: []string{"0", "1", "2"}, Set: flags.Int(&o.QoS, 0, 2)},
		{Names: "--payload", Value: "bytes", Help: "of a message (64)", Set: flags.Int(&o.PayloadBytes, bench.MinPayload, packet.MaxRemainingLength-1000)},
		{Names: "--pubs", Value: "number", Help: "publishers", Set: flags.Int(&o.Publishers, 1, 1e6)},
		{Names: "--subs", Value: "number", Help: "subscribers", Set: flags.Int(&o.Subscribers, 1, 1e6)},
		{Names: "--share", Help: "the subscribers of fanin share one subscription", Set: flags.True(&o.Shared)},
		{Names: "--persistent", Help: "the sessions of the subscribers outlive their connections, in p2p, fanout, fanin and latency", Set: flags.True(&o.Persistent)},
		{
			Names: "--part", Value: "store|drain", Help: "of queue: store the messages and leave them, or drain what the run of the same --run has left",
			Choices: []string{string(bench.StoreOnly), string(bench.DrainOnly)}, Set: flags.With(o.setPart),
		},
		{Names: "--run", Value: "name", Help: "part of the topics and client identifiers (random)", Set: flags.Given(&o.Run)},
		{Names: "--window", Value: "messages", Help: "of a publisher that may be under way (20)", Set: flags.Int(&o.Window, 1, bench.MaxWindow)},
		{Names: "--rate", Value: "messages/s", Help: "of all publishers; otherwise as fast as the window lets", Set: flags.With(o.setRate)},
		{Names: "--duration", Value: "time", Help: "of the measurement, as 30 or 30s or 5m (5s)", Set: flags.Duration(&o.Duration, time.Millisecond, 24*time.Hour)},
		{Names: "--warmup", Value: "time", Help: "before it (1s)", Set: flags.With(o.setWarmup)},
		{Names: "-n, --count", Value: "number", Help: "messages, connections or filters, as above", Set: flags.Int(&o.Count, 1, 1_000_000_000)},
	}
}
