package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/zancudomq/zancudo/internal/config"
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
	// Dial opens the connections of the tools; nil: those of package net.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// A command is a row of the table of subcommands.
type command struct {
	name    string
	summary string
	// run does the work and returns the exit status. It ends when ctx is
	// done, which is how SIGINT and SIGTERM arrive.
	run func(ctx context.Context, env Env, args []string) int
}

// commands are the subcommands, in the order of the help.
var commands = []command{
	{"run", "run the broker", runBroker},
	{"pub", "publish messages", pub},
	{"sub", "subscribe to topics and print the messages", sub},
	{"bench", "measure a broker", runBench},
	{"version", "print the version", printVersion},
}

// aliases are the names of Mosquitto's programs, under which this one may be
// installed or linked, and the subcommands that take their place.
var aliases = map[string]string{
	"mosquitto":     "run",
	"mosquitto_pub": "pub",
	"mosquitto_sub": "sub",
}

// usageStatus is the exit status for a command line that makes no sense.
const usageStatus = 3

// Main runs the program with the given arguments, the first of which is the
// name it was called by, and returns the exit status.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	env := Env{Program: "zancudo", Stdin: stdin, Stdout: stdout, Stderr: stderr, Getenv: os.Getenv}
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
		return printVersion(ctx, env, nil)
	case args[0] == "help", args[0] == "-h", args[0] == "--help":
		return help(ctx, env, args[1:])
	case strings.HasPrefix(args[0], "-"): // zancudo -p 1883
		return dispatch(ctx, env, "run", args)
	}
	env.Program += " " + args[0]
	return dispatch(ctx, env, args[0], args[1:])
}

func dispatch(ctx context.Context, env Env, name string, args []string) int {
	for _, c := range commands {
		if c.name == name {
			return c.run(ctx, env, args)
		}
	}
	say(env.Stderr, "Error: Unknown command '%s'%s\n", name, suggestion(name))
	return usageStatus
}

// help lists the commands, or explains one.
func help(ctx context.Context, env Env, args []string) int {
	if len(args) > 0 {
		env.Program += " " + args[0]
		return dispatch(ctx, env, args[0], []string{"--help"})
	}
	say(env.Stdout, "%s\n\nUsage: zancudo [command] [flags]\n\n", version())
	for _, c := range commands {
		say(env.Stdout, "  %-9s %s\n", c.name, c.summary)
	}
	say(env.Stdout, "  %-9s %s\n", "help", "explain a command: zancudo help pub")
	say(env.Stdout, "\nWithout a command, zancudo runs the broker.\n")
	return 0
}

// say writes a message for the user. One that cannot be written has nobody to
// read it.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

func printVersion(_ context.Context, env Env, _ []string) int {
	say(env.Stdout, "%s\n", version())
	return 0
}

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

// suggestion ends the sentence on an unknown command: what was probably meant.
func suggestion(name string) string {
	best, least := "", 3
	for _, c := range append([]command{{name: "help"}}, commands...) {
		if d := config.Distance(name, c.name); d < least || name != "" && strings.HasPrefix(c.name, name) && best == "" {
			best, least = c.name, d
		}
	}
	if best == "" {
		return "; 'zancudo help' lists the commands."
	}
	return fmt.Sprintf(", did you mean '%s'?", best)
}
