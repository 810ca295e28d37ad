package acl

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// decisions is one part of the table: a file, and questions by it.
type decisions struct {
	title, file string
	questions   []asked
}

type asked struct {
	line int
	Question
	want string
}

// readDecisions reads the table of decisions.
func readDecisions(t *testing.T) (all []decisions) {
	t.Helper()
	text, err := os.ReadFile("testdata/decisions.txt")
	if err != nil {
		t.Fatal(err)
	}
	asking := false
	for i, line := range strings.Split(string(text), "\n") {
		title, begins := strings.CutPrefix(line, "=== ")
		switch {
		case begins:
			all, asking = append(all, decisions{title: title}), false
		case len(all) == 0:
		case line == "---":
			asking = true
		case !asking:
			all[len(all)-1].file += line + "\n"
		case line != "":
			d := &all[len(all)-1]
			d.questions = append(d.questions, ask(t, i+1, line))
		}
	}
	return all
}

func ask(t *testing.T, number int, line string) asked {
	t.Helper()
	line = strings.TrimSuffix(line, " (own)")
	question, want, ok := strings.Cut(line, " = ")
	words := split(question)
	if !ok || len(words) != 4 {
		t.Fatalf("line %d: %q is no question", number, line)
	}
	action, ok := map[string]Action{"publish": Publish, "subscribe": Subscribe, "receive": Receive}[words[2]]
	if !ok {
		t.Fatalf("line %d: no action %q", number, words[2])
	}
	if words[0] == "-" {
		words[0] = ""
	}
	return asked{number, Question{User: words[0], Client: words[1], Action: action, Topic: words[3]}, want}
}

// split splits words at blanks, but not in quotes.
func split(s string) (words []string) {
	for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
		word, err := strconv.QuotedPrefix(s)
		if err != nil {
			word, _, _ = strings.Cut(s, " ")
		}
		s = s[len(word):]
		if plain, err := strconv.Unquote(word); err == nil {
			word = plain
		}
		words = append(words, word)
	}
	return words
}

// verdictOf is a decision as the table writes it.
func verdictOf(d Decision) string {
	word := "denied"
	if d.Allowed {
		word = "allowed"
	}
	switch d.Reason {
	case ByRule:
		return word + " " + strconv.Itoa(d.Rule.Line)
	case SpecialName:
		return word + " name"
	case Unchecked:
		return word + " unchecked"
	default:
		return word + " none"
	}
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	total := 0
	for _, part := range readDecisions(t) {
		rules, err := Parse("acl", []byte(part.file))
		if err != nil {
			t.Fatalf("%s: %v", part.title, err)
		}
		for _, q := range part.questions {
			total++
			if got := verdictOf(rules.Decide(q.Question)); got != q.want {
				t.Errorf("line %d: %s: %+v is %s, want %s", q.line, part.title, q.Question, got, q.want)
			}
			if got := verdictOf(rules.Explain(q.Question).Decision); got != q.want {
				t.Errorf("line %d: %s: %+v is explained as %s, want %s", q.line, part.title, q.Question, got, q.want)
			}
		}
	}
	if total < 150 {
		t.Errorf("%d decisions, want 150 or more", total)
	}
}

