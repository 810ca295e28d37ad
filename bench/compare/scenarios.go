package main

import (
	"fmt"
	"strconv"
)

// load is what a generator is asked for.
type load struct {
	name       string // in results, and for -only
	scenario   string // as zancudo bench calls it
	pubs, subs int
	qos        int
	window     int
	rate       int
	count      int
}

// loads are measured in this order, all brokers after each other.
var loads = []load{
	{name: "p2p-qos0", scenario: "p2p", pubs: 100, window: 20},
	{name: "p2p-qos1", scenario: "p2p", pubs: 100, window: 20, qos: 1},
	{name: "p2p-qos2", scenario: "p2p", pubs: 100, window: 20, qos: 2},
	{name: "p2p-one", scenario: "p2p", pubs: 100, window: 1},
	{name: "fanout", scenario: "fanout", pubs: 1, subs: 1000, window: 20},
	{name: "fanin-qos0", scenario: "fanin", pubs: 1000, subs: 1, window: 1},
	{name: "fanin-qos1", scenario: "fanin", pubs: 1000, subs: 1, window: 1, qos: 1},
	{name: "rate", scenario: "latency", pubs: 100, rate: 1000},
	{name: "idle", scenario: "idle", count: 10_000},
	{name: "connect", scenario: "connect"},
	{name: "filters-1k", scenario: "filters", pubs: 10, subs: 300, count: 1000},
	{name: "filters-200k", scenario: "filters", pubs: 10, subs: 300, count: 200_000},
}

// A row of the table is a figure of a load.
type row struct {
	text   string
	load   string
	key    string // of the figure in a generator's result
	format string
	unit   string
	limit  float64 // of Zancudo's ratio to Mosquitto; zero: none
	own    string  // compare with the own result of this load instead
}

const cpu = "us_per_msg"

var rows = []row{
	{"p2p, 100 pairs, QoS 0, 20 in flight each", "p2p-qos0", cpu, "%.2f", "µs", 0.20, ""},
	{"the same, QoS 1", "p2p-qos1", cpu, "%.2f", "µs", 0.17, ""},
	{"the same, QoS 2", "p2p-qos2", cpu, "%.2f", "µs", 0.12, ""},
	{"p2p, 100 pairs, QoS 0, one at a time", "p2p-one", cpu, "%.2f", "µs", 1.25, ""},
	{"fan-out 1 → 1,000, QoS 0", "fanout", cpu, "%.2f", "µs", 0.15, ""},
	{"fan-in 1,000 → 1 by wildcard, one at a time, QoS 0", "fanin-qos0", cpu, "%.2f", "µs", 0.85, ""},
	{"the same, QoS 1", "fanin-qos1", cpu, "%.2f", "µs", 0.80, ""},
	{"latency at 1,000 messages/s, median", "rate", "lat_p50_us", "%.0f", "µs", 1.3, ""},
	{"CPU at 1,000 messages/s over 100 pairs", "rate", cpu, "%.1f", "µs", 2.5, ""},
	{"idle connection with a subscription, of 10,000, resident", "idle", "bytes_per_conn", "%.0f", "B", 0.95, ""},
	{"connect and disconnect", "connect", cpu, "%.1f", "µs", 1.5, ""},
	{"publishing among 1,000 wildcard filters", "filters-1k", cpu, "%.2f", "µs", 0, ""},
	{"the same, 200,000 filters, against 1,000", "filters-200k", cpu, "%.2f", "µs", 1.5, "filters-1k"},
}

// zancudoArgs ask zancudo bench for a load.
func (l load) zancudoArgs(port, pid int, secs float64) []string {
	return append(append([]string{"bench", l.scenario}, l.args()...), "--host", "127.0.0.1", "--port", strconv.Itoa(port),
		"--pid", strconv.Itoa(pid), "--duration", fmt.Sprint(secs), "--json", "--quiet")
}

// mqloadArgs ask a generator that takes mqload's flags for the same.
func (l load) mqloadArgs(port, pid int, secs float64) []string {
	scenario := l.scenario
	if scenario == "filters" {
		scenario = "subs"
	}
	return append(append([]string{scenario}, l.args()...), "--host", "127.0.0.1", "--port", strconv.Itoa(port),
		"--pid", strconv.Itoa(pid), "--secs", fmt.Sprint(secs))
}

func (l load) args() []string {
	var args []string
	add := func(flag string, n int) {
		if n > 0 {
			args = append(args, flag, strconv.Itoa(n))
		}
	}
	add("--pubs", l.pubs)
	add("--subs", l.subs)
	add("--qos", l.qos)
	add("--window", l.window)
	add("--rate", l.rate)
	add("-n", l.count)
	return args
}
