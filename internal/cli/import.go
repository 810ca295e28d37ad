package cli

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"path/filepath"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/daemon"
	"github.com/zancudomq/zancudo/internal/flags"
)

// importOptions is what the command line of import says.
type importOptions struct {
	daemon.ImportOptions
	config string
}

func importTable(o *importOptions) *flags.Command {
	return &flags.Command{
		Name: "import", Summary: "bring the sessions and messages of Mosquitto", Usage: []string{"[-c config_file | -d directory] [flags] [file]"},
		Text: "Brings sessions with their subscriptions, queued messages, messages of QoS 2 on their way, and retained messages from the persistence " +
			"file of Mosquitto, or the database of its plugin persist-sqlite, into the store of a broker that does not run. The file is not changed. Stop Mosquitto first: it writes its file when it ends.\n\n" +
			"Without a file it takes the one that the configuration names. At its first start in the place of Mosquitto, a broker does that by itself.\n\n" +
			"What was brought is printed, and what was not, with the reason. The exit status is 0 then; 1 if nothing was brought, and 3 if the command line or " +
			"the configuration makes no sense.",
		Args: []flags.Arg{{Name: "file", Help: "mosquitto.db, of any version from 2 to 6, or mosquitto.sqlite3", Optional: true, Completes: flags.File, Set: flags.Text(&o.File)}},
		Groups: []flags.Group{{Flags: append([]flags.Flag{
			{Names: "-c, --config-file", Value: "file", Help: "the configuration of the broker that gets it", Completes: flags.File, Set: flags.Text(&o.config)},
			{Names: "-d, --directory", Value: "directory", Help: "its store, or the persistence_location, instead of what the configuration names", Completes: flags.Directory, Set: flags.Text(&o.Dir)},
			{Names: "-n, --dry-run", Help: "say what would be brought, and change nothing", Set: flags.True(&o.DryRun)},
			{Names: "--keep", Help: "sessions that are there already stay as they are; the others are brought", Set: flags.True(&o.Keep)},
			{Names: "--replace", Help: "sessions and retained messages that are there already make way for those of the file", Set: flags.True(&o.Replace)},
			{Names: "--partial", Help: "of a damaged file, bring what comes before the damage", Set: flags.True(&o.Partial)},
		}, standardFlags()...)}},
		Examples: []flags.Example{
			{Line: "zancudo import -n /var/lib/mosquitto/mosquitto.db", Text: "see what would be brought"},
			{Line: "zancudo import -c /etc/mosquitto/mosquitto.conf", Text: "bring it to where this configuration keeps its state"},
		},
	}
}

// importState brings what Mosquitto has left. It returns 0 if something was
// brought, or would be; 1 if not, and 3 if it was asked for nonsense.
func importState(_ context.Context, env Env, args []string) int {
	o := &importOptions{}
	if status, done := parse(env, importTable(o), args); done {
		return status
	}
	if o.Keep && o.Replace {
		say(env.Stderr, "Error: Give either --keep or --replace: sessions that are there already cannot both stay and make way.\n")
		return usageStatus
	}
	err := o.complete(env)
	var i *daemon.Imported
	if err == nil {
		o.Logger = slog.New(slog.DiscardHandler)
		i, err = daemon.Import(o.ImportOptions)
	}
	if err != nil {
		var problems config.Problems
		if errors.As(err, &problems) {
			return reportRun(env, err)
		}
		say(env.Stderr, "Error: %s. Nothing was brought.\n", capital(err.Error()))
		return statusError
	}
	o.report(env, i)
	return 0
}

// complete finds out what the command line leaves to the configuration.
func (o *importOptions) complete(env Env) (err error) {
	if o.Config, err = daemon.Load(o.config, env.Environ); err != nil {
		return err
	}
	if o.Dir == "" {
		place, err := daemon.StorePlace(o.Config)
		if err != nil {
			return err
		}
		if o.File == "" {
			o.File = cmp.Or(o.Config.DatabaseFile(), place.Marker)
		}
	}
	if o.File == "" {
		o.File = filepath.Join(o.Config.PersistenceLocation, o.Config.PersistenceFile)
	}
	if o.Dir == "" {
		return nil
	}
	place, err := (&storeOptions{dir: o.Dir}).place(env)
	o.Dir = place.Dir
	return err
}

func (o *importOptions) report(env Env, i *daemon.Imported) {
	if o.DryRun {
		say(env.Stdout, "Nothing has changed. This would be brought from %s (%s) into %s:\n", o.File, i.Source, i.Dir)
	} else {
		say(env.Stdout, "Brought from %s (%s) into %s:\n", o.File, i.Source, i.Dir)
	}
	for _, row := range []struct {
		n    int
		what string
	}{
		{i.Sessions, "sessions"},
		{i.Subscriptions, "subscriptions"},
		{i.Queued, "messages that clients have still to get"},
		{i.Received, "messages of QoS 2 that clients have not released"},
		{i.Retained, "retained messages"},
	} {
		say(env.Stdout, "%9d  %s\n", row.n, row.what)
	}
	if lines := i.Sentences(); len(lines) > 0 {
		say(env.Stdout, "Left out:\n")
		for _, line := range lines {
			say(env.Stdout, "  %s\n", line)
		}
	}
	if i.Damage != nil {
		say(env.Stdout, "The file is damaged, and what comes after is lost: %v\n", i.Damage)
	}
	if i.Unsaid {
		say(env.Stdout, "Mosquitto had not ended when it wrote the file: what came later is not in it.\n")
	}
	if i.Copy != "" {
		say(env.Stdout, "The file stays as it is; %s is another name of it, should Mosquitto write it anew.\n", i.Copy)
	}
}
