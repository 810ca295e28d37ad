package acl

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/zancudomq/zancudo/topic"
)

// Problem is what is wrong with a line.
type Problem struct {
	File string
	Line int
	Text string // a sentence, in Mosquitto's words where it has any
	Hint string // how to go on; empty: Text says it
}

func (p *Problem) Error() string {
	text := fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
	if p.Hint != "" {
		text += " " + p.Hint
	}
	return text
}

// Problems are all that are wrong with a file, at most maxProblems.
type Problems []*Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

const (
	maxProblems = 20
	maxUser     = 65535 // bytes: what MQTT can carry
)

// Parse reads the text of a file; name is what errors and decisions call it. An
// error is Problems.
func Parse(name string, text []byte) (*Rules, error) {
	p := &parser{rules: &Rules{File: name}}
	for r := range reasons {
		p.rules.denials[r] = Denial{File: name, Reason: r}
	}
	for line := range strings.Lines(string(text)) {
		p.line++
		p.parse(line)
		if len(p.problems) == maxProblems {
			break
		}
	}
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	p.warnOfFutile()
	return p.rules, nil
}

// parser is a file half read.
type parser struct {
	rules    *Rules
	line     int
	user     string // of the block; empty: none has begun
	problems Problems
}

func (p *parser) wrong(hint, format string, args ...any) {
	p.problems = append(p.problems, &Problem{p.rules.File, p.line, fmt.Sprintf(format, args...), hint})
}

func (p *parser) warn(hint, format string, args ...any) {
	p.rules.Warnings = append(p.rules.Warnings, &Problem{p.rules.File, p.line, fmt.Sprintf(format, args...), hint})
}

// parse reads one line. What separates words is blanks and nothing else, as in
// Mosquitto: user names and filters may have all other characters.
func (p *parser) parse(line string) {
	line = strings.TrimRight(line, " \t\r\n\v\f")
	if line == "" || line[0] == '#' || strings.Trim(line, " ") == "" {
		return
	}
	if !utf8.ValidString(line) {
		p.wrong("Save the file in UTF-8.", "The line is not text.")
		return
	}
	word, rest, _ := strings.Cut(strings.TrimLeft(line, " "), " ")
	rest = strings.Trim(rest, " \t")
	switch word {
	case "user":
		p.begin(rest)
	case "topic":
		p.rule(line, rest, Anonymous)
	case "pattern":
		p.rule(line, rest, Everybody)
	default:
		p.invalid(word, line)
	}
}

// invalid tells of a line that begins with none of the three words.
func (p *parser) invalid(word, line string) {
	hint := "A line begins with 'user', 'topic' or 'pattern', or with # as its very first character if it is a comment."
	switch lower := strings.ToLower(word); {
	case word[0] == '#':
		hint = "A comment has its # as the very first character of the line."
	case lower != word && (lower == "user" || lower == "topic" || lower == "pattern"):
		hint = fmt.Sprintf("Write '%s' in small letters.", lower)
	case strings.ContainsRune(word, '\t'):
		hint = "Words are separated by blanks, not by tabs."
	}
	p.wrong(hint, "Invalid line: %.80q.", strings.TrimLeft(line, " "))
}

// begin begins the block of a user.
func (p *parser) begin(user string) {
	switch {
	case user == "":
		p.wrong("Write the name behind it: 'user alice'. Rules for clients without a name come before the first 'user'.", "Missing username.")
	case len(user) > maxUser:
		p.wrong("", "The user name has more than %d bytes.", maxUser)
	default:
		p.user = user
		p.rules.block(user)
	}
}

// rule reads what follows 'topic' or 'pattern'.
func (p *parser) rule(line, rest string, scope Scope) {
	first, filter, found := strings.Cut(rest, " ")
	access := ReadWrite
	switch filter = strings.Trim(filter, " \t"); {
	case rest == "":
		p.wrong("Write an access word and a filter behind it: 'topic read house/#'.", "Empty topic.")
		return
	case !found:
		filter = first
		if _, is := accessOf(first); is {
			p.warn("Write the filter behind it.", "'%s' stands alone and is taken for a filter that may be read and written.", first)
		}
	default:
		var is bool
		if access, is = accessOf(first); !is {
			p.wrong(accessHint(), "Invalid topic access type %.80q.", first)
			return
		}
	}
	r := &Rule{File: p.rules.File, Line: p.line, Text: strings.TrimLeft(line, " "), Scope: scope, Access: access, Filter: filter}
	if scope == Anonymous && p.user != "" {
		r.Scope, r.User = User, p.user
	}
	if p.check(r) {
		p.rules.add(r)
	}
}

// warnOfFutile warns of rules that another denies whole: many believe that the
// order of the lines matters.
func (p *parser) warnOfFutile() {
	before := len(p.rules.Warnings)
	lists := append(slices.Collect(maps.Values(p.rules.users)), &p.rules.anonymous)
	for _, l := range lists {
		for _, r := range l.rules {
			w := walk{topic: r.Filter, filter: true}
			if w.visit(&l.tree, 0); r.Access != Deny && w.deny != nil {
				p.line = r.Line
				p.warn("Who denies wins, wherever it stands.", "It never holds: line %d denies all of it.", w.deny.Line)
			}
		}
	}
	if len(p.rules.Warnings) > before {
		slices.SortStableFunc(p.rules.Warnings, func(a, b *Problem) int { return cmp.Compare(a.Line, b.Line) })
	}
}

// check reports whether the filter of a rule is valid, and tells of one that
// looks like a mistake.
func (p *parser) check(r *Rule) bool {
	valid := r.Filter
	if r.Scope == Everybody {
		for text := range strings.SplitSeq(r.Filter, "/") {
			r.levels = append(r.levels, splitLevel(text))
		}
		valid = r.fill("u", "c")
	}
	if err := topic.ValidateFilter(valid); err != nil {
		p.wrong("", "Invalid topic %.80q: %v.", r.Filter, err)
		return false
	}
	switch variables := variableIn(r.Filter) >= 0; {
	case variables && r.Scope != Everybody:
		p.warn("Write 'pattern' to have them replaced.", "%%c and %%u mean nothing after 'topic'.")
	case !variables && r.Scope == Everybody:
		p.warn("It holds for everybody.", "The pattern has neither %%c nor %%u.")
	case strings.HasPrefix(r.Filter, "$share/"):
		p.warn("A shared subscription is checked by the filter behind its group.", "No topic matches '%s'.", r.Filter)
	}
	return true
}

func accessOf(word string) (Access, bool) {
	for _, w := range accessWords {
		if w.word == word {
			return w.access, true
		}
	}
	return 0, false
}

func accessHint() string {
	var words []string
	for _, w := range accessWords {
		words = append(words, w.word)
	}
	return "The words are " + strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1] + "; a filter with a blank in it needs one before it."
}
