package flags

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	helpWidth  = 80 // of a line of help
	helpIndent = 30 // where its right column begins
)

// WriteHelp explains the command. The program is how the user called it, as
// "zancudo pub" or "mosquitto_pub".
func (c *Command) WriteHelp(w io.Writer, program, version string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n%s\n\n", program, c.Summary, version)
	c.appendUsage(&b, program)
	if c.Text != "" {
		b.WriteByte('\n')
		for p := range strings.SplitSeq(c.Text, "\n\n") {
			appendWrapped(&b, "", 0, p)
		}
	}
	if len(c.Args) > 0 {
		b.WriteString("\nArguments:\n")
		for _, a := range c.Args {
			appendWrapped(&b, "  "+a.Name, helpIndent, a.help())
		}
	}
	for _, g := range c.Groups {
		g.appendHelp(&b)
	}
	if len(c.Examples) > 0 {
		b.WriteString("\nExamples:\n")
	}
	for _, e := range c.Examples {
		fmt.Fprintf(&b, "  %s\n", e.Text)
		for line := range strings.Lines(e.Line) {
			fmt.Fprintf(&b, "    %s\n", strings.TrimSuffix(line, "\n"))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (c *Command) appendUsage(b *strings.Builder, program string) {
	for i, u := range c.Usage {
		lead := "Usage:"
		if i > 0 {
			lead = "      "
		}
		lead += " " + program + " "
		appendWrapped(b, lead, utf8.RuneCountInString(lead), u)
	}
}

func (g *Group) appendHelp(b *strings.Builder) {
	title := g.Title
	if title == "" {
		title = "Flags"
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	for i := range g.Flags {
		f := &g.Flags[i]
		if f.Hidden {
			continue
		}
		indent := "  "
		if strings.HasPrefix(f.Names, "--") && g.hasShort() {
			indent = "      "
		}
		words := append([]string{f.Names}, f.values()...)
		for i := range words[1:] {
			words[i+1] = shown(words[i+1])
		}
		appendWrapped(b, indent+strings.Join(words, " "), helpIndent, f.help())
	}
}

// hasShort reports whether names are aligned behind short ones.
func (g *Group) hasShort() bool {
	for i := range g.Flags {
		if short, _, _ := strings.Cut(g.Flags[i].Names, ", "); len(short) == 2 {
			return true
		}
	}
	return false
}

// help is the line of the help; it ends with what is accepted, unless the line
// says so itself.
func (f *Flag) help() string { return f.Help + choices(f.Help, f.Choices) }

func (a *Arg) help() string { return a.Help + choices(a.Help, a.Choices) }

func choices(text string, all []string) string {
	for _, c := range all {
		if !strings.Contains(text, c) {
			return ": " + list(all)
		}
	}
	return ""
}

// shown is the name of a value as one word.
func shown(value string) string { return strings.ReplaceAll(value, " ", "-") }

// appendWrapped writes text in a column that begins at indent, with lead to its
// left, in the line above if it is too long.
func appendWrapped(b *strings.Builder, lead string, indent int, text string) {
	column := utf8.RuneCountInString(lead)
	b.WriteString(lead)
	if column > 0 && column+1 > indent && !strings.HasSuffix(lead, " ") {
		b.WriteByte('\n')
		column = 0
	}
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i > 0 && column+1+n > helpWidth:
			b.WriteByte('\n')
			column = 0
		case i > 0:
			b.WriteByte(' ')
			column++
		}
		if column < indent {
			b.WriteString(strings.Repeat(" ", indent-column))
			column = indent
		}
		b.WriteString(word)
		column += n
	}
	b.WriteByte('\n')
}
