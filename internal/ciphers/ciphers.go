package ciphers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A List is what a list of cipher suites asks for, in its order.
type List struct {
	// Suites are for tls.Config.CipherSuites: TLS 1.2 and below. It may be
	// empty, which crypto/tls takes for its own choice, when others are not.
	Suites []uint16
	// PSK are suites with a pre-shared key, which crypto/tls does not have.
	PSK []uint16
	// TLS13 are suites of TLS 1.3. crypto/tls offers them all, always.
	TLS13 []uint16
	// Missing are suites of OpenSSL that the list names and that are not to be
	// had here: a list made for many programs has some.
	Missing []string
}

// Parse reads a list for TLS 1.2 and below: names of suites, of OpenSSL or the
// standard, and classes such as HIGH, ECDHE or AESGCM. A + in a word means both;
// words are separated by colons, commas or blanks. A ! before a word takes its
// suites away for good, a - until they are named again; a + puts them at the
// end. @STRENGTH sorts by the length of the key, @SECLEVEL is ignored.
func Parse(list string) (List, error) {
	b := &builder{killed: make(map[uint16]bool)}
	words := strings.FieldsFunc(list, func(r rune) bool { return r == ':' || r == ',' || r == ' ' || r == ';' })
	if len(words) == 0 {
		return List{}, errors.New("cipher list is empty")
	}
	for _, w := range words {
		if err := b.word(w); err != nil {
			return List{}, fmt.Errorf("cipher list %q: %w", list, err)
		}
	}
	if len(b.chosen) == 0 {
		return List{}, fmt.Errorf("cipher list %q: %w", list, b.nothing())
	}
	return b.list(), nil
}

// Name is what OpenSSL calls a suite.
func Name(id uint16) string {
	for _, s := range suites() {
		if s.id == id {
			return s.name
		}
	}
	return fmt.Sprintf("0x%04X", id)
}

// ParseTLS13 reads a list of suites of TLS 1.3, separated by colons or commas.
func ParseTLS13(list string) ([]uint16, error) {
	var all []uint16
	for name := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ':' || r == ',' || r == ' ' }) {
		s, ok := find(name)
		if !ok || !s.is("TLSv1.3") {
			return nil, fmt.Errorf("cipher list %q: no suite of TLS 1.3 is called %q; there are %s",
				list, name, strings.Join(names(func(s suite) bool { return s.is("TLSv1.3") }), ", "))
		}
		if !slices.Contains(all, s.id) {
			all = append(all, s.id)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("cipher list is empty")
	}
	return all, nil
}

// A builder follows the words of a list.
type builder struct {
	chosen  []suite
	killed  map[uint16]bool
	missing []string
}

func (b *builder) word(w string) error {
	switch w[0] {
	case '@':
		return b.command(w)
	case '!', '-', '+':
		found, err := match(w[1:])
		if err != nil {
			return err
		}
		b.without(w[0], found)
		return nil
	}
	found, err := match(w)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		b.missing = append(b.missing, w)
	}
	for _, s := range found {
		if !b.killed[s.id] && !slices.Contains(b.chosen, s) {
			b.chosen = append(b.chosen, s)
		}
	}
	return nil
}

func (b *builder) command(w string) error {
	switch {
	case w == "@STRENGTH":
		slices.SortStableFunc(b.chosen, func(x, y suite) int { return y.bits() - x.bits() })
	case strings.HasPrefix(w, "@SECLEVEL="): // crypto/tls has levels of its own
	default:
		return fmt.Errorf("%q is not known; there are @STRENGTH and @SECLEVEL=n", w)
	}
	return nil
}

// without takes suites away, as the sign before a word says.
func (b *builder) without(sign byte, found []suite) {
	var moved []suite
	b.chosen = slices.DeleteFunc(b.chosen, func(s suite) bool {
		if !slices.Contains(found, s) {
			return false
		}
		moved = append(moved, s)
		return true
	})
	switch sign {
	case '+':
		b.chosen = append(b.chosen, moved...)
	case '!':
		for _, s := range found {
			b.killed[s.id] = true
		}
	}
}

func (b *builder) list() List {
	l := List{Missing: b.missing}
	for _, s := range b.chosen {
		switch {
		case s.is("TLSv1.3"):
			l.TLS13 = append(l.TLS13, s.id)
		case s.is("PSK"):
			l.PSK = append(l.PSK, s.id)
		default:
			l.Suites = append(l.Suites, s.id)
		}
	}
	return l
}

// nothing says why no suite is left.
func (b *builder) nothing() error {
	accepted := strings.Join(names(func(suite) bool { return true }), ", ")
	if len(b.missing) == 0 {
		return errors.New("it takes away every suite it asks for; there are " + accepted)
	}
	return fmt.Errorf("%s cannot be had here; there are %s", strings.Join(b.missing, ", "), accepted)
}

// match returns the suites that a word means: one by its name, or those that are
// in all of its classes.
func match(word string) ([]suite, error) {
	if s, ok := find(word); ok {
		return []suite{s}, nil
	}
	if slices.Contains(elsewhere(), word) {
		return nil, nil
	}
	all := suites()
	for class := range strings.SplitSeq(word, "+") {
		if !known(class) {
			return nil, fmt.Errorf("no suite and no class is called %q; there are the suites %s; and the classes %s",
				class, strings.Join(names(func(suite) bool { return true }), ", "), strings.Join(classes(), ", "))
		}
		all = slices.DeleteFunc(all, func(s suite) bool { return !s.is(class) })
	}
	return all, nil
}
