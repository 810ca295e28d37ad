package acl

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func usesOf(lines string) (uses []Use) {
	for text := range strings.Lines(lines) {
		words := strings.Fields(text)
		if len(words) != 4 {
			continue
		}
		if words[0] == "-" {
			words[0] = ""
		}
		a := map[string]Action{"publish": Publish, "subscribe": Subscribe, "receive": Receive}[words[2]]
		uses = append(uses, Use{Question: Question{words[0], words[1], a, words[3]}, Times: 1})
	}
	return uses
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, uses, want string }{
		{"nothing", "", ""},
		{"one of each", `
			alice phone publish house/door
			alice phone receive house/light
			alice phone receive house/door
			- c publish box`, `
# Clients without a user name.
topic write box

# With 1 client, phone.
user alice
topic readwrite house/door
topic read house/light
`},
		{"devices alike", `
			- dev1 publish dev/dev1/state
			- dev2 publish dev/dev2/state
			- dev1 subscribe dev/dev1/cmd/#
			- dev2 subscribe dev/dev2/cmd/#
			- dev2 receive dev/dev2/cmd/reboot
			- dev1 publish hello`, `
# Clients without a user name.
topic write hello

# Everybody: %u stands for the user name, %c for the client identifier.
# 2 clients, dev1 and dev2:
pattern read dev/%c/cmd/#
# 2 clients, dev1 and dev2:
pattern write dev/%c/state
`},
		{"users alike", `
			alice c1 subscribe home/alice/#
			bob c2 subscribe home/bob/#
			bob c2 publish home/bob/x/y
			alice c1 publish home/alice/z
			alice c1 receive home/alice/z`, `
# Everybody: %u stands for the user name, %c for the client identifier.
# 2 clients, c1 and c2:
pattern read home/%u/#

# With 1 client, c1.
user alice
topic write home/alice/z

# With 1 client, c2.
user bob
topic write home/bob/x/y
`},
		{"many topics", `
			hub h publish house/attic/temperature
			hub h publish house/bath/temperature
			hub h publish house/cellar/temperature
			hub h publish house/cellar/humidity
			hub h publish house/cellar/wind
			hub h publish other/cellar
			hub h publish other/attic`, `
# With 1 client, h.
user hub
# 3 topics, such as house/bath/temperature and house/attic/temperature:
topic write house/+/temperature
topic write house/cellar/humidity
topic write house/cellar/wind
topic write other/attic
topic write other/cellar
`},
		{"everybody", `
			a c1 receive time
			b c2 receive time
			c c3 receive time
			c c3 publish x`, `
# Everybody: %u stands for the user name, %c for the client identifier.
# 3 clients, such as c1 and c2:
pattern read time

# With 1 client, c3.
user c
topic write x
`},
		{"wide subscriptions, $SYS and shares", `
			a c1 subscribe #
			a c1 receive a/b
			a c1 subscribe $SYS/#
			a c1 receive $SYS/broker/uptime
			a c1 publish $SYS/broker/uptime
			a c1 publish $CONTROL/broker/v1
			a c1 subscribe $share/g/work/+`, `
# With 1 client, c1.
user a
topic write $CONTROL/broker/v1
topic read $SYS/#
topic read a/b
topic read work/+
`},
		{"what is covered needs no rule of its own", `
			a c subscribe x/#
			a c subscribe x/y
			a c publish x/z
			a c receive x/z`, `
# With 1 client, c.
user a
topic read x/#
topic write x/z
`},
		{"what cannot be written", `
			a c publish %c/x
			a d publish %c/x`, `
# With 2 clients, c and d.
user a
topic write %c/x
`},
	} {
		uses := usesOf(tt.uses)
		got := Suggest(uses)
		if diff := cmp.Diff(tt.want, string(got.Text)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		allowsAll(t, got, uses)
	}
	if got := string(Suggest([]Use{{Question: Question{" x", "c", Publish, "a"}}}).Text); !strings.Contains(got, `No file can name the user " x"`) {
		t.Errorf("got %s", got)
	}
}

// allowsAll checks that a suggestion is a file that allows all uses.
func allowsAll(t *testing.T, s *Suggestion, uses []Use) {
	t.Helper()
	rules, err := Parse("acl", s.Text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, s.Text)
	}
	if rules.Len() != s.Rules {
		t.Errorf("%d rules, said to be %d", rules.Len(), s.Rules)
	}
	for _, u := range uses {
		if u.Action == Publish && strings.HasPrefix(u.Topic, "$SYS/") || strings.Trim(u.User, " ") != u.User {
			continue
		}
		if d := rules.Decide(u.Question); !d.Allowed {
			t.Fatalf("%+v: %v, by\n%s", u.Question, d.Err(), s.Text)
		}
	}
}

// Whatever was done is allowed, and the order of the uses changes nothing.
func TestSuggestionAllowsWhatWasDone(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	fewer := 0
	for range 1000 {
		var uses []Use
		done := map[Question]bool{}
		for range 1 + r.IntN(60) {
			q := randomQuestion(r)
			if r.IntN(3) > 0 {
				q.User, q.Client = pick(r, "u", "v", "w", ""), fmt.Sprintf("d%d", r.IntN(6))
				levels := []string{pick(r, "home", "dev", " x"), pick(r, q.User, q.Client, "y", "x "), pick(r, "t", "h", "p ", "%c")}
				q.Topic = strings.Join(levels, "/")
			}
			if q.Action == Subscribe && strings.Contains(q.Topic, "$share") || strings.ContainsRune(q.User, 0) || done[q] {
				continue
			}
			done[q] = true
			uses = append(uses, Use{Question: q})
		}
		got := Suggest(uses)
		allowsAll(t, got, uses)
		r.Shuffle(len(uses), func(i, j int) { uses[i], uses[j] = uses[j], uses[i] })
		if again := Suggest(uses); string(again.Text) != string(got.Text) {
			t.Fatalf("another order makes\n%s\nof\n%s", again.Text, got.Text)
		}
		if got.Rules < len(uses) {
			fewer++
		}
	}
	if fewer < 700 {
		t.Errorf("only %d of 1000 have fewer rules than uses", fewer)
	}
}

// A Book full of what somebody thought up is no trouble.
func TestSuggestIsFast(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 10))
	var uses []Use
	for i := range 50_000 {
		q := Question{User: fmt.Sprint("u", i%5), Client: fmt.Sprint("c", i%100), Action: Action(i % 3)}
		for range 1 + r.IntN(8) {
			q.Topic += fmt.Sprint(r.IntN(20), "/")
		}
		q.Topic += "x"
		if q.Action == Subscribe && r.IntN(2) == 0 {
			q.Topic += "/#"
		}
		uses = append(uses, Use{Question: q})
	}
	began := time.Now()
	got := Suggest(uses)
	if took := time.Since(began); took > time.Minute {
		t.Errorf("took %v", took)
	}
	allowsAll(t, got, uses[:1000])
}
