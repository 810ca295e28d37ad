package cli

import (
	"context"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/flags"
)

// The commands that tell of the others: help, man, completion and version. They
// are written from the tables of all commands.

const (
	summary  = "an MQTT broker and its tools"
	overview = "Without a command, or with flags only, zancudo runs the broker. Called by the name of one of Mosquitto's programs, " +
		"as mosquitto or mosquitto_pub, it takes that program's place."
)

func helpTable(name, word *string) *flags.Command {
	return &flags.Command{
		Name: "help", Summary: "explain a command or a word of the configuration", Usage: []string{"[command]", "config [word]"},
		Args: []flags.Arg{
			{Name: "command", Help: "what to explain; otherwise the commands are listed", Optional: true, Set: flags.Text(name)},
			{Name: "word", Help: "after config, a word of the configuration; otherwise they are listed", Optional: true, Set: flags.Text(word)},
		},
		Groups: []flags.Group{{Flags: standardFlags()}},
	}
}

// help lists the commands, or explains one.
func help(_ context.Context, env Env, args []string) int {
	var name, word string
	if status, done := parse(env, helpTable(&name, &word), args); done {
		return status
	}
	if name == "config" {
		return helpConfig(env, word)
	}
	if word != "" {
		say(env.Stderr, "Error: Only config has words: 'zancudo help config %s'.\n", word)
		return usageStatus
	}
	if name != "" {
		c, ok := findCommand(name)
		if !ok {
			say(env.Stderr, "Error: %v\n", unknownCommand(name))
			return usageStatus
		}
		return written(env, c.table().WriteHelp(env.Stdout, "zancudo "+name, version()))
	}
	say(env.Stdout, "%s\n\nUsage: zancudo [command] [flags]\n\n", version())
	for _, c := range commands() {
		say(env.Stdout, "  %-10s  %s\n", c.name, c.table().Summary)
	}
	say(env.Stdout, "\n'zancudo help pub' explains pub, 'zancudo help config' the configuration. Without a command, zancudo runs the broker.\n")
	return 0
}

func manTable(name *string) *flags.Command {
	return &flags.Command{
		Name: "man", Summary: "print the manual page of a command", Usage: []string{"[command]"},
		Text:   "The page is in roff, for man(1).",
		Args:   []flags.Arg{{Name: "command", Help: "whose page; config has that of zancudo.conf(5), and otherwise it is that of zancudo", Optional: true, Set: flags.Text(name)}},
		Groups: []flags.Group{{Flags: standardFlags()}},
		Examples: []flags.Example{
			{Line: "zancudo man pub | man -l -", Text: "read a page"},
			{Line: "zancudo man pub > /usr/local/share/man/man1/zancudo-pub.1", Text: "install it"},
		},
	}
}

// man prints a manual page.
func man(_ context.Context, env Env, args []string) int {
	var name string
	if status, done := parse(env, manTable(&name), args); done {
		return status
	}
	if name == "config" {
		return written(env, config.WriteMan(env.Stdout))
	}
	if name == "" {
		return written(env, flags.WriteManOverview(env.Stdout, "zancudo", summary, overview, version(), tables()))
	}
	c, ok := findCommand(name)
	if !ok {
		say(env.Stderr, "Error: %v\n", unknownCommand(name))
		return usageStatus
	}
	return written(env, c.table().WriteMan(env.Stdout, "zancudo-"+name, "zancudo "+name, version()))
}

func completionTable(shell *string) *flags.Command {
	return &flags.Command{
		Name: "completion", Summary: "print what makes a shell complete commands and flags", Usage: []string{"bash|zsh|fish"},
		Args:   []flags.Arg{{Name: "shell", Help: "which one", Choices: flags.Shells(), Set: flags.Text(shell)}},
		Groups: []flags.Group{{Flags: standardFlags()}},
		Examples: []flags.Example{
			{Line: "source <(zancudo completion bash)", Text: "in bash, for this session or in ~/.bashrc"},
			{Line: "source <(zancudo completion zsh)", Text: "in zsh, behind compinit in ~/.zshrc"},
			{Line: "zancudo completion fish > ~/.config/fish/completions/zancudo.fish", Text: "in fish"},
		},
	}
}

// completion prints a shell's script.
func completion(_ context.Context, env Env, args []string) int {
	var shell string
	if status, done := parse(env, completionTable(&shell), args); done {
		return status
	}
	return written(env, flags.WriteCompletion(env.Stdout, shell, "zancudo", tables()))
}

func versionTable() *flags.Command {
	return &flags.Command{Name: "version", Summary: "print the version", Usage: []string{""}, Groups: []flags.Group{{Flags: standardFlags()}}}
}

func printVersion(_ context.Context, env Env, args []string) int {
	if status, done := parse(env, versionTable(), args); done {
		return status
	}
	say(env.Stdout, "%s\n", version())
	return 0
}

// tables describe all commands.
func tables() (all []*flags.Command) {
	for _, c := range commands() {
		all = append(all, c.table())
	}
	return all
}
