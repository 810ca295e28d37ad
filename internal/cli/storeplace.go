package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/zancudomq/zancudo/internal/atomicfile"
	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/console"
	"github.com/zancudomq/zancudo/internal/daemon"
	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/internal/store"
)

// storeOptions say which store is meant.
type storeOptions struct {
	config string // the file of the broker's configuration
	dir    string // of the store
	runDir string // where the brokers of this machine are found
}

// storeFlags are the flags of commands that work on a store.
func storeFlags(o *storeOptions) []flags.Flag {
	return []flags.Flag{
		{
			Names: "-c, --config-file", Value: "file", Help: "the broker's configuration, which says where the store is", Completes: flags.File,
			Set: flags.Text(&o.config),
		},
		{Names: "--run-dir", Value: "directory", Help: "where the brokers of this machine are found", Completes: flags.Directory, Set: flags.Text(&o.runDir)},
	}
}

// storeArg is the argument of such commands.
func storeArg(o *storeOptions) flags.Arg {
	return flags.Arg{Name: "directory", Help: "of the store, or the persistence_location", Optional: true, Completes: flags.Directory, Set: flags.Text(&o.dir)}
}

// errStoreTwice is a command line that names two stores.
var errStoreTwice = flags.Error("Name the store by its directory or by -c, not by both.")

// place finds the store: by its directory, or as the broker does with the
// configuration, which may be none.
func (o *storeOptions) place(env Env) (store.Options, error) {
	if o.dir != "" {
		if o.config != "" {
			return store.Options{}, errStoreTwice
		}
		dir := filepath.Clean(o.dir)
		if inside := filepath.Join(dir, "zancudo"); !store.Marked(dir) && store.Marked(inside) {
			dir = inside
		}
		return store.Options{Dir: dir}, nil
	}
	c, err := daemon.Load(o.config, env.Environ)
	if err != nil {
		return store.Options{}, err
	}
	return daemon.StorePlace(c)
}

// running returns the broker that has a store open.
func (o *storeOptions) running(env Env, used *store.InUseError) (console.Broker, error) {
	dir := o.runDir
	if dir == "" {
		dir = console.Dir(env.Getenv)
	}
	brokers, err := console.Find(dir)
	if err != nil {
		return console.Broker{}, err
	}
	for _, b := range brokers {
		if b.PID == used.PID {
			return b, nil
		}
	}
	return console.Broker{}, fmt.Errorf("%s, which cannot be asked: it has no console in %s. Stop it, or name its directory with --run-dir", inUse(used), dir)
}

// inUse says who has a store open.
func inUse(used *store.InUseError) string {
	if used.PID == 0 {
		return fmt.Sprintf("another process has the store in %s open", used.Dir)
	}
	return fmt.Sprintf("process %d has the store in %s open", used.PID, used.Dir)
}

// isConfigError reports whether an error is one of a configuration.
func isConfigError(err error) bool {
	var one *config.Problem
	var many config.Problems
	return errors.As(err, &one) || errors.As(err, &many)
}

// reportStore writes why a command on a store failed, and returns the exit status
// for it.
func reportStore(env Env, err error) int {
	var used *store.InUseError
	var usage flags.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		say(env.Stderr, "Error: %v\n\nUse '%s --help' to see usage.\n", err, env.Program)
		return usageStatus
	case errors.As(err, &used):
		say(env.Stderr, "Error: %s. Stop it first.\n", capital(inUse(used)))
		return statusError
	case isConfigError(err):
		return reportRun(env, err)
	}
	say(env.Stderr, "Error: %s.\n", capital(err.Error()))
	return statusError
}

// writeWhole writes a file that only its owner may read: whole and safe on disk, or
// not at all. The name - is standard output.
func writeWhole(env Env, name string, write func(io.Writer) error) error {
	if name == "-" {
		return write(env.Stdout)
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file; name one, or - for standard output", name)
	}
	return atomicfile.Stream(name, atomicfile.Options{}, write)
}
