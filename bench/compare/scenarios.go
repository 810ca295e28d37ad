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

	persistent bool // the subscribers' sessions outlive their connections
	durable    bool // the broker keeps on disk what it has acknowledged, as far as it can
	restart    bool // it is stopped and started again between storing and draining
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
	{name: "durable-qos1", scenario: "p2p", pubs: 100, window: 20, qos: 1, persistent: true, durable: true},
	{name: "durable-qos2", scenario: "p2p", pubs: 100, window: 20, qos: 2, persistent: true, durable: true},
	{name: "durable-one", scenario: "p2p", pubs: 100, window: 1, qos: 1, persistent: true, durable: true},
	{name: "durable-queue", scenario: "queue", pubs: 10, subs: 100, window: 20, qos: 1, count: 1000, durable: true},
	{name: "million", scenario: "queue", pubs: 10, subs: 100, window: 100, qos: 1, count: 10_000, durable: true, restart: true},
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
	other  string  // compare with the result of Mosquitto at this load instead
}

const cpu = "us_per_msg"

// Figures of a load with a restart.
const (
	storeSeconds   = "secs"
	storedMemory   = "rss_kb"
	restartSeconds = "restart_secs"
	restartMemory  = "restart_rss_kb"
	drainSeconds   = "drain_secs"
)

var rows = []row{
	{text: "p2p, 100 pairs, QoS 0, 20 in flight each", load: "p2p-qos0", key: cpu, format: "%.2f", unit: "µs", limit: 0.20},
	{text: "the same, QoS 1", load: "p2p-qos1", key: cpu, format: "%.2f", unit: "µs", limit: 0.17},
	{text: "the same, QoS 2", load: "p2p-qos2", key: cpu, format: "%.2f", unit: "µs", limit: 0.12},
	{text: "p2p, 100 pairs, QoS 0, one at a time", load: "p2p-one", key: cpu, format: "%.2f", unit: "µs", limit: 1.25},
	{text: "fan-out 1 → 1,000, QoS 0", load: "fanout", key: cpu, format: "%.2f", unit: "µs", limit: 0.15},
	{text: "fan-in 1,000 → 1 by wildcard, one at a time, QoS 0", load: "fanin-qos0", key: cpu, format: "%.2f", unit: "µs", limit: 0.85},
	{text: "the same, QoS 1", load: "fanin-qos1", key: cpu, format: "%.2f", unit: "µs", limit: 0.80},
	{text: "latency at 1,000 messages/s, median", load: "rate", key: "lat_p50_us", format: "%.0f", unit: "µs", limit: 1.3},
	{text: "CPU at 1,000 messages/s over 100 pairs", load: "rate", key: cpu, format: "%.1f", unit: "µs", limit: 2.5},
	{text: "idle connection with a subscription, of 10,000, resident", load: "idle", key: "bytes_per_conn", format: "%.0f", unit: "B", limit: 0.95},
	{text: "connect and disconnect", load: "connect", key: cpu, format: "%.1f", unit: "µs", limit: 1.5},
	{text: "publishing among 1,000 wildcard filters", load: "filters-1k", key: cpu, format: "%.2f", unit: "µs"},
	{text: "the same, 200,000 filters, against 1,000", load: "filters-200k", key: cpu, format: "%.2f", unit: "µs", limit: 1.5, own: "filters-1k"},
	{text: "p2p, 100 pairs, QoS 1, persistent sessions, `persistence true`", load: "durable-qos1", key: cpu, format: "%.2f", unit: "µs"},
	{text: "the same, against Mosquitto in memory", load: "durable-qos1", key: cpu, format: "%.2f", unit: "µs", limit: 1, other: "p2p-qos1"},
	{text: "the same, QoS 2", load: "durable-qos2", key: cpu, format: "%.2f", unit: "µs", limit: 1, other: "p2p-qos2"},
	{text: "p2p, 100 pairs, QoS 1, one at a time, `persistence true`", load: "durable-one", key: cpu, format: "%.2f", unit: "µs"},
	{text: "queue for 100 absent sessions, QoS 1, `persistence true`", load: "durable-queue", key: cpu, format: "%.2f", unit: "µs"},
	{text: "drain those queues", load: "durable-queue", key: "drain_cpu_us", format: "%.2f", unit: "µs"},
	{text: "1,000,000 messages for 100 absent sessions: time to queue", load: "million", key: storeSeconds, format: "%.1f", unit: "s"},
	{text: "resident memory then", load: "million", key: storedMemory, format: "%.0f", unit: "kB"},
	{text: "time to stop and start again", load: "million", key: restartSeconds, format: "%.2f", unit: "s"},
	{text: "resident memory after that", load: "million", key: restartMemory, format: "%.0f", unit: "kB"},
	{text: "time to drain", load: "million", key: drainSeconds, format: "%.1f", unit: "s"},
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
	if l.persistent {
		args = append(args, "--persistent")
	}
	return args
}
