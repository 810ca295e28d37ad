package acl

import (
	"errors"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/topic"
)

// Whatever a file says, parsing it ends, errors name a line of it, and the tree
// decides as going through the rules does.
func FuzzParse(f *testing.F) {
	f.Add("user alice\ntopic read a/#\npattern deny b/%c\n", "alice", "c", "a/b")
	f.Add("topic subscribe +/x%\npattern write %u%c/%%c", "", "+", "$share/g/a")
	f.Add("user \xff\n topic x\npattern\n", "a/b", "$", "#")
	f.Fuzz(func(t *testing.T, file, user, client, name string) {
		rules, err := Parse("f", []byte(file))
		if err != nil {
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatal(err)
			}
			for _, p := range problems {
				if p.Line < 1 || p.Line > strings.Count(file, "\n")+1 {
					t.Fatalf("no line %d", p.Line)
				}
			}
			return
		}
		for a := range Action(actions) {
			if a == Subscribe {
				_, inner, _, err := topic.SplitShare(name)
				if err != nil || topic.ValidateFilter(inner) != nil {
					continue
				}
			} else if topic.ValidateName(name) != nil {
				continue
			}
			q := Question{user, client, a, name}
			if got, want := verdictOf(rules.Decide(q)), verdictOf(rules.Explain(q).Decision); got != want {
				t.Fatalf("%+v is %s, explained as %s", q, got, want)
			}
		}
	})
}

// No name widens a pattern.
func FuzzNames(f *testing.F) {
	f.Add("alice", "phone", "home/alice/x")
	f.Add("+", "#", "home/a/b")
	f.Add("a/b", "$SYS", "$SYS/broker")
	rules, err := Parse("f", []byte("pattern readwrite home/%u/x\npattern readwrite dev/%c\npattern readwrite %c/%u/#\npattern readwrite q/a%cb\n"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, user, client, name string) {
		if topic.ValidateName(name) != nil || !rules.Decide(Question{user, client, Publish, name}).Allowed {
			return
		}
		levels := append(strings.Split(name, "/"), "", "")
		switch {
		case user != "" && name == "home/"+user+"/x" && len(levels) == 5:
		case client != "" && name == "dev/"+client && len(levels) == 4:
		case client != "" && user != "" && levels[0] == client && levels[1] == user && name[0] != '$':
		case client != "" && name == "q/a"+client+"b" && len(levels) == 4:
		default:
			t.Fatalf("user %q, client %q may publish to %q", user, client, name)
		}
	})
}
