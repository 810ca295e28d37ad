package psk

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Keys are the keys of a file, by their identities.
type Keys map[string][]byte

// ErrUnknownIdentity is the error of an identity that has no key.
var ErrUnknownIdentity = errors.New("no key has that identity")

// Lookup is for Config.Key.
func (k Keys) Lookup(identity string) ([]byte, error) {
	key, ok := k[identity]
	if !ok {
		return nil, ErrUnknownIdentity
	}
	return key, nil
}

// A BadLine is a line of a file of keys that was passed over. It never shows a
// key.
type BadLine struct {
	Line int
	Text string // what is wrong with it
}

// maxBadLines is how many lines are told of.
const maxBadLines = 100

// ParseKeys reads a file of keys: identity:key, a line each, the key in
// hexadecimal digits. Empty lines and those that begin with # say nothing. What
// does not parse is passed over, and so is an identity that was there before.
func ParseKeys(text []byte) (keys Keys, bad []BadLine) {
	keys = make(Keys)
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if err := keys.add(line); err != nil && len(bad) < maxBadLines {
			bad = append(bad, BadLine{number, err.Error()})
		}
	}
	return keys, bad
}

// add takes a line.
func (k Keys) add(line []byte) error {
	name, digits, ok := bytes.Cut(line, []byte(":"))
	name, digits = bytes.TrimSpace(name), bytes.TrimSpace(digits)
	switch {
	case !ok:
		return errors.New("there is no colon between an identity and a key")
	case len(name) == 0:
		return errors.New("the identity is empty")
	case len(name) > maxIdentity:
		return fmt.Errorf("the identity has %d bytes, at most %d are possible", len(name), maxIdentity)
	case !utf8.Valid(name) || bytes.IndexByte(name, 0) >= 0:
		return errors.New("the identity is no text")
	case len(digits) == 0:
		return fmt.Errorf("the identity %q has no key", name)
	}
	if len(digits)%2 != 0 { // OpenSSL reads a number
		digits = append([]byte("0"), digits...)
	}
	key := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(key, digits); err != nil {
		return fmt.Errorf("the key of %q is not in hexadecimal digits", name)
	}
	if len(key) > maxKey {
		return fmt.Errorf("the key of %q has %d bytes, at most %d are possible", name, len(key), maxKey)
	}
	if _, again := k[string(name)]; again {
		return fmt.Errorf("the identity %q is there twice; the first counts", name)
	}
	k[string(name)] = key
	return nil
}
