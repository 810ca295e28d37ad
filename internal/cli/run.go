package cli

import (
	"context"
	"errors"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/console"
	"github.com/zancudomq/zancudo/internal/daemon"
	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/internal/service"
)

// runOptions is what the command line of the broker says.
type runOptions struct {
	file           string
	ports          []int
	verbose, quiet bool
	test           bool
	background     bool
	keyLog         string
}

// maxPorts is how often -p may be given.
const maxPorts = 10

// runBroker runs the broker until ctx is done. It returns 0 after that, 3 if
// the command line or the configuration makes no sense, otherwise 1.
func runBroker(ctx context.Context, env Env, args []string) int {
	o := &runOptions{}
	if status, done := parse(env, runTable(o), args); done {
		return status
	}
	if o.test {
		return testConfig(env, o.file)
	}
	process, err := daemon.NewProcess()
	if err == nil && o.background && !process.InBackground() {
		var status int
		if status, err = service.Background(ctx); err == nil {
			return status
		}
	}
	var c *config.Config
	if err == nil {
		c, err = o.config(env.Environ)
	}
	if err == nil {
		err = daemon.Run(ctx, daemon.Options{
			Config: c, Reload: func() (*config.Config, error) { return o.config(env.Environ) },
			Version: version(), Stdout: env.Stdout, Stderr: env.Stderr, Process: process, RunDir: console.Dir(env.Getenv),
			KeyLogFile: o.keyLog,
		})
	}
	if err != nil && process != nil {
		process.Failed(err)
	}
	return reportRun(env, err)
}

// testConfig is --test-config: it says in Mosquitto's words whether a broker
// would start. The command check says more.
func testConfig(env Env, file string) int {
	_, problems := daemon.Diagnose(file, env.Environ)
	status := 0
	for _, p := range problems {
		if p.Class.Warning() {
			say(env.Stderr, "Warning: %s\n", p.Sentence())
		} else {
			say(env.Stderr, "Error: %v\n", p)
			status = usageStatus
		}
	}
	if status == 0 {
		say(env.Stdout, "Configuration file is OK.\n")
	}
	return status
}

// config is the configuration that the command line and the environment ask for.
func (o *runOptions) config(environ []string) (*config.Config, error) {
	c, err := daemon.Load(o.file, environ)
	if err != nil {
		return nil, err
	}
	c.UsePorts(o.ports)
	switch {
	case o.quiet:
		c.Log.Types = 0
	case o.verbose:
		c.Log.Types = config.LogAll
	}
	return c, nil
}

// reportRun writes what is wrong, and returns the exit status for it.
func reportRun(env Env, err error) int {
	var one *config.Problem
	var many config.Problems
	switch {
	case err == nil:
		return 0
	case errors.As(err, &one):
		many = config.Problems{one}
	case !errors.As(err, &many):
		say(env.Stderr, "Error: %v\n", err)
		return 1
	}
	for _, p := range many {
		say(env.Stderr, "Error: %v\n", p)
	}
	return usageStatus
}

// runTable describes the command whose options are o. The sentences are
// Mosquitto's, as scripts read them.
func runTable(o *runOptions) *flags.Command {
	return &flags.Command{
		Name: "run", Summary: "run the broker", Usage: []string{"[-c config_file] [-d] [-h] [-p port] [-v]"},
		Text: "Without a configuration it listens on port 1883 of 127.0.0.1 and ::1, and every program of this machine may use it. " +
			"It keeps sessions and messages in the state directory of the service or user: $STATE_DIRECTORY, $XDG_STATE_HOME/zancudo or ~/.local/state/zancudo, for root /var/lib/zancudo.",
		Groups: []flags.Group{{Flags: []flags.Flag{
			{
				Names: "-c, --config-file", Value: "file", Help: "read a configuration in the language of mosquitto.conf", Completes: flags.File,
				Missing: "-c argument given, but no config file specified.", Set: flags.With(o.setFile),
			},
			{
				Names: "-p, --port", Value: "port", Help: "listen on this port instead of 1883, of this machine only; may be repeated; ignored if the file has a listener",
				Missing: "-p argument given, but no port specified.", Invalid: "Invalid port specified (%s).", Set: flags.With(o.addPort),
			},
			{Names: "-v, --verbose", Help: "log everything, whatever the file says", Set: flags.True(&o.verbose)},
			{Names: "-q, --quiet", Help: "log nothing, whatever the file says", Set: flags.True(&o.quiet)},
			{Names: "--test-config", Help: "check the configuration and exit", Set: flags.True(&o.test)},
			{Names: "-d, --daemon", Help: "return when the broker serves, which goes on in the background", Set: flags.True(&o.background)},
			{
				Names: "--tls-keylog", Value: "file", Help: "write what decrypts recorded connections with TLS into a file, to look for a fault; never for long",
				Completes: flags.File, Missing: "--tls-keylog argument given, but no file specified.", Set: flags.With(o.setKeyLog),
			},
			{Names: "-h, --help", Help: "print this", Set: flags.Help},
			{Names: "--version", Help: "print the version", Set: flags.Version},
		}}},
		Examples: []flags.Example{{Line: "zancudo -c /etc/mosquitto/mosquitto.conf", Text: "run the broker as Mosquitto is configured"}},
	}
}

func (o *runOptions) setFile(value string) error {
	if value == "" {
		return flags.Errorf("-c argument given, but no config file specified.")
	}
	o.file = value
	return nil
}

func (o *runOptions) setKeyLog(value string) error {
	if value == "" {
		return flags.Errorf("--tls-keylog argument given, but no file specified.")
	}
	o.keyLog = value
	return nil
}

func (o *runOptions) addPort(value string) error {
	var n int
	if err := flags.Int(&n, 1, 65535)([]string{value}); err != nil {
		return err
	}
	if len(o.ports) == maxPorts {
		return flags.Errorf("Only %d ports can be specified. Write 'listener' lines into a file and name it with -c.", maxPorts)
	}
	o.ports = append(o.ports, n)
	return nil
}
