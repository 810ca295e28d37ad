package flags

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// A Command is a subcommand: what it is for, and the table of its flags. Its
// setters are bound to the options that Parse shall fill in; a Command that is
// only described may be bound to options that nobody reads.
type Command struct {
	Name    string   // "pub"
	Summary string   // what it does, in a few words and without a full stop
	Usage   []string // the forms of the command line, without the name: "-t topic -m message [flags]"
	Text    string   // what it does, in paragraphs that an empty line separates
	Args    []Arg    // what may stand on the command line without a dash
	Groups  []Group  // the flags
	// FlagsFirst says that nothing behind the first argument is a flag, so that
	// arguments may begin with a dash.
	FlagsFirst bool
	Sections   []Section // more for the manual page
	Examples   []Example
}

// A Group is a part of a table, with its title in the help.
type Group struct {
	Title string
	Flags []Flag
}

// A Flag is a row of the table.
type Flag struct {
	Names string // "-p, --port", the short one first; errors name the first
	Value string // "port", or several with commas between: "command, name, value"; empty: it takes none
	Help  string // in a line, which may end with the default in parentheses
	More  string // what else is to say, for the manual page
	Set   Setter

	// Count says how many of the arguments that follow are the values, where
	// that varies. It gets all that follow; nil: as many as Value names.
	Count func(args []string) int
	// Choices are the values that are accepted; nil: Set decides.
	Choices []string
	// Completes says what a shell offers for the value, if there are no Choices.
	Completes Kind
	// Missing is the sentence on a missing value; empty: "-p argument given but
	// no port specified."
	Missing string
	// Invalid begins the sentence on a value that Set does not take, and has a
	// %s where the value goes; what is accepted follows. Empty: "Invalid value
	// '%s' for -p".
	Invalid string
	Hidden  bool // from help and completion: it is only still accepted
}

// An Arg is an argument without a dash.
type Arg struct {
	Name      string
	Help      string
	Set       Setter
	Optional  bool
	Many      bool // takes all that follow
	Choices   []string
	Completes Kind
}

// A Section is a part of the manual page.
type Section struct{ Title, Text string }

// An Example is a command line with what it does.
type Example struct{ Line, Text string }

// Kind is what a value names.
type Kind byte

// The kinds of values that a shell can complete.
const (
	Anything Kind = iota
	File
	Directory
)

// ErrHelp and ErrVersion say that the user asked for the one or the other. Parse
// returns them as they are.
var (
	ErrHelp    = errors.New("help is asked for")
	ErrVersion = errors.New("the version is asked for")
)

// An Error is a command line that makes no sense, in a sentence for the user.
type Error string

func (e Error) Error() string { return string(e) }

// Errorf returns a sentence that a Setter wants to be read as it is.
func Errorf(format string, args ...any) error { return Error(fmt.Sprintf(format, args...)) }

// All yields the flags of all groups.
func (c *Command) All() iter.Seq[*Flag] {
	return func(yield func(*Flag) bool) {
		for _, g := range c.Groups {
			for i := range g.Flags {
				if !yield(&g.Flags[i]) {
					return
				}
			}
		}
	}
}

// Lookup finds a flag by one of its names; nil: there is none.
func (c *Command) Lookup(name string) *Flag {
	for f := range c.All() {
		if slices.Contains(f.names(), name) {
			return f
		}
	}
	return nil
}

// Parse reads the arguments and sets what the table says. Its error is an Error,
// ErrHelp or ErrVersion.
func (c *Command) Parse(args []string) error {
	given := 0
	for len(args) > 0 {
		var err error
		switch arg := args[0]; {
		case arg == "--" && len(c.Args) > 0:
			return c.parseArgs(args[1:], given)
		case len(c.Args) == 0, arg != "-" && strings.HasPrefix(arg, "-"):
			args, err = c.parseFlag(args)
		case c.FlagsFirst:
			return c.parseArgs(args, given)
		default:
			err = c.parseArg(arg, given)
			args, given = args[1:], given+1
		}
		if err != nil {
			return err
		}
	}
	return c.parseArgs(nil, given)
}

