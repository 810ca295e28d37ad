package mqtttest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// word is one word of the notation: a positional word or flag ("a/b",
// "retain"), or key=value.
type word struct {
	key   string // empty: positional
	value string // as written
}

func (w word) String() string {
	if w.key == "" {
		return w.value
	}
	return w.key + "=" + w.value
}

// quoted reports whether the value can be no flag, number or wildcard.
func (w word) quoted() bool { return w.value != "" && strings.ContainsRune("\"`<", rune(w.value[0])) }

// any reports whether w is a wildcard: "*" or "key=*".
func (w word) any() bool { return w.value == "*" }

// split cuts a line into words. Quotes and <…> may hold spaces.
func split(line string) ([]word, error) {
	var words []word
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" {
			return words, nil
		}
		n, err := wordLength(line)
		if err != nil {
			return nil, err
		}
		words = append(words, newWord(line[:n]))
		line = line[n:]
	}
}

func newWord(s string) word {
	key, value, found := strings.Cut(s, "=")
	if found && key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" {
		return word{key, value}
	}
	return word{value: s}
}

// wordLength is the length of the word at the start of line.
func wordLength(line string) (int, error) {
	begin := true // of a value, where quotes mean something
	for i := 0; i < len(line); {
		switch c := line[i]; {
		case c == ' ' || c == '\t':
			return i, nil
		case begin && (c == '"' || c == '`'):
			q, err := strconv.QuotedPrefix(line[i:])
			if err != nil {
				return 0, fmt.Errorf("the quotes do not end: %s", line[i:])
			}
			i += len(q)
			begin = false
		case begin && c == '<':
			n := strings.IndexByte(line[i:], '>')
			if n < 0 {
				return 0, fmt.Errorf("the > is missing: %s", line[i:])
			}
			i += n + 1
			begin = false
		default:
			begin = c == '=' || c == ':'
			i++
		}
	}
	return len(line), nil
}

// bytes is what the value stands for.
func (w word) bytes() ([]byte, error) { return literal(w.value) }

func literal(s string) ([]byte, error) {
	if s == "" {
		return nil, errors.New(`an empty string is written ""`)
	}
	switch s[0] {
	case '"', '`':
		v, err := strconv.Unquote(s)
		if err != nil {
			return nil, fmt.Errorf("%s is not quoted as in Go", s)
		}
		return []byte(v), nil
	case '<':
		return angle(strings.TrimSuffix(s[1:], ">"))
	default:
		return []byte(s), nil
	}
}

// angle reads what stands in <…>: "hex:00ff" or "2000 bytes".
func angle(s string) ([]byte, error) {
	if digits, ok := strings.CutPrefix(s, "hex:"); ok {
		b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			return nil, fmt.Errorf("<%s>: %w", s, err)
		}
		return b, nil
	}
	digits, ok := strings.CutSuffix(s, " bytes")
	if !ok {
		return nil, fmt.Errorf("<%s> is neither <hex:…> nor <N bytes>", s)
	}
	return pattern(digits)
}

// maxPattern is the largest payload that a script can ask for.
const maxPattern = 300 << 20

// pattern is what <N bytes> and size=N stand for: the alphabet again and again.
func pattern(digits string) ([]byte, error) {
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || n > maxPattern {
		return nil, fmt.Errorf("%s is not a size in bytes", digits)
	}
	const alphabet = "abcdefghijklmnopqrstuvwxyz"
	return bytes.Repeat([]byte(alphabet), int(n)/len(alphabet)+1)[:n], nil
}

// cutColon cuts the value of user=name:value, where both may be quoted.
func (w word) cutColon() (name, value string, err error) {
	n := strings.IndexByte(w.value, ':')
	if w.quoted() {
		if n, err = quotedLength(w.value); err != nil {
			return "", "", err
		}
	}
	if n < 0 || n >= len(w.value) || w.value[n] != ':' {
		return "", "", fmt.Errorf("%s: a user property is written name:value", w)
	}
	left, err := literal(w.value[:n])
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", w, err)
	}
	right, err := literal(w.value[n+1:])
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", w, err)
	}
	return string(left), string(right), nil
}

func quotedLength(s string) (int, error) {
	if s[0] == '<' {
		return strings.IndexByte(s, '>') + 1, nil
	}
	q, err := strconv.QuotedPrefix(s)
	return len(q), err
}

func (w word) uint(bits int) (uint64, error) {
	v, err := strconv.ParseUint(w.value, 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%s is not a number of %d bits", w, bits)
	}
	return v, nil
}

func (w word) isNumber() bool {
	return w.key == "" && w.value != "" && strings.Trim(w.value, "0123456789") == ""
}

func (w word) isCode() bool { return w.key == "" && strings.HasPrefix(w.value, "0x") }
