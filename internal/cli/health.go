package cli

import (
	"context"
	"errors"
	"time"

	"github.com/zancudomq/zancudo/internal/console"
	"github.com/zancudomq/zancudo/internal/daemon"
	"github.com/zancudomq/zancudo/internal/flags"
)

// healthLimit is how long a healthy broker may take to answer.
const healthLimit = 5 * time.Second

func healthTable(o *brokerOptions) *flags.Command {
	return &flags.Command{
		Name: "health", Summary: "ask whether the broker of this machine serves", Usage: []string{"[-p pid]"},
		Text: "The broker sends a message through itself and says where it is found. It is asked by the socket that its other commands use, so neither a port nor a password is needed. " +
			"What works less well than it should, such as a full disk, is a warning.\n\n" +
			"The exit status is 0 if it serves, 1 if not or if there is none. As the health check of a container and for monitoring.",
		Groups:   []flags.Group{{Flags: append(brokerFlags(o), standardFlags()...)}},
		Examples: []flags.Example{{Line: "zancudo health", Text: "is all well?"}},
	}
}

// health asks a running broker how it is. The status is 1 unless it serves.
func health(ctx context.Context, env Env, args []string) int {
	o := &brokerOptions{}
	if status, done := parse(env, healthTable(o), args); done {
		return status
	}
	ctx, cancel := context.WithTimeout(ctx, healthLimit)
	defer cancel()
	b, err := o.find(env)
	var answer daemon.Health
	if err == nil {
		err = b.Call(ctx, "health", nil, &answer)
	}
	var told *console.Error
	switch {
	case errors.As(err, &told):
		say(env.Stderr, "Error: The broker does not serve: %s.\n", told.Text)
		return statusError
	case err != nil:
		say(env.Stderr, "Error: %s.\n", capital(err.Error()))
		return statusError
	}
	if answer.Trouble != "" {
		say(env.Stderr, "Warning: %s\n", capital(answer.Trouble))
	}
	say(env.Stdout, "%s.\n", answer.Serving)
	return 0
}
