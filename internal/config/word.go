package config

import (
	"slices"
	"strings"
)

// Word is a row of the table: all there is to know about a word.
type Word struct {
	Name string
	// Aliases are older names, which are deprecated.
	Aliases []string
	// Also are other names that are as good.
	Also  []string
	Scope Scope
	Kind  Kind
	// Min and Max bound an Integer, and Max the bytes of a String.
	Min, Max int64
	// Lenient takes an Integer below Min for Min, with a warning.
	Lenient bool
	// Choices are the values of a Choice or List, or what a Form begins with.
	Choices []string
	// Value stands for the value in documentation; empty: what Kind suggests.
	Value string
	// Sample is a value to show; empty: what Kind suggests.
	Sample string
	// Default is written as in a file; empty: the word has none.
	Default string
	// Doc is one or more sentences.
	Doc string
	// Deprecated says what to do instead, after a semicolon: "use listener".
	Deprecated string
	// Ours marks a word that Mosquitto does not know.
	Ours bool
	// Restart marks a word that a reload does not apply.
	Restart bool
	// Secret marks what must not be shown; it may come from a file that the
	// environment names.
	Secret bool
	// Last has the last of several lines count, where others of its Kind make
	// it an error.
	Last bool

	// Status says whether the feature is built. Harmless are values to which it
	// does not apply, because they ask for nothing; if there are Only, it
	// applies to those and no others.
	Status   Status
	Harmless []string
	Only     []string
	// Why says why a word has no effect or, with Refused, never will have.
	Why string

	// bounds says what an Integer must be, where Mosquitto has words of its own
	// for it.
	bounds string
	// check tells what is wrong with a String.
	check func(w *Word, value string) *Problem
	// place returns where the value goes; Opening words have none.
	place func(target) any
}

// Scope says where a word may stand and what it applies to.
type Scope int

// The scopes.
const (
	Global          Scope = iota
	PerSecurity           // for all listeners or, with per_listener_settings, for the one it follows
	PerListener           // after the listener it belongs to
	DefaultListener       // the same; before the first listener it creates one on port 1883
	PerBridge             // after the connection it belongs to
	PerPlugin             // after the plugin it belongs to
	Opening               // begins something, or has the parser do something
)

// Kind says how the value of a word is read.
type Kind int

// The kinds.
const (
	Bool     Kind = iota // true, false, 1 or 0
	Integer              // as C reads it: 10, 0xA and 012 are the same
	String               // all to the end of the line
	Choice               // one of a set
	Duration             // a number with a unit: h, d, w, m (30 days), y, or s
	List                 // one of a set or a text; the line may be repeated
	Form                 // several values in a line
)

// Status says what becomes of a word.
type Status int

// What may become of it.
const (
	Built   Status = iota // it does what it says
	Later                 // its feature is not built yet; it is passed over with a warning
	Refused               // not built either, and to pass over it would weaken security or serve something else
	Inert                 // it is accepted for the sake of old files and does nothing, for the reason in Why
)

// A Section is a part of the table, and of the documentation.
type Section struct {
	Title string
	Words []Word
}

// Sections returns the table in the order of the documentation. The caller must
// not change it.
func Sections() []Section {
	return []Section{
		{"General", processWords},
		{"Listeners", listenerWords},
		{"TLS", tlsWords},
		{"Security", securityWords},
		{"Storage", persistenceWords},
		{"Limits", limitWords},
		{"Messages and sessions", messageWords},
		{"Logging", logWords},
		{"Bridges", bridgeWords},
	}
}

// words is the whole table.
var words = slices.Concat(processWords, listenerWords, tlsWords, securityWords, persistenceWords, limitWords, messageWords, logWords, bridgeWords)

// named are the rows by each of their names.
var named = byName()

func byName() map[string]*Word {
	m := map[string]*Word{}
	for i := range words {
		for name := range words[i].names {
			m[name] = &words[i]
		}
	}
	return m
}

// Words returns the table, sorted by name. The caller must not change the rows.
func Words() []Word {
	return slices.SortedFunc(slices.Values(words), func(a, b Word) int { return strings.Compare(a.Name, b.Name) })
}

// Find returns the row of a word, or nil. A row whose name ends in * is that of
// all words which begin so. The caller must not change it.
func Find(name string) *Word {
	if w := named[name]; w != nil {
		return w
	}
	for _, prefix := range families {
		if strings.HasPrefix(name, prefix) {
			return named[prefix+"*"]
		}
	}
	return nil
}

// families are what words begin with that have one row for all.
var families = []string{"plugin_opt_", "auth_opt_"}

// names yields all the names of a word.
func (w *Word) names(yield func(string) bool) {
	for _, name := range slices.Concat([]string{w.Name}, w.Also, w.Aliases) {
		if !yield(name) {
			return
		}
	}
}

// old reports whether name, which is one of w, is deprecated.
func (w *Word) old(name string) bool {
	return slices.ContainsFunc(w.Aliases, func(alias string) bool {
		prefix, many := strings.CutSuffix(alias, "*")
		return alias == name || many && strings.HasPrefix(name, prefix)
	})
}

// State is the Status of a word, with that of the word it belongs to: what is
// said of a bridge is not built before bridges are.
func (w *Word) State() Status {
	switch {
	case w.Status == Built && w.Scope == PerBridge:
		return named["connection"].Status
	case w.Status == Built && w.Scope == PerPlugin:
		return named["plugin"].Status
	}
	return w.Status
}

// concerns reports whether the Status of a word applies to a value.
func (w *Word) concerns(value string) bool {
	if len(w.Only) > 0 {
		return slices.Contains(w.Only, value)
	}
	return !slices.Contains(w.Harmless, value)
}

// target is where values go. What a word does not need is nil.
type target struct {
	config   *Config
	security *Security
	listener *Listener
	bridge   *Bridge
	plugin   *Plugin
}
