package topic

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// naiveMatch is section 4.7 of the specification, word by word. It is the yardstick of
// the fuzz targets and models, so it shares no code with what they test.
func naiveMatch(filter, name string) bool {
	// [MQTT-4.7.2-1]: no filter that starts with a wildcard matches a name that starts with $.
	if strings.HasPrefix(name, "$") && (strings.HasPrefix(filter, "#") || strings.HasPrefix(filter, "+")) {
		return false
	}
	return naiveLevels(strings.Split(filter, "/"), strings.Split(name, "/"))
}

func naiveLevels(filter, name []string) bool {
	switch {
	case len(filter) == 0:
		return len(name) == 0
	case filter[0] == "#":
		return true // the parent and any number of child levels
	case len(name) == 0:
		return false
	case filter[0] == "+" || filter[0] == name[0]:
		return naiveLevels(filter[1:], name[1:])
	}
	return false
}

// naiveValid are the rules for the wildcards of a filter, word by word.
func naiveValid(filter string) bool {
	levels := strings.Split(filter, "/")
	for i, level := range levels {
		if strings.ContainsAny(level, "+#") && len(level) > 1 {
			return false
		}
		if level == "#" && i < len(levels)-1 {
			return false
		}
	}
	return filter != "" && len(filter) <= 65535 && !strings.Contains(filter, "\x00") && len(levels) <= 201
}

func FuzzValidate(f *testing.F) {
	for _, tt := range matches {
		f.Add(tt.filter)
		f.Add(tt.name)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := ValidateFilter(s) == nil, naiveValid(s); got != want {
			t.Errorf("ValidateFilter(%q) accepts: %v, want %v", s, got, want)
		}
		want := naiveValid(s) && !strings.ContainsAny(s, "+#")
		if got := ValidateName(s) == nil; got != want {
			t.Errorf("ValidateName(%q) accepts: %v, want %v", s, got, want)
		}
		group, filter, shared, err := SplitShare(s)
		switch {
		case !shared && (filter != s || err != nil || group != ""):
			t.Errorf("SplitShare(%q) changes an ordinary filter: %q, %v", s, filter, err)
		case shared && err == nil && "$share/"+group+"/"+filter != s:
			t.Errorf("SplitShare(%q) = %q, %q, which do not make it up", s, group, filter)
		}
	})
}

// FuzzFilters adds the filters, one a line, and compares what matches with the naive matcher.
func FuzzFilters(f *testing.F) {
	for _, tt := range matches {
		f.Add(tt.filter+"\n#\n+/+\n"+tt.filter+"/+", tt.name)
	}
	f.Fuzz(func(t *testing.T, list, name string) {
		var index Filters[int]
		want := []int{}
		filters := strings.Split(list, "\n")
		for i, filter := range filters {
			index.Add(filter, i)
			if ValidateFilter(filter) == nil && ValidateName(name) == nil && Match(filter, name) != naiveMatch(filter, name) {
				t.Errorf("Match(%q, %q) = %v", filter, name, Match(filter, name))
			}
			if Match(filter, name) {
				want = append(want, i)
			}
		}
		got := index.Match([]int{}, name)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("filters %q match %q: %v, want %v", filters, name, got, want)
		}
		for i, filter := range filters {
			if !index.Remove(filter, i) || index.Remove(filter, i) {
				t.Errorf("Remove(%q) is not true once", filter)
			}
		}
		if index.Len() != 0 || nodes(&index.wild) != 0 || index.exact.count != 0 {
			t.Errorf("%d pairs, %d nodes left after removing all", index.Len(), nodes(&index.wild))
		}
	})
}

// FuzzNames sets the names, one a line, and compares what matches with the naive matcher.
func FuzzNames(f *testing.F) {
	for _, tt := range matches {
		f.Add(tt.name+"\na/b/c\n$SYS/a\n"+tt.name+"/x", tt.filter)
	}
	f.Fuzz(func(t *testing.T, list, filter string) {
		if ValidateFilter(filter) != nil {
			return
		}
		var index Names[int]
		all, want := map[string]int{}, map[string]int{}
		for i, name := range strings.Split(list, "\n") {
			if ValidateName(name) != nil {
				continue
			}
			index.Set(name, i)
			all[name] = i
			if naiveMatch(filter, name) {
				want[name] = i
			}
		}
		if got := maps.Collect(index.Match(filter)); !maps.Equal(got, want) {
			t.Errorf("filter %q matches %v, want %v", filter, got, want)
		}
		if got := maps.Collect(index.All()); !maps.Equal(got, all) {
			t.Errorf("All() = %v, want %v", got, all)
		}
		for name := range all {
			if _, deleted := index.Delete(name); !deleted {
				t.Errorf("Delete(%q) = false", name)
			}
		}
		if index.Len() != 0 || nodes(&index.root) != 0 {
			t.Errorf("%d names, %d nodes left after deleting all", index.Len(), nodes(&index.root))
		}
	})
}

