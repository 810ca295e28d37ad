package acl

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zancudomq/zancudo/topic"
)

// Use is something that a client did.
type Use struct {
	Question
	Times int
}

// Compare orders uses by user, client, action and topic.
func (u Use) Compare(v Use) int {
	return cmp.Or(cmp.Compare(u.User, v.User), cmp.Compare(u.Client, v.Client), cmp.Compare(u.Action, v.Action), cmp.Compare(u.Topic, v.Topic))
}

// Suggestion is a file that would have allowed what was done.
type Suggestion struct {
	Rules          int
	Users, Clients int // whose uses it is made of
	Text           []byte
	Inexpressible  []string // user names that no file can have
}

// What several do alike becomes one rule.
const (
	alikeNames  = 2 // clients or users that a pattern is made of
	alikeLevels = 3 // topics that differ at one level, which becomes a +
	alikeUsers  = 3 // users of one topic, if nobody else was seen
)

// Suggest writes the smallest file it can find that allows all the uses. From the
// same uses it always makes the same file, whatever their order.
//
// A client that subscribes may receive what it subscribed to, also what has not
// come yet; but of a subscription that begins with a wildcard only what came.
func Suggest(uses []Use) *Suggestion {
	s := &suggester{blocks: map[string]*block{}, everybody: newBlock(), wants: map[want]bool{}}
	s.collect(uses)
	s.share()
	return s.write()
}

// want is what a client must be allowed, as a filter.
type want struct {
	user, client string
	action       Action // Publish or Receive
	filter       string
}

type suggester struct {
	wants     map[want]bool
	clients   map[string]bool
	everybody *block            // patterns
	blocks    map[string]*block // by user
	unwritten map[string]bool   // users that no file can have
}

// collect makes wants of uses.
func (s *suggester) collect(uses []Use) {
	s.clients, s.unwritten = map[string]bool{}, map[string]bool{}
	subscribed := map[[2]string][]string{}
	for _, u := range uses {
		if _, filter, _, err := topic.SplitShare(u.Topic); u.Action == Subscribe && err == nil && filter[0] != '+' && filter[0] != '#' {
			who := [2]string{u.User, u.Client}
			subscribed[who] = append(subscribed[who], filter)
			s.want(u.Question, Receive, filter)
		}
	}
	for _, u := range uses {
		s.clients[u.Client] = true
		filters := subscribed[[2]string{u.User, u.Client}]
		switch {
		case u.Action == Publish && !strings.HasPrefix(u.Topic, "$SYS/"): // which only the broker does
			s.want(u.Question, Publish, u.Topic)
		case u.Action == Receive && !slices.ContainsFunc(filters, func(f string) bool { return topic.Match(f, u.Topic) }):
			s.want(u.Question, Receive, u.Topic)
		}
	}
}

func (s *suggester) want(q Question, a Action, filter string) {
	if q.User != strings.Trim(q.User, " \t\r\v\f") || strings.ContainsAny(q.User, "\n") {
		s.unwritten[q.User] = true
		return
	}
	if s.blocks[q.User] == nil {
		s.blocks[q.User] = newBlock()
	}
	s.blocks[q.User].clients[q.Client] = true
	s.wants[want{q.User, q.Client, a, writable(filter)}] = true
}

// writable puts a + where a level cannot be written into a line.
func writable(filter string) string {
	levels := strings.Split(filter, "/")
	for i, l := range levels {
		first, last := i == 0 && l != strings.TrimLeft(l, " \t"), i == len(levels)-1 && l != strings.TrimRight(l, " \t\r\v\f")
		if first || last || strings.Contains(l, "\n") {
			levels[i] = "+"
		}
	}
	return strings.Join(levels, "/")
}

// patternless reports whether no pattern can allow what is wanted: none holds for
// the client, or its filter would have a variable where it means a %.
func (w want) patternless() bool {
	return variableIn(w.filter) >= 0 || kindOf(w.user) == special || kindOf(w.client) == special
}

