package acl

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// block is what is wanted of one list of a file that is being written.
type block struct {
	clients map[string]bool
	filters [actions]map[string]*origin
}

// origin is what a filter was made of.
type origin struct {
	topics  map[string]bool
	clients map[string]bool
}

func newBlock() *block {
	b := &block{clients: map[string]bool{}}
	for a := range b.filters {
		b.filters[a] = map[string]*origin{}
	}
	return b
}

func (b *block) add(a Action, filter, client string) {
	o := b.filters[a][filter]
	if o == nil {
		o = &origin{topics: map[string]bool{filter: true}, clients: map[string]bool{}}
		b.filters[a][filter] = o
	}
	o.clients[client] = true
}

// line is a rule of the file.
type line struct {
	access Access
	filter string
	origin
}

// lines are the fewest rules that allow all that is wanted and given does not.
func (b *block) lines(given []line) []line {
	merged := map[string]*line{}
	for a, filters := range b.filters {
		generalize(filters)
		for filter, o := range filters {
			l := merged[filter]
			if l == nil {
				l = &line{filter: filter, origin: origin{topics: map[string]bool{}, clients: map[string]bool{}}}
				merged[filter] = l
			}
			l.access |= 1 << a
			l.take(o)
		}
	}
	var kept node
	for _, g := range given {
		kept.plant(&Rule{Access: g.access, Filter: g.filter})
	}
	for _, filter := range slices.SortedFunc(maps.Keys(merged), widerFirst) {
		l := merged[filter]
		for a := range Action(actions) {
			w := walk{topic: filter, filter: true, action: a}
			if w.visit(&kept, 0); w.allow != nil {
				l.access &^= 1 << a
			}
		}
		if l.access != 0 {
			kept.plant(&Rule{Access: l.access, Filter: filter})
		}
	}
	var lines []line
	for _, filter := range slices.Sorted(maps.Keys(merged)) {
		if l := merged[filter]; l.access != 0 {
			lines = append(lines, *l)
		}
	}
	return lines
}

// widerFirst orders filters so that none comes before one that covers it, which
// has fewer levels without a wildcard or, of as many, fewer levels.
func widerFirst(a, b string) int {
	measure := func(filter string) (literal, levels, ends int) {
		for l := range strings.SplitSeq(filter, "/") {
			switch l {
			case "#":
				ends = -1
			case "+":
				levels++
			default:
				literal, levels = literal+1, levels+1
			}
		}
		return literal, levels, ends
	}
	literalA, levelsA, endsA := measure(a)
	literalB, levelsB, endsB := measure(b)
	return cmp.Or(cmp.Compare(literalA, literalB), cmp.Compare(levelsA, levelsB), cmp.Compare(endsA, endsB), cmp.Compare(a, b))
}

// without are the lines of the block of a user that no pattern makes needless.
func (b *block) without(user string, patterns []line) []line {
	var given []line
	for _, p := range patterns {
		if strings.Contains(p.filter, "%c") || strings.Contains(p.filter, "%u") && (user == "" || kindOf(user) != plain) || kindOf(user) == special {
			continue
		}
		p.filter = strings.ReplaceAll(p.filter, "%u", user)
		given = append(given, p)
	}
	for client := range b.clients {
		if kindOf(client) == special {
			given = nil // for which no pattern holds
		}
	}
	return b.lines(given)
}

func (o *origin) take(other *origin) {
	maps.Copy(o.topics, other.topics)
	maps.Copy(o.clients, other.clients)
}

// generalize puts a + in the place of a level at which filters differ that are
// alike otherwise.
func generalize(filters map[string]*origin) {
	for again := true; again; {
		again = false
		for at := range deepest(filters) {
			again = generalizeAt(filters, at) || again
		}
	}
}

func deepest(filters map[string]*origin) (n int) {
	for filter := range filters {
		n = max(n, strings.Count(filter, "/")+1)
	}
	return n
}

// generalizeAt looks at one level. Topics of the broker, and the levels that
// stand for a name, stay as they are.
func generalizeAt(filters map[string]*origin, at int) (changed bool) {
	groups := map[string][]string{}
	for filter := range filters {
		levels := strings.Split(filter, "/")
		if at >= len(levels) || at == 0 && strings.HasPrefix(filter, "$") || levels[at] == "#" || variableIn(levels[at]) >= 0 {
			continue
		}
		levels[at] = "+"
		general := strings.Join(levels, "/")
		if strings.Trim(general, "+#/") == "" { // would be everything
			continue
		}
		groups[general] = append(groups[general], filter)
	}
	for general, of := range groups {
		if len(of) < alikeLevels {
			continue
		}
		o := filters[general]
		if o == nil {
			o = &origin{topics: map[string]bool{}, clients: map[string]bool{}}
		}
		for _, filter := range of {
			if filter != general {
				o.take(filters[filter])
				delete(filters, filter)
				changed = true
			}
		}
		filters[general] = o
	}
	return changed
}

// why says what a line was made of, if the line does not say it itself.
func (l *line) why(pattern bool) string {
	var parts []string
	if len(l.topics) > 1 {
		parts = append(parts, examples("topic", l.topics))
	}
	if pattern {
		parts = append(parts, examples("client", l.clients))
	}
	return strings.Join(parts, ", of ")
}

// examples counts things and names some of them.
func examples(what string, all map[string]bool) string {
	names := slices.SortedFunc(maps.Keys(all), func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	var b strings.Builder
	switch len(names) {
	case 1:
		b.WriteString("1 " + what + ", ")
	case 2:
		b.WriteString("2 " + what + "s, ")
	default:
		fmt.Fprintf(&b, "%d %ss, such as ", len(names), what)
	}
	for i, name := range names[:min(len(names), 2)] {
		if i > 0 {
			b.WriteString(" and ")
		}
		if strconv.Quote(name) != `"`+name+`"` {
			name = strconv.Quote(name)
		}
		b.WriteString(name)
	}
	return b.String()
}
