package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/bench/page"
)

func measured(load, broker string, round int, figures map[string]any) result {
	return result{Load: load, Broker: broker, Version: "1.0", Generator: "g", Round: round, OK: true, Said: figures}
}

func us(v float64) map[string]any { return map[string]any{cpu: v, "other_cores": .1, "steal": 0.} }

func TestTable(t *testing.T) {
	t.Parallel()
	all := results{
		measured("p2p-qos0", "Zancudo", 0, us(.9)),
		measured("p2p-qos0", "Mosquitto", 0, us(5)),
		measured("p2p-qos0", "mochi", 0, us(10)),
		measured("p2p-qos0", "Mosquitto", 1, us(4)),
		measured("p2p-qos0", "Zancudo", 1, us(1.1)),
		{Load: "p2p-qos0", Broker: "mochi", Round: 1, Why: "no result"},
		measured("p2p-qos0", "Mosquitto", 2, us(9)),
		measured("p2p-qos0", "Zancudo", 2, us(1)),
		measured("fanout", "Mosquitto", 0, us(10)),
		measured("fanout", "Zancudo", 0, us(2)),
		measured("filters-1k", "Zancudo", 0, us(2)),
		measured("filters-200k", "Zancudo", 0, us(2.5)),
	}
	want := `| scenario | Mosquitto | Zancudo | ratio | mochi | ratio | must reach |
|---|---:|---:|---:|---:|---:|---:|
| p2p, 100 pairs, QoS 0, 20 in flight each | 5.00 µs | 1.00 µs | **0.20** | 10.00 µs (1 failed) | 2.00 | ≤ 0.2 |
| fan-out 1 → 1,000, QoS 0 | 10.00 µs | 2.00 µs | 0.20 ✗ | – | – | ≤ 0.15 |
| publishing among 1,000 wildcard filters | – | 2.00 µs | – | – | – | |
| the same, 200,000 filters, against 1,000 | – | 2.50 µs | **1.25** | – | – | ≤ 1.5 × own |
`
	if got := all.table(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	notes := all.notes("this machine")
	for _, want := range []string{"3 alternating rounds on this machine", "mochi failed p2p-qos0 in 1 of 3 rounds: no result"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes lack %q:\n%s", want, notes)
		}
	}
}

// Every row shows a load that is measured, and every load is shown.
func TestRowsAndLoadsMatch(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, r := range rows {
		shown[r.load] = true
		if r.own != "" && !shown[r.own] {
			t.Errorf("row %q is compared with %s, which no row above it shows", r.text, r.own)
		}
	}
	for _, l := range loads {
		if !shown[l.name] {
			t.Errorf("no row shows %s", l.name)
		}
		delete(shown, l.name)
	}
	for name := range shown {
		t.Errorf("a row shows %s, which is not measured", name)
	}
}

func TestGeneratorArguments(t *testing.T) {
	t.Parallel()
	l := load{scenario: "filters", pubs: 10, subs: 300, count: 1000, qos: 1}
	got := strings.Join(l.zancudoArgs(1234, 42, 2.5), " ")
	if want := "bench filters --pubs 10 --subs 300 --qos 1 -n 1000 --host 127.0.0.1 --port 1234 --pid 42 --duration 2.5 --json --quiet"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got = strings.Join(l.mqloadArgs(1234, 42, 2.5), " ")
	if want := "subs --pubs 10 --subs 300 --qos 1 -n 1000 --host 127.0.0.1 --port 1234 --pid 42 --secs 2.5"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestLineOfTheGenerator(t *testing.T) {
	t.Parallel()
	said, ok := parseLine([]byte(`{"us_per_msg":1.5,"lat_p50_us":-nan,"why":"x"}`))
	if v, _ := said[cpu].(float64); !ok || v != 1.5 || said["why"] != "x" {
		t.Errorf("got %v, %v", said, ok)
	}
	for _, line := range []string{"", "# text", "{", "[1]"} {
		if said, ok := parseLine([]byte(line)); ok {
			t.Errorf("%q is read as %v", line, said)
		}
	}
}

// The README has the markers.
func TestReadmeTakesTheTable(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := page.Write(file, "compare", "table\n"); err != nil {
		t.Error(err)
	}
}

func TestResultsAreReadBack(t *testing.T) {
	t.Parallel()
	o := options{out: filepath.Join(t.TempDir(), "r.jsonl")}
	want := measured("idle", "Zancudo", 3, us(2))
	for range 2 {
		if err := o.append(&want); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readResults(o.out)
	if err != nil || len(got) != 2 || got[1].Load != "idle" || got[1].Round != 3 || !got[1].OK {
		t.Fatalf("got %+v, %v", got, err)
	}
	if v, ok := got[1].figure(cpu); !ok || v != 2 {
		t.Errorf("figure %v, %v", v, ok)
	}
}
