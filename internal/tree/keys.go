package tree

import (
	"bytes"
	"time"
	"unicode"
	"unicode/utf8"
)

// A key that is no character.
type key byte

const (
	none key = iota
	up
	down
	left
	right
	pageUp
	pageDown
	home
	end
	escape
)

// sequences are what terminals send for keys.
var sequences = []struct {
	bytes string
	key   key
}{
	{"\x1b[A", up},
	{"\x1bOA", up},
	{"\x1b[B", down},
	{"\x1bOB", down},
	{"\x1b[C", right},
	{"\x1bOC", right},
	{"\x1b[D", left},
	{"\x1bOD", left},
	{"\x1b[5~", pageUp},
	{"\x1b[6~", pageDown},
	{"\x1b[H", home},
	{"\x1bOH", home},
	{"\x1b[1~", home},
	{"\x1b[F", end},
	{"\x1bOF", end},
	{"\x1b[4~", end},
}

// Input takes what a terminal sent, and reports whether the user wants to quit. A
// sequence comes in one piece; an escape alone is the key of that name.
func (t *Tree) Input(b []byte, now time.Time) (quit bool) {
	for len(b) > 0 {
		var k key
		var r rune
		k, r, b = next(b)
		switch {
		case r == 3: // Ctrl-C
			return true
		case t.editing:
			t.edit(k, r)
		case r == 'q':
			return true
		default:
			t.press(k, r, now)
		}
	}
	return false
}

// next takes a key or a character off b.
func next(b []byte) (key, rune, []byte) {
	for _, s := range sequences {
		if bytes.HasPrefix(b, []byte(s.bytes)) {
			return s.key, 0, b[len(s.bytes):]
		}
	}
	if b[0] != 0x1b {
		r, n := utf8.DecodeRune(b)
		return none, r, b[n:]
	}
	if len(b) == 1 || b[1] != '[' && b[1] != 'O' {
		return escape, 0, b[1:]
	}
	for i := 2; i < len(b); i++ { // a key that means nothing here
		if 0x40 <= b[i] && b[i] <= 0x7e {
			return none, 0, b[i+1:]
		}
	}
	return none, 0, nil
}

// press does what a key stands for.
func (t *Tree) press(k key, r rune, now time.Time) {
	switch {
	case k == up, r == 'k':
		t.move(-1)
	case k == down, r == 'j':
		t.move(1)
	case k == pageUp, r == 2: // Ctrl-B
		t.move(-max(1, t.page-1))
	case k == pageDown, r == 6: // Ctrl-F
		t.move(max(1, t.page-1))
	case k == home, r == 'g':
		t.move(-t.nodes)
	case k == end, r == 'G':
		t.move(t.nodes)
	case k == left, r == 'h':
		t.close()
	case k == right, r == 'l':
		t.fold(false)
	case r == ' ', r == '\r', r == '\n':
		t.fold(t.cursor != nil && !t.cursor.folded)
	case r == '/':
		t.editing = true
		t.search("")
	case r == 'p':
		t.pause(now)
	case k == escape:
		t.search("")
	}
}

// edit types into the filter.
func (t *Tree) edit(k key, r rune) {
	switch {
	case k == escape:
		t.editing = false
		t.search("")
	case r == '\r', r == '\n':
		t.editing = false
	case r == 0x7f, r == '\b':
		_, n := utf8.DecodeLastRuneInString(t.filter)
		t.search(t.filter[:len(t.filter)-n])
	case r == 0x15: // Ctrl-U
		t.search("")
	case k == none && unicode.IsPrint(r) && r != utf8.RuneError && len(t.filter) < 256:
		t.search(t.filter + string(r))
	}
}

// move moves the cursor by so many rows, as far as there are any.
func (t *Tree) move(rows int) {
	all := t.rows()
	if len(all) == 0 {
		return
	}
	at := t.find(all)
	if t.cursor == nil && rows > 0 {
		at = -1 // it comes from above
	}
	t.cursor = all[min(max(at+rows, 0), len(all)-1)].node
}

// fold folds what is below the cursor, or shows it.
func (t *Tree) fold(folded bool) {
	if t.cursor != nil && len(t.cursor.children) > 0 {
		t.cursor.folded = folded
	}
}

// close folds what is open, and goes up from what is not.
func (t *Tree) close() {
	switch n := t.cursor; {
	case n == nil:
	case len(n.children) > 0 && !n.folded:
		n.folded = true
	case n.parent != &t.root:
		t.cursor = n.parent
	}
}