func TestErrorSaysWhatDecided(t *testing.T) {
	t.Parallel()
	rules, err := Parse("/etc/acl", []byte("user alice\ntopic read a/#\n  topic deny a/secret  \n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		q    Question
		want string
	}{
		{Question{User: "alice", Action: Receive, Topic: "a/secret"}, "/etc/acl:3 says 'topic deny a/secret'"},
		{Question{User: "alice", Action: Publish, Topic: "a/b"}, "/etc/acl: no rule allows it"},
	} {
		got := rules.Decide(tt.q).Err()
		if !errors.Is(got, packet.NotAuthorized) || got.Error() != tt.want {
			t.Errorf("%+v: %v, want %s", tt.q, got, tt.want)
		}
	}
	if err := rules.Decide(Question{User: "alice", Action: Receive, Topic: "a"}).Err(); err != nil {
		t.Error(err)
	}
	var zero Rules
	if err := zero.Decide(Question{Action: Receive, Topic: "a"}).Err(); !errors.Is(err, packet.NotAuthorized) {
		t.Errorf("no rules: %v", err)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"topic", "f:1: Empty topic."},
		{"\n# x\ntopic   ", "f:3: Empty topic."},
		{"pattern", "f:1: Empty topic."},
		{"user", "f:1: Missing username."},
		{"user  \t", "f:1: Missing username."},
		{"topic rad a", `f:1: Invalid topic access type "rad". The words are read, write, readwrite, deny, subscribe and publish; `},
		{"topic a b", `f:1: Invalid topic access type "a".`},
		{"topics read a", `f:1: Invalid line: "topics read a". A line begins with`},
		{"Topic read a", "Write 'topic' in small letters."},
		{"topic\tread a", "separated by blanks, not by tabs"},
		{" # comment", "A comment has its # as the very first character"},
		{"topic read a/#/b", `f:1: Invalid topic "a/#/b": the wildcard # must be the last level of the filter.`},
		{"topic read a+", `f:1: Invalid topic "a+": the wildcard + must occupy an entire level`},
		{"pattern read +%c", `f:1: Invalid topic "+%c"`},
		{"topic read a\x00b", "null character"},
		{"topic read \xff", "f:1: The line is not text."},
		{"topic read " + strings.Repeat("/", 201), "more than 200 separators"},
		{"user " + strings.Repeat("a", 65536), "more than 65535 bytes"},
	} {
		_, err := Parse("f", []byte(tt.text))
		var problems Problems
		if !errors.As(err, &problems) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.40q: %v, want %s", tt.text, err, tt.want)
		}
	}
	_, err := Parse("f", []byte(strings.Repeat("bad\n", 100)))
	if got := strings.Count(err.Error(), "\n") + 1; got != 20 {
		t.Errorf("%d problems", got)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	rules, err := Parse("f", []byte("topic read\npattern read all\ntopic read %u/x\ntopic read $share/g/a\npattern read %c\ntopic read a\nuser u\ntopic deny x/#\ntopic read x/+\ntopic read #\nuser v\ntopic write x/y\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range rules.Warnings {
		got = append(got, w.Error())
	}
	want := []string{
		"f:1: 'read' stands alone and is taken for a filter that may be read and written. Write the filter behind it.",
		"f:2: The pattern has neither %c nor %u. It holds for everybody.",
		"f:3: %c and %u mean nothing after 'topic'. Write 'pattern' to have them replaced.",
		"f:4: No topic matches '$share/g/a'. A shared subscription is checked by the filter behind its group.",
		"f:9: It never holds: line 8 denies all of it. Who denies wins, wherever it stands.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if rules.Len() != 10 {
		t.Errorf("%d rules", rules.Len())
	}
}

func TestLineEnds(t *testing.T) {
	t.Parallel()
	rules, err := Parse("f", []byte("user alice\r\n\r\n   \r\ntopic read a\r\ntopic write b"))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []Question{{"alice", "c", Receive, "a"}, {"alice", "c", Publish, "b"}} {
		if d := rules.Decide(q); !d.Allowed {
			t.Errorf("%+v: %v", q, d.Err())
		}
	}
}

// randomFile, randomName and randomFilter are of few words, so that much of it
// matches.
func randomFile(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(12) {
		switch r.IntN(4) {
		case 0:
			fmt.Fprintf(&b, "user %s\n", pick(r, "a", "b", "a+", "$a", "a/b"))
		case 1:
			fmt.Fprintf(&b, "topic %s %s\n", randomWord(r), randomFilter(r, "a", "b", "$a", "", "c", "%c"))
		default:
			fmt.Fprintf(&b, "pattern %s %s\n", randomWord(r), randomFilter(r, "a", "b", "$a", "%c", "%u", "x%c", "%u%c", "$%u"))
		}
	}
	return b.String()
}

func pick(r *rand.Rand, words ...string) string { return words[r.IntN(len(words))] }

func randomWord(r *rand.Rand) string {
	return pick(r, "read", "write", "readwrite", "deny", "subscribe", "publish")
}

func randomFilter(r *rand.Rand, words ...string) string {
	levels := make([]string, 1+r.IntN(3))
	for i := range levels {
		if levels[i] = pick(r, words...); r.IntN(4) == 0 {
			levels[i] = "+"
		}
	}
	if r.IntN(3) == 0 {
		levels[len(levels)-1] = "#"
	}
	if s := strings.Join(levels, "/"); s != "" {
		return s
	}
	return "+"
}

func randomQuestion(r *rand.Rand) Question {
	q := Question{
		User:   pick(r, "", "a", "b", "a/b", "$a", "a+", "a#", "a\x00"),
		Client: pick(r, "", "a", "b", "c", "a/b", "$a", "+", "b#", "$a/b"),
		Action: Action(r.IntN(3)),
	}
	words := []string{"a", "b", "c", "$a", "xa", "aa", "ab", "$$a", "", "%c", "a+", "+"}
	if q.Action == Subscribe {
		q.Topic = pick(r, "", "", "$share/g/") + randomFilter(r, words[:10]...)
		return q
	}
	levels := make([]string, 1+r.IntN(4))
	for i := range levels {
		levels[i] = pick(r, words[:10]...)
	}
	if q.Topic = strings.Join(levels, "/"); q.Topic == "" {
		q.Topic = "a"
	}
	return q
}

// A tree decides as going through the rules one by one does.
func TestDecideIsExplained(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	allowed := 0
	for range 5000 {
		file := randomFile(r)
		rules, err := Parse("acl", []byte(file))
		if err != nil {
			t.Fatalf("%v in\n%s", err, file)
		}
		for range 20 {
			q := randomQuestion(r)
			got, want := rules.Decide(q), rules.Explain(q).Decision
			if verdictOf(got) != verdictOf(want) {
				t.Fatalf("%+v is %s, explained as %s, by\n%s", q, verdictOf(got), verdictOf(want), file)
			}
			if got.Allowed && got.Rule != nil {
				allowed++
			}
		}
	}
	if allowed < 1000 {
		t.Errorf("only %d questions of 100000 were allowed by a rule", allowed)
	}
}

// What a pattern allows to a client is what it allows with the names written
// into it, and with a name at each place where it has a variable.
func TestNamesAreLiterals(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		filter := randomFilter(r, "a", "%c", "%u", "x%c", "b")
		rules, err := Parse("acl", []byte("pattern readwrite "+filter))
		if err != nil {
			t.Fatal(err)
		}
		q := randomQuestion(r)
		q.Action = Publish
		if _, inner, _, err := topic.SplitShare(q.Topic); err == nil {
			q.Topic = inner
		}
		if topic.ValidateName(q.Topic) != nil || !rules.Decide(q).Allowed {
			continue
		}
		levels := strings.Split(q.Topic, "/")
		for i, level := range strings.Split(filter, "/") {
			if strings.Contains(level, "%") && levels[i] != strings.NewReplacer("%c", q.Client, "%u", q.User).Replace(level) {
				t.Fatalf("%q allows %+v", filter, q)
			}
		}
		if !topic.Match(strings.NewReplacer("%c", q.Client, "%u", q.User).Replace(filter), q.Topic) {
			t.Fatalf("%q allows %+v", filter, q)
		}
	}
}

// A filter that is covered matches nothing that the wider one does not; one that
// is not covered matches something more.
func TestCovers(t *testing.T) {
	t.Parallel()
	var names []string
	for _, a := range []string{"a", "b", "$a", ""} {
		names = append(names, a)
		for _, b := range []string{"a", "b", "$a", ""} {
			names = append(names, a+"/"+b)
			for _, c := range []string{"a", "b", "$a", ""} {
				names = append(names, a+"/"+b+"/"+c, a+"/"+b+"/"+c+"/d")
			}
		}
	}
	r := rand.New(rand.NewPCG(5, 6))
	covered := 0
	for range 50_000 {
		wider, filter := randomFilter(r, "a", "b", "$a", ""), randomFilter(r, "a", "b", "$a", "")
		want := true
		for _, name := range names {
			want = want && (!topic.Match(filter, name) || topic.Match(wider, name))
		}
		if got := Covers(wider, filter); got != want {
			t.Fatalf("%q covers %q: %v, want %v", wider, filter, got, want)
		}
		if want {
			covered++
		}
	}
	if covered < 1000 {
		t.Errorf("only %d pairs are covered", covered)
	}
}
