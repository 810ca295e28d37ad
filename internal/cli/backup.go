package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/zancudomq/zancudo/internal/console"
	"github.com/zancudomq/zancudo/internal/daemon"
	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/internal/store"
)

// backupOptions is what the command line of backup says.
type backupOptions struct {
	storeOptions
	pid  brokerOptions
	file string
}

func backupTable(o *backupOptions) *flags.Command {
	return &flags.Command{
		Name: "backup", Summary: "copy what the broker keeps on disk", Usage: []string{"[-p pid] file", "[-c config_file] file [directory]"},
		Text: "The copy is of one moment: all that was acknowledged before the command began is in it. Nothing waits for it. " +
			"It is read and checked before it is written, and takes the file's place when it is complete.\n\n" +
			"Without -c and a directory it is of the broker that runs on this machine, and if none does, of the store of a broker without a configuration.",
		Args: []flags.Arg{
			{Name: "file", Help: "a tar file, which only its owner may read; - is standard output", Completes: flags.File, Set: flags.Text(&o.file)},
			storeArg(&o.storeOptions),
		},
		Groups: []flags.Group{{Flags: append(append([]flags.Flag{
			{Names: "-p, --pid", Value: "pid", Help: "the process of the broker, if several run", Set: flags.With(o.pid.setPID)},
		}, storeFlags(&o.storeOptions)...), standardFlags()...)}},
		Examples: []flags.Example{
			{Line: "zancudo backup zancudo.tar", Text: "of the broker that runs"},
			{Line: "zancudo backup - | ssh cellar 'cat > zancudo.tar'", Text: "to another machine"},
		},
	}
}

// backup copies a store, from a running broker or from the disk.
func backup(ctx context.Context, env Env, args []string) int {
	o := &backupOptions{}
	if status, done := parse(env, backupTable(o), args); done {
		return status
	}
	o.pid.dir = o.runDir
	b, place, err := o.source(env)
	if err != nil {
		return reportStore(env, err)
	}
	var size counter
	err = writeWhole(env, o.file, func(w io.Writer) error {
		w = io.MultiWriter(w, &size)
		if b != nil {
			return b.Fetch(ctx, "backup", nil, w)
		}
		return store.Backup(place, w)
	})
	if err != nil {
		return reportStore(env, err)
	}
	if o.file == "-" {
		return 0
	}
	what := place.Dir
	if b != nil {
		what = fmt.Sprintf("what broker %d keeps", b.PID)
	}
	say(env.Stdout, "%s is a backup of %s, %d bytes.\n", o.file, what, size)
	return 0
}

// source finds what to copy: a running broker, or a store that nobody has open.
func (o *backupOptions) source(env Env) (*console.Broker, store.Options, error) {
	if o.dir == "" && o.config == "" {
		b, err := o.pid.find(env)
		none := errors.Is(err, errNoBroker)
		if err == nil {
			return &b, store.Options{}, nil
		}
		if !none || o.pid.pid != 0 {
			return nil, store.Options{}, err
		}
	} else if o.pid.pid != 0 {
		return nil, store.Options{}, flags.Error("Name the store by its broker, with -p, or by where it is, not by both.")
	}
	place, err := o.place(env)
	if err != nil {
		return nil, place, err
	}
	_, err = store.Read(place)
	if used := (*store.InUseError)(nil); errors.As(err, &used) {
		b, err := o.running(env, used)
		return &b, place, err
	}
	return nil, place, err
}

// counter counts bytes.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// restoreOptions is what the command line of restore says.
type restoreOptions struct {
	storeOptions
	file    string
	replace bool
}

func restoreTable(o *restoreOptions) *flags.Command {
	return &flags.Command{
		Name: "restore", Summary: "put a backup in place", Usage: []string{"[-c config_file] [--replace] file [directory]"},
		Text: "Takes a file of 'zancudo backup' or of 'zancudo db export', of any machine. All of it is read and checked before it takes its place. " +
			"No broker may run there meanwhile.\n\n" +
			"Without a directory it goes where the broker with the configuration of -c, or with none, keeps its state. A store that is there already is left alone, " +
			"unless --replace says that it may be put aside, from where you can take it back.",
		Args: []flags.Arg{
			{Name: "file", Help: "what to restore; - is standard input", Completes: flags.File, Set: flags.Text(&o.file)},
			storeArg(&o.storeOptions),
		},
		Groups: []flags.Group{{Flags: append(append([]flags.Flag{
			{Names: "--replace", Help: "put aside what is there", Set: flags.True(&o.replace)},
		}, storeFlags(&o.storeOptions)...), standardFlags()...)}},
		Examples: []flags.Example{{Line: "zancudo restore -c /etc/zancudo/zancudo.conf zancudo.tar", Text: "on a new machine"}},
	}
}

// restore puts a backup in place.
func restore(_ context.Context, env Env, args []string) int {
	o := &restoreOptions{}
	if status, done := parse(env, restoreTable(o), args); done {
		return status
	}
	place, err := o.place(env)
	if err != nil {
		return reportStore(env, err)
	}
	in := env.Stdin
	if o.file != "-" {
		f, err := os.Open(o.file)
		if err != nil {
			return reportStore(env, err)
		}
		defer func() { _ = f.Close() }() // it was only read
		in = f
	}
	put := store.Restore
	if o.replace {
		put = store.Replace
	}
	var done store.Restored
	checked, _, err := daemon.CheckStore(func(passes ...store.Pass) (store.Report, error) {
		var err error
		done, err = put(place, in, passes...)
		return store.Report{Facts: done.Facts}, err
	})
	var exists *store.ExistsError
	switch {
	case errors.As(err, &exists):
		say(env.Stderr, "Error: %s. With --replace it is put aside, and the backup takes its place.\n", capital(err.Error()))
		return statusError
	case err != nil:
		return reportStore(env, err)
	}
	for _, problem := range checked.Problems {
		say(env.Stderr, "Warning: %s.\n", capital(problem))
	}
	say(env.Stdout, "%s holds %s now.\n", place.Dir, checked.Holds)
	if done.Aside != "" {
		say(env.Stdout, "What was there is in %s; remove it when you do not need it any more.\n", done.Aside)
	}
	return 0
}