// parseFlag reads a flag and its values and returns what follows.
func (c *Command) parseFlag(args []string) ([]string, error) {
	arg, rest := args[0], args[1:]
	f := c.Lookup(arg)
	if f == nil { // perhaps --flag=value
		name, value, given := strings.Cut(arg, "=")
		if f = c.Lookup(name); f == nil || !given || !strings.HasPrefix(name, "--") {
			return nil, c.unknown(arg)
		}
		if f.Value == "" {
			return nil, Errorf("%s takes no value, and '%s' is given.", name, value)
		}
		rest = append([]string{value}, rest...)
	}
	n := len(f.values())
	if f.Count != nil {
		n = f.Count(rest)
	}
	if n > len(rest) {
		return nil, f.missing()
	}
	return rest[n:], f.set(rest[:n])
}

func (c *Command) unknown(arg string) error {
	s := fmt.Sprintf("Unknown option '%s'.", arg)
	name, _, _ := strings.Cut(arg, "=")
	var known []string
	for f := range c.All() {
		if !f.Hidden {
			known = append(known, f.names()...)
		}
	}
	if meant := Nearest(name, known); meant != "" {
		s += fmt.Sprintf(" Did you mean '%s'?", meant)
	}
	return Error(s)
}

// parseArgs reads arguments that are no flags, after as many as are given, to
// the end of the command line.
func (c *Command) parseArgs(args []string, given int) error {
	for _, arg := range args {
		if err := c.parseArg(arg, given); err != nil {
			return err
		}
		given++
	}
	if given < len(c.Args) && !c.Args[given].Optional {
		return Errorf("No %s given.", c.Args[given].Name)
	}
	return nil
}

func (c *Command) parseArg(arg string, given int) error {
	last := len(c.Args) - 1
	if given > last && !c.Args[last].Many {
		return Errorf("Unexpected argument '%s'.", arg)
	}
	a := &c.Args[min(given, last)]
	err := accepted(arg, a.Choices)
	if err == nil {
		err = a.Set([]string{arg})
	}
	return sentence(err, fmt.Sprintf("Invalid %s '%s'", a.Name, arg), "it")
}

// names are the names of a flag, each with its dashes.
func (f *Flag) names() []string { return strings.Split(f.Names, ", ") }

// Name is the first name, by which errors call the flag.
func (f *Flag) Name() string { return f.names()[0] }

// values are the names of the values.
func (f *Flag) values() []string {
	if f.Value == "" {
		return nil
	}
	return strings.Split(f.Value, ", ")
}

func (f *Flag) missing() error {
	if f.Missing != "" {
		return Error(f.Missing)
	}
	return Errorf("%s argument given but no %s specified.", f.Name(), strings.Join(f.values(), " "))
}

func (f *Flag) set(values []string) error {
	given := strings.Join(values, " ")
	var err error
	if len(values) == 1 {
		err = accepted(given, f.Choices)
	}
	if err == nil {
		err = f.Set(values)
	}
	invalid := fmt.Sprintf("Invalid value '%s' for %s", given, f.Name())
	if f.Invalid != "" {
		invalid = strings.Replace(f.Invalid, "%s", given, 1)
	}
	return sentence(err, invalid, f.Name())
}

// accepted says what is accepted, if that has an end and value is not of it.
func accepted(value string, choices []string) error {
	if choices == nil || slices.Contains(choices, value) {
		return nil
	}
	return errors.New(list(choices))
}

// list reads "a, b or c".
func list(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// sentence makes an Error of what a Setter returned.
func sentence(err error, invalid, who string) error {
	var ready Error
	if err == nil || errors.As(err, &ready) || errors.Is(err, ErrHelp) || errors.Is(err, ErrVersion) {
		return err
	}
	if strings.HasSuffix(invalid, ".") {
		return Errorf("%s %s takes %v.", invalid, who, err)
	}
	return Errorf("%s; %s takes %v.", invalid, who, err)
}
