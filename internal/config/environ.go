package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// environment is the File of a problem in the environment.
const environment = "environment"

// envPrefix begins the names of variables that are words.
const envPrefix = "ZANCUDO_"

// ownVariables are what else has the prefix: they are for people who work on
// the program.
var ownVariables = []string{"ZANCUDO_TEST_", "ZANCUDO_FUZZ_"}

// variable is a word that the environment sets.
type variable struct {
	name, value string
	word        string // as a file has it
	row         *Word
}

// environ reads the words that the environment sets. They go before those of
// files.
func (p *parser) environ() {
	found := map[string]string{}
	for _, one := range p.source.Environ {
		name, value, _ := strings.Cut(one, "=")
		found[name] = value
	}
	if location := found["MOSQUITTO_PERSISTENCE_LOCATION"]; location != "" {
		p.config.PersistenceLocation = location
	}
	var variables []variable
	p.file = file{name: environment, environ: true}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !strings.HasPrefix(name, envPrefix) || slices.ContainsFunc(ownVariables, func(own string) bool { return strings.HasPrefix(name, own) }) {
			continue
		}
		v := variable{name: name, value: found[name]}
		if problem := p.resolve(&v); problem != nil {
			p.report(problem)
			continue
		}
		variables = append(variables, v)
	}
	// What begins something comes before what belongs to it.
	slices.SortStableFunc(variables, func(a, b variable) int { return cmp.Compare(rank(a.row), rank(b.row)) })
	p.given = map[given]place{}
	for _, v := range variables {
		p.setVariable(v)
	}
}

// rank is the place of a word among those of the environment.
func rank(w *Word) int {
	switch {
	case w.Name == "per_listener_settings":
		return 0
	case w.Scope == Opening && w.Name != "plugin_use":
		return 1
	default:
		return 2
	}
}

// resolve finds the word that a variable is, and its value.
func (p *parser) resolve(v *variable) *Problem {
	bare := strings.TrimPrefix(v.name, envPrefix)
	if v.word, v.row = wordOf(bare); v.row != nil {
		return nil
	}
	if secret, isFile := strings.CutSuffix(bare, "_FILE"); isFile {
		if v.word, v.row = wordOf(secret); v.row != nil && v.row.Secret {
			text, err := p.source.Read(v.value)
			if err != nil {
				return &Problem{File: environment, Word: v.name, Text: fmt.Sprintf("Unable to read the file '%s' that %s names.", clean(v.value), v.name), Remedy: err.Error()}
			}
			v.value = strings.TrimRight(string(text), "\r\n")
			return nil
		}
	}
	problem := &Problem{Class: Pointless, File: environment, Word: v.name, Text: fmt.Sprintf("the variable '%s' has no effect: there is no such word", clean(v.name))}
	if near := Suggest(strings.ToLower(bare)); near != "" {
		problem.Suggestion = variableOf(near)
		problem.Remedy = fmt.Sprintf("Did you mean '%s'?", problem.Suggestion)
	}
	return problem
}

// variableOf is the name of the variable that sets a word.
func variableOf(word string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(word, ".", "_"))
}

// wordOf returns the word of a variable without its prefix, or nil.
func wordOf(bare string) (string, *Word) {
	name := strings.ToLower(bare)
	if strings.ToUpper(name) != bare {
		return "", nil
	}
	name = strings.Replace(name, "tls1_3", "tls1.3", 1)
	return name, Find(name)
}

// setVariable gives a word its value, or its values: a line each.
func (p *parser) setVariable(v variable) {
	for line := range strings.Lines(v.value) {
		line = strings.Trim(line, " \t\r\n")
		if line == "" {
			continue
		}
		problem := p.belong(v.row)
		if problem == nil {
			problem = p.apply(v.row, v.word, line)
		}
		if problem != nil {
			problem.File, problem.Word = environment, v.name
			p.report(problem)
		}
	}
}

// belong makes the default listener the current one, if that is what a word of
// a listener can mean.
func (p *parser) belong(w *Word) *Problem {
	listeners := w.Scope == PerListener || w.Scope == DefaultListener || w.Name == "plugin_use" ||
		p.config.PerListenerSettings && (w.Scope == PerSecurity || w.Name == "plugin")
	switch {
	case !listeners || p.file.listener != nil:
		return nil
	case p.defaultListener == nil && len(p.config.Listeners) > 0:
		return &Problem{
			Text:   fmt.Sprintf("'%s' belongs to a listener, and the file has listeners of its own.", w.Name),
			Remedy: "Write it into the file, below the listener it is for.",
		}
	}
	p.file.listener = p.useDefault()
	return nil
}
