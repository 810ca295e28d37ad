package tree

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A row is a node that is shown, and how deep it stands.
type row struct {
	node  *node
	depth int
}

// rows are all that are to be seen, on this screen or beyond it.
func (t *Tree) rows() []row {
	all := make([]row, 0, 64)
	var walk func(n *node, depth int)
	walk = func(n *node, depth int) {
		for _, c := range n.children {
			if !c.matches || c.late {
				continue
			}
			all = append(all, row{c, depth})
			if !c.folded || t.filter != "" { // what is searched is shown
				walk(c, depth+1)
			}
		}
	}
	walk(&t.root, 0)
	return all
}

// find returns the row of the cursor, which goes up to what is shown if it has
// been folded away.
func (t *Tree) find(all []row) int {
	for ; t.cursor != nil && t.cursor != &t.root; t.cursor = t.cursor.parent {
		for i, r := range all {
			if r.node == t.cursor {
				return i
			}
		}
	}
	t.cursor = nil
	return 0
}

// Lines are the lines of a screen of this size at this time: as many as it is
// high, each at most as many columns wide, with the codes for colours.
func (t *Tree) Lines(width, height int, now time.Time) []string {
	if t.paused {
		now = t.pausedAt
	}
	if t.width != width {
		t.width, t.nameWidth = width, 0
	}
	all := t.rows()
	at := t.find(all)
	t.page = max(height-2, 1)
	if t.cursor != nil {
		t.top = min(t.top, at)
		t.top = max(t.top, at-t.page+1)
	}
	t.top = max(0, min(t.top, len(all)-t.page))
	shown := all[t.top:min(t.top+t.page, len(all))]
	for _, r := range shown {
		t.nameWidth = max(t.nameWidth, min(nameWidth(r), width/2))
	}
	lines := make([]string, 0, height)
	lines = append(lines, t.header(width, now))
	for _, r := range shown {
		lines = append(lines, t.line(r, width, now))
	}
	for len(lines) < height-1 {
		lines = append(lines, "")
	}
	lines = append(lines, t.footer(width))
	return lines[:min(len(lines), height)]
}

func nameWidth(r row) int { return 2*r.depth + 2 + textWidth(level(r.node.name)) }

// level is the name of a level as it is shown; one may be empty.
func level(name string) string {
	if name == "" {
		return `""`
	}
	return printable(name)
}

// The codes of the styles. Those of colours are left away if none are wanted.
const (
	reset   = "\x1b[0m"
	bold    = "\x1b[1m"
	dim     = "\x1b[2m"
	reverse = "\x1b[7m"
	cyan    = "\x1b[36m"
	yellow  = "\x1b[33m"
)

// style puts a code before and behind a text.
func (t *Tree) style(code, text string) string {
	colour := code == cyan || code == yellow
	if text == "" || colour && t.options.NoColour {
		return text
	}
	return code + text + reset
}

// Columns behind the value, if the screen is wide enough.
const (
	rateWidth = 8
	ageWidth  = 5
)

// line is the line of a row: name, value, rate and age.
func (t *Tree) line(r row, width int, now time.Time) string {
	s := r.node.shown()
	name := strings.Repeat("  ", r.depth) + marker(r.node, t.filter) + level(r.node.name)
	name = pad(shorten(name, t.nameWidth), t.nameWidth)
	tail := ""
	if width >= 40 {
		tail += fmt.Sprintf("%*s", rateWidth, rateText(s.rate(now)))
	}
	if width >= 30 {
		tail += fmt.Sprintf("%*s", ageWidth, ageText(now.Sub(s.last)))
	}
	room := max(0, width-t.nameWidth-1-len(tail)-1)
	value := pad(shorten(t.value(r.node, s), room), room)
	if r.node == t.cursor {
		return reverse + shorten(name+" "+value+" "+tail, width) + reset
	}
	value = t.style(t.valueStyle(s, now), value)
	if len(r.node.children) > 0 {
		name = t.style(bold, name)
	} else {
		name = t.style(cyan, name)
	}
	if t.nameWidth+1+room+1+len(tail) > width { // a very narrow screen
		return name
	}
	return name + " " + value + " " + t.style(dim, tail)
}

// fresh is how long a value stands out that has changed.
const fresh = time.Second

func (t *Tree) valueStyle(s *state, now time.Time) string {
	switch {
	case !s.isTopic || s.size == 0:
		return dim
	case now.Sub(s.last) < fresh:
		return yellow
	}
	return ""
}

// marker shows whether there is anything below a node.
func marker(n *node, filter string) string {
	switch {
	case len(n.children) == 0:
		return "  "
	case n.folded && filter == "":
		return "▸ "
	}
	return "▾ "
}

// value is what stands behind the name.
func (t *Tree) value(n *node, s *state) string {
	switch {
	case !s.isTopic && (n.folded && t.filter == ""):
		return plural(s.topics, "topic")
	case !s.isTopic:
		return ""
	case s.size == 0:
		return "(empty)"
	}
	return printableBytes(s.value, s.size)
}

// header says what the tree is of, and how much there is.
func (t *Tree) header(width int, now time.Time) string {
	s := t.root.shown()
	title := " " + printable(t.options.Title)
	facts := plural(s.topics, "topic") + "  " + plural(s.count, "message") + "  " + orZero(rateText(s.rate(now))) + " "
	if t.refused > 0 {
		facts = "and more topics that are not shown  " + facts
	}
	room := width - textWidth(facts) - 1
	return reverse + shorten(pad(shorten(title, max(0, room)), max(0, room))+" "+facts, width) + reset
}

func orZero(rate string) string {
	if rate == "" {
		return "0/s"
	}
	return rate
}

// footer shows the filter that is typed, a notice, or the keys.
func (t *Tree) footer(width int) string {
	switch {
	case t.editing:
		return shorten("/"+t.filter, width-1) + reverse + " " + reset
	case t.notice != "":
		return t.style(yellow, shorten(printable(t.notice), width))
	}
	text := "↑↓ move  space fold  / filter  p pause  q quit"
	if t.filter != "" {
		text = "only topics with " + strconv.Quote(t.filter) + "; esc: all"
	}
	if t.paused {
		text = "paused, " + plural(t.root.count-t.root.shown().count, "message") + " since; p: go on"
	}
	return t.style(dim, shorten(text, width))
}

// Text is the whole tree as it is printed where there is no terminal: a line for
// each level, with the last value.
func (t *Tree) Text() string {
	var b strings.Builder
	var walk func(n *node, depth int)
	walk = func(n *node, depth int) {
		for _, c := range n.children {
			b.WriteString(strings.Repeat("  ", depth))
			b.WriteString(level(c.name))
			if value := t.value(c, &c.state); value != "" {
				b.WriteString("  " + value)
			}
			b.WriteByte('\n')
			walk(c, depth+1)
		}
	}
	walk(&t.root, 0)
	if t.refused > 0 {
		fmt.Fprintf(&b, "%s on more topics\n", plural(t.refused, "message"))
	}
	return b.String()
}
