package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/daemon"
	"github.com/zancudomq/zancudo/internal/flags"
)

// checkOptions is what the command line of check says.
type checkOptions struct {
	file   string
	strict bool
	json   bool
}

func checkTable(o *checkOptions) *flags.Command {
	return &flags.Command{
		Name: "check", Summary: "check a configuration", Usage: []string{"[flags] [file]"},
		Text: "Says all that is wrong with a configuration, insecure, deprecated, without effect or not supported yet: the file, line and word, and how to go on. " +
			"Nothing is opened and nothing changes. Without a file it checks what the environment says.\n\n" +
			"The exit status is 0 if a broker would start, 1 with --strict if there are warnings, and 3 if it would not start.",
		Args: []flags.Arg{{Name: "file", Help: "the configuration", Optional: true, Completes: flags.File, Set: flags.Text(&o.file)}},
		Groups: []flags.Group{{Flags: append([]flags.Flag{
			{Names: "-c, --config-file", Value: "file", Help: "the same", Completes: flags.File, Set: flags.Text(&o.file)},
			{Names: "--strict", Help: "exit with status 1 if there are warnings", Set: flags.True(&o.strict)},
			{Names: "--json", Help: "print an object for programs", Set: flags.True(&o.json)},
		}, standardFlags()...)}},
		Examples: []flags.Example{
			{Line: "zancudo check /etc/mosquitto/mosquitto.conf", Text: "before Zancudo takes the place of Mosquitto"},
			{Line: "zancudo check --strict /etc/mosquitto/mosquitto.conf && systemctl reload zancudo", Text: "reload only what is free of warnings"},
		},
	}
}

// check says what there is to say about a configuration. It returns 0 if it is
// fine, 3 if a broker would not start, and 1 if there are warnings and that
// matters.
func check(_ context.Context, env Env, args []string) int {
	o := &checkOptions{}
	if status, done := parse(env, checkTable(o), args); done {
		return status
	}
	_, problems := daemon.Diagnose(o.file, env.Environ)
	r := newCheckReport(o.file, problems)
	if o.json {
		encoder := json.NewEncoder(env.Stdout)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(r); err != nil {
			say(env.Stderr, "Error: write the report: %v\n", err)
			return 1
		}
	} else {
		r.write(env, problems)
	}
	switch {
	case r.Errors > 0:
		return usageStatus
	case r.Warnings > 0 && o.strict:
		return 1
	default:
		return 0
	}
}

// checkReport is what check prints for programs.
type checkReport struct {
	File     string         `json:"file"`
	OK       bool           `json:"ok"` // a broker would start
	Errors   int            `json:"errors"`
	Warnings int            `json:"warnings"`
	Problems []checkProblem `json:"problems"`
}

type checkProblem struct {
	Severity   string `json:"severity"` // error or warning
	Class      string `json:"class"`
	File       string `json:"file"`
	Line       int    `json:"line,omitempty"`
	Word       string `json:"word,omitempty"`
	Text       string `json:"text"`
	Remedy     string `json:"remedy,omitempty"`
	Suggestion string `json:"suggestion,omitempty"`
}

func newCheckReport(file string, problems config.Problems) *checkReport {
	r := &checkReport{File: file, Problems: []checkProblem{}}
	for _, p := range problems {
		if p.Class.Warning() {
			r.Warnings++
		} else {
			r.Errors++
		}
		r.Problems = append(r.Problems, checkProblem{severity(p), p.Class.String(), p.File, p.Line, p.Word, p.Text, p.Remedy, p.Suggestion})
	}
	r.OK = r.Errors == 0
	return r
}

func severity(p *config.Problem) string {
	if p.Class.Warning() {
		return "warning"
	}
	return "error"
}

// write prints a line for each problem, as compilers do, and one for all.
func (r *checkReport) write(env Env, problems config.Problems) {
	for _, p := range problems {
		what := severity(p)
		if p.Class.Warning() {
			what += " (" + p.Class.String() + ")"
		}
		where, sentence := p.Parts()
		say(env.Stdout, "%s%s: %s\n", where, what, sentence)
	}
	name := r.File
	if name == "" {
		name = "the configuration without a file"
	}
	switch {
	case r.Errors+r.Warnings == 0:
		say(env.Stdout, "%s is fine.\n", name)
	case r.OK:
		say(env.Stdout, "%s works, with %s.\n", name, count(r.Warnings, "warning"))
	default:
		say(env.Stdout, "%s does not work: %s, %s.\n", name, count(r.Errors, "error"), count(r.Warnings, "warning"))
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
