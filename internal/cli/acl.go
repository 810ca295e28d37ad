package cli

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/zancudomq/zancudo/internal/console"
	"github.com/zancudomq/zancudo/internal/daemon"
	"github.com/zancudomq/zancudo/internal/flags"
)

// aclOptions is what the command line of acl says.
type aclOptions struct {
	brokerOptions
	verb string
	json bool
}

func aclTable(o *aclOptions) *flags.Command {
	return &flags.Command{
		Name: "acl", Summary: "write access rules from what clients did", Usage: []string{"suggest [flags]"},
		Text: "suggest prints a file for acl_file: the smallest that would have allowed all that clients have done while the running broker had 'acl_mode learn'. " +
			"Where several clients do alike, their names become %c and %u, and topics that differ at one level have a + there; comments say what each rule comes of. " +
			"A client may receive what it subscribed to, but of a subscription that begins with a wildcard only what came.\n\n" +
			"Nobody has checked whether what clients did was right: read the file before you use it. The notes are in the broker's memory, outlive a reload, and end with the broker.\n\n" +
			"The exit status is 0 if there are rules, 1 if nothing was noted, 2 if there is no broker to ask, and 3 if the command line makes no sense.",
		Args: []flags.Arg{{Name: "what", Help: "what to do", Choices: []string{"suggest"}, Set: flags.Text(&o.verb)}},
		Groups: []flags.Group{{Flags: append(append(brokerFlags(&o.brokerOptions),
			flags.Flag{Names: "--json", Help: "print an object for programs", Set: flags.True(&o.json)}), standardFlags()...)}},
		Examples: []flags.Example{{Line: "zancudo acl suggest > /etc/mosquitto/acl", Text: "begin a file of rules"}},
	}
}

// acl prints rules.
func acl(ctx context.Context, env Env, args []string) int {
	o := &aclOptions{}
	if status, done := parse(env, aclTable(o), args); done {
		return status
	}
	b, err := o.find(env)
	s := &daemon.Suggested{}
	if err == nil {
		err = b.Call(ctx, "acl-suggest", nil, s)
	}
	if err != nil {
		text := err.Error()
		if told := (*console.Error)(nil); errors.As(err, &told) {
			text = told.Text
		}
		say(env.Stderr, "Error: %s.\n", capital(text))
		return statusUnsaid
	}
	if o.json {
		encoder := json.NewEncoder(env.Stdout)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(s); err != nil {
			return written(env, err)
		}
	} else if s.Uses > 0 {
		writeSuggestion(env, s)
	}
	if s.Uses > 0 {
		return 0
	}
	if s.Mode == "learn" {
		say(env.Stderr, "No client has done anything yet.\n")
	} else {
		say(env.Stderr, "Nothing was noted: write 'acl_mode learn' into the configuration, reload, and wait until all clients have done what they do.\n")
	}
	return 1
}

// writeSuggestion prints a file, with a comment on what it comes of.
func writeSuggestion(env Env, s *daemon.Suggested) {
	say(env.Stdout, "# %s for %s of %s and those without a user name,\n", count(s.Rules, "rule"), count(s.Clients, "client"), count(s.Users, "user"))
	say(env.Stdout, "# from %s that were done with 'acl_mode learn'.\n", count(s.Uses, "different thing"))
	say(env.Stdout, "# Read them before you use them: whatever was done is allowed.\n")
	if s.Lost > 0 {
		say(env.Stdout, "# NOT COMPLETE: there was no room for %s more.\n", count(s.Lost, "thing"))
	}
	say(env.Stdout, "%s", s.Text)
}
