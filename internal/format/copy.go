package format

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf16"
)

// maxNesting is how deep JSON may be nested in a payload.
const maxNesting = 1000

// copyJSON writes a payload that is JSON anew, in the writer's own layout, and
// reports whether it was any. It is as lenient as cJSON: control characters
// count as blanks between values and stand for themselves in strings, and numbers
// are whatever strtod reads.
func (w *jsonWriter) copyJSON(payload []byte) bool {
	c := jsonCopier{w: w, rest: bytes.TrimPrefix(payload, []byte("\xef\xbb\xbf"))}
	if !c.value() {
		return false
	}
	c.blanks()
	return len(c.rest) == 0
}

type jsonCopier struct {
	w     *jsonWriter
	rest  []byte
	depth int
}

func (c *jsonCopier) blanks() {
	for len(c.rest) > 0 && 0 < c.rest[0] && c.rest[0] <= ' ' {
		c.rest = c.rest[1:]
	}
}

// next reports whether the next character is this one, and passes it.
func (c *jsonCopier) next(char byte) bool {
	c.blanks()
	if len(c.rest) == 0 || c.rest[0] != char {
		return false
	}
	c.rest = c.rest[1:]
	return true
}

func (c *jsonCopier) value() bool {
	c.blanks()
	for _, word := range [...]string{"null", "false", "true"} {
		if bytes.HasPrefix(c.rest, []byte(word)) {
			c.w.raw(word)
			c.rest = c.rest[len(word):]
			return true
		}
	}
	if len(c.rest) == 0 {
		return false
	}
	switch char := c.rest[0]; {
	case char == '"':
		return c.text()
	case char == '-', '0' <= char && char <= '9':
		return c.number()
	case char == '[':
		return c.nested(']', c.element)
	case char == '{':
		return c.nested('}', c.member)
	}
	return false
}

// nested copies an array or an object, of which part copies one element.
func (c *jsonCopier) nested(end byte, part func() bool) bool {
	if c.depth++; c.depth > maxNesting {
		return false
	}
	c.w.open(c.rest[0])
	c.rest = c.rest[1:]
	if !c.next(end) {
		for again := true; again; again = c.next(',') {
			if !part() {
				return false
			}
		}
		if !c.next(end) {
			return false
		}
	}
	c.w.close(end)
	c.depth--
	return true
}

func (c *jsonCopier) element() bool {
	c.w.element()
	return c.value()
}

func (c *jsonCopier) member() bool {
	c.w.beginMember()
	c.blanks()
	if !c.text() || !c.next(':') {
		return false
	}
	c.w.endName()
	return c.value()
}

// text copies a string.
func (c *jsonCopier) text() bool {
	if len(c.rest) == 0 || c.rest[0] != '"' {
		return false
	}
	c.rest = c.rest[1:]
	c.w.b = append(c.w.b, '"')
	for len(c.rest) > 0 {
		char := c.rest[0]
		c.rest = c.rest[1:]
		switch char {
		case '"':
			c.w.b = append(c.w.b, '"')
			return true
		case '\\':
			if !c.escape() {
				return false
			}
		default:
			c.w.b = appendEscaped(c.w.b, char)
		}
	}
	return false
}

// escape copies what follows a backslash.
func (c *jsonCopier) escape() bool {
	if len(c.rest) == 0 {
		return false
	}
	letter := c.rest[0]
	c.rest = c.rest[1:]
	switch letter {
	case '/':
		c.w.b = append(c.w.b, '/')
		return true
	case '"', '\\', 'b', 'f', 'n', 'r', 't':
		c.w.b = append(c.w.b, '\\', letter)
		return true
	case 'u':
		return c.unicode()
	}
	return false
}

// unicode copies a character that is given by its number, or by two surrogates.
func (c *jsonCopier) unicode() bool {
	r, ok := c.hex()
	if ok && utf16.IsSurrogate(r) {
		if !bytes.HasPrefix(c.rest, []byte(`\u`)) {
			return false
		}
		c.rest = c.rest[2:]
		low, found := c.hex()
		r = utf16.DecodeRune(r, low)
		ok = found && r != '\uFFFD'
	}
	if ok {
		c.w.b = appendRune(c.w.b, r)
	}
	return ok
}

func (c *jsonCopier) hex() (rune, bool) {
	if len(c.rest) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(c.rest[:4]), 16, 16)
	c.rest = c.rest[4:]
	return rune(n), err == nil
}

// number copies a number.
func (c *jsonCopier) number() bool {
	n := 0
	for n < len(c.rest) && bytes.IndexByte([]byte("0123456789+-.eE"), c.rest[n]) >= 0 {
		n++
	}
	n = decimal(c.rest[:n])
	v, err := strconv.ParseFloat(string(c.rest[:n]), 64)
	if err != nil && !math.IsInf(v, 0) {
		return false
	}
	c.rest = c.rest[n:]
	c.w.b = appendNumber(c.w.b, v)
	return true
}

// decimal is the length of the decimal number at the start of b.
func decimal(b []byte) int {
	digits := func(n int) int {
		for n < len(b) && '0' <= b[n] && b[n] <= '9' {
			n++
		}
		return n
	}
	n := 0
	if n < len(b) && b[n] == '-' {
		n++
	}
	n = digits(n)
	if n < len(b) && b[n] == '.' {
		n = digits(n + 1)
	}
	if n < len(b) && (b[n] == 'e' || b[n] == 'E') {
		exponent := n + 1
		if exponent < len(b) && (b[exponent] == '+' || b[exponent] == '-') {
			exponent++
		}
		if end := digits(exponent); end > exponent {
			n = end
		}
	}
	return n
}

// appendNumber appends a number with 15 digits if that says nearly the same
// number, with 17 otherwise, as cJSON does; infinity has no number in JSON.
func appendNumber(b []byte, v float64) []byte {
	if math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	start := len(b)
	b = strconv.AppendFloat(b, v, 'g', 15, 64)
	same, err := strconv.ParseFloat(string(b[start:]), 64)
	if err == nil && math.Abs(same-v) <= max(math.Abs(same), math.Abs(v))*epsilon {
		return b
	}
	return strconv.AppendFloat(b[:start], v, 'g', 17, 64)
}

// epsilon is the distance of 1 to the next larger number.
const epsilon = 1.0 / (1 << 52)
