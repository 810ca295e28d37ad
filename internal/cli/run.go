package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/daemon"
)

// runOptions is what the command line of the broker says.
type runOptions struct {
	file           string
	ports          []int
	verbose, quiet bool
	test           bool
	help, version  bool
}

// maxPorts is how often -p may be given.
const maxPorts = 10

// runBroker runs the broker until ctx is done. It returns 0 after that, 3 if
// the command line or the configuration makes no sense, otherwise 1.
func runBroker(ctx context.Context, env Env, args []string) int {
	o, problem := parseRun(args)
	switch {
	case problem != nil:
		say(env.Stderr, "Error: %v\n", problem)
		return usageStatus
	case o.help:
		writeRunHelp(env)
		return 0
	case o.version:
		return printVersion(ctx, env, nil)
	}
	c, err := o.config()
	if err == nil && o.test {
		err = daemon.Check(c)
	}
	switch {
	case err == nil && o.test:
		for _, w := range c.Warnings {
			say(env.Stderr, "Warning: %s.\n", w.Text)
		}
		say(env.Stdout, "Configuration file is OK.\n")
		return 0
	case err == nil:
		err = daemon.Run(ctx, daemon.Options{Config: c, Version: version(), Stdout: env.Stdout, Stderr: env.Stderr})
	}
	return reportRun(env, err)
}

// config is the configuration that the command line asks for.
func (o *runOptions) config() (*config.Config, error) {
	c := config.New()
	if o.file != "" {
		var err error
		if c, err = daemon.Load(o.file); err != nil {
			return nil, err
		}
	}
	c.UsePorts(o.ports)
	switch {
	case o.quiet:
		c.LogTypes = 0
	case o.verbose:
		c.LogTypes = config.LogAll
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

// parseRun reads a command line. What is wrong with it is told in Mosquitto's
// words, and then in a sentence that says how to go on.
func parseRun(args []string) (*runOptions, *config.Problem) {
	o := &runOptions{}
	for len(args) > 0 {
		name, value, given := strings.Cut(args[0], "=")
		if !strings.HasPrefix(name, "--") {
			name, given = args[0], false
		}
		args = args[1:]
		next := func() bool { // takes the value from the next argument
			if !given && len(args) > 0 {
				value, args, given = args[0], args[1:], true
			}
			return given && value != ""
		}
		switch name {
		case "-c", "--config-file":
			if !next() {
				return nil, &config.Problem{Text: "-c argument given, but no config file specified.", Remedy: "Name it, as in '-c mosquitto.conf'."}
			}
			o.file = value
		case "-p", "--port":
			if !next() {
				return nil, &config.Problem{Text: "-p argument given, but no port specified.", Remedy: "Give a number, as in '-p 1884'."}
			}
			if problem := o.addPort(value); problem != nil {
				return nil, problem
			}
		case "-v", "--verbose":
			o.verbose = true
		case "-q", "--quiet":
			o.quiet = true
		case "--test-config":
			o.test = true
		case "-h", "--help":
			o.help = true
		case "--version":
			o.version = true
		default:
			return nil, unknownRunOption(name)
		}
	}
	return o, nil
}

func unknownRunOption(name string) *config.Problem {
	switch name {
	case "-d", "--daemon":
		return &config.Problem{Text: "-d is not supported yet.", Remedy: "Leave it out, and let systemd, or '&' in a shell, put the broker into the background."}
	case "--tls-keylog":
		return &config.Problem{Text: "--tls-keylog is not supported yet.", Remedy: "Leave it out; there is no TLS in this version."}
	}
	return &config.Problem{Text: fmt.Sprintf("Unknown option '%s'.", name), Remedy: "'--help' lists the options; the configuration file comes after -c."}
}

func (o *runOptions) addPort(value string) *config.Problem {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > 65535 {
		return &config.Problem{Text: fmt.Sprintf("Invalid port specified (%s).", value), Remedy: "A port is a number between 1 and 65535, as in '-p 1884'."}
	}
	if len(o.ports) == maxPorts {
		return &config.Problem{
			Text: fmt.Sprintf("Only %d ports can be specified.", maxPorts), Remedy: "Write 'listener' lines into a file and name it with -c.",
		}
	}
	o.ports = append(o.ports, n)
	return nil
}

func writeRunHelp(env Env) {
	say(env.Stdout, `%s

Usage: %s [-c config_file] [-d] [-h] [-p port] [-v]

Runs the broker, until it is interrupted.

 -c, --config-file FILE   read a configuration in the language of mosquitto.conf
 -p, --port PORT          listen on this port instead of 1883, of this machine only;
                          may be repeated; ignored if the file has a listener
 -v, --verbose            log everything, whatever the file says
 -q, --quiet              log nothing, whatever the file says
     --test-config        check the configuration and exit
 -d, --daemon             not supported yet
 -h, --help               print this
     --version            print the version

Without a configuration it listens on port 1883 of 127.0.0.1 and ::1, and every
program of this machine may use it.
`, version(), env.Program)
}
