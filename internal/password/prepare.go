package password

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

// Prepare is SASLprep (RFC 4013): it makes the same bytes of what looks the same,
// however a keyboard has entered it. A password that SASLprep does not allow, or
// that is not text, stays as it is.
func Prepare(password []byte) []byte {
	if ascii(password) || !utf8.Valid(password) {
		return password
	}
	prepared := norm.NFKC.Bytes(mapped(password))
	runes := []rune(string(prepared))
	if len(runes) == 0 || slices.ContainsFunc(runes, prohibited) || !oneDirection(runes) {
		return password
	}
	return prepared
}

func ascii(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c >= utf8.RuneSelf })
}

// mapped replaces blanks by one kind of them, and leaves out what is not seen.
func mapped(password []byte) []byte {
	b := make([]byte, 0, len(password))
	for _, r := range string(password) {
		switch {
		case unseen(r):
		case r != ' ' && unicode.Is(unicode.Zs, r) || r == 0x200B:
			b = append(b, ' ')
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

// unseen are the code points that table B.1 of RFC 3454 maps to nothing.
func unseen(r rune) bool {
	switch r {
	case 0x00AD, 0x034F, 0x1806, 0x180B, 0x180C, 0x180D, 0x200C, 0x200D, 0x2060, 0xFEFF:
		return true
	}
	return 0xFE00 <= r && r <= 0xFE0F
}

// prohibited are the code points of the tables C.1.2 to C.9 of RFC 3454.
func prohibited(r rune) bool {
	switch {
	case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Co, r), unicode.Is(unicode.Cs, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
		return true
	case r != ' ' && unicode.Is(unicode.Zs, r):
		return true
	case r&0xFFFE == 0xFFFE, 0xFDD0 <= r && r <= 0xFDEF: // no characters
		return true
	case 0xFFF9 <= r && r <= 0xFFFD, 0x2FF0 <= r && r <= 0x2FFB: // not for text
		return true
	case 0x202A <= r && r <= 0x202E, 0x206A <= r && r <= 0x206F, r == 0x0340, r == 0x0341, r == 0x200E, r == 0x200F: // what changes the display
		return true
	case r == 0x06DD, r == 0x070F, r == 0x180E, 0x2061 <= r && r <= 0x2063, 0x1D173 <= r && r <= 0x1D17A: // controls
		return true
	}
	return r == 0xE0001 || 0xE0020 <= r && r <= 0xE007F // tags
}

// oneDirection is section 6 of RFC 3454: what has letters that run from right to
// left has no others, and begins and ends with one.
func oneDirection(runes []rune) bool {
	if !slices.ContainsFunc(runes, fromRight) {
		return true
	}
	return fromRight(runes[0]) && fromRight(runes[len(runes)-1]) && !slices.ContainsFunc(runes, func(r rune) bool { return class(r) == bidi.L })
}

func fromRight(r rune) bool { return class(r) == bidi.R || class(r) == bidi.AL }

func class(r rune) bidi.Class {
	p, _ := bidi.LookupRune(r)
	return p.Class()
}
