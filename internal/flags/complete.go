package flags

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Shells are those that WriteCompletion knows.
func Shells() []string { return []string{"bash", "zsh", "fish"} }

// WriteCompletion writes the script that makes a shell complete the commands of
// a program and their flags.
func WriteCompletion(w io.Writer, shell, program string, commands []*Command) error {
	b := &strings.Builder{}
	switch shell {
	case "bash":
		bash(b, program, commands)
	case "zsh":
		zsh(b, program, commands)
	case "fish":
		fish(b, program, commands)
	default:
		return errors.New(list(Shells()))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// visible are the flags that are offered.
func (c *Command) visible() (all []*Flag) {
	for f := range c.All() {
		if !f.Hidden {
			all = append(all, f)
		}
	}
	return all
}

func bash(b *strings.Builder, program string, commands []*Command) {
	fmt.Fprintf(b, "# bash completion of %s: source it, or put it into ~/.local/share/bash-completion/completions/%[1]s\n", program)
	fmt.Fprintf(b, "_%s() {\n", program)
	b.WriteString("\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n\tCOMPREPLY=()\n")
	names := make([]string, len(commands))
	for i, c := range commands {
		names[i] = c.Name
	}
	fmt.Fprintf(b, "\tif ((COMP_CWORD == 1)); then\n\t\tmapfile -t COMPREPLY < <(compgen -W %s -- \"$cur\")\n\t\treturn\n\tfi\n", quote(strings.Join(names, " ")))
	b.WriteString("\tcase ${COMP_WORDS[1]} in\n")
	for _, c := range commands {
		fmt.Fprintf(b, "\t%s)\n\t\tcase $prev in\n", c.Name)
		var words []string
		for _, f := range c.visible() {
			words = append(words, f.names()...)
			if f.Value != "" {
				fmt.Fprintf(b, "\t\t%s) %s\n", strings.Join(f.names(), " | "), bashValue(f.Choices, f.Completes))
			}
		}
		b.WriteString("\t\tesac\n")
		fmt.Fprintf(b, "\t\tif [[ $cur == -* ]]; then\n\t\t\tmapfile -t COMPREPLY < <(compgen -W %s -- \"$cur\")\n", quote(strings.Join(words, " ")))
		if line := bashArgs(c.Args); line != "" {
			fmt.Fprintf(b, "\t\telse\n\t\t\t%s\n", line)
		}
		b.WriteString("\t\tfi\n\t\t;;\n")
	}
	fmt.Fprintf(b, "\tesac\n}\ncomplete -F _%s %[1]s\n", program)
}

func bashValue(choices []string, kind Kind) string {
	return bashOffer(choices, kind) + "return ;;"
}

func bashOffer(choices []string, kind Kind) string {
	switch {
	case choices != nil:
		return fmt.Sprintf("mapfile -t COMPREPLY < <(compgen -W %s -- \"$cur\"); ", quote(strings.Join(choices, " ")))
	case kind == File:
		return "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); "
	case kind == Directory:
		return "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\"); "
	}
	return ""
}

// bashArgs offers what any of the arguments takes.
func bashArgs(args []Arg) string {
	for _, a := range args {
		if line := bashOffer(a.Choices, a.Completes); line != "" {
			return strings.TrimSuffix(line, "; ")
		}
	}
	return ""
}

func zsh(b *strings.Builder, program string, commands []*Command) {
	fmt.Fprintf(b, "#compdef %s\n# zsh completion of %[1]s: put it into a directory of $fpath, as _%[1]s\n_%[1]s() {\n", program)
	b.WriteString("\tif ((CURRENT == 2)); then\n\t\tlocal -a commands=(\n")
	for _, c := range commands {
		fmt.Fprintf(b, "\t\t\t%s\n", quote(c.Name+":"+c.Summary))
	}
	b.WriteString("\t\t)\n\t\t_describe command commands\n\t\treturn\n\tfi\n")
	b.WriteString("\tlocal command=$words[2]\n\tshift words\n\t((CURRENT--))\n\tcase $command in\n")
	for _, c := range commands {
		fmt.Fprintf(b, "\t%s)\n\t\t_arguments", c.Name)
		for _, f := range c.visible() {
			for _, n := range f.names() {
				fmt.Fprintf(b, " \\\n\t\t\t%s", quote(zshFlag(f, n)))
			}
		}
		for _, a := range c.Args {
			many := ""
			if a.Many {
				many = "*"
			}
			fmt.Fprintf(b, " \\\n\t\t\t%s", quote(many+":"+zshText(a.Name)+":"+zshAction(a.Choices, a.Completes)))
		}
		b.WriteString("\n\t\t;;\n")
	}
	fmt.Fprintf(b, "\tesac\n}\nif [[ $funcstack[1] == _%s ]]; then\n\t_%[1]s \"$@\"\nelse\n\tcompdef _%[1]s %[1]s\nfi\n", program)
}

// zshFlag is a specification for _arguments. Each may be repeated, as a later
// one wins.
func zshFlag(f *Flag, name string) string {
	var b strings.Builder
	b.WriteString("*" + name + "[" + zshText(f.Help) + "]")
	for _, v := range f.values() {
		b.WriteString(":" + zshText(v) + ":" + zshAction(f.Choices, f.Completes))
	}
	return b.String()
}

func zshAction(choices []string, kind Kind) string {
	switch {
	case choices != nil:
		return "(" + strings.Join(choices, " ") + ")"
	case kind == File:
		return "_files"
	case kind == Directory:
		return "_files -/"
	}
	return " "
}

func zshText(s string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`).Replace(s)
}

func fish(b *strings.Builder, program string, commands []*Command) {
	fmt.Fprintf(b, "# fish completion of %s: put it into ~/.config/fish/completions/%[1]s.fish\ncomplete -c %[1]s -f\n", program)
	for _, c := range commands {
		fmt.Fprintf(b, "complete -c %s -n __fish_use_subcommand -a %s -d %s\n", program, c.Name, fishQuote(c.Summary))
	}
	for _, c := range commands {
		when := fishQuote("__fish_seen_subcommand_from " + c.Name)
		for _, f := range c.visible() {
			fmt.Fprintf(b, "complete -c %s -n %s%s -d %s\n", program, when, fishFlag(f), fishQuote(f.Help))
		}
		for _, a := range c.Args {
			switch {
			case a.Choices != nil:
				fmt.Fprintf(b, "complete -c %s -n %s -a %s\n", program, when, fishQuote(strings.Join(a.Choices, " ")))
			case a.Completes != Anything:
				fmt.Fprintf(b, "complete -c %s -n %s -F\n", program, when)
			}
		}
	}
}

func fishFlag(f *Flag) (s string) {
	for _, n := range f.names() {
		long := strings.TrimLeft(n, "-")
		switch {
		case strings.HasPrefix(n, "--"):
			s += " -l " + long
		case len(long) == 1:
			s += " -s " + long
		default:
			s += " -o " + long
		}
	}
	switch {
	case f.Value == "":
	case f.Choices != nil:
		s += " -x -a " + fishQuote(strings.Join(f.Choices, " "))
	case f.Completes != Anything:
		s += " -r -F"
	default:
		s += " -x"
	}
	return s
}

// quote quotes for bash and zsh.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// fishQuote quotes for fish, where a backslash in quotes is one before ' and \.
func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
