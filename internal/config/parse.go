package config

import (
	"fmt"
	"slices"
	"strings"
)

// maxProblems is how many errors are told of; what follows comes of them, or
// the file is no configuration at all.
const maxProblems = 50

// Source is where a configuration comes from. The errors of its functions are
// sentences that say what the reason is and how to go on.
type Source struct {
	File string // empty: none
	// Read returns what a file holds.
	Read func(name string) ([]byte, error)
	// List returns the names of the files in a directory, without that of the
	// directory; Join makes one name of both.
	List func(dir string) ([]string, error)
	Join func(dir, name string) string
	// Environ are the variables of the environment, as NAME=value.
	Environ []string
	// StateDir is the persistence_location of a broker without a file, which keeps
	// its state unless the environment says otherwise.
	StateDir string
}

// Parse reads the text of the named file, which can include no other. An error
// is of type Problems.
func Parse(file string, text []byte) (*Config, error) {
	return Load(Source{File: file, Read: func(string) ([]byte, error) { return text, nil }})
}

// Load reads a configuration. An error is of type Problems, with the refusals
// among them; the Config is there even so, with its warnings.
func Load(s Source) (*Config, error) {
	p := &parser{source: s, config: New(), given: map[given]place{}}
	p.config.File, p.config.Listeners, p.config.places = s.File, nil, map[given]place{}
	if s.File == "" {
		p.config.Persistence, p.config.PersistenceLocation = true, s.StateDir
	} else {
		if text, err := s.Read(s.File); err != nil {
			p.report(unreadable(s.File, err))
		} else {
			p.parse(s.File, text)
		}
	}
	p.environ()
	p.file = file{}
	p.finish()
	p.config.Warnings.Sort()
	if len(p.problems) == 0 {
		return p.config, nil
	}
	all := slices.Concat(p.problems, p.config.Refusals)
	all.Sort()
	return p.config, all
}

func unreadable(name string, err error) *Problem {
	return &Problem{File: name, Text: fmt.Sprintf("Unable to open config file '%s'.", name), Remedy: err.Error()}
}

// parser reads a configuration. What a word belongs to is known per file: the
// listener and the bridge of one file are not those of another.
type parser struct {
	source   Source
	config   *Config
	problems Problems
	given    map[given]place // where

	defaultListener *Listener // that of port, bind_address and words before any listener
	created         place     // where a word that only needs it created it
	createdBy       string    // which word
	file            file
}

// file is what is known of the file that is being read.
type file struct {
	name     string
	line     int
	included bool
	environ  bool // it is the environment

	listener *Listener // the one that words belong to
	bridge   *Bridge
	plugin   *Plugin
	security bool // it has said something about security
}

// given is a word and what it was given for.
type given struct {
	word  *Word
	owner any
}

// parse reads a file, and then goes on with the one that includes it.
func (p *parser) parse(name string, text []byte) {
	outer := p.file
	defer func() { p.file = outer }()
	p.file = file{name: name, included: outer.name != ""}
	// Editors of Windows begin a file with this mark.
	rest := strings.TrimPrefix(string(text), "\ufeff")
	for line := range strings.Lines(rest) {
		p.file.line++
		p.report(p.parseLine(strings.TrimRight(line, "\r\n")))
		if len(p.problems) >= maxProblems {
			return
		}
	}
}

func (p *parser) here() place { return place{p.file.name, p.file.line} }

// report notes a problem, of the current line if it has no place of its own.
func (p *parser) report(problem *Problem) {
	switch {
	case problem == nil:
		return
	case problem.File == "" && problem.Line == 0:
		problem.File, problem.Line = p.file.name, p.file.line
		if p.file.environ {
			problem.Word = variableOf(problem.Word)
		}
	}
	switch problem.Class {
	case Wrong:
		p.problems = append(p.problems, problem)
	case Refusal:
		p.config.Refusals = add(p.config.Refusals, problem)
	default:
		p.config.Warnings = add(p.config.Warnings, problem)
	}
}

// add keeps as many problems as anybody reads.
func add(all Problems, one *Problem) Problems {
	if len(all) >= maxProblems {
		return all
	}
	return append(all, one)
}

func (p *parser) parseLine(line string) *Problem {
	if strings.HasPrefix(line, "#") { // nowhere else is it a comment
		return nil
	}
	line = strings.Trim(line, blanks)
	if line == "" {
		return nil
	}
	name, rest := split(line)
	w := Find(name)
	if w == nil {
		return unknown(name)
	}
	problem := p.apply(w, name, rest)
	if problem != nil && problem.Word == "" {
		problem.Word = name
	}
	return problem
}

func (p *parser) apply(w *Word, name, rest string) *Problem {
	if problem := p.give(w, name, rest); problem != nil {
		return problem
	}
	p.warnOf(w, name, rest)
	return nil
}

// give gives a word its value.
func (p *parser) give(w *Word, name, rest string) *Problem {
	if w.Scope == Opening {
		if rest == "" {
			return w.empty()
		}
		return p.open(w, rest)
	}
	t, owner, problem := p.target(w, name)
	if problem != nil {
		return problem
	}
	if w.Scope == PerPlugin && w.Kind == Form {
		return addOption(w, t.plugin, name, rest)
	}
	if problem := p.remember(w, t, owner); problem != nil {
		return problem
	}
	return w.set(t, rest)
}