// nodes counts the nodes below n.
func nodes[T any](n *node[T]) int {
	count := -1
	for todo := []*node[T]{n}; len(todo) > 0; count++ {
		n, todo = todo[len(todo)-1], todo[:len(todo)-1]
		for _, c := range []*node[T]{n.plus, n.hash} {
			if c != nil {
				todo = append(todo, c)
			}
		}
		if n.below == nil {
			continue
		}
		for _, s := range n.below.slots {
			if s.node != nil {
				todo = append(todo, s.node)
			}
		}
	}
	return count
}

// randomTopic returns a topic of up to four levels out of few words, so that topics
// meet often, and now and then out of many, so that tables become large.
func randomTopic(r *rand.Rand, words ...string) string {
	levels := make([]string, 1+r.IntN(4))
	for i := range levels {
		levels[i] = words[r.IntN(len(words))]
		if r.IntN(4) == 0 {
			levels[i] = fmt.Sprintf("%0*d", 1+9*r.IntN(2), r.IntN(60)) // short or long
		}
	}
	return strings.Join(levels, "/")
}

func randomFilter(r *rand.Rand) string {
	filter := randomTopic(r, "+", "a", "b", "", "$S")
	if r.IntN(4) == 0 {
		filter += "/#"
	}
	return filter
}

func randomName(r *rand.Rand) string { return randomTopic(r, "a", "b", "", "$S") }

// TestMatchModel compares Match with the naive matcher on random pairs.
func TestMatchModel(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	matching := 0
	for range 300_000 {
		filter, name := randomFilter(r), randomName(r)
		got, want := Match(filter, name), naiveMatch(filter, name)
		if got != want {
			t.Fatalf("Match(%q, %q) = %v, want %v", filter, name, got, want)
		}
		if got {
			matching++
		}
	}
	if matching < 5_000 {
		t.Errorf("only %d pairs match: the test proves little", matching)
	}
}

// TestFiltersModel adds and removes at random, growing and shrinking by turns, beside a
// map that cannot be wrong.
func TestFiltersModel(t *testing.T) {
	t.Parallel()
	type pair struct {
		filter string
		value  int
	}
	r := rand.New(rand.NewPCG(1, 2))
	var index Filters[int]
	model := map[pair]bool{}
	for step := range 40000 {
		p := pair{randomFilter(r), r.IntN(40)}
		if grows := step/4000%2 == 0; grows || r.IntN(8) == 0 {
			index.Add(p.filter, p.value)
			model[p] = true
		} else {
			for p = range model { // any one
				break
			}
			if got, want := index.Remove(p.filter, p.value), model[p]; got != want {
				t.Fatalf("step %d: Remove(%v) = %v, want %v", step, p, got, want)
			}
			delete(model, p)
		}
		if index.Len() != len(model) {
			t.Fatalf("step %d: Len() = %d, want %d", step, index.Len(), len(model))
		}
		if step%100 != 0 {
			continue
		}
		name := randomName(r)
		var want []int
		for p := range model {
			if naiveMatch(p.filter, name) {
				want = append(want, p.value)
			}
		}
		got := index.Match(nil, name)
		if again := index.Match(nil, name); !slices.Equal(got, again) {
			t.Fatalf("step %d: Match(%q) = %v, then %v", step, name, got, again)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("step %d: Match(%q) = %v, want %v", step, name, got, want)
		}
	}
	for p := range model {
		index.Remove(p.filter, p.value)
	}
	if index.Len() != 0 || nodes(&index.wild) != 0 || index.exact.count != 0 {
		t.Errorf("%d pairs, %d nodes left after removing all", index.Len(), nodes(&index.wild))
	}
}

// TestNamesModel is the same for Names.
func TestNamesModel(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	var index Names[int]
	model := map[string]int{}
	for step := range 40000 {
		name := randomName(r)
		want, exists := model[name]
		if got, ok := index.Get(name); got != want || ok != exists {
			t.Fatalf("step %d: Get(%q) = %d, %v, want %d, %v", step, name, got, ok, want, exists)
		}
		if grows := step/4000%2 == 0; grows || r.IntN(8) == 0 {
			if old, replaced := index.Set(name, step); old != want || replaced != exists {
				t.Fatalf("step %d: Set(%q) = %d, %v, want %d, %v", step, name, old, replaced, want, exists)
			}
			model[name] = step
		} else {
			for name = range model { // any one
				break
			}
			want, exists = model[name]
			if old, deleted := index.Delete(name); old != want || deleted != exists {
				t.Fatalf("step %d: Delete(%q) = %d, %v, want %d, %v", step, name, old, deleted, want, exists)
			}
			delete(model, name)
		}
		if step%100 != 0 {
			continue
		}
		filter := randomFilter(r)
		matching := maps.Clone(model)
		maps.DeleteFunc(matching, func(name string, _ int) bool { return !naiveMatch(filter, name) })
		if got := maps.Collect(index.Match(filter)); !maps.Equal(got, matching) {
			t.Fatalf("step %d: Match(%q) = %v, want %v", step, filter, got, matching)
		}
	}
	if got := maps.Collect(index.All()); !maps.Equal(got, model) || index.Len() != len(model) {
		t.Errorf("All() and Len() = %d do not agree with the model of %d names", index.Len(), len(model))
	}
}
