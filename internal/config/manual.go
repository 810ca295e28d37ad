package config

import (
	"fmt"
	"io"
	"strings"
)

// Syntax is how a word is written: its name and what stands for the value.
func (w *Word) Syntax() string { return w.Name + " " + w.syntax() }

func (w *Word) syntax() string {
	switch {
	case w.Value != "":
		return w.Value
	case w.Kind == Bool:
		return "true|false"
	case len(w.Choices) > 0:
		return strings.Join(w.Choices, "|")
	case w.Kind == Integer:
		return "NUMBER"
	case w.Kind == Duration:
		return "DURATION"
	default:
		return "TEXT"
	}
}

// A fact is a line of what there is to know of a word.
type fact struct{ name, text string }

// facts are what there is to know of a word beside its Doc.
func (w *Word) facts() (all []fact) {
	add := func(name, text string) {
		if text != "" {
			all = append(all, fact{name, text})
		}
	}
	add("Default", w.defaultText())
	add("Range", w.rangeText())
	add("Belongs to", scopeTexts[w.Scope])
	add("Also written", strings.Join(w.Also, ", "))
	add("Old names", strings.Join(w.Aliases, ", "))
	if w.Deprecated != "" {
		add("Deprecated", "yes; "+w.Deprecated)
	}
	if w.Status != Inert || len(w.Only) > 0 {
		add("On a reload", map[bool]string{true: "only the next start applies it", false: "applied"}[w.Restart])
	}
	if w.Ours {
		add("Mosquitto", "does not know it")
	}
	add("Status", w.statusText())
	add("Example", w.Example())
	add("Environment", w.variables())
	return all
}

var scopeTexts = map[Scope]string{
	PerSecurity:     "the whole broker; with 'per_listener_settings true', the listener above it",
	PerListener:     "the listener above it in the same file",
	DefaultListener: "the listener above it in the same file, or without one to a listener on port 1883",
	PerBridge:       "the connection above it in the same file",
	PerPlugin:       "the plugin above it in the same file",
}

func (w *Word) defaultText() string {
	return strings.ReplaceAll(w.Default, ", ", " ")
}

func (w *Word) rangeText() string {
	switch {
	case w.Kind == String && w.Max > 0:
		return fmt.Sprintf("at most %d bytes", w.Max)
	case w.Kind != Integer:
		return ""
	case w.Max >= unbounded:
		return fmt.Sprintf("from %d", w.Min)
	default:
		return fmt.Sprintf("%d to %d", w.Min, w.Max)
	}
}

// statusText says what is not as the Doc has it; empty: nothing.
func (w *Word) statusText() string {
	which := ""
	switch {
	case len(w.Only) > 0:
		which = either(w.Only) + ": "
	case len(w.Harmless) > 0:
		which = "other than " + either(w.Harmless) + ": "
	}
	switch w.State() {
	case Built:
		return ""
	case Inert:
		return "accepted, without effect: " + w.Why
	case Later:
		return which + "not supported yet; passed over with a warning"
	case Refused:
		if w.Why != "" {
			return which + "not supported, an error: " + w.Why
		}
	}
	return which + "not supported yet; an error"
}

// variables are the names of the environment that set a word.
func (w *Word) variables() string {
	switch name := variableOf(w.Name); {
	case w.Name == "include_dir":
		return ""
	case strings.HasSuffix(name, "*"):
		return strings.TrimSuffix(name, "*") + "..."
	case w.Secret:
		return name + ", or " + name + "_FILE to name a file that has it"
	default:
		return name
	}
}

// WriteHelp writes all there is to know of a word, for a terminal.
func (w *Word) WriteHelp(out io.Writer) error {
	var b strings.Builder
	b.WriteString(w.Syntax() + "\n\n" + wrap(w.Doc, 78, "  ") + "\n")
	for _, f := range w.facts() {
		fmt.Fprintf(&b, "  %-13s %s\n", f.name+":", f.text)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// wrap breaks a text into lines of at most width bytes, each after indent.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	n := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case n == 0:
			b.WriteString(indent)
			n = len(indent)
		case n+1+len(word) > width:
			b.WriteString("\n" + indent)
			n = len(indent)
		default:
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += len(word)
	}
	return b.String() + "\n"
}
