package config

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// unknown is the problem of a word that is in no table.
func unknown(name string) *Problem {
	p := &Problem{Word: clean(name), Text: fmt.Sprintf("Unknown configuration variable '%s'", clean(name))}
	bare, _, assigned := strings.Cut(name, "=")
	if !assigned {
		bare, _, assigned = strings.Cut(name, ":")
	}
	switch near := Suggest(name); {
	case strings.HasPrefix(name, "#"):
		p.Remedy = "A comment begins in the first column of its line."
	case assigned && Find(bare) != nil:
		p.Suggestion = bare
		p.Remedy = fmt.Sprintf("Write '%s', a space and the value.", bare)
	case near != "":
		p.Suggestion = near
		p.Remedy = fmt.Sprintf("Did you mean '%s'?", near)
	case gone[name] != "":
		p.Remedy = gone[name]
	default:
		p.Remedy = "There is no such word, nor one like it; remove the line."
	}
	return p
}

// gone are words of Mosquitto before 2.0, and what became of them.
var gone = map[string]string{
	"store_clean_interval": "Mosquitto has not had it since 1.5; remove the line.",
	"autosave":             "It is 'autosave_interval' since 1.0, and has no effect here: remove the line.",
}

// Suggest returns the known word that is most like name, or nothing.
func Suggest(name string) string {
	return nearest(name, slices.Values(slices.Sorted(maps.Keys(named))))
}

// nearest returns the candidate that is most like name, or nothing.
func nearest(name string, candidates iter.Seq[string]) string {
	if len(name) > 60 {
		return ""
	}
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	best, least := "", 1+max(1, len(name)/4)
	for one := range candidates {
		if d := Distance(name, strings.TrimSuffix(one, "*")); d < least {
			best, least = one, d
		}
	}
	return best
}

// Distance is the number of single-letter edits between a and b.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
