package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// result is one line of the results: what was measured, and what the generator
// said of it.
type result struct {
	Load      string         `json:"load"`
	Broker    string         `json:"broker"`
	Version   string         `json:"broker_version"`
	Generator string         `json:"generator"`
	Round     int            `json:"round"`
	Time      time.Time      `json:"time"`
	OK        bool           `json:"ok"`
	Why       string         `json:"why,omitempty"`
	Said      map[string]any `json:"said,omitempty"`
}

func (r *result) figure(key string) (float64, bool) {
	v, ok := r.Said[key].(float64)
	return v, ok
}

// session is one run of this program.
type session struct {
	zancudo   string // the program
	generator string // the program; empty: zancudo bench
	pin       int    // the generator's processor; negative: any
	secs      float64
	timeout   time.Duration
	patience  time.Duration
}

// measure starts a broker, measures it and stops it.
func (s *session) measure(ctx context.Context, b broker, l load) result {
	r := result{Load: l.name, Broker: b.name, Version: b.version, Time: time.Now().UTC().Truncate(time.Second)}
	r.Generator = "`zancudo bench`"
	if s.generator != "" {
		r.Generator = "`" + filepath.Base(s.generator) + "`"
	}
	p, err := start(ctx, b, l)
	if err != nil {
		r.Why = err.Error()
		return r
	}
	defer p.remove()
	defer func() { p.stop() }()
	waitForQuiet(ctx, s.patience)
	if l.restart {
		r.Said, err = s.generateTwice(ctx, b, l, p)
	} else {
		r.Said, err = s.generate(ctx, l, p)
	}
	if why, bad := r.Said["why"].(string); bad {
		r.Why = why
	} else if err != nil {
		r.Why = err.Error()
	}
	r.OK = r.Why == ""
	return r
}

// generateTwice stores, restarts the broker and drains.
func (s *session) generateTwice(ctx context.Context, b broker, l load, p *process) (map[string]any, error) {
	stored, err := s.generate(ctx, l, p, "--part", "store", "--run", b.name)
	if err != nil || stored["why"] != nil {
		return stored, err
	}
	began := time.Now()
	p.stop()
	if err := p.run(ctx, b, l); err != nil {
		return nil, err
	}
	took := time.Since(began)
	drained, err := s.generate(ctx, l, p, "--part", "drain", "--run", b.name)
	if err != nil || drained["why"] != nil {
		return drained, err
	}
	stored[restartSeconds] = took.Seconds()
	stored[restartMemory] = drained["start_rss_kb"]
	stored[drainSeconds] = drained[drainSeconds]
	return stored, nil
}

// generate runs the generator and returns the figures of its JSON line, also
// when it ends with an error.
func (s *session) generate(ctx context.Context, l load, p *process, more ...string) (map[string]any, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, fmt.Errorf("no result within %v", s.timeout))
	defer cancel()
	program, args := s.zancudo, append(l.zancudoArgs(p.port, p.cmd.Process.Pid, s.secs), more...)
	if s.generator != "" {
		program, args = s.generator, l.mqloadArgs(p.port, p.cmd.Process.Pid, s.secs)
	}
	if s.pin >= 0 {
		program, args = "taskset", append([]string{"-c", strconv.Itoa(s.pin), program}, args...)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for lines := bufio.NewScanner(&stdout); lines.Scan(); {
		if said, ok := parseLine(lines.Bytes()); ok {
			return said, err
		}
	}
	if err == nil {
		err = errors.New("the generator printed no result")
	}
	return nil, fmt.Errorf("%w: %s", err, bytes.TrimSpace(stderr.Bytes()))
}

// parseLine reads a generator's JSON line. A C program may write nan where there
// is nothing to divide.
func parseLine(line []byte) (map[string]any, bool) {
	if len(line) == 0 || line[0] != '{' {
		return nil, false
	}
	for _, no := range []string{"-nan", "nan", "-inf", "inf"} {
		line = bytes.ReplaceAll(line, []byte(":"+no), []byte(":null"))
	}
	var said map[string]any
	if err := json.Unmarshal(line, &said); err != nil {
		return nil, false
	}
	return said, true
}

// quiet is how much of a processor others may use while something is measured.
const quiet = 0.15

// waitForQuiet lets the broker come to rest, and waits until the machine has
// little else to do, but no longer than patience.
func waitForQuiet(ctx context.Context, patience time.Duration) {
	const step = 500 * time.Millisecond
	for end := time.Now().Add(patience); ; {
		before := busy()
		select {
		case <-ctx.Done():
			return
		case <-time.After(step):
		}
		if busy()-before <= time.Duration(quiet*float64(step)) || time.Now().After(end) {
			return
		}
	}
}

// busy is the CPU time that all processes have used.
func busy() time.Duration {
	b, _ := os.ReadFile("/proc/stat")
	line, _, _ := bytes.Cut(b, []byte("\n"))
	var sum int64
	for i, f := range bytes.Fields(line) { // cpu user nice system idle iowait irq softirq
		if i == 1 || i == 2 || i == 3 || i == 6 || i == 7 {
			n, _ := strconv.ParseInt(string(f), 10, 64)
			sum += n
		}
	}
	return time.Duration(sum) * 10 * time.Millisecond
}
