package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// results are all that was measured.
type results []result

// median is that of a figure over the rounds that went well.
func (rs results) median(broker, load, key string) (float64, bool) {
	var values []float64
	for i := range rs {
		if r := &rs[i]; r.OK && r.Broker == broker && r.Load == load {
			if v, ok := r.figure(key); ok {
				values = append(values, v)
			}
		}
	}
	return medianOf(values)
}

func medianOf(values []float64) (float64, bool) {
	if len(values) == 0 {
		return 0, false
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2, true
}

// failures are the reasons of the rounds that did not go well.
func (rs results) failures(broker, load string) (why []string) {
	for i := range rs {
		if r := &rs[i]; !r.OK && r.Broker == broker && r.Load == load {
			why = append(why, r.Why)
		}
	}
	return why
}

func (rs results) brokers() []string {
	var names []string
	for i := range rs {
		if !slices.Contains(names, rs[i].Broker) {
			names = append(names, rs[i].Broker)
		}
	}
	order := []string{"Mosquitto", "Zancudo", "mochi"}
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(slices.Index(order, a), slices.Index(order, b))
	})
	return names
}

func (rs results) has(load string) bool {
	return slices.ContainsFunc(rs, func(r result) bool { return r.Load == load })
}

const (
	reference = "Mosquitto"
	ours      = "Zancudo"
)

// table is the results in Markdown.
func (rs results) table() string {
	var b strings.Builder
	brokers := rs.brokers()
	b.WriteString("| scenario |")
	for _, name := range brokers {
		fmt.Fprintf(&b, " %s |", name)
		if name != reference {
			b.WriteString(" ratio |")
		}
	}
	b.WriteString(" must reach |\n|---|")
	for _, name := range brokers {
		b.WriteString("---:|")
		if name != reference {
			b.WriteString("---:|")
		}
	}
	b.WriteString("---:|\n")
	for _, row := range rows {
		if rs.has(row.load) {
			rs.row(&b, row, brokers)
		}
	}
	return b.String()
}

func (rs results) row(b *strings.Builder, row row, brokers []string) {
	fmt.Fprintf(b, "| %s |", row.text)
	for _, name := range brokers {
		load := row.load
		if row.other != "" && name == reference {
			load = row.other
		}
		v, ok := rs.median(name, load, row.key)
		value, ratio := "–", "–"
		if ok {
			value = fmt.Sprintf(row.format, v) + " " + row.unit
		}
		if n := len(rs.failures(name, load)); n > 0 {
			value += fmt.Sprintf(" (%d failed)", n)
		}
		base, known := rs.base(row, name)
		if ok && known && base != 0 {
			ratio = fmt.Sprintf("%.2f", v/base)
			if name == ours && row.limit > 0 {
				ratio = verdict(v/base, row.limit)
			}
		}
		fmt.Fprintf(b, " %s |", value)
		if name != reference {
			fmt.Fprintf(b, " %s |", ratio)
		}
	}
	switch {
	case row.limit == 0:
		b.WriteString(" |\n")
	case row.own != "":
		fmt.Fprintf(b, " ≤ %.4g × own |\n", row.limit)
	default:
		fmt.Fprintf(b, " ≤ %.4g |\n", row.limit)
	}
}

// base is what a broker's figure is compared with.
func (rs results) base(row row, broker string) (float64, bool) {
	if row.own != "" {
		return rs.median(broker, row.own, row.key)
	}
	return rs.median(reference, cmp.Or(row.other, row.load), row.key)
}

func verdict(ratio, limit float64) string {
	if ratio <= limit {
		return fmt.Sprintf("**%.2f**", ratio)
	}
	return fmt.Sprintf("%.2f ✗", ratio)
}

// notes tell how the table came about, and what went wrong.
func (rs results) notes(machine string) string {
	var b strings.Builder
	rounds := map[int]bool{}
	versions := map[string]string{}
	var others, steal []float64
	for i := range rs {
		r := &rs[i]
		rounds[r.Round] = true
		versions[r.Broker] = r.Version
		if v, ok := r.figure("other_cores"); ok {
			others = append(others, v)
		}
		if v, ok := r.figure("steal"); ok {
			steal = append(steal, v)
		}
	}
	var names []string
	for _, name := range rs.brokers() {
		names = append(names, name+" "+versions[name])
	}
	fmt.Fprintf(&b, "%s. Medians of %d alternating rounds on %s; load by %s.", strings.Join(names, ", "), len(rounds), machine, rs[0].Generator)
	if other, ok := medianOf(others); ok {
		worst, _ := medianOf(steal)
		fmt.Fprintf(&b, " Other processes used %.2f processors in the median run and %.2f in the worst; the hypervisor withheld %.2f.",
			other, slices.Max(others), worst)
	}
	b.WriteString("\n")
	for _, name := range rs.brokers() {
		for _, l := range loads {
			if why := rs.failures(name, l.name); len(why) > 0 {
				fmt.Fprintf(&b, "\n%s failed %s in %d of %d rounds: %s\n", name, l.name, len(why), len(rounds), why[0])
			}
		}
	}
	return b.String()
}
