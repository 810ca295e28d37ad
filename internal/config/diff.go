package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Difference is one thing that another configuration says otherwise.
type Difference struct {
	// Word is the row of the word; nil: a listener, bridge or plugin is there
	// that was not, or the other way round.
	Word *Word
	// Of names what it belongs to: "listener 1883", "connection name"; empty: the
	// whole.
	Of string
	// Old and New are the values as a file has them; empty: the default, which is
	// none. Secrets are not shown.
	Old, New string
}

// String is a line that shows the difference: +listener 8883, -connection a,
// ~max_qos 2 → 1 (listener 1883).
func (d Difference) String() string {
	switch {
	case d.Word == nil && d.Old == "":
		return "+" + d.New
	case d.Word == nil:
		return "-" + d.Old
	}
	var b strings.Builder
	fmt.Fprintf(&b, "~%s %s → %s", d.Word.Name, cmp.Or(d.Old, "(none)"), cmp.Or(d.New, "(none)"))
	if d.Of != "" {
		b.WriteString(" (" + d.Of + ")")
	}
	if d.Word.Restart {
		b.WriteString(", from the next start on")
	}
	return b.String()
}

// Diff tells what a configuration says otherwise than an earlier one, in the
// order of the table.
func Diff(old, new *Config) []Difference {
	all := differences("", target{config: old, security: &old.Security}, target{config: new, security: &new.Security}, Global, PerSecurity)
	all = append(all, diffEach(old.Listeners, new.Listeners, (*Listener).name, func(name string, a, b *Listener) []Difference {
		return differences(name, target{listener: a, security: &a.Security}, target{listener: b, security: &b.Security}, PerListener, DefaultListener, PerSecurity)
	})...)
	all = append(all, diffEach(old.Bridges, new.Bridges, (*Bridge).name, func(name string, a, b *Bridge) []Difference {
		return differences(name, target{bridge: a}, target{bridge: b}, PerBridge)
	})...)
	return append(all, diffEach(old.plugins(), new.plugins(), (*Plugin).name, func(name string, a, b *Plugin) []Difference {
		return differences(name, target{plugin: a}, target{plugin: b}, PerPlugin)
	})...)
}

func (l *Listener) name() string {
	switch {
	case l.Port == 0 && l.SocketPath != "":
		return "listener 0 " + l.SocketPath
	case l.Address != "":
		return fmt.Sprintf("listener %d %s", l.Port, l.Address)
	default:
		return fmt.Sprintf("listener %d", l.Port)
	}
}

func (b *Bridge) name() string { return "connection " + b.Name }

func (p *Plugin) name() string { return "plugin " + cmp.Or(p.Name, p.Path) }

// plugins are those of all listeners.
func (c *Config) plugins() []*Plugin {
	all := append(append([]*Plugin(nil), c.GlobalPlugins...), c.LoadedPlugins...)
	all = append(all, c.Plugins...)
	for _, l := range c.Listeners {
		all = append(all, l.Security.Plugins...)
	}
	return all
}

// diffEach compares things that have names: those that are gone, those that
// stay, and those that are new.
func diffEach[T any](old, new []T, name func(T) string, diff func(name string, a, b T) []Difference) (all []Difference) {
	before, after := byNames(old, name), byNames(new, name)
	for _, o := range old {
		if _, stays := after[name(o)]; !stays {
			all = append(all, Difference{Old: name(o)})
		}
	}
	for _, n := range new {
		if o, was := before[name(n)]; was {
			all = append(all, diff(name(n), o, n)...)
		} else {
			all = append(all, Difference{New: name(n)})
		}
	}
	return all
}

func byNames[T any](all []T, name func(T) string) map[string]T {
	m := make(map[string]T, len(all))
	for _, v := range all {
		m[name(v)] = v
	}
	return m
}

// differences compares the words of some scopes.
func differences(of string, a, b target, scopes ...Scope) (all []Difference) {
	for i := range words {
		w := &words[i]
		if w.place == nil || !slices.Contains(scopes, w.Scope) {
			continue
		}
		x, y := w.value(a), w.value(b)
		if reflect.DeepEqual(x, y) {
			continue
		}
		d := Difference{Word: w, Of: of, Old: show(x), New: show(y)}
		if w.Secret || w.Scope == PerPlugin { // nobody knows what options of plugins are
			d.Old, d.New = hide(d.Old), hide(d.New)
		}
		all = append(all, d)
	}
	return all
}

// value points to the value of a word.
func (w *Word) value(t target) any {
	if p, ok := w.place(t).(*Plugin); ok {
		return &p.Options
	}
	return w.place(t)
}

// show is the value at p as a file has it.
func show(p any) string {
	if v := reflect.ValueOf(p).Elem(); v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		return fmt.Sprint(v.Elem())
	}
	switch v := p.(type) {
	case *time.Duration:
		if *v == 0 {
			return ""
		}
	case fmt.Stringer: // a list
		return v.String()
	}
	return fmt.Sprint(reflect.ValueOf(p).Elem())
}

func hide(text string) string {
	if text == "" || text == "[]" {
		return ""
	}
	return "(not shown)"
}
