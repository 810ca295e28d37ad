package topic

import (
	"errors"
	"strings"
)

// Limits of a topic name or filter.
const (
	// MaxLevels is how many separators ("/") a name or filter may hold: 200 are
	// accepted and 201 refused, as Mosquitto does.
	MaxLevels = 200

	// MaxBytes is the longest string that MQTT can carry [MQTT-4.7.3-3].
	MaxBytes = 65535
)

// The errors of ValidateName, ValidateFilter and SplitShare. Each is a sentence that
// can be shown to the person who wrote the name or filter.
var (
	ErrEmpty          = errors.New("a topic must be at least one character long")
	ErrTooLong        = errors.New("a topic must not be longer than 65535 bytes")
	ErrTooDeep        = errors.New("a topic must not have more than 200 separators (/)")
	ErrNull           = errors.New("a topic must not contain the null character")
	ErrWildcardInName = errors.New("a topic name must not contain a wildcard (+ or #)")
	ErrPlusNotAlone   = errors.New("the wildcard + must occupy an entire level of the filter")
	ErrHashNotAlone   = errors.New("the wildcard # must occupy an entire level of the filter")
	ErrHashNotLast    = errors.New("the wildcard # must be the last level of the filter")
	ErrShareName      = errors.New("the name of a share must be at least one character long and hold no + or #")
	ErrShareFilter    = errors.New("a shared subscription must read $share/name/filter")
)

// ValidateName reports why name cannot be the topic name of a PUBLISH or a will, or
// nil if it can. It does not repeat the check for well-formed UTF-8.
func ValidateName(name string) error {
	if err := validateSize(name); err != nil {
		return err
	}
	if HasWildcard(name) {
		return ErrWildcardInName // [MQTT-4.7.0-1] [MQTT-3.3.2-2]
	}
	return nil
}

// ValidateFilter reports why filter cannot be the topic filter of an ordinary
// subscription, or nil if it can. Give it the filter that [SplitShare] returns, which
// for an ordinary subscription is the whole string.
func ValidateFilter(filter string) error {
	if err := validateSize(filter); err != nil {
		return err
	}
	for at := 0; at <= len(filter); {
		end := levelEnd(filter, at)
		level := filter[at:end]
		if len(level) > 1 && strings.IndexByte(level, '+') >= 0 {
			return ErrPlusNotAlone // [MQTT-4.7.1-2]
		}
		if len(level) > 1 && strings.IndexByte(level, '#') >= 0 {
			return ErrHashNotAlone // [MQTT-4.7.1-1]
		}
		if level == "#" && end < len(filter) {
			return ErrHashNotLast // [MQTT-4.7.1-1]
		}
		at = end + 1
	}
	return nil
}

// validateSize checks what names and filters have in common.
func validateSize(s string) error {
	switch {
	case s == "":
		return ErrEmpty // [MQTT-4.7.3-1]
	case len(s) > MaxBytes:
		return ErrTooLong // [MQTT-4.7.3-3]
	case strings.IndexByte(s, 0) >= 0:
		return ErrNull // [MQTT-4.7.3-2]
	case strings.Count(s, "/") > MaxLevels:
		return ErrTooDeep
	}
	return nil
}

// HasWildcard reports whether filter contains + or #. A valid filter without either
// matches exactly one name: itself.
func HasWildcard(filter string) bool {
	return strings.IndexByte(filter, '+') >= 0 || strings.IndexByte(filter, '#') >= 0
}

// Match reports whether filter matches name. Both should be valid: of invalid ones it
// is only promised that Match, Filters and Names agree.
func Match(filter, name string) bool {
	if isHidden(name) && startsWild(filter) {
		return false // [MQTT-4.7.2-1]
	}
	f, n := 0, 0 // where the next level starts; past the end: no level is left
	for f <= len(filter) {
		fEnd := levelEnd(filter, f)
		level := filter[f:fEnd]
		if level == "#" {
			return fEnd == len(filter) // also matches the parent level, hence before the next test
		}
		if n > len(name) {
			return false
		}
		nEnd := levelEnd(name, n)
		if level != "+" && level != name[n:nEnd] {
			return false
		}
		f, n = fEnd+1, nEnd+1
	}
	return n > len(name)
}

// SplitShare splits the topic filter of a SUBSCRIBE or UNSUBSCRIBE. Of a shared
// subscription "$share/group/filter" it returns the group, the filter, and true; of an
// ordinary one an empty group, s itself, and false. An error tells what is wrong with
// a malformed share (shared is then true). The filter still needs [ValidateFilter].
func SplitShare(s string) (group, filter string, shared bool, err error) {
	rest, shared := strings.CutPrefix(s, "$share/") // [MQTT-4.8.2-1]
	if !shared {
		return "", s, false, nil
	}
	group, filter, found := strings.Cut(rest, "/")
	if group == "" || HasWildcard(group) {
		return "", "", true, ErrShareName // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
	}
	if !found || filter == "" {
		return "", "", true, ErrShareFilter // [MQTT-4.8.2-2]
	}
	return group, filter, true, nil
}

// levelEnd returns where the level of s that starts at at ends: at the next separator,
// or at the end of s. The level after it starts at levelEnd + 1, which is len(s) + 1
// when there is none; "a/" has an empty second level and so at == len(s) is in order.
func levelEnd(s string, at int) int {
	if i := strings.IndexByte(s[at:], '/'); i >= 0 {
		return at + i
	}
	return len(s)
}

// isHidden reports whether name, or the first level of one, is kept from filters that
// start with a wildcard [MQTT-4.7.2-1].
func isHidden(name string) bool { return name != "" && name[0] == '$' }

// startsWild reports whether the first level of filter is a wildcard.
func startsWild(filter string) bool {
	first := filter[:levelEnd(filter, 0)]
	return first == "+" || first == "#"
}
