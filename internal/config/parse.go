package config

import (
	"fmt"
	"slices"
	"strings"
)

// maxProblems is how many errors are told of; what follows comes of them, or
// the file is no configuration at all.
const maxProblems = 20

// Parse reads the text of the named file. An error is of type Problems.
func Parse(file string, text []byte) (*Config, error) {
	p := &parser{config: New(), file: file, given: map[given]int{}}
	p.config.File, p.config.Listeners = file, nil
	// Editors of Windows begin a file with this mark.
	rest := strings.TrimPrefix(string(text), "\ufeff")
	for line := range strings.Lines(rest) {
		p.line++
		p.report(p.parseLine(strings.TrimRight(line, "\r\n")))
		if len(p.problems) >= maxProblems {
			break
		}
	}
	if len(p.config.Listeners) == 0 {
		p.config.Listeners = []*Listener{newListener(p.config, DefaultPort)}
	}
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	return p.config, nil
}

// parser reads one file. What a word belongs to is known per file: the listener
// and the bridge of one file are not those of another.
type parser struct {
	config   *Config
	file     string
	line     int
	problems Problems

	listener        *Listener     // the one that words belong to
	defaultListener *Listener     // that of port, bind_address and words before any listener
	bridge          bool          // words may belong to one
	given           map[given]int // in which line
}

// given is a word where it was given.
type given struct {
	word     *Word
	listener *Listener // nil for a word that belongs to none
}

func (p *parser) report(problem *Problem) {
	if problem == nil {
		return
	}
	problem.File, problem.Line = p.file, p.line
	p.problems = append(p.problems, problem)
}

func (p *parser) warn(format string, args ...any) {
	p.config.Warnings = append(p.config.Warnings, Warning{Line: p.line, Text: fmt.Sprintf(format, args...)})
}

// blanks separate a word from its value.
const blanks = " \t"

func (p *parser) parseLine(line string) *Problem {
	if strings.HasPrefix(line, "#") { // nowhere else is it a comment
		return nil
	}
	line = strings.Trim(line, blanks)
	if line == "" {
		return nil
	}
	name, rest := line, ""
	if i := strings.IndexAny(line, blanks); i >= 0 {
		name, rest = line[:i], strings.TrimLeft(line[i:], blanks)
	}
	w := find(name)
	if w == nil {
		return unknown(name)
	}
	problem := p.apply(w, name, rest)
	if problem != nil {
		problem.Word = name
	}
	return problem
}

func (p *parser) apply(w *Word, name, rest string) *Problem {
	if w.Unbuilt != Built {
		return p.passOver(w, name, rest)
	}
	if w.Deprecated != "" {
		p.warn("%s is deprecated; use %s", name, w.Deprecated)
	}
	if w.Scope == Opening {
		return p.open(w, rest)
	}
	t, problem := p.target(w, name)
	if problem != nil {
		return problem
	}
	if problem := p.remember(w, t.listener); problem != nil {
		return problem
	}
	if problem := w.set(t, rest); problem != nil {
		return problem
	}
	p.notice(w, rest)
	return nil
}

// target is where the value of a word goes.
func (p *parser) target(w *Word, name string) (target, *Problem) {
	if w.Scope == Global {
		return target{config: p.config}, nil
	}
	if p.listener == nil && w.Scope == PerListener {
		return target{}, &Problem{
			Text:   fmt.Sprintf("The '%s' option requires a listener to be defined first.", name),
			Remedy: "Write it below a line such as 'listener 1883'.",
		}
	}
	if p.listener == nil {
		p.listener = p.useDefault()
	}
	return target{config: p.config, listener: p.listener}, nil
}

// remember notes that a word is given for l and, if it was given before, decides
// what that means.
func (p *parser) remember(w *Word, l *Listener) *Problem {
	g := given{w, l}
	line := p.given[g]
	p.given[g] = p.line
	switch {
	case line > 0 && w.Once:
		return &Problem{Text: fmt.Sprintf("Duplicate '%s' value in configuration.", w.Name), Remedy: fmt.Sprintf("Keep this one or that of line %d.", line)}
	case w.Kind == List && (line == 0 || w.Scope != Global): // what was there is the default, or given anew
		w.place(target{config: p.config, listener: l}).(list).reset()
	}
	return nil
}

// notice warns of values that are not built yet.
func (p *parser) notice(w *Word, rest string) {
	if w.Name != "log_dest" {
		return
	}
	switch token := firstToken(rest); token {
	case "syslog", "topic", "file", "dlt", "android":
		p.warn("not supported yet: log_dest %s (line %d)", token, p.line)
	}
}

