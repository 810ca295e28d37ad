package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/zancudomq/zancudo/internal/console"
	"github.com/zancudomq/zancudo/internal/daemon"
	"github.com/zancudomq/zancudo/internal/fact"
	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/internal/store"
)

// dbOptions is what the command line of db says.
type dbOptions struct {
	storeOptions
	action   string
	payloads bool
	json     bool
	output   string
}

func dbTable(o *dbOptions) *flags.Command {
	return &flags.Command{
		Name: "db", Summary: "look into what the broker keeps on disk, and repair it", Usage: []string{"check|repair|dump|export [flags] [directory]"},
		Text: "check reads everything, verifies its sums and says what is wrong. repair puts aside what is damaged or of no use, keeps the rest, and says what is lost. " +
			"dump prints what is there, a line for each session, subscription and message. export prints it as JSON, which 'zancudo restore' takes.\n\n" +
			"Without a directory it is the store of the broker with the configuration of -c, or with none. While its broker runs, that is asked; only repair needs it stopped. " +
			"Nothing but repair changes the store.\n\n" +
			"The exit status is 0 if all is well, 1 if something is damaged or cannot be done, and 3 if the command line or the configuration makes no sense.",
		Args: []flags.Arg{
			{Name: "action", Help: "what to do", Choices: []string{"check", "repair", "dump", "export"}, Set: flags.Text(&o.action)},
			storeArg(&o.storeOptions),
		},
		Groups: []flags.Group{{Flags: append(append(storeFlags(&o.storeOptions),
			flags.Flag{Names: "--json", Help: "of check: print an object for programs", Set: flags.True(&o.json)},
			flags.Flag{Names: "--payloads", Help: "of dump: show what messages say, instead of its size", Set: flags.True(&o.payloads)},
			flags.Flag{
				Names: "-o, --output", Value: "file", Help: "of dump and export: write to a file that only its owner may read", Completes: flags.File,
				Set: flags.Text(&o.output),
			},
		), standardFlags()...)}},
		Examples: []flags.Example{
			{Line: "zancudo db check -c /etc/zancudo/zancudo.conf", Text: "is all well?"},
			{Line: "zancudo db dump /var/lib/mosquitto | grep lamp", Text: "what is kept of the lamp"},
			{Line: "zancudo db export -o zancudo.jsonl", Text: "all of it, for other programs"},
		},
	}
}

// check refuses flags that belong to another action.
func (o *dbOptions) check() error {
	switch {
	case o.action == "":
		return flags.Error("Say what to do: check, repair, dump or export.")
	case o.json && o.action != "check":
		return flags.Error("--json is for check.")
	case o.payloads && o.action != "dump":
		return flags.Error("--payloads is for dump; an export has everything.")
	case o.output != "" && o.action != "dump" && o.action != "export":
		return flags.Error("-o is for dump and export.")
	}
	return nil
}

// db looks into a store.
func db(ctx context.Context, env Env, args []string) int {
	o := &dbOptions{}
	if status, done := parse(env, dbTable(o), args); done {
		return status
	}
	if err := o.check(); err != nil {
		return reportStore(env, err)
	}
	place, err := o.place(env)
	if err != nil {
		return reportStore(env, err)
	}
	switch o.action {
	case "check":
		return o.checkStore(ctx, env, place)
	case "repair":
		return repair(env, place)
	default:
		return o.write(ctx, env, place)
	}
}

// checkStore says what is wrong with a store.
func (o *dbOptions) checkStore(ctx context.Context, env Env, place store.Options) int {
	c, _, err := daemon.CheckStore(func(passes ...store.Pass) (store.Report, error) { return store.Read(place, passes...) })
	var used *store.InUseError
	if errors.As(err, &used) {
		var b console.Broker
		if b, err = o.running(env, used); err == nil {
			c = &daemon.Checked{}
			err = b.Call(ctx, "check", nil, c)
		}
	}
	if err != nil {
		return reportStore(env, err)
	}
	if o.json {
		err = json.NewEncoder(env.Stdout).Encode(struct {
			Directory string `json:"directory"`
			Fine      bool   `json:"fine"`
			*daemon.Checked
		}{place.Dir, c.Fine(), c})
		if err != nil {
			return reportStore(env, fmt.Errorf("write the report: %w", err))
		}
	} else {
		writeChecked(env.Stdout, place.Dir, c)
	}
	if !c.Fine() {
		return statusError
	}
	return 0
}

