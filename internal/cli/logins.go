package cli

import (
	"context"
	"encoding/json"
	"net/netip"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/zancudomq/zancudo/internal/daemon"
	"github.com/zancudomq/zancudo/internal/flags"
)

// loginsOptions is what the command line of logins says.
type loginsOptions struct {
	broker  brokerOptions
	request daemon.LoginsRequest
	json    bool
}

func loginsTable(o *loginsOptions) *flags.Command {
	return &flags.Command{
		Name: "logins", Summary: "show whose logins are slowed down, and let them in again", Usage: []string{"[--lift address]", "--lift-all"},
		Text: "After a few failed logins of a user from an address, the next one has to wait: one second, then two, up to five minutes. Failures of many users " +
			"slow down the whole address. This shows who has to wait now, and with --lift their failures are forgotten.",
		Groups: []flags.Group{{Flags: append(append([]flags.Flag{
			{Names: "--lift", Value: "address", Help: "forget the failures of an address, of its /64 for IPv6", Set: flags.With(o.setLift)},
			{Names: "--lift-all", Help: "forget the failures of all", Set: flags.True(&o.request.LiftAll)},
			{Names: "--json", Help: "print an object for programs", Set: flags.True(&o.json)},
		}, brokerFlags(&o.broker)...), standardFlags()...)}},
		Examples: []flags.Example{
			{Line: "zancudo logins", Text: "who has to wait"},
			{Line: "zancudo logins --lift 192.0.2.7", Text: "let in again who has had a wrong password"},
		},
	}
}

func (o *loginsOptions) setLift(value string) error {
	if _, err := netip.ParseAddr(value); err != nil {
		return flags.Errorf("--lift takes an IP address, not '%s'.", value)
	}
	o.request.Lift = value
	return nil
}

// logins asks a running broker whose logins have to wait. The status is 1 if
// there is nobody to ask.
func logins(ctx context.Context, env Env, args []string) int {
	o := &loginsOptions{}
	if status, done := parse(env, loginsTable(o), args); done {
		return status
	}
	b, err := o.broker.find(env)
	var answer daemon.Logins
	if err == nil {
		err = b.Call(ctx, "logins", &o.request, &answer)
	}
	if err != nil {
		say(env.Stderr, "Error: %s.\n", capital(err.Error()))
		return statusError
	}
	if o.json {
		return written(env, json.NewEncoder(env.Stdout).Encode(answer))
	}
	o.write(env, &answer)
	return 0
}

func (o *loginsOptions) write(env Env, answer *daemon.Logins) {
	if o.request.Lift != "" || o.request.LiftAll {
		say(env.Stdout, "%s lifted\n", count(answer.Lifted, "delay"))
	}
	if len(answer.Slowed) == 0 {
		say(env.Stdout, "nobody has to wait\n")
		return
	}
	w := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	say(w, "address\tuser\tfailures\twaits for\n")
	for _, s := range answer.Slowed {
		user := strconv.Quote(s.User)
		if s.User == "" {
			user = "(all)"
		}
		say(w, "%s\t%s\t%d\t%v\n", s.Address, user, s.Failures, max(s.Left(), time.Second))
	}
	_ = w.Flush() // as say
}
