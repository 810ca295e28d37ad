package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/zancudomq/zancudo/internal/bench"
)

// runBench measures a broker. It returns 0 if every message arrived once and in
// order, 1 if not or if nothing could be measured, and usageStatus if the
// command line makes no sense.
func runBench(ctx context.Context, env Env, args []string) int {
	o := &benchOptions{}
	table := benchTable(o)
	err := table.Parse(args)
	if err == nil {
		err = o.secure()
	}
	if status, done := parsed(env, table, err, usageStatus); done {
		return status
	}
	var line *progressLine
	if !o.quiet {
		line = newProgressLine(env.Stderr)
		o.Progress = line.show
	}
	result, err := bench.Run(ctx, o.Options)
	if line != nil {
		line.clear()
	}
	if err != nil {
		say(env.Stderr, "Error: %v\n", err)
		return 1
	}
	if o.json {
		err = json.NewEncoder(env.Stdout).Encode(result)
	} else {
		err = result.WriteTable(env.Stdout)
	}
	if err != nil {
		say(env.Stderr, "Error: write the result: %v\n", err)
		return 1
	}
	if !result.OK() {
		return 1
	}
	return 0
}

// progressLine shows how far a run is: on a terminal in one line that changes,
// elsewhere in a line now and then.
type progressLine struct {
	w        io.Writer
	terminal bool
	shown    bool
	phase    string
	last     time.Duration
}

// plainStep is how often a line is worth it in a log.
const plainStep = 5 * time.Second

func newProgressLine(w io.Writer) *progressLine {
	return &progressLine{w: w, terminal: isTerminal(w)}
}

func (l *progressLine) show(p bench.Progress) {
	if p.Phase != l.phase {
		l.phase, l.last = p.Phase, 0
	}
	text := fmt.Sprintf("%-12s %5.1f s", p.Phase, p.Elapsed.Seconds())
	if p.Sent+p.Received > 0 {
		text += fmt.Sprintf("   sent %d (%.0f/s)   received %d (%.0f/s)", p.Sent, p.InRate, p.Received, p.OutRate)
	}
	switch {
	case l.terminal:
		say(l.w, "\r\x1b[K%s", text)
		l.shown = true
	case p.Elapsed-l.last >= plainStep:
		say(l.w, "%s\n", text)
		l.last = p.Elapsed
	}
}

// clear removes the line from the terminal.
func (l *progressLine) clear() {
	if l.shown {
		say(l.w, "\r\x1b[K")
	}
}
