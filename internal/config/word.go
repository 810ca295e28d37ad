package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Word is a row of the table: all there is to know about a word.
type Word struct {
	Name  string
	Scope Scope
	Kind  Kind
	// Min and Max bound an Integer.
	Min, Max int64
	// Default is written as in a file; empty: the word has none.
	Default string
	// Doc is a sentence.
	Doc string
	// Deprecated names the words to use instead.
	Deprecated string
	// Ours marks a word that Mosquitto does not know.
	Ours bool

	// Unbuilt says what becomes of a word whose feature is not built yet. Such
	// a row has neither Kind nor place.
	Unbuilt Unbuilt
	// Harmless are values with which an unbuilt word asks for nothing.
	Harmless []string

	// Once makes it an error to give a String twice.
	Once bool
	// place returns where the value goes: a *bool, **bool, *int, *string,
	// *time.Duration or list, as Kind asks for.
	place func(target) any
}

// Scope says where a word may stand and what it applies to.
type Scope int

// The scopes.
const (
	Global          Scope = iota
	PerListener           // after the listener it belongs to
	DefaultListener       // the same; before the first listener it creates one on port 1883
	PerBridge             // after the connection it belongs to
	PerPlugin             // after the plugin it belongs to
	Opening               // begins a listener
)

// Kind says how the value of a word is read.
type Kind int

// The kinds.
const (
	Bool     Kind = iota // true, false, 1 or 0
	Integer              // as C reads it: 10, 0xA and 012 are the same
	String               // all to the end of the line
	Duration             // a number with a unit: h, d, w, m (30 days), y, or s
	List                 // one of a set, or several
	Place                // a port, and for a listener an address
)

// Unbuilt says what becomes of a word whose feature is not built yet.
type Unbuilt int

// What may become of it.
const (
	Built     Unbuilt = iota
	Ignored           // it is passed over without a word
	Warned            // it is passed over with a warning
	Forbidden         // to pass over it would weaken security, or serve something else than asked
)

// Words returns the table, sorted by name. The caller must not change the rows.
func Words() []Word {
	all := slices.Concat(words, unbuilt)
	slices.SortFunc(all, func(a, b Word) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// find returns the row of a word, or nil. A row whose name ends in * is that of
// all words which begin so.
func find(name string) *Word {
	for _, table := range [][]Word{words, unbuilt} {
		for i := range table {
			prefix, many := strings.CutSuffix(table[i].Name, "*")
			if table[i].Name == name || many && len(name) > len(prefix) && strings.HasPrefix(name, prefix) {
				return &table[i]
			}
		}
	}
	return nil
}

// target is where values go.
type target struct {
	config   *Config
	listener *Listener
}

// list is a value that grows with every line.
type list interface {
	// add takes what follows the word; if it is wrong, it returns how to go on.
	add(rest string) (remedy string)
	// reset prepares for the first line: what was there is the default.
	reset()
}

func (w *Word) setDefault(t target) {
	if w.Default == "" {
		return
	}
	for value := range strings.SplitSeq(w.Default, ", ") {
		if problem := w.set(t, value); problem != nil {
			panic(fmt.Sprintf("default of %s: %v", w.Name, problem)) // a test reads every row
		}
	}
}

// set reads what follows the word in its line. A Problem has no place yet.
func (w *Word) set(t target, rest string) *Problem {
	token := firstToken(rest)
	if token == "" {
		return &Problem{
			Text:   fmt.Sprintf("Empty '%s' value in configuration.", w.Name),
			Remedy: fmt.Sprintf("Write it as in '%s %s'.", w.Name, w.example()),
		}
	}
	switch v := w.place(t).(type) {
	case *bool:
		return w.setBool(v, token)
	case **bool:
		*v = new(bool)
		return w.setBool(*v, token)
	case *int:
		return w.setInt(v, token)
	case *string:
		return w.setString(v, rest)
	case *time.Duration:
		return w.setDuration(v, token)
	case list:
		return w.addTo(v, rest)
	default:
		panic(fmt.Sprintf("%s goes into a %T", w.Name, v))
	}
}

// example is a value to show to somebody who gave none.
func (w *Word) example() string {
	switch {
	case w.Default != "" && w.Kind != List:
		return w.Default
	case w.Kind == Bool:
		return "true"
	case w.Kind == Integer:
		return strconv.FormatInt(max(w.Min, 10), 10)
	case w.Kind == Duration:
		return "30d"
	case w.Kind == Place:
		return "1883"
	case w.Kind == List:
		first, _, _ := strings.Cut(w.Default, ", ")
		return first
	default:
		return "TEXT"
	}
}

func (w *Word) setBool(v *bool, token string) *Problem {
	switch token {
	case "true", "1":
		*v = true
	case "false", "0":
		*v = false
	default:
		return &Problem{
			Text:   fmt.Sprintf("Invalid '%s' value (%s).", w.Name, clean(token)),
			Remedy: "It is either true or false, in small letters.",
		}
	}
	return nil
}

func (w *Word) setInt(v *int, token string) *Problem {
	n, ok := parseInt(token)
	if !ok {
		return &Problem{
			Text:   fmt.Sprintf("'%s' value not a number.", w.Name),
			Remedy: fmt.Sprintf("Write digits only instead of '%s'.", clean(token)),
		}
	}
	if n < w.Min || n > w.Max {
		return &Problem{Text: fmt.Sprintf("'%s' must be %s.", w.Name, w.bounds(n)), Remedy: fmt.Sprintf("It is %d.", n)}
	}
	*v = int(min(n, math.MaxInt))
	return nil
}

// bounds says what n should be, in Mosquitto's way.
func (w *Word) bounds(n int64) string {
	switch {
	case n > w.Max && w.Max > 2:
		return fmt.Sprintf("<= %d", w.Max)
	case n < w.Min && w.Max >= unbounded:
		return fmt.Sprintf(">= %d", w.Min)
	default:
		return fmt.Sprintf("between %d and %d inclusive", w.Min, w.Max)
	}
}

// unbounded is the Max of an Integer that the language leaves open.
const unbounded = math.MaxInt64 / 2

func (w *Word) setString(v *string, rest string) *Problem {
	switch {
	case !validText(rest):
		return &Problem{Text: fmt.Sprintf("Invalid '%s' value in configuration.", w.Name), Remedy: "It is not UTF-8, or has a null character."}
	case w.Max > 0 && int64(len(rest)) > w.Max:
		return &Problem{Text: fmt.Sprintf("'%s' length must be <= %d.", w.Name, w.Max), Remedy: fmt.Sprintf("It is %d.", len(rest))}
	}
	*v = rest
	return nil
}

func (w *Word) setDuration(v *time.Duration, token string) *Problem {
	d, ok := parseDuration(token)
	if !ok {
		return &Problem{
			Text:   fmt.Sprintf("Invalid '%s' duration in configuration.", w.Name),
			Remedy: fmt.Sprintf("Instead of '%s' write a number and h, d, w, m or y for hours, days, weeks, months of 30 days or years.", clean(token)),
		}
	}
	*v = d
	return nil
}

func (w *Word) addTo(v list, rest string) *Problem {
	if remedy := v.add(rest); remedy != "" {
		return &Problem{Text: fmt.Sprintf("Invalid '%s' value (%s).", w.Name, clean(rest)), Remedy: remedy}
	}
	return nil
}
