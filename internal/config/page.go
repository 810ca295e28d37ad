package config

import (
	"fmt"
	"io"
	"strings"
)

// An article is a part of the manual before the words.
type article struct {
	title      string
	paragraphs []string // one that begins with a blank keeps its lines
}

// articles explain the language itself.
var articles = []article{
	{"Grammar", []string{
		"A file is read line by line. A line is a word, a blank and the value. Empty lines count for nothing, and so does a line whose very first " +
			"character is #; nowhere else is # a comment.",
		"A text is all up to the end of the line, with the blanks in it and without those around it. A number is read as in C: 16, 0x10 and 020 are the same. " +
			"Yes and no are true and false, or 1 and 0, in small letters. After a number, or yes or no, the rest of the line is passed over. A duration is a number " +
			"and s, h, d, w, m or y: seconds, hours, days, weeks, months of 30 days or years.",
		"Of two lines that give one number, the last counts. To give a text twice is an error, except where a word says otherwise.",
		"A word that there is not is an error, which names the file, the line and the word that was probably meant. All errors are told at once.",
	}},
	{"What a word belongs to", []string{
		"Most words are said of the whole broker and may stand anywhere. Others belong to what a line above them has begun: a listener, a connection or a plugin. " +
			"That is known per file: a word in a file of 'include_dir' does not belong to the listener that the main file has begun, nor the other way round.",
		"Some words of a listener may come before any. They then begin one on port 1883, as in old files that know one listener only.",
		"Without any 'listener', 'port' or 'bind_address' the broker serves this machine only, on port 1883 of 127.0.0.1 and ::1, and lets everybody in. " +
			"With one, it is open to the network, and 'allow_anonymous' is false unless given.",
	}},
	{"Environment", []string{
		"Each word may also come from the environment, for containers: its name in capitals after ZANCUDO_, with _ for a dot. It goes before what files say. " +
			"Several lines of a word are lines of its value.",
		"    ZANCUDO_LISTENER=1883\n    ZANCUDO_ALLOW_ANONYMOUS=true\n    ZANCUDO_MAX_PACKET_SIZE=1000000\n    ZANCUDO_PLUGIN_OPT_CONFIG_FILE=/data/dynsec.json",
		"A word of a listener belongs to that of ZANCUDO_LISTENER, else to the default listener; where files have listeners of their own it is an error. " +
			"For a secret, such as ZANCUDO_REMOTE_PASSWORD, a variable with _FILE behind its name may name a file that has it. " +
			"MOSQUITTO_PERSISTENCE_LOCATION is known too. A variable that is no word is warned of.",
	}},
	{"Check", []string{
		"'zancudo check FILE' tells all that is wrong, insecure, deprecated or without effect, and what this version does not support yet. Its status is 0 if a broker " +
			"would start and 3 if not; with --strict it is 1 if there are warnings. 'zancudo help config WORD' explains a word.",
	}},
}

const pageIntro = "Zancudo is configured in the language of mosquitto.conf. Every word of Mosquitto 2.1 is known; what one does differently from there is said here."

// WriteMarkdown writes the manual for docs/configuration.md.
func WriteMarkdown(out io.Writer) error {
	var b strings.Builder
	b.WriteString("<!-- Generated from the table of internal/config by 'go generate ./internal/config'. Do not edit. -->\n\n")
	b.WriteString("# Configuration\n\n" + wrap(pageIntro, markdownWidth, ""))
	for _, a := range articles {
		b.WriteString("\n## " + a.title + "\n")
		for _, p := range a.paragraphs {
			if strings.HasPrefix(p, " ") {
				b.WriteString("\n" + p + "\n")
			} else {
				b.WriteString("\n" + wrap(markdown(p), markdownWidth, ""))
			}
		}
	}
	b.WriteString("\n## Words\n\n")
	for _, s := range Sections() {
		links := make([]string, len(s.Words))
		for i := range s.Words {
			links[i] = fmt.Sprintf("[`%s`](#%s)", s.Words[i].Name, anchor(s.Words[i].Name))
		}
		list := wrap(strings.Join(links, ", "), markdownWidth, "  ")
		fmt.Fprintf(&b, "- %s:\n%s", s.Title, list)
	}
	for _, s := range Sections() {
		b.WriteString("\n## " + s.Title + "\n")
		for i := range s.Words {
			s.Words[i].appendMarkdown(&b)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

const markdownWidth = 120

func (w *Word) appendMarkdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n### `%s`\n\n    %s\n\n", w.Name, w.Syntax())
	b.WriteString(wrap(markdown(w.Doc), markdownWidth, ""))
	b.WriteString("\n")
	for _, f := range w.facts() {
		text := markdown(f.text)
		switch f.name {
		case "Default", "Example", "Also written", "Old names":
			text = "`" + f.text + "`"
		case "Environment":
			continue // a rule says it for all
		}
		fmt.Fprintf(b, "- %s: %s\n", f.name, text)
	}
}

// markdown sets what is in single quotes as code.
func markdown(text string) string {
	var b strings.Builder
	for i, part := range strings.Split(strings.ReplaceAll(text, "*", "\\*"), "'") {
		genitive := strings.HasPrefix(part, "s ") || strings.HasPrefix(part, "s,")
		switch {
		case genitive:
			b.WriteByte('\'')
		case i > 0:
			b.WriteByte('`')
		}
		b.WriteString(part)
	}
	return b.String()
}

// anchor is how a heading is linked to.
func anchor(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(heading) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '_' || r == '-' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			b.WriteRune(r)
		}
	}
	return b.String()
}

// WriteMan writes the manual page zancudo.conf(5), in roff.
func WriteMan(out io.Writer) error {
	var b strings.Builder
	b.WriteString(".\\\" Generated from the table of internal/config by 'go generate ./internal/config'. Do not edit.\n")
	b.WriteString(".TH ZANCUDO.CONF 5 \"\" Zancudo Zancudo\n.SH NAME\nzancudo.conf \\- the configuration of the MQTT broker zancudo\n.SH DESCRIPTION\n")
	b.WriteString(roff(pageIntro) + "\n")
	for _, a := range articles {
		b.WriteString(".SH " + strings.ToUpper(roffWord(a.title)) + "\n")
		for i, p := range a.paragraphs {
			if i > 0 {
				b.WriteString(".PP\n")
			}
			if strings.HasPrefix(p, " ") {
				b.WriteString(".nf\n" + roff(p) + "\n.fi\n")
			} else {
				b.WriteString(roff(p) + "\n")
			}
		}
	}
	for _, s := range Sections() {
		b.WriteString(".SH " + strings.ToUpper(roffWord(s.Title)) + "\n")
		for i := range s.Words {
			s.Words[i].appendMan(&b)
		}
	}
	b.WriteString(".SH SEE ALSO\n\\fBzancudo\\fR(1), \\fBzancudo\\-check\\fR(1)\n")
	_, err := io.WriteString(out, b.String())
	return err
}

func (w *Word) appendMan(b *strings.Builder) {
	fmt.Fprintf(b, ".TP\n\\fB%s\\fR \\fI%s\\fR\n%s\n", roff(w.Name), roff(w.syntax()), roff(w.Doc))
	for _, f := range w.facts() {
		if f.name == "Environment" {
			continue // a rule says it for all
		}
		fmt.Fprintf(b, ".br\n%s: %s\n", f.name, roff(f.text))
	}
}

// roff escapes a text. A line that begins with a dot or quote would be a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + text
	}
	return text
}

// roffWord is a title as one argument.
func roffWord(title string) string { return `"` + title + `"` }
