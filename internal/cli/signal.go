package cli

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/internal/service"
)

// signalOptions is what the command line of signal says.
type signalOptions struct {
	all     bool
	pid     int
	request service.Request
}

func signalTable(o *signalOptions) *flags.Command {
	return &flags.Command{
		Name: "signal", Summary: "tell a running broker what to do", Usage: []string{"{-a | -p pid} {" + strings.Join(service.Words(), " | ") + "}"},
		Text: "config-reload has it read its configuration again, log-rotate begin new log files, shutdown end, tree-print log who subscribes to what, and " +
			"xtreport log its figures. A broker is not told who asked; what comes of it is in its log.",
		Args: []flags.Arg{{Name: "request", Help: "what to do", Choices: service.Words(), Set: flags.With(func(word string) error {
			o.request, _ = service.ParseRequest(word) // it is one of the choices
			return nil
		})}},
		Groups: []flags.Group{{Flags: append([]flags.Flag{
			{Names: "-a, --all", Help: "tell all brokers of this machine", Set: flags.True(&o.all)},
			{Names: "-p, --pid", Value: "pid", Help: "tell the one with this process number", Set: flags.Int(&o.pid, 1, 1<<31-1)},
		}, standardFlags()...)}},
		Examples: []flags.Example{{Line: "zancudo signal -a config-reload", Text: "have all brokers read their configurations again"}},
	}
}

// sendSignal sends a request. It returns 0 if all brokers got it, 1 if one did not
// or there is none, and 3 if the command line makes no sense.
func sendSignal(_ context.Context, env Env, args []string) int {
	o := &signalOptions{}
	if status, done := parse(env, signalTable(o), args); done {
		return status
	}
	if o.all == (o.pid != 0) {
		say(env.Stderr, "Error: Give either -a, for all brokers, or -p and the number of a process.\n")
		return usageStatus
	}
	pids := []int{o.pid}
	if o.all {
		var err error
		if pids, err = service.Brokers(isBroker); err != nil {
			say(env.Stderr, "Error: %v\n", err)
			return 1
		}
		if len(pids) == 0 {
			say(env.Stderr, "Error: No broker runs on this machine, or none that this user may see.\n")
			return 1
		}
	}
	status := 0
	for _, pid := range pids {
		if err := service.Send(pid, o.request); err != nil {
			say(env.Stderr, "Error: %v\n", err)
			status = 1
		}
	}
	return status
}

// isBroker reports whether a process was started as a broker, by our name or
// by Mosquitto's. Signals that a broker waits for would end anything else.
func isBroker(args []string) bool {
	name := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	if alias, ok := aliases[name]; ok {
		return alias == "run"
	}
	return name == "zancudo" && (len(args) == 1 || args[1] == "run" || strings.HasPrefix(args[1], "-") && !isInfo(args[1]))
}

// isInfo reports whether a flag prints something and ends.
func isInfo(flag string) bool { return flag == "-h" || flag == "--help" || flag == "--version" }
