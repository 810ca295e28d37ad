package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zancudomq/zancudo/internal/console"
	"github.com/zancudomq/zancudo/internal/daemon"
	"github.com/zancudomq/zancudo/internal/flags"
)

// rightsOptions is what the command line of explain says.
type rightsOptions struct {
	brokerOptions
	daemon.Question
	config, acl string // files; empty: a running broker is asked
	all, json   bool
}

func rightsTable(o *rightsOptions) *flags.Command {
	return &flags.Command{
		Name: "explain", Summary: "say whether a client may do something, and which rule decides", Usage: []string{"[flags] {publish | subscribe | receive} topic"},
		Text: "It asks the broker that runs on this machine or, with -c or --acl, the files that are given, and prints the decision, the rules on the way to it, and the one that decided " +
			"with its file and line. Nothing is published and nobody has to be connected.\n\n" +
			"A client without --user has no user name, unless the running broker knows whose it is. Which client it is matters where patterns have %c.",
		Args: []flags.Arg{
			{Name: "action", Help: "what the client wants to do", Choices: []string{"publish", "subscribe", "receive"}, Set: flags.Text(&o.Action)},
			{Name: "topic", Help: "the topic; of subscribe, a filter", Set: flags.Text(&o.Topic)},
		},
		Groups: []flags.Group{
			{Title: "Client", Flags: []flags.Flag{
				{Names: "-u, --user", Value: "name", Help: "its user name (none, or that of the client)", Set: flags.Text(&o.User)},
				{Names: "-i, --client", Value: "id", Help: "its identifier (none)", Set: flags.Text(&o.Client)},
			}},
			{Title: "Rules", Flags: append([]flags.Flag{
				{Names: "-c, --config-file", Value: "file", Help: "those of a configuration", Completes: flags.File, Set: flags.Text(&o.config)},
				{Names: "--acl", Value: "file", Help: "those of a file", Completes: flags.File, Set: flags.Text(&o.acl)},
			}, brokerFlags(&o.brokerOptions)...)},
			{Title: "Output", Flags: append([]flags.Flag{
				{Names: "--all", Help: "print the rules that do not match as well", Set: flags.True(&o.all)},
				{Names: "--json", Help: "print an object for programs", Set: flags.True(&o.json)},
			}, standardFlags()...)},
		},
		Sections: []flags.Section{{Title: "Exit status", Text: "0 if the client may, 1 if it may not, 2 if nobody could be asked, and 3 if the command line or a file makes no sense. " +
			"Of several listeners with rules of their own, all must allow it. What the rules say counts, also where acl_mode lets everything pass."}},
		Examples: []flags.Example{
			{Line: "zancudo explain -u alice -i phone publish house/door", Text: "why the running broker refuses it"},
			{Line: "zancudo explain --acl /etc/mosquitto/acl -u alice subscribe 'house/#'", Text: "ask a file before it is used"},
		},
	}
}

// Exit statuses of explain.
const (
	statusDenied = 1
	statusUnsaid = 2
)

// explainRights says whether a client may do something.
func explainRights(ctx context.Context, env Env, args []string) int {
	o := &rightsOptions{}
	if status, done := parse(env, rightsTable(o), args); done {
		return status
	}
	e, err := o.ask(ctx, env)
	switch nobody := new(unasked); {
	case errors.As(err, nobody):
		say(env.Stderr, "Error: %s.\n", capital(err.Error()))
		return statusUnsaid
	case err != nil:
		say(env.Stderr, "Error: %s\n", strings.TrimSuffix(capital(err.Error()), ".")+".")
		return usageStatus
	}
	if o.json {
		encoder := json.NewEncoder(env.Stdout)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(e); err != nil {
			return written(env, err)
		}
	} else {
		for i := range e.Answers {
			if i > 0 {
				say(env.Stdout, "\n")
			}
			(&ruling{env, o, &e.Question, &e.Answers[i]}).write()
		}
	}
	for _, a := range e.Answers {
		if !a.Allowed {
			return statusDenied
		}
	}
	return 0
}

// unasked is why nobody could be asked.
type unasked struct{ error }

