package format

import (
	"fmt"
	"strings"
)

// verbs are the letters that may follow a percent sign, its flags and numbers.
const verbs = "%ACDEFIJPRSUXdfjlmpqrtx"

// separators may stand between groups of hexadecimal digits.
const separators = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~ "

// escapes are the letters that may follow a backslash, and what they stand for.
var escapes = map[byte]byte{'\\': '\\', '0': 0, 'a': '\a', 'e': 0x1b, 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// maxWidth bounds widths and precisions, which are only meant to make columns.
const maxWidth = 65535

// Parse reads a format string. The errors are Mosquitto's sentences without
// "Error: " before them.
func Parse(s string, o Options) (*Format, error) {
	f := &Format{newline: !o.NoNewline}
	for s != "" {
		var (
			next step
			err  error
		)
		switch s[0] {
		case '%':
			next, s, err = parseDirective(s[1:])
		case '@':
			next, s, err = parseMoment(s[1:])
		case '\\':
			next, s, err = parseEscape(s[1:])
		default:
			end := strings.IndexAny(s, "%@\\")
			if end < 0 {
				end = len(s)
			}
			next, s = step{verb: text, text: s[:end]}, s[end:]
		}
		if err != nil {
			return nil, err
		}
		next.pretty = o.Pretty
		f.add(next)
	}
	return f, nil
}

// add adds a step; texts that follow each other become one.
func (f *Format) add(s step) {
	if n := len(f.steps); n > 0 && s.verb == text && f.steps[n-1].verb == text {
		f.steps[n-1].text += s.text
		return
	}
	f.steps = append(f.steps, s)
}

// syntaxError is a format string that makes no sense, in a sentence for the user.
type syntaxError string

func (e syntaxError) Error() string { return string(e) }

const incomplete = syntaxError("Incomplete format specifier.")

// parseDirective reads what follows a percent sign.
func parseDirective(s string) (step, string, error) {
	d := step{precision: -1, separator: ' ', pad: ' '}
	if strings.HasPrefix(s, "-") {
		d.left, s = true, s[1:]
	}
	if strings.HasPrefix(s, "0") {
		d.pad, s = '0', s[1:]
	}
	var err error
	if d.width, s, err = parseNumber(s); err != nil {
		return d, s, err
	}
	if strings.HasPrefix(s, ".") {
		if d.precision, s, err = parseNumber(s[1:]); err != nil {
			return d, s, err
		}
	}
	if s != "" && strings.IndexByte(separators, s[0]) >= 0 {
		d.separator, s = s[0], s[1:]
	}
	switch {
	case s == "":
		return d, s, incomplete
	case strings.IndexByte(verbs, s[0]) < 0:
		return d, s, syntaxError(fmt.Sprintf("Invalid format specifier '%c'.", firstRune(s)))
	case s[0] == '%':
		return step{verb: text, text: "%"}, s[1:], nil
	}
	d.verb = s[0]
	if d.left {
		d.pad = ' ' // zeros behind a number would make it another one
	}
	return d, s[1:], nil
}

func parseNumber(s string) (n int, rest string, err error) {
	for s != "" && '0' <= s[0] && s[0] <= '9' {
		if n = n*10 + int(s[0]-'0'); n > maxWidth {
			return 0, s, syntaxError(fmt.Sprintf("Invalid width or precision in format; at most %d.", maxWidth))
		}
		s = s[1:]
	}
	return n, s, nil
}

// parseMoment reads what follows an at sign.
func parseMoment(s string) (step, string, error) {
	switch {
	case s == "":
		return step{}, s, incomplete
	case s[0] == '@':
		return step{verb: text, text: "@"}, s[1:], nil
	}
	return step{verb: moment, letter: s[0]}, s[1:], nil
}

// parseEscape reads what follows a backslash.
func parseEscape(s string) (step, string, error) {
	if s == "" {
		return step{}, s, syntaxError("Incomplete escape specifier.")
	}
	c, ok := escapes[s[0]]
	if !ok {
		return step{}, s, syntaxError(fmt.Sprintf("Invalid escape specifier '%c'.", firstRune(s)))
	}
	return step{verb: text, text: string([]byte{c})}, s[1:], nil
}

func firstRune(s string) rune {
	for _, r := range s {
		return r
	}
	return 0
}