// open begins a listener, or says where the default one is.
func (p *parser) open(w *Word, rest string) *Problem {
	if rest == "" {
		return &Problem{
			Text:   fmt.Sprintf("Empty '%s' value in configuration.", w.Name),
			Remedy: fmt.Sprintf("Write it as in '%s %s'.", w.Name, map[Kind]string{Place: "1883", String: "192.168.1.2"}[w.Kind]),
		}
	}
	p.config.LocalOnly = false
	if w.Name == "bind_address" {
		if problem := p.remember(w, nil); problem != nil {
			return problem
		}
		if p.listener == nil {
			p.listener = p.useDefault()
		}
		return w.setString(&p.useDefault().Address, rest)
	}
	portText, address := rest, ""
	if i := strings.IndexAny(rest, blanks); i >= 0 {
		portText, address = rest[:i], strings.TrimLeft(rest[i:], blanks)
	}
	port, problem := parsePort(w, portText, address)
	if problem != nil {
		return problem
	}
	if w.Name == "port" {
		p.useDefault().Port = port
		if p.listener == nil {
			p.listener = p.defaultListener
		}
		return nil
	}
	if !validText(address) {
		return &Problem{Text: "Invalid 'listener' value in configuration.", Remedy: "The address is not UTF-8, or has a null character."}
	}
	for _, l := range p.config.Listeners {
		if l.Port == port && l.Address == address {
			return &Problem{Text: "Duplicate 'listener' value in configuration.", Remedy: fmt.Sprintf("Line %d has the same; remove one.", l.Line)}
		}
	}
	p.listener = newListener(p.config, port)
	p.listener.Address, p.listener.Line = address, p.line
	p.config.Listeners = append(p.config.Listeners, p.listener)
	p.bridge = false
	return nil
}

// useDefault returns the default listener, which there is from then on.
func (p *parser) useDefault() *Listener {
	if p.defaultListener == nil {
		p.defaultListener = newListener(p.config, DefaultPort)
		p.defaultListener.Line = p.line
		p.config.Listeners = append(p.config.Listeners, p.defaultListener)
	}
	return p.defaultListener
}

func parsePort(w *Word, text, address string) (int, *Problem) {
	n, ok := parseInt(text)
	switch {
	case !ok:
		return 0, &Problem{Text: fmt.Sprintf("'%s' value not a number.", w.Name), Remedy: fmt.Sprintf("Write a port such as 1883 instead of '%s'.", clean(text))}
	case n == 0 && w.Name == "listener" && address == "":
		return 0, &Problem{Text: "A listener with port 0 must provide a Unix socket path.", Remedy: "Unix sockets are not supported yet: give a port."}
	case n == 0 && w.Name == "listener":
		return 0, &Problem{Text: "Invalid 'listener' value (0).", Remedy: "Unix sockets are not supported yet: give a port."}
	case n < 1 || n > 65535:
		return 0, &Problem{Text: fmt.Sprintf("Invalid '%s' value (%d).", w.Name, n), Remedy: "A port is between 1 and 65535."}
	}
	return int(n), nil
}

// passOver treats a word whose feature is not built yet.
func (p *parser) passOver(w *Word, name, rest string) *Problem {
	switch {
	case name == "connection":
		p.bridge = true
	case w.Scope == PerBridge && !p.bridge:
		return &Problem{Text: fmt.Sprintf("The '%s' option requires a bridge to be defined first.", name), Remedy: "Write it below a line 'connection NAME'."}
	}
	if slices.Contains(w.Harmless, firstToken(rest)) {
		return nil
	}
	switch {
	case w.Unbuilt == Forbidden:
		return &Problem{
			Text: fmt.Sprintf("'%s' is not supported yet.", name),
			Remedy: "This version would be less strict than the line asks for, or serve something else; " +
				"it runs without the line, if that is what you want.",
		}
	case w.Name == "persistence", w.Name == "retained_persistence":
		p.warn("not supported yet: %s (line %d): sessions and retained messages are in memory only and end with the process", name, p.line)
	case w.Unbuilt == Warned && w.Deprecated != "":
		p.warn("not supported yet: %s (line %d); use %s", name, p.line, w.Deprecated)
	case w.Unbuilt == Warned:
		p.warn("not supported yet: %s (line %d)", name, p.line)
	}
	return nil
}