// ask asks those whom the flags name.
func (o *rightsOptions) ask(ctx context.Context, env Env) (*daemon.Explanation, error) {
	switch {
	case o.config != "" && o.acl != "":
		return nil, errors.New("give either -c or --acl")
	case o.acl != "":
		return daemon.ExplainFile(o.acl, o.Question)
	case o.config != "":
		c, err := daemon.Load(o.config, env.Environ)
		if err != nil {
			return nil, err
		}
		return daemon.Explain(c, o.Question)
	}
	b, err := o.find(env)
	if err != nil {
		return nil, unasked{fmt.Errorf("%w; name the rules with -c or --acl", err)}
	}
	e := &daemon.Explanation{}
	var told *console.Error
	if err := b.Call(ctx, "explain", o.Question, e); errors.As(err, &told) {
		return nil, err
	} else if err != nil {
		return nil, unasked{err}
	}
	return e, nil
}

// ruling prints an answer for people.
type ruling struct {
	Env
	options  *rightsOptions
	question *daemon.Question
	answer   *daemon.Answer
}

// write prints the decision, the way to it, and what else there is to know.
func (v *ruling) write() {
	a := v.answer
	if len(a.Listeners) > 0 {
		say(v.Stdout, "By %s:\n", strings.Join(a.Listeners, " and "))
	}
	say(v.Stdout, "%s\n", v.colour(a.Allowed, v.sentence()))
	v.steps()
	if a.Rule == nil {
		say(v.Stdout, "%s.\n", printable(capital(a.Reason)))
	}
	if a.Topic != "" {
		say(v.Stdout, "With the mount point it is '%s'.\n", printable(a.Topic))
	}
	for _, note := range a.Notes {
		if !a.Allowed {
			say(v.Stdout, "Note: %s.\n", printable(note))
		}
	}
	if a.Mode != "enforce" && !a.Allowed {
		say(v.Stdout, "Even so it passes: 'acl_mode %s' enforces no rule.\n", a.Mode)
	}
}

// sentence says who may do what, or not.
func (v *ruling) sentence() string {
	who := "A client without a user name"
	switch q := v.question; {
	case q.Client != "" && q.User != "":
		who = "Client " + q.Client + ", user " + q.User + ","
	case q.Client != "":
		who = "Client " + q.Client + ", without a user name,"
	case q.User != "":
		who = "User " + q.User
	}
	verb := " may "
	if !v.answer.Allowed {
		verb = " may not "
	}
	to := map[string]string{"publish": "publish to '", "subscribe": "subscribe to '", "receive": "receive '"}[v.question.Action]
	return printable(who + verb + to + v.question.Topic + "'.")
}

// steps prints the rules that were looked at, in columns.
func (v *ruling) steps() {
	var rows [][3]string
	widths, hidden := [2]int{}, 0
	for _, s := range v.answer.Steps {
		if !s.Matches && !v.options.all {
			hidden++
			continue
		}
		text := s.Text
		if s.User != "" {
			text = "user " + s.User + ": " + text
		}
		row := [3]string{printable(s.Place()), printable(text), s.Outcome}
		for i := range widths {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
		rows = append(rows, row)
	}
	for _, row := range rows {
		line := fmt.Sprintf("%-*s  %-*s  %s", widths[0], row[0], widths[1], row[1], row[2])
		switch row[2] {
		case "allows":
			line = v.colour(true, "  ✓ "+line)
		case "denies":
			line = v.colour(false, "  ✗ "+line)
		default:
			line = "    " + line
		}
		say(v.Stdout, "%s\n", line)
	}
	switch {
	case hidden == 1:
		say(v.Stdout, "    1 rule was looked at that does not match\n")
	case hidden > 1:
		say(v.Stdout, "    %d rules were looked at that do not match\n", hidden)
	}
}

// colour paints what is said: green what is allowed, red what is not.
func (v *ruling) colour(good bool, text string) string {
	switch {
	case !v.colourful():
		return text
	case good:
		return "\x1b[32m" + text + "\x1b[0m"
	default:
		return "\x1b[31m" + text + "\x1b[0m"
	}
}

// printable is text without what a terminal would obey.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
