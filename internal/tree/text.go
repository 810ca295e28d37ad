package tree

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// printable replaces what a terminal would act upon, and what cannot be seen, by
// escapes.
func printable(s string) string {
	if !strings.ContainsFunc(s, unprintable) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		if !unprintable(r) {
			b.WriteRune(r)
			continue
		}
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == utf8.RuneError:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func unprintable(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

// printableBytes shows the beginning of a payload of a size: text with escapes, or
// hexadecimal digits for what is no text.
func printableBytes(value []byte, size int) string {
	text, more := value, ""
	if len(value) < size { // perhaps in the middle of a character
		text, more = whole(value), "…"
	}
	if !utf8.Valid(text) {
		return "0x" + hex.EncodeToString(value) + more
	}
	return printable(string(text)) + more
}

// whole is b without a character at its end that was cut off.
func whole(b []byte) []byte {
	for i := len(b) - 1; i >= 0 && i > len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				return b[:i]
			}
			break
		}
	}
	return b
}

// runeWidth is how many columns a terminal gives to a printable character.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// textWidth is how many columns a printable text takes.
func textWidth(s string) (n int) {
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// shorten cuts a text off that takes more columns, with a mark.
func shorten(s string, width int) string {
	if len(s) <= width || textWidth(s) <= width {
		return s
	}
	n := 0
	for i, r := range s {
		if n += runeWidth(r); n > width-1 {
			if width < 1 {
				return ""
			}
			return s[:i] + "…"
		}
	}
	return s
}

// pad fills a text up with blanks.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-textWidth(s)))
}

// rateText is a rate in at most seven characters; empty: next to nothing.
func rateText(rate float64) string {
	switch {
	case rate < 0.005:
		return ""
	case rate < 1:
		return fmt.Sprintf("%.2f/s", rate)
	case rate < 99.95:
		return fmt.Sprintf("%.1f/s", rate)
	case rate < 9999.5:
		return fmt.Sprintf("%.0f/s", rate)
	case rate < 999_500:
		return fmt.Sprintf("%.0fk/s", rate/1e3)
	}
	return fmt.Sprintf("%.0fM/s", math.Min(rate/1e6, 9999))
}

// ageText is an age in at most four characters.
func ageText(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(0, d)/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dd", min(d/(24*time.Hour), 999))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
