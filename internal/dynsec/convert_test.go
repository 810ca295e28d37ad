package dynsec

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/acl"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/topic"
)

// pick is one of several words.
func pick(r *rand.Rand, words ...string) string { return words[r.IntN(len(words))] }

func randomTopic(r *rand.Rand) string {
	levels := make([]string, 1+r.IntN(3))
	for i := range levels {
		levels[i] = pick(r, "a", "b", "u", "c")
	}
	return pick(r, "", "", "", "$SYS/") + strings.Join(levels, "/")
}

func randomFilter(r *rand.Rand, variables bool) string {
	levels := strings.Split(randomTopic(r), "/")
	for i := range levels {
		switch n := r.IntN(6); {
		case n == 0 && i > 0 || n == 0 && levels[0] != "$SYS":
			levels[i] = "+"
		case n == 1 && variables && levels[i] != "$SYS":
			levels[i] = pick(r, "%u", "%c")
		}
	}
	if r.IntN(3) == 0 {
		levels = append(levels, "#")
	}
	return strings.Join(levels, "/")
}

// What a file of rules allows, dynamic security allows, and nothing else.
func TestFromFiles(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 400 {
		var text strings.Builder
		for _, block := range []string{"", "user u\n", "user c\n"} {
			text.WriteString(block)
			for range r.IntN(4) {
				fmt.Fprintf(&text, "topic %s %s\n", pick(r, "read", "write", "readwrite", "deny"), randomFilter(r, false))
			}
			for range r.IntN(2) {
				fmt.Fprintf(&text, "pattern %s %s\n", pick(r, "read", "write", "readwrite", "deny"), randomFilter(r, true))
			}
		}
		rules, err := acl.Parse("acl", []byte(text.String()))
		if err != nil {
			t.Fatal(err)
		}
		file, _, err := FromFiles(map[string]*password.Hash{"u": nil, "b": nil}, rules)
		if err != nil {
			t.Fatal(err)
		}
		s := newBench(t, string(file))
		for range 50 {
			q := acl.Question{User: pick(r, "u", "b", "c", ""), Client: pick(r, "a", "c"), Action: acl.Publish, Topic: randomTopic(r)}
			if r.IntN(2) == 0 {
				q.Action = acl.Receive
			}
			if q.User == "c" && s.view.Load().book.clients["c"] == nil {
				continue
			}
			want := rules.Decide(q)
			if got, _ := s.Decide(q); (got == nil) != want.Allowed {
				t.Fatalf("%+v: %v, but the rules say %v:\n%s\n%s", q, got, want.Err(), &text, file)
			}
		}
	}
}

// What is made of dynamic security never allows more.
func TestToFilesNeverAllowsMore(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	allowed := 0
	for range 400 {
		var roles []string
		for i := range 3 {
			var rules []string
			seen := map[string]bool{}
			for range r.IntN(5) {
				k := pick(r, kindNames[:subscribePattern+1]...)
				filter := randomFilter(r, k != "subscribeLiteral")
				if seen[k+filter] {
					continue
				}
				seen[k+filter] = true
				rules = append(rules, fmt.Sprintf(`{"acltype":%q,"topic":%q,"priority":%d,"allow":%v}`, k, filter, r.IntN(3), r.IntN(3) > 0))
			}
			roles = append(roles, fmt.Sprintf(`{"rolename":"r%d","allowwildcardsubs":true,"acls":[%s]}`, i, strings.Join(rules, ",")))
		}
		file := fmt.Sprintf(`{"defaultACLAccess":{"publishClientSend":%v,"publishClientReceive":%v,"subscribe":%v},"roles":[%s],
			"clients":[{"username":"u","roles":[{"rolename":"r0"},{"rolename":"r1","priority":%d}]}],
			"groups":[{"groupname":"g","roles":[{"rolename":"r2"}]}],"anonymousGroup":"g"}`,
			r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0, strings.Join(roles, ","), r.IntN(3)-1)
		s := newBench(t, file)
		_, text, notes, err := ToFiles([]byte(file))
		if err != nil {
			t.Fatal(err)
		}
		rules, err := acl.Parse("acl", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		for range 50 {
			q := acl.Question{User: pick(r, "u", ""), Client: "c", Action: acl.Publish, Topic: randomTopic(r)}
			if r.IntN(2) == 0 {
				q.Action = acl.Receive
			}
			if !rules.Decide(q).Allowed {
				continue
			}
			allowed++
			denied, _ := s.Decide(q)
			if denied != nil || q.Action == acl.Receive && !s.brings(q, file) {
				t.Fatalf("%+v: the rules allow it, but %v:\n%s\n%s\n%q", q, denied, file, text, notes)
			}
		}
	}
	if allowed < 1000 {
		t.Errorf("only %d times was anything allowed", allowed)
	}
}

// brings reports whether a client may subscribe to something that brings a topic.
func (b *bench) brings(q acl.Question, file string) bool {
	filters := []string{q.Topic, "#", "$SYS/#"}
	for part := range strings.SplitSeq(file, `"topic":"`) {
		filter, _, _ := strings.Cut(part, `"`)
		filters = append(filters, strings.NewReplacer("%u", q.User, "%c", q.Client).Replace(filter))
	}
	for _, filter := range filters {
		if topic.Match(filter, q.Topic) && b.ask(q.User, q.Client, acl.Subscribe, filter) == nil {
			return true
		}
	}
	return false
}

// Rules that only allow come back as they were.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	const text = "topic read news/#\n\nuser u\ntopic readwrite house/#\ntopic write state/u\ntopic read $SYS/#\n"
	rules, err := acl.Parse("acl", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	file, _, err := FromFiles(map[string]*password.Hash{"u": nil}, rules)
	if err != nil {
		t.Fatal(err)
	}
	_, back, notes, err := ToFiles(file)
	if want := "# Clients without a user name.\n" + text; err != nil || string(back) != want {
		t.Errorf("%v, %q\n%s", err, notes, back)
	}
}

func TestToFilesTellsWhatIsLost(t *testing.T) {
	t.Parallel()
	passwords, rules, notes, err := ToFiles([]byte(house))
	if err != nil {
		t.Fatal(err)
	}
	if len(passwords) != 0 || !strings.Contains(string(rules), "user boss\ntopic write $CONTROL/#\n") {
		t.Errorf("%q\n%s", passwords, rules)
	}
	all := strings.Join(notes, "\n")
	for _, want := range []string{"Client s has lost a rule about state/%c/#", "Client boss has no password"} {
		if !strings.Contains(all, want) {
			t.Errorf("it is not told that %s:\n%s", want, all)
		}
	}
}
