package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/zancudomq/zancudo/internal/flags"
)

// A tool's options may stand in a file, a flag a line, which is read before the
// command line: the one after -o, or one in the user's configuration.

// optionsFileSection is the section on them in the manual of a tool.
func optionsFileSection(name string) flags.Section {
	return flags.Section{Title: "Files", Text: fmt.Sprintf(`Flags are also read from the first of these files that exists, unless -o names another. The directory is $XDG_CONFIG_HOME, or ~/.config.

 zancudo_%[1]s    not if called as mosquitto_%[1]s
 mosquitto_%[1]s

A line has a flag and, behind a blank, its value to the end of the line. Empty lines and those that begin with # are passed over.`, name)}
}

// toolArgs reads the arguments that stand in an options file, each with where
// it does. A file that is named must exist, one that is looked for need not.
func readOptionsFile(env Env, table *flags.Command, named string) error {
	files := []string{named}
	if named == "" {
		files = env.optionsFiles(table.Name)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		switch {
		case err == nil:
			return parseOptionsFile(table, name, string(b))
		case named != "", !errors.Is(err, os.ErrNotExist):
			return settingError(fmt.Sprintf("Unable to open options file '%s': %s.", name, errnoText(err)))
		}
	}
	return nil
}

// optionsFiles are where a tool looks for its options.
func (e Env) optionsFiles(tool string) (files []string) {
	if e.Getenv == nil {
		return nil
	}
	dir := e.Getenv("XDG_CONFIG_HOME")
	if dir == "" {
		home := e.Getenv("HOME")
		if home == "" {
			return nil
		}
		dir = filepath.Join(home, ".config")
	}
	if !e.mosquitto() {
		files = append(files, filepath.Join(dir, "zancudo_"+tool))
	}
	return append(files, filepath.Join(dir, "mosquitto_"+tool))
}

// mosquitto reports whether the program is called by one of Mosquitto's names
// and does exactly as that program does.
func (e Env) mosquitto() bool { return strings.HasPrefix(e.Program, "mosquitto") }

func parseOptionsFile(table *flags.Command, name, text string) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		if line = strings.TrimRight(line, "\r\n"); strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		if err := table.Parse(splitOption(table, line)); err != nil {
			return flags.Errorf("%v It is read from %s, line %d.", err, name, n)
		}
	}
	return nil
}

// splitOption splits a line into a flag and its value, to the end of the line;
// if the flag takes several, each but the last is a word.
func splitOption(table *flags.Command, line string) []string {
	name, rest, given := strings.Cut(strings.TrimLeft(line, " \t"), " ")
	args := []string{name}
	if !given {
		return args
	}
	rest = strings.TrimLeft(rest, " ")
	more := 1
	if f := table.Lookup(name); f != nil && f.Count != nil {
		more = f.Count(strings.Fields(rest))
	}
	for ; more > 1; more-- {
		word, after, _ := strings.Cut(rest, " ")
		args, rest = append(args, word), strings.TrimLeft(after, " ")
	}
	if rest == "" && len(args) > 1 {
		return args
	}
	return append(args, rest)
}
