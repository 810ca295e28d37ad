// Command compare measures Zancudo, Mosquitto and mochi-mqtt with the same load
// in alternating rounds, and prints a table with ratios. See ../README.md.
//
// In every round, for each load, each broker in turn is started afresh on a free
// port of the loopback address, measured and stopped; every other round goes
// backwards. So what slows the machine down for a while slows all brokers down.
// It stops only what it started.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/zancudomq/zancudo/bench/page"
)

type options struct {
	rounds    int
	only      string
	brokers   string
	zancudo   string
	mosquitto string
	out       string
	from      string
	write     string
	session   session
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o := options{}
	f := flag.CommandLine
	f.IntVar(&o.rounds, "rounds", 5, "alternating rounds")
	f.StringVar(&o.only, "only", "", "regular expression: loads to measure")
	f.StringVar(&o.brokers, "brokers", "mosquitto,zancudo,mochi", "brokers to measure")
	f.StringVar(&o.zancudo, "zancudo", "", "the program; otherwise it is built from the parent directory")
	f.StringVar(&o.mosquitto, "mosquitto", "/usr/sbin/mosquitto", "the program")
	f.StringVar(&o.out, "out", "compare.jsonl", "append results to this file, a line of JSON each; empty: to none")
	f.StringVar(&o.from, "table", "", "measure nothing; make the table of the results in this file")
	f.StringVar(&o.write, "write", "", "write the table between the markers in this file")
	f.StringVar(&o.session.generator, "generator", "", "a load generator with mqload's flags, instead of zancudo bench")
	f.IntVar(&o.session.pin, "pin", -1, "pin the generator to this processor (needs taskset)")
	f.Float64Var(&o.session.secs, "secs", 5, "seconds that a load is measured for")
	f.DurationVar(&o.session.timeout, "timeout", 3*time.Minute, "the longest that a measurement may take")
	f.DurationVar(&o.session.patience, "patience", 20*time.Second, "the longest to wait for a quiet machine before each")
	_ = f.Parse(os.Args[1:]) // it exits on an error
	if f.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "compare: %s: there are no arguments, only flags; -help lists them\n", f.Arg(0))
		os.Exit(2)
	}
	failed, err := o.run(ctx, os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
	if failed {
		os.Exit(1)
	}
}

// run measures, or reads what was measured, and prints the table. It reports
// whether a measurement failed.
func (o *options) run(ctx context.Context, stdout, stderr io.Writer) (failed bool, err error) {
	var all results
	if o.from != "" {
		all, err = readResults(o.from)
	} else {
		all, err = o.measure(ctx, stderr)
	}
	if err != nil && len(all) == 0 {
		return false, err
	}
	text := all.table() + "\n" + all.notes(machine())
	if _, err := io.WriteString(stdout, text); err != nil {
		return false, err
	}
	if o.write != "" && err == nil {
		err = page.Write(o.write, "compare", text)
	}
	return slices.ContainsFunc(all, func(r result) bool { return !r.OK }), err
}

// measure runs all rounds. When ctx ends it returns what was measured until then.
func (o *options) measure(ctx context.Context, stderr io.Writer) (results, error) {
	only, err := regexp.Compile(o.only)
	if err != nil {
		return nil, fmt.Errorf("-only %s: %w", o.only, err)
	}
	dir, err := os.MkdirTemp("", "compare-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	brokers, err := o.prepare(ctx, dir)
	if err != nil {
		return nil, err
	}
	var all results
	for round := range o.rounds {
		for _, l := range loads {
			if !only.MatchString(l.name) {
				continue
			}
			for _, b := range brokers {
				if l.durable && b.volatile {
					continue
				}
				r := o.session.measure(ctx, b, l)
				if ctx.Err() != nil {
					return all, errors.New("interrupted")
				}
				r.Round = round
				all = append(all, r)
				report(stderr, &r)
				if err := o.append(&r); err != nil {
					return all, err
				}
			}
		}
		slices.Reverse(brokers)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("-only %s: it matches no load", o.only)
	}
	return all, nil
}

// prepare builds and finds the programs.
func (o *options) prepare(ctx context.Context, dir string) ([]broker, error) {
	o.session.zancudo = o.zancudo
	if o.zancudo == "" {
		o.session.zancudo = filepath.Join(dir, "zancudo")
		if err := build(ctx, "..", o.session.zancudo, "./cmd/zancudo"); err != nil {
			return nil, err
		}
	}
	var brokers []broker
	for name := range strings.SplitSeq(o.brokers, ",") {
		switch name {
		case "mosquitto":
			if _, err := os.Stat(o.mosquitto); err != nil {
				return nil, fmt.Errorf("-mosquitto %s: it is not there; install Debian's package mosquitto, or name its program", o.mosquitto)
			}
			brokers = append(brokers, mosquitto(o.mosquitto))
		case "zancudo":
			brokers = append(brokers, zancudo(o.session.zancudo, said(ctx, ".", "git", "rev-parse", "--short", "HEAD")))
		case "mochi":
			program := filepath.Join(dir, "mochi")
			if err := build(ctx, ".", program, "./mochi"); err != nil {
				return nil, err
			}
			brokers = append(brokers, mochi(program, said(ctx, ".", "go", "list", "-m", "-f", "{{.Version}}", "github.com/mochi-mqtt/server/v2")))
		default:
			return nil, fmt.Errorf("-brokers %s: there are mosquitto, zancudo and mochi", name)
		}
	}
	return brokers, nil
}

// build compiles a program; the directory is that of its module, seen from
// bench.
func build(ctx context.Context, dir, to, what string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", to, what)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s (run compare in the directory bench): %w: %s", what, err, bytes.TrimSpace(out))
	}
	return nil
}

// said is the output of a command in one line, empty if it fails.
func said(ctx context.Context, dir, name string, args ...string) string {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// report tells of one measurement.
func report(w io.Writer, r *result) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %-12s %-10s", r.Round+1, r.Load, r.Broker)
	for _, row := range rows {
		if v, ok := r.figure(row.key); ok && row.load == r.Load {
			fmt.Fprintf(&b, " %9s %s", fmt.Sprintf(row.format, v), row.unit)
		}
	}
	if !r.OK {
		b.WriteString("  FAILED: " + r.Why)
	}
	_, _ = fmt.Fprintln(w, b.String())
}

func (o *options) append(r *result) error {
	if o.out == "" {
		return nil
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(o.out, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

func readResults(file string) (results, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var all results
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var r result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", file, n, err)
		}
		all = append(all, r)
	}
	return all, lines.Err()
}

// machine says in a few words what this machine is.
func machine() string {
	model := runtime.GOARCH
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%d processors (%s), the generator's share included", runtime.NumCPU(), model)
}
