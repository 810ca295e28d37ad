package mqtttest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/zancudomq/zancudo/packet"
)

// expectation is what stands after "<".
type expectation struct {
	text   string
	packet packet.Packet // without wildcards
	raw    []byte        // RAW: these bytes exactly
	words  []word        // with wildcards
}

func newExpectation(text string) (e expectation, err error) {
	e.text = text
	if e.raw, err = parseRaw(text); e.raw != nil || err != nil {
		return e, err
	}
	words, err := split(text)
	if err != nil {
		return e, err
	}
	wild := func(w word) bool { return w.any() || w.value == "..." }
	if slices.ContainsFunc(words, wild) {
		e.words = words
		return e, nil
	}
	e.packet, err = Parse(text)
	return e, err
}

// parseRaw reads "RAW 10 0c 00"; nil if text is something else.
func parseRaw(text string) ([]byte, error) {
	digits, ok := strings.CutPrefix(text, "RAW")
	if !ok {
		return nil, nil
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
	if err != nil {
		return nil, fmt.Errorf("RAW takes bytes in hexadecimal: %w", err)
	}
	return append([]byte{}, b...), nil
}

// check returns nil if a is what was expected.
func (e expectation) check(a arrival) error {
	switch {
	case e.raw != nil:
		if !bytes.Equal(e.raw, a.raw) {
			return fmt.Errorf("came RAW % x (%v)", a.raw, a)
		}
	case e.words != nil:
		got, err := split(a.String())
		if err != nil {
			return err
		}
		if !matches(e.words, got) {
			return fmt.Errorf("came %v", a)
		}
	case e.packet.String() != a.String():
		return fmt.Errorf("came %v", a)
	default:
		return sameBytes(e.packet, a)
	}
	return nil
}

// sameBytes compares what the text does not show, as a long payload.
func sameBytes(want packet.Packet, a arrival) error {
	w, err := want.Append(nil, a.version)
	if err != nil {
		return err
	}
	g, err := a.packet.Append(nil, a.version)
	if err != nil {
		return err
	}
	if bytes.Equal(w, g) {
		return nil
	}
	i := 0
	for i < min(len(w), len(g)) && w[i] == g[i] {
		i++
	}
	return fmt.Errorf("came %v, the same to look at, but the encoding differs from byte %d: want % x, got % x",
		a, i, w[i:min(len(w), i+16)], g[i:min(len(g), i+16)])
}

// matches compares words in which "*" and "key=*" stand for one word, and "..."
// at the end for any more. Positional words come in order; key=value may come
// in any order, but equal keys in theirs.
func matches(want, got []word) bool {
	got = slices.Clone(got)
	for _, w := range want {
		if w.key == "" && w.value == "..." {
			return true
		}
		i := slices.IndexFunc(got, func(g word) bool { return g.key == w.key })
		if i < 0 || !w.any() && got[i].value != w.value {
			return false
		}
		got = slices.Delete(got, i, i+1)
	}
	return len(got) == 0
}

// expected writes the line that would expect a.
func expected(a arrival) (string, error) {
	text := a.String()
	e, err := newExpectation(text)
	if err != nil {
		return "", err
	}
	if e.check(a) == nil {
		return text, nil
	}
	text = sizes.ReplaceAllString(text, "*")
	if e, err = newExpectation(text); err != nil {
		return "", err
	}
	if e.check(a) != nil {
		return "", errors.New("the notation cannot expect " + text)
	}
	return text, nil
}

var sizes = regexp.MustCompile(`<\d+ bytes>`)