// template is the filter of a want with variables for the names in it.
func (w want) template() (filter string, variables bool) {
	if w.patternless() {
		return "", false
	}
	levels := strings.Split(w.filter, "/")
	for i, l := range levels {
		switch {
		case l == "" || l[0] == '$' || kindOf(l) != plain:
		case l == w.user: // before the identifier, which a client may choose
			levels[i], variables = "%u", true
		case l == w.client:
			levels[i], variables = "%c", true
		}
	}
	return strings.Join(levels, "/"), variables
}

// alike is a template, and the wants that it fits.
type alike struct {
	filter string
	action Action
}

// share gives each want to the patterns, if several clients want alike, or to
// the block of its user.
func (s *suggester) share() {
	groups, same := map[alike][]want{}, map[alike]map[string]bool{}
	for w := range s.wants {
		if filter, ok := w.template(); ok {
			groups[alike{filter, w.action}] = append(groups[alike{filter, w.action}], w)
		}
		key := alike{w.filter, w.action}
		if same[key] == nil {
			same[key] = map[string]bool{}
		}
		same[key][w.user] = true
	}
	for key, wants := range groups {
		if names(key.filter, wants) >= alikeNames {
			for _, w := range wants {
				s.everybody.add(key.action, key.filter, w.client)
				delete(s.wants, w)
			}
		}
	}
	for w := range s.wants {
		if users := same[alike{w.filter, w.action}]; len(users) >= alikeUsers && len(users) == len(s.blocks) && !w.patternless() {
			s.everybody.add(w.action, w.filter, w.client)
		} else {
			s.blocks[w.user].add(w.action, w.filter, w.client)
		}
	}
}

// names counts what the variables of a template stand for.
func names(filter string, wants []want) int {
	different := map[[2]string]bool{}
	for _, w := range wants {
		key := [2]string{}
		if strings.Contains(filter, "%u") {
			key[0] = w.user
		}
		if strings.Contains(filter, "%c") {
			key[1] = w.client
		}
		different[key] = true
	}
	return len(different)
}

// write writes the file.
func (s *suggester) write() *Suggestion {
	out := &Suggestion{Clients: len(s.clients), Inexpressible: slices.Sorted(maps.Keys(s.unwritten))}
	patterns := s.everybody.lines(nil)
	var b strings.Builder
	anonymous, seen := s.blocks[""]
	if seen {
		lines := anonymous.without("", patterns)
		if len(lines) > 0 {
			b.WriteString("\n# Clients without a user name.\n")
			writeLines(&b, "topic", lines)
			out.Rules += len(lines)
		}
		delete(s.blocks, "")
	}
	if len(patterns) > 0 {
		b.WriteString("\n# Everybody: %u stands for the user name, %c for the client identifier.\n")
		writeLines(&b, "pattern", patterns)
		out.Rules += len(patterns)
	}
	for _, user := range slices.Sorted(maps.Keys(s.blocks)) {
		out.Users++
		lines := s.blocks[user].without(user, patterns)
		if len(lines) > 0 {
			fmt.Fprintf(&b, "\n# With %s.\nuser %s\n", examples("client", s.blocks[user].clients), user)
			writeLines(&b, "topic", lines)
			out.Rules += len(lines)
		}
	}
	for _, user := range out.Inexpressible {
		fmt.Fprintf(&b, "\n# No file can name the user %q: rename it.\n", user)
	}
	out.Text = []byte(b.String())
	return out
}

// writeLines writes rules, each below a comment that says what it comes of.
func writeLines(b *strings.Builder, word string, lines []line) {
	for _, l := range lines {
		if why := l.why(word == "pattern"); why != "" {
			b.WriteString("# " + why + ":\n")
		}
		fmt.Fprintf(b, "%s %s %s\n", word, l.access, l.filter)
	}
}
