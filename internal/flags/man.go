package flags

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteMan writes the manual page of a command in roff, for section 1. The name
// is that of the page, as in "zancudo-pub"; the program is how the command is
// called, as in "zancudo pub".
func (c *Command) WriteMan(w io.Writer, name, program, version string) error {
	p := page{}
	p.macro("TH", strings.ToUpper(name), "1", "", version, "Zancudo")
	p.macro("SH", "NAME")
	p.line(escape(name) + ` \- ` + escape(c.Summary))
	p.macro("SH", "SYNOPSIS")
	for i, u := range c.Usage {
		if i > 0 {
			p.macro("br")
		}
		p.line(bold(program) + " " + escape(u))
	}
	if c.Text != "" {
		p.macro("SH", "DESCRIPTION")
		p.text(c.Text)
	}
	c.manArgs(&p)
	c.manFlags(&p)
	for _, s := range c.Sections {
		p.macro("SH", strings.ToUpper(s.Title))
		p.text(s.Text)
	}
	if len(c.Examples) > 0 {
		p.macro("SH", "EXAMPLES")
	}
	for _, e := range c.Examples {
		p.macro("TP")
		p.line(escape(e.Text))
		p.macro("nf")
		p.line(escape(e.Line))
		p.macro("fi")
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

func (c *Command) manArgs(p *page) {
	if len(c.Args) == 0 {
		return
	}
	p.macro("SH", "ARGUMENTS")
	for i := range c.Args {
		p.macro("TP")
		p.line(italic(c.Args[i].Name))
		p.line(escape(c.Args[i].help()))
	}
}

func (c *Command) manFlags(p *page) {
	p.macro("SH", "OPTIONS")
	for _, g := range c.Groups {
		if g.Title != "" {
			p.macro("SS", g.Title)
		}
		for i := range g.Flags {
			f := &g.Flags[i]
			if f.Hidden {
				continue
			}
			p.macro("TP")
			p.line(f.manNames())
			p.line(escape(f.help()))
			if f.More != "" {
				p.macro("sp")
				p.line(escape(f.More))
			}
		}
	}
}

// manNames are the names and values of a flag, as the page shows them.
func (f *Flag) manNames() string {
	var names []string
	for _, n := range f.names() {
		names = append(names, bold(n))
	}
	words := []string{strings.Join(names, ", ")}
	for _, v := range f.values() {
		words = append(words, italic(shown(v)))
	}
	return strings.Join(words, " ")
}

// WriteManOverview writes the manual page of the program: its commands.
func WriteManOverview(w io.Writer, program, summary, text, version string, commands []*Command) error {
	p := page{}
	p.macro("TH", strings.ToUpper(program), "1", "", version, "Zancudo")
	p.macro("SH", "NAME")
	p.line(escape(program) + ` \- ` + escape(summary))
	p.macro("SH", "SYNOPSIS")
	p.line(bold(program) + " [" + italic("command") + "] [" + italic("flags") + "]")
	p.macro("SH", "DESCRIPTION")
	p.text(text)
	p.macro("SH", "COMMANDS")
	see := []string{}
	for _, c := range commands {
		p.macro("TP")
		p.line(bold(c.Name))
		p.line(escape(c.Summary) + "; see " + bold(program+"-"+c.Name) + "(1)")
		see = append(see, bold(program+"-"+c.Name)+"(1)")
	}
	slices.Sort(see)
	p.macro("SH", "SEE ALSO")
	p.line(strings.Join(see, ", "))
	_, err := io.WriteString(w, p.b.String())
	return err
}

// A page is roff in the making.
type page struct{ b strings.Builder }

// macro writes a request with its arguments, which it quotes where roff would
// split them.
func (p *page) macro(name string, args ...string) {
	p.b.WriteString("." + name)
	for _, a := range args {
		a = strings.ReplaceAll(escape(a), `"`, `\(dq`)
		if a == "" || strings.Contains(a, " ") {
			a = `"` + a + `"`
		}
		p.b.WriteString(" " + a)
	}
	p.b.WriteByte('\n')
}

// line writes text that is escaped; a dot that begins a line would make a
// request of it.
func (p *page) line(s string) {
	for line := range strings.Lines(s) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		p.b.WriteString(line + "\n")
	}
}

// text writes paragraphs; one that is indented keeps its lines.
func (p *page) text(s string) {
	for i, paragraph := range strings.Split(s, "\n\n") {
		if i > 0 {
			p.macro("PP")
		}
		if strings.HasPrefix(paragraph, " ") {
			p.macro("nf")
			p.line(escape(paragraph))
			p.macro("fi")
			continue
		}
		p.line(escape(paragraph))
	}
}

func escape(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
}

func bold(s string) string { return fmt.Sprintf(`\fB%s\fR`, escape(s)) }

func italic(s string) string { return fmt.Sprintf(`\fI%s\fR`, escape(s)) }
