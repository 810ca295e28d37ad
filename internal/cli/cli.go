package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/zancudomq/zancudo/internal/flags"
)

// Env is what a command may touch of the process it runs in.
type Env struct {
	// Program is how the user called the command: "zancudo pub", or
	// "mosquitto_pub". Messages and help name it.
	Program string
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	// Getenv reads an environment variable.
	Getenv func(name string) string
	// Environ are all of them, as NAME=value.
	Environ []string
	// Dial opens the connections of the tools; nil: those of package net.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// A command is a row of the table of subcommands.
type command struct {
	name string
	// table describes the command, with setters whose options nobody reads.
	table func() *flags.Command
	// run does the work and returns the exit status. It ends when ctx is
	// done, which is how SIGINT and SIGTERM arrive.
	run func(ctx context.Context, env Env, args []string) int
}

// commands are the subcommands, in the order of the help.
func commands() []command {
	return []command{
		{"run", func() *flags.Command { return runTable(&runOptions{}) }, runBroker},
		{"pub", func() *flags.Command { return newPubOptions().table() }, pub},
		{"sub", func() *flags.Command { return newSubOptions().table() }, sub},
		{"rr", func() *flags.Command { return newRROptions().table() }, rr},
		{"record", func() *flags.Command { return newRecordOptions().table() }, record},
		{"replay", func() *flags.Command { return newReplayOptions().table() }, replay},
		{"init", func() *flags.Command { return initTable(&initOptions{}) }, initialize},
		{"appliance", func() *flags.Command { return applianceTable(&applianceOptions{}) }, makeAppliance},
		{"certs", func() *flags.Command { return certsTable(&certsOptions{}) }, certs},
		{"passwd", func() *flags.Command { return passwdTable(&passwdOptions{}) }, passwd},
		{"ctrl", func() *flags.Command { return newCtrlOptions().table() }, ctrl},
		{"bench", func() *flags.Command { return benchTable(&benchOptions{}) }, runBench},
		{"import", func() *flags.Command { return importTable(&importOptions{}) }, importState},
		{"check", func() *flags.Command { return checkTable(&checkOptions{}) }, check},
		{"explain", func() *flags.Command { return rightsTable(&rightsOptions{}) }, explainRights},
		{"acl", func() *flags.Command { return aclTable(&aclOptions{}) }, acl},
		{"health", func() *flags.Command { return healthTable(&brokerOptions{}) }, health},
		{"reload", func() *flags.Command { return reloadTable(&brokerOptions{}) }, reload},
		{"logins", func() *flags.Command { return loginsTable(&loginsOptions{}) }, logins},
		{"signal", func() *flags.Command { return signalTable(&signalOptions{}) }, sendSignal},
		{"db", func() *flags.Command { return dbTable(&dbOptions{}) }, db},
		{"backup", func() *flags.Command { return backupTable(&backupOptions{}) }, backup},
		{"restore", func() *flags.Command { return restoreTable(&restoreOptions{}) }, restore},
		{"doctor", func() *flags.Command { return newDoctorOptions().table() }, examine},
		{"help", func() *flags.Command { return helpTable(new(string), new(string)) }, help},
		{"man", func() *flags.Command { return manTable(new(string)) }, man},
		{"completion", func() *flags.Command { return completionTable(new(string)) }, completion},
		{"version", versionTable, printVersion},
	}
}

// aliases are the names of Mosquitto's programs, under which this one may be
// installed or linked, and the subcommands that take their place.
var aliases = map[string]string{
	"mosquitto":        "run",
	"mosquitto_pub":    "pub",
	"mosquitto_sub":    "sub",
	"mosquitto_rr":     "rr",
	"mosquitto_passwd": "passwd",
	"mosquitto_ctrl":   "ctrl",
	"mosquitto_signal": "signal",
}

// usageStatus is the exit status for a command line that makes no sense.
const usageStatus = 3

// Main runs the program with the given arguments, the first of which is the
// name it was called by, and returns the exit status.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	env := Env{Program: "zancudo", Stdin: stdin, Stdout: stdout, Stderr: stderr, Getenv: os.Getenv, Environ: os.Environ()}
	name := ""
	if len(args) > 0 {
		name, args = strings.TrimSuffix(filepath.Base(args[0]), ".exe"), args[1:]
	}
	if alias, ok := aliases[name]; ok {
		env.Program = name
		return dispatch(ctx, env, alias, args)
	}
	switch {
	case len(args) == 0:
		return dispatch(ctx, env, "run", nil)
	case args[0] == "--version":
		args[0] = "version"
	case args[0] == "-h", args[0] == "--help":
		args[0] = "help"
	case strings.HasPrefix(args[0], "-"): // zancudo -p 1883
		return dispatch(ctx, env, "run", args)
	}
	env.Program += " " + args[0]
	return dispatch(ctx, env, args[0], args[1:])
}

func dispatch(ctx context.Context, env Env, name string, args []string) int {
	if c, ok := findCommand(name); ok {
		return c.run(ctx, env, args)
	}
	say(env.Stderr, "Error: %v\n", unknownCommand(name))
	return usageStatus
}

func findCommand(name string) (command, bool) {
	for _, c := range commands() {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}

// unknownCommand says what was probably meant.
func unknownCommand(name string) error {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	if meant := flags.Nearest(name, names); meant != "" {
		return flags.Errorf("Unknown command '%s', did you mean '%s'?", name, meant)
	}
	return flags.Errorf("Unknown command '%s'; 'zancudo help' lists the commands.", name)
}

// parse reads a command line into the options that the table is bound to. If
// there is nothing left to do it has said what there was to say.
func parse(env Env, table *flags.Command, args []string) (status int, done bool) {
	return parsed(env, table, table.Parse(args), usageStatus)
}

// parsed ends a command whose command line was read with an error; the exit
// status is wrong if it makes no sense.
func parsed(env Env, table *flags.Command, err error, wrong int) (status int, done bool) {
	switch {
	case err == nil:
		return 0, false
	case errors.Is(err, flags.ErrHelp):
		return written(env, table.WriteHelp(env.Stdout, env.Program, version())), true
	case errors.Is(err, flags.ErrVersion):
		say(env.Stdout, "%s\n", version())
		return 0, true
	default:
		say(env.Stderr, "Error: %v\n\nUse '%s --help' to see usage.\n", err, env.Program)
		return wrong, true
	}
}

// written is the exit status of a command that only writes.
func written(env Env, err error) int {
	if err != nil {
		say(env.Stderr, "Error: %v\n", err)
		return 1
	}
	return 0
}

// standardFlags end most tables.
func standardFlags() []flags.Flag {
	return []flags.Flag{
		{Names: "--version", Help: "print the version", Set: flags.Version},
		{Names: "--help", Help: "print this", Set: flags.Help},
	}
}

// say writes a message for the user. One that cannot be written has nobody to
// read it.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// release is the version of a released binary; the release build sets it with
// -ldflags "-X github.com/zancudomq/zancudo/internal/cli.release=1.2.3".
var release string

// version is the line of --version.
func version() string {
	v := release
	if info, ok := debug.ReadBuildInfo(); ok && v == "" {
		v = strings.TrimPrefix(info.Main.Version, "v")
	}
	if v == "" || v == "(devel)" {
		v = "devel"
	}
	return "zancudo version " + v
}
