package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// Result is what a run measured.
type Result struct {
	Scenario string
	Title    string // what was measured, in words

	Expected, Received             uint64 // messages out of the broker
	Lost                           uint64
	Duplicates, Reordered, Foreign uint64

	Interrupted bool   // by its context; the figures are of what was measured until then
	Failure     string // why the run is not good; empty: it is

	Figures []Figure
}

// Figure is one number of a result.
type Figure struct {
	Key   string // in JSON
	Label string // in the table; empty: not shown
	Value float64
	Unit  string
}

// OK reports whether nothing was lost, twice or out of order, and nothing else
// failed.
func (r *Result) OK() bool { return r.Failure == "" }

// Figure returns a number by its key.
func (r *Result) Figure(key string) (float64, bool) {
	for _, f := range r.Figures {
		if f.Key == key {
			return f.Value, true
		}
	}
	return 0, false
}

func (r *Result) add(key, label string, value float64, unit string) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		value = 0
	}
	r.Figures = append(r.Figures, Figure{key, label, value, unit})
}

// addUsage adds what happened from a to b.
func (r *Result) addUsage(o *Options, a, b usage) {
	secs := b.at.Sub(a.at).Seconds()
	in, out := float64(b.in-a.in), float64(b.out-a.out)
	broker, generator := (b.broker - a.broker).Seconds(), (b.generator - a.generator).Seconds()
	r.add("secs", "measured for", secs, "s")
	if in+out > 0 {
		r.add("in", "", in, "")
		r.add("out", "", out, "")
		r.add("in_rate", "into the broker", in/secs, "/s")
		if out > 0 {
			r.add("out_rate", "out of the broker", out/secs, "/s")
		}
	}
	if o.PID > 0 {
		r.add("cpu_s", "broker CPU", broker, "s")
		r.add("cpu_sys_s", "", (b.system - a.system).Seconds(), "s")
		r.add("cores", "broker cores busy", broker/secs, "")
		if in+out > 0 {
			r.add("us_per_msg", "broker CPU each", broker/(in+out)*1e6, "µs")
			r.add("csw_per_msg", "", float64(b.switches-a.switches)/(in+out), "")
		}
		r.add("rss_kb", "broker memory", float64(b.resident>>10), "kB")
		r.add("hwm_kb", "broker memory, peak", float64(b.peak>>10), "kB")
	}
	if generator > 0 {
		r.add("gen_cpu_s", "", generator, "s")
		r.add("gen_cores", "generator cores busy", generator/secs, "")
		if in+out > 0 {
			r.add("gen_us_per_msg", "generator CPU each", generator/(in+out)*1e6, "µs")
		}
		r.add("other_cores", "other cores busy", max(0, (b.machine-a.machine).Seconds()-broker-generator)/secs, "")
		r.add("steal", "", (b.stolen-a.stolen).Seconds()/secs, "")
	}
}

// addTimes adds the quantiles of h.
func (r *Result) addTimes(key, label string, h *histogram) {
	for _, q := range []struct {
		name  string
		share float64
	}{{"p50", .5}, {"p90", .9}, {"p99", .99}, {"p999", .999}, {"max", 1}} {
		r.add(key+"_"+q.name+"_us", label+" "+q.name, float64(h.quantile(q.share))/float64(time.Microsecond), "µs")
	}
}

// count takes over the books.
func (r *Result) count(b *books) {
	r.Expected, r.Received, r.Lost = b.expected(), b.received, b.lost()
	r.Duplicates, r.Reordered, r.Foreign = b.duplicates, b.reordered, b.foreign
	if r.Lost+r.Duplicates+r.Reordered+r.Foreign > 0 {
		r.fail(fmt.Sprintf("of %d messages %d were lost, %d duplicate, %d out of order, %d foreign",
			r.Expected, r.Lost, r.Duplicates, r.Reordered, r.Foreign))
	}
}

func (r *Result) fail(why string) {
	if r.Failure == "" {
		r.Failure = why
	}
}

// WriteTable writes the result for people.
func (r *Result) WriteTable(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n", r.Title)
	for _, f := range r.Figures {
		if f.Label != "" {
			fmt.Fprintf(&b, "  %-24s %14s %s\n", f.Label, grouped(f.Value), f.Unit)
		}
	}
	if r.Expected+r.Received > 0 {
		for _, row := range []struct {
			label string
			n     uint64
		}{{"expected", r.Expected}, {"received", r.Received}, {"lost", r.Lost}, {"duplicates", r.Duplicates}, {"out of order", r.Reordered}} {
			fmt.Fprintf(&b, "  %-24s %14s\n", row.label, grouped(float64(row.n)))
		}
	}
	switch {
	case r.Failure != "":
		fmt.Fprintf(&b, "FAILED: %s\n", r.Failure)
	case r.Interrupted:
		b.WriteString("interrupted; nothing was lost until then\n")
	default:
		b.WriteString("ok\n")
	}
	_, err := w.Write(b.Bytes())
	return err
}

// grouped writes a number with the precision that is worth reading, thousands
// grouped.
func grouped(v float64) string {
	decimals := 0
	switch {
	case v == math.Trunc(v):
	case math.Abs(v) < 10:
		decimals = 3
	case math.Abs(v) < 1000:
		decimals = 1
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	whole, _, _ := bytes.Cut([]byte(s), []byte("."))
	for i := len(whole) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// MarshalJSON writes the result as one flat object.
func (r *Result) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	put := func(key string, v any) {
		value, _ := json.Marshal(v) // strings, numbers and booleans
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", key, value)
	}
	put("scenario", r.Scenario)
	put("title", r.Title)
	for _, f := range r.Figures {
		put(f.Key, math.Round(f.Value*1e6)/1e6)
	}
	put("expected", r.Expected)
	put("received", r.Received)
	put("lost", r.Lost)
	put("dups", r.Duplicates)
	put("reordered", r.Reordered)
	put("foreign", r.Foreign)
	put("interrupted", r.Interrupted)
	put("ok", r.OK())
	if r.Failure != "" {
		put("why", r.Failure)
	}
	return append(append([]byte{'{'}, b.Bytes()...), '}'), nil
}