// target is where the value of a word goes, and what it is said of.
func (p *parser) target(w *Word, name string) (t target, owner any, problem *Problem) {
	f := &p.file
	switch w.Scope {
	case PerSecurity:
		f.security = true
		if p.config.PerListenerSettings {
			l := p.listener(name)
			return target{security: &l.Security}, &l.Security, nil
		}
		return target{security: &p.config.Security}, nil, nil
	case PerListener:
		if f.listener == nil {
			return t, nil, p.missing(name, "a listener", "listener 1883", len(p.config.Listeners) > 0)
		}
		return target{listener: f.listener}, f.listener, nil
	case DefaultListener:
		l := p.listener(name)
		return target{listener: l}, l, nil
	case PerBridge:
		if f.bridge == nil {
			return t, nil, p.missing(name, "a bridge", "connection NAME", len(p.config.Bridges) > 0)
		}
		return target{bridge: f.bridge}, f.bridge, nil
	case PerPlugin:
		if f.plugin == nil {
			return t, nil, p.missing(name, "plugin/global_plugin/plugin_load", "plugin PATH", false)
		}
		return target{plugin: f.plugin}, f.plugin, nil
	default:
		return target{config: p.config}, nil, nil
	}
}

// missing is the problem of a word with nothing to belong to. Elsewhere tells
// that another file has what it could be.
func (p *parser) missing(name, what, line string, elsewhere bool) *Problem {
	problem := &Problem{
		Text:   fmt.Sprintf("The '%s' option requires %s to be defined first.", name, what),
		Remedy: fmt.Sprintf("Write it below a line such as '%s'.", line),
	}
	switch {
	case p.file.environ:
		problem.Remedy = "Write it into a file instead."
	case elsewhere:
		problem.Remedy = fmt.Sprintf("Write it below a line such as '%s' in the same file: it does not belong to what another file has begun.", line)
	}
	return problem
}

// listener is the one that words belong to: the default one, if there was none.
func (p *parser) listener(name string) *Listener {
	if p.file.listener == nil {
		if p.defaultListener == nil {
			p.created, p.createdBy = p.here(), name
		}
		p.file.listener = p.useDefault()
	}
	return p.file.listener
}

// remember notes that a word is given and, if it was given before, decides what
// that means.
func (p *parser) remember(w *Word, t target, owner any) *Problem {
	g := given{w, owner}
	before, again := p.given[g]
	p.given[g], p.config.places[g] = p.here(), p.here()
	if again && w.Kind == String && !w.Last {
		return p.duplicate(w, before)
	}
	if l, ok := w.place(t).(list); ok && (!again || w.Last) {
		l.reset()
	}
	return nil
}

func (p *parser) duplicate(w *Word, before place) *Problem {
	return &Problem{
		Text:   fmt.Sprintf("Duplicate '%s' value in configuration.", w.Name),
		Remedy: fmt.Sprintf("Keep this one or that of %s.", before.from(p.file.name)),
	}
}

// sentenceOf makes a sentence of a reason.
func sentenceOf(why string) string { return strings.ToUpper(why[:1]) + why[1:] + "." }

// warnOf tells of a line that is right and yet not as it may be wanted.
func (p *parser) warnOf(w *Word, name, rest string) {
	switch {
	case w.old(name):
		better := strings.TrimSuffix(w.Name, "*")
		if strings.HasSuffix(w.Name, "*") {
			better += "..."
		}
		p.report(&Problem{Class: Deprecated, Word: name, Text: fmt.Sprintf("'%s' is deprecated; use '%s'", name, better), Suggestion: better})
	case w.Deprecated != "":
		p.report(&Problem{Class: Deprecated, Word: name, Text: fmt.Sprintf("'%s' is deprecated; %s", name, w.Deprecated)})
	}
	if w.Kind == String && !w.Secret && strings.Contains(rest, " #") {
		p.report(&Problem{
			Class: Pointless, Word: name, Text: fmt.Sprintf("the text of '%s' is all up to the end of the line: '%s'", name, clean(rest)),
			Remedy: "Write the comment on a line of its own.",
		})
	}
	value := firstToken(rest)
	if n, _ := parseInt(value); w.Lenient && n < w.Min {
		p.report(&Problem{Class: Pointless, Word: name, Text: fmt.Sprintf("'%s' is at least %d, which %d is taken for", name, w.Min, n)})
	}
	if !w.concerns(value) {
		return
	}
	what := name
	if len(w.Only) > 0 {
		what += " " + value
	}
	switch w.Status {
	case Built:
	case Inert:
		p.report(&Problem{Class: Pointless, Word: name, Text: fmt.Sprintf("'%s' has no effect: %s", what, w.Why)})
	case Later:
		p.report(&Problem{Class: NotYet, Word: name, Text: fmt.Sprintf("'%s' is not supported yet%s", what, w.Why)})
	case Refused:
		if w.Why != "" {
			p.report(&Problem{Class: Refusal, Word: name, Text: fmt.Sprintf("'%s' is not supported.", what), Remedy: sentenceOf(w.Why)})
			return
		}
		p.report(&Problem{
			Class: Refusal, Word: name, Text: fmt.Sprintf("'%s' is not supported yet.", what),
			Remedy: "This version would be less strict than the line asks for, or serve something else; " +
				"it runs without the line, if that is what you want.",
		})
	}
}
