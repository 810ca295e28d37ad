package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Class says what kind of thing a Problem is.
type Class int

// The classes. All but Wrong and Refusal are warnings.
const (
	Wrong   Class = iota // the configuration makes no sense
	Refusal              // not supported yet, and too dangerous to pass over
	Insecure
	NotYet     // not supported yet, and passed over
	Deprecated // there is a better way to say it
	Pointless  // it has no effect
	Lossy      // what is acknowledged may be lost
)

var classNames = [...]string{"error", "unsupported", "insecure", "unsupported", "deprecated", "pointless", "lossy"}

func (c Class) String() string { return classNames[c] }

// Warning reports whether a broker starts in spite of a Problem of the class.
func (c Class) Warning() bool { return c != Wrong && c != Refusal }

// Problem is what is wrong with a configuration, or could be better.
type Problem struct {
	Class Class
	File  string // empty: the command line
	Line  int    // 0: it is about the whole file
	Word  string // the word it is about; empty: none
	// Text says what it is, in Mosquitto's words where it has any.
	Text string
	// Remedy is a sentence that says how to go on; empty: Text says it.
	Remedy string
	// Suggestion is the word that was probably meant, or that replaces Word.
	Suggestion string
}

// Error is two lines, the first as Mosquitto writes it.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Text)
	next := "\n"
	switch {
	case p.File == environment:
		b.WriteString("\nError found at " + p.Word + " of the environment.")
		next = " "
	case p.Line > 0:
		fmt.Fprintf(&b, "\nError found at %s:%d.", p.File, p.Line)
		next = " "
	}
	if p.Remedy != "" {
		b.WriteString(next + p.Remedy)
	}
	return b.String()
}

// Sentence is the problem in one line, after the place where it is.
func (p *Problem) Sentence() string {
	where, sentence := p.Parts()
	return where + sentence
}

// Parts are the two halves of Sentence. The place ends in a colon and a blank.
func (p *Problem) Parts() (where, sentence string) {
	if where = p.where(); where != "" {
		where += ": "
	}
	sentence = p.Text
	if !strings.HasSuffix(sentence, ".") {
		sentence += "."
	}
	if p.Remedy != "" {
		sentence += " " + p.Remedy
	}
	return where, sentence
}

func (p *Problem) where() string {
	if p.File == environment {
		return p.Word
	}
	return place{p.File, p.Line}.String()
}

// Problems are all there is to say about a configuration.
type Problems []*Problem

func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i, problem := range p {
		texts[i] = problem.Error()
	}
	return strings.Join(texts, "\n")
}

// Sort orders them by file and line. What is about no line comes last.
func (p Problems) Sort() {
	slices.SortStableFunc(p, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(uint(a.Line-1), uint(b.Line-1)))
	})
}

// place is a line of a file.
type place struct {
	file string
	line int
}

// from is the place as a reader of a file calls it.
func (p place) from(file string) string {
	if p.file == file {
		return fmt.Sprintf("line %d", p.line)
	}
	return p.String()
}

func (p place) String() string {
	if p.line == 0 {
		return p.file
	}
	return fmt.Sprintf("%s:%d", p.file, p.line)
}
