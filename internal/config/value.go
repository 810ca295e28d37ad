package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// parseInt reads an integer as C's strtol with base 0 does, and accepts nothing
// behind it.
func parseInt(s string) (n int64, ok bool) {
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	base := 10
	switch {
	case len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X"):
		s, base = s[2:], 16
	case len(s) > 1 && s[0] == '0':
		s, base = s[1:], 8
	}
	u, err := strconv.ParseUint(s, base, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	n = int64(min(u, math.MaxInt64))
	if negative {
		n = -n
	}
	return n, true
}

// parseDuration reads a number with a unit. Long ones end at about 290 years.
func parseDuration(s string) (time.Duration, bool) {
	if s == "" {
		return 0, false
	}
	var unit time.Duration
	switch s[len(s)-1] {
	case 's':
		unit = time.Second
	case 'h':
		unit = time.Hour
	case 'd':
		unit = 24 * time.Hour
	case 'w':
		unit = 7 * 24 * time.Hour
	case 'm':
		unit = 30 * 24 * time.Hour
	case 'y':
		unit = 365 * 24 * time.Hour
	default:
		return 0, false
	}
	n, ok := parseInt(s[:len(s)-1])
	if !ok || n <= 0 {
		return 0, false
	}
	return time.Duration(min(n, math.MaxInt64/int64(unit))) * unit, true
}

// blanks separate a word from its value.
const blanks = " \t"

// firstToken is the value of a word that ends at the first blank: what follows
// is passed over.
func firstToken(rest string) string {
	if i := strings.IndexAny(rest, blanks); i >= 0 {
		return rest[:i]
	}
	return rest
}

// split cuts a line at its first blanks.
func split(line string) (first, rest string) {
	first = firstToken(line)
	return first, strings.TrimLeft(line[len(first):], blanks)
}

const maxText = 65535 // bytes of a String

func validText(s string) bool {
	return len(s) <= maxText && utf8.ValidString(s) && !strings.Contains(s, "\x00")
}

// clean makes what a file holds fit for a message: short and printable.
func clean(s string) string {
	const most = 60
	var b strings.Builder
	for _, r := range s {
		switch {
		case b.Len() >= most:
			return b.String() + "…"
		case strconv.IsPrint(r) && r != utf8.RuneError:
			b.WriteRune(r)
		default:
			b.WriteRune('?')
		}
	}
	return b.String()
}

// Texts grow by a line each time their word is given.
type Texts []string

func (t *Texts) String() string { return strings.Join(*t, ", ") }

func (t *Texts) reset() { *t = nil }

func (t *Texts) read(w *Word, rest string) *Problem {
	if !validText(rest) {
		return w.notText()
	}
	*t = append(*t, rest)
	return nil
}

// Versions is a set of versions of MQTT by their protocol levels: bit 3 stands
// for MQTT 3.1, bit 4 for 3.1.1, bit 5 for 5.0. The empty set stands for all.
type Versions uint8

// Has reports whether the set has the version of a protocol level.
func (v *Versions) Has(level int) bool { return *v == 0 || *v&(1<<level) != 0 }

func (v *Versions) String() string {
	var all []string
	for level := 3; level <= 5; level++ {
		if *v&(1<<level) != 0 {
			all = append(all, strconv.Itoa(level))
		}
	}
	return strings.Join(all, ", ")
}

func (v *Versions) reset() { *v = 0 }

func (v *Versions) read(w *Word, rest string) *Problem {
	for _, one := range strings.FieldsFunc(rest, func(r rune) bool { return r == ',' || strings.ContainsRune(blanks, r) }) {
		switch one {
		case "3", "4", "5":
			*v |= 1 << (one[0] - '0')
		default:
			return w.invalid(rest, "It is a list of 3, 4 and 5, for MQTT 3.1, 3.1.1 and 5.0, as in '4,5'.")
		}
	}
	return nil
}
