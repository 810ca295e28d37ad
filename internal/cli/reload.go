package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/zancudomq/zancudo/internal/console"
	"github.com/zancudomq/zancudo/internal/daemon"
	"github.com/zancudomq/zancudo/internal/flags"
)

// brokerOptions say which of the brokers on this machine is meant.
type brokerOptions struct {
	pid int
	dir string
}

// brokerFlags are the flags of commands that ask a running broker.
func brokerFlags(o *brokerOptions) []flags.Flag {
	return []flags.Flag{
		{Names: "-p, --pid", Value: "pid", Help: "the process of the broker, if several run", Set: flags.With(o.setPID)},
		{Names: "--run-dir", Value: "directory", Help: "where the brokers of this machine are found", Completes: flags.Directory, Set: flags.Text(&o.dir)},
	}
}

func (o *brokerOptions) setPID(value string) (err error) {
	if o.pid, err = strconv.Atoi(value); err != nil || o.pid < 1 {
		return flags.Errorf("-p takes the number of a process, not '%s'.", value)
	}
	return nil
}

var errNoBroker = errors.New("no broker of this user runs on this machine")

// find returns the broker that is meant.
func (o *brokerOptions) find(env Env) (console.Broker, error) {
	dir := o.dir
	if dir == "" {
		dir = console.Dir(env.Getenv)
	}
	running, err := console.Find(dir)
	switch {
	case err != nil:
		return console.Broker{}, err
	case len(running) == 0:
		return console.Broker{}, fmt.Errorf("%w (there is none in %s)", errNoBroker, dir)
	case o.pid == 0 && len(running) > 1:
		var pids []string
		for _, b := range running {
			pids = append(pids, strconv.Itoa(b.PID))
		}
		return console.Broker{}, fmt.Errorf("several brokers run: say which with -p, one of %s", strings.Join(pids, ", "))
	case o.pid == 0:
		return running[0], nil
	}
	for _, b := range running {
		if b.PID == o.pid {
			return b, nil
		}
	}
	return console.Broker{}, fmt.Errorf("process %d is no broker with a console in %s", o.pid, dir)
}

func reloadTable(o *brokerOptions) *flags.Command {
	return &flags.Command{
		Name: "reload", Summary: "have the broker read its configuration again", Usage: []string{"[-p pid]"},
		Text: "The configuration is checked first; if anything is wrong with it, nothing changes. What has changed is printed. " +
			"Clients stay connected, unless they have lost the right to be.",
		Groups:   []flags.Group{{Flags: append(brokerFlags(o), standardFlags()...)}},
		Examples: []flags.Example{{Line: "zancudo reload", Text: "apply what you have edited"}},
	}
}

// reload asks a running broker to reload and says what came of it. The status is
// 3 if the configuration makes no sense, and 1 if there is nobody to ask.
func reload(ctx context.Context, env Env, args []string) int {
	o := &brokerOptions{}
	if status, done := parse(env, reloadTable(o), args); done {
		return status
	}
	b, err := o.find(env)
	var answer daemon.Reloaded
	if err == nil {
		err = b.Call(ctx, "reload", nil, &answer)
	}
	var told *console.Error
	switch {
	case errors.As(err, &told):
		say(env.Stderr, "Error: %s\nNothing has changed: the broker runs on with the configuration it had.\n", told.Text)
		return usageStatus
	case err != nil:
		say(env.Stderr, "Error: %s.\n", capital(err.Error()))
		return statusError
	}
	for _, w := range answer.Warnings {
		say(env.Stderr, "Warning: %s\n", w)
	}
	for _, c := range answer.Changes {
		say(env.Stdout, "%s\n", c)
	}
	if len(answer.Changes) == 0 {
		say(env.Stdout, "nothing has changed\n")
	}
	return 0
}
