package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// table is in Markdown, a column for each broker.
func (o *options) table(brokers []*broker) string {
	var b strings.Builder
	row := func(name, goal string, value func(*broker) string) {
		b.WriteString("| " + name + " |")
		for _, one := range brokers {
			b.WriteString(" " + value(one) + " |")
		}
		b.WriteString(" " + goal + " |\n")
	}
	row("", "must reach", func(one *broker) string { return one.name })
	b.WriteString("|---|" + strings.Repeat("---:|", len(brokers)+1) + "\n")
	row("program, stripped", "", func(one *broker) string { return megabytes(one.size) })
	for _, s := range []string{"empty", "retained"} {
		label := map[string]string{"empty": "", "retained": fmt.Sprintf(", %d retained messages", o.retained)}[s]
		goal := func(text string) string {
			if s == "empty" {
				return text
			}
			return ""
		}
		row("idle, anonymous memory"+label, goal("≤ 10 MB"), func(one *broker) string { return one.kilobytes(s, "Anonymous") })
		row("idle, resident (RSS)"+label, "", func(one *broker) string { return one.kilobytes(s, "Rss") })
		row("idle, its share of that (PSS)"+label, "", func(one *broker) string { return one.kilobytes(s, "Pss") })
		row("exec to CONNACK, median"+label, goal("≤ 100 ms"), func(one *broker) string { return one.quantile(s, 0.5, starts) })
		row("the same, the slowest of ten"+label, "", func(one *broker) string { return one.quantile(s, 0.9, starts) })
		row("processor time, start and stop"+label, "", func(one *broker) string { return one.quantile(s, 0.5, cpu) })
	}
	var versions []string
	for _, one := range brokers {
		if one.version != "" {
			versions = append(versions, one.name+" "+one.version)
		}
	}
	load, _ := os.ReadFile("/proc/loadavg")
	minute, _, _ := strings.Cut(string(load), " ")
	fmt.Fprintf(&b, "\n%s. Medians of %d starts each, in turn, on %d processors, %s. The load of the machine was %s at the end.\n",
		strings.Join(versions, ", "), o.starts, runtime.NumCPU(), runtime.GOOS+"/"+runtime.GOARCH, minute)
	return b.String()
}

// in is what was found in the state of a name; nil: it was not measured.
func (b *broker) in(name string) *found {
	for s, f := range b.found {
		if s.name == name {
			return f
		}
	}
	return nil
}

func (b *broker) kilobytes(state, kind string) string {
	f := b.in(state)
	if f == nil {
		return "–"
	}
	return megabytes(int64(f.memory[kind]) << 10)
}

func starts(f *found) []time.Duration { return f.starts }

func cpu(f *found) []time.Duration { return f.cpu }

func (b *broker) quantile(state string, q float64, of func(*found) []time.Duration) string {
	f := b.in(state)
	if f == nil {
		return "–"
	}
	sorted := slices.Sorted(slices.Values(of(f)))
	return fmt.Sprintf("%.1f ms", float64(sorted[int(q*float64(len(sorted)-1))])/float64(time.Millisecond))
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