// writeChecked says what was found.
func writeChecked(w io.Writer, dir string, c *daemon.Checked) {
	if c.Fine() {
		say(w, "%s is fine. It holds %s.\n", dir, c.Holds)
		return
	}
	if len(c.Damages) > 0 {
		say(w, "%s is damaged:\n", dir)
		list(w, c.Damages)
	}
	if len(c.Problems) > 0 {
		say(w, "%s holds what is of no use:\n", dir)
		list(w, c.Problems)
	}
	if c.Facts == 0 {
		sayHopeless(w, dir)
		return
	}
	say(w, "The rest is %s.\n'zancudo db repair %s' keeps the rest and puts aside what is wrong, while no broker runs there.\n", c.Holds, dir)
}

// sayHopeless says how to go on when nothing is left.
func sayHopeless(w io.Writer, dir string) {
	say(w, "Nothing of it can be read. 'zancudo restore --replace FILE %s' puts a backup in its place; to start with an empty state, move %s away.\n", dir, dir)
}

func list(w io.Writer, lines []string) {
	for _, line := range lines {
		say(w, "  %s\n", line)
	}
}

// repair puts aside what is damaged.
func repair(env Env, place store.Options) int {
	read := func(passes ...store.Pass) (store.Report, error) { return store.Read(place, passes...) }
	before, audit, err := daemon.CheckStore(read)
	if err != nil {
		return reportStore(env, err)
	}
	if before.Fine() {
		say(env.Stdout, "%s is fine, there is nothing to repair. It holds %s.\n", place.Dir, before.Holds)
		return 0
	}
	if before.Facts == 0 {
		writeChecked(env.Stdout, place.Dir, before)
		return statusError
	}
	r, err := store.Repair(place, audit.Useless)
	if err != nil {
		return reportStore(env, err)
	}
	after, _, err := daemon.CheckStore(read)
	if err != nil {
		return reportStore(env, err)
	}
	if len(before.Damages) > 0 {
		say(env.Stdout, "Damaged:\n")
		list(env.Stdout, before.Damages)
	}
	if len(before.Problems) > 0 {
		say(env.Stdout, "Of no use:\n")
		list(env.Stdout, before.Problems)
	}
	if len(before.Damages) > 0 {
		say(env.Stdout, "In what is lost, an older value may stand where a newer one was, and what was removed may be back.\n")
	}
	say(env.Stdout, "What was wrong is in %s, with report.txt.\n", r.Quarantine)
	if !after.Fine() {
		writeChecked(env.Stdout, place.Dir, after)
		return statusError
	}
	say(env.Stdout, "%s is fine now. It holds %s.\n", place.Dir, after.Holds)
	return 0
}

// write writes a dump or an export.
func (o *dbOptions) write(ctx context.Context, env Env, place store.Options) int {
	output := o.output
	if output == "" {
		output = "-"
	}
	var b *console.Broker // that has the store open; nil: nobody has
	_, err := store.Read(place)
	if used := (*store.InUseError)(nil); errors.As(err, &used) {
		var running console.Broker
		running, err = o.running(env, used)
		b = &running
	}
	if err != nil {
		return reportStore(env, err)
	}
	var damages []store.Damage
	read := func(pass store.Pass) error {
		r, err := store.Read(place, pass)
		damages = r.Damages
		return err
	}
	err = writeWhole(env, output, func(w io.Writer) error {
		switch {
		case b != nil:
			return b.Fetch(ctx, o.action, daemon.DumpRequest{Payloads: o.payloads}, w)
		case o.action == "dump":
			return daemon.Dump(w, fact.Describer{Payloads: o.payloads}, read)
		default:
			return store.Export(w, func(yield func(key, value []byte) bool) error { return read(yield) })
		}
	})
	if err != nil {
		return reportStore(env, err)
	}
	if len(damages) > 0 {
		say(env.Stderr, "Error: %s is damaged; this is what can be read of it. 'zancudo db check %s' says more.\n", place.Dir, place.Dir)
		return statusError
	}
	return 0
}
