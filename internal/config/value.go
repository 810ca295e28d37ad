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

// firstToken is the value of a word that ends at the first blank: what follows
// is passed over.
func firstToken(rest string) string {
	if i := strings.IndexAny(rest, blanks); i >= 0 {
		return rest[:i]
	}
	return rest
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

// LogTypes is a set of kinds of log lines.
type LogTypes uint16

// The kinds of log lines, as Mosquitto knows them.
const (
	LogError LogTypes = 1 << iota
	LogWarning
	LogNotice
	LogInformation
	LogDebug
	LogSubscribe
	LogUnsubscribe
	LogWebSockets
	LogInternal

	LogAll LogTypes = 1<<iota - 1
)

func (l *LogTypes) reset() { *l = 0 }

func (l *LogTypes) add(rest string) (remedy string) {
	token := firstToken(rest)
	for _, t := range []struct {
		name string
		bits LogTypes
	}{
		{"error", LogError},
		{"warning", LogWarning},
		{"notice", LogNotice},
		{"information", LogInformation},
		{"debug", LogDebug},
		{"subscribe", LogSubscribe},
		{"unsubscribe", LogUnsubscribe},
		{"websockets", LogWebSockets},
		{"internal", LogInternal},
		{"all", LogAll},
	} {
		if t.name == token {
			*l |= t.bits
			return ""
		}
	}
	if token == "none" {
		*l = 0
		return ""
	}
	return "It is one of error, warning, notice, information, debug, subscribe, unsubscribe, websockets, internal, none and all."
}

// LogDests is a set of places to log to.
type LogDests uint16

// The places to log to.
const (
	LogToStderr LogDests = 1 << iota
	LogToStdout
	LogToNone // nowhere, whatever else is there
	// LogToOther is a place that is not built yet.
	LogToOther
)

func (l *LogDests) reset() { *l = 0 }

func (l *LogDests) add(rest string) (remedy string) {
	switch firstToken(rest) {
	case "stderr":
		*l |= LogToStderr
	case "stdout":
		*l |= LogToStdout
	case "none":
		*l |= LogToNone
	case "syslog", "topic", "file", "dlt", "android":
		*l |= LogToOther
	default:
		return "It is one of stdout, stderr, syslog, topic, file and none."
	}
	return ""
}

// Versions is a set of versions of MQTT by their protocol levels: bit 3 stands
// for MQTT 3.1, bit 4 for 3.1.1, bit 5 for 5.0. The empty set stands for all.
type Versions uint8

// Has reports whether the set has the version of a protocol level.
func (v *Versions) Has(level int) bool { return *v == 0 || *v&(1<<level) != 0 }

func (v *Versions) reset() { *v = 0 }

func (v *Versions) add(rest string) (remedy string) {
	for _, one := range strings.FieldsFunc(rest, func(r rune) bool { return r == ',' || strings.ContainsRune(blanks, r) }) {
		switch one {
		case "3", "4", "5":
			*v |= 1 << (one[0] - '0')
		default:
			return "It is a list of 3, 4 and 5, for MQTT 3.1, 3.1.1 and 5.0, as in '4,5'."
		}
	}
	return ""
}
