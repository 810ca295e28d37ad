package cli

import (
	"context"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/internal/tree"
	"github.com/zancudomq/zancudo/packet"
)

// redraw is how often the tree is drawn at most; ages change each second.
const (
	redraw  = 100 * time.Millisecond
	ageTick = time.Second
)

// A treeView shows the tree of sub --tree, in a terminal while messages come, or
// at the end.
type treeView struct {
	screen *screen // nil: there is no terminal
	quit   func()
	stderr io.Writer // when the screen has been left

	mu      sync.Mutex
	tree    *tree.Tree
	changed bool
	notice  string // the last that was said
}

// errNoTerminal tells how to do without.
var errNoTerminal = flags.Errorf("--tree needs a terminal. Without one it prints the tree at the end, which -C or -W must name.")

// newTreeView returns a view whose screen, if there is any, must be closed.
func (s *subscriber) newTreeView() (*treeView, error) {
	where, err := s.dial()
	if err != nil {
		return nil, err
	}
	v := &treeView{
		quit: func() { s.end(errEnough) }, stderr: s.env.Stderr,
		tree: tree.New(tree.Options{
			Title:    where.Address() + "  " + strings.Join(s.options.filters, " "),
			NoColour: s.env.getenv("NO_COLOR") != "",
		}),
	}
	out := terminalOf(s.env.Stdout)
	if out == nil || s.env.getenv("TERM") == "dumb" {
		if s.options.count == 0 && s.options.timeout == 0 {
			return nil, errNoTerminal
		}
		return v, nil
	}
	v.screen, err = newScreen(s.env.Stdin, out)
	return v, err
}

// message takes a message into the tree.
func (v *treeView) message(p *packet.Publish) {
	if v.screen != nil {
		defer v.screen.guard()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tree.Add(tree.Message{Topic: p.Topic, Payload: p.Payload, Retained: p.Retain}, time.Now())
	v.changed = true
}

// Write shows what would go to standard error, which has no place on the screen.
func (v *treeView) Write(b []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.notice = string(b)
	v.tree.Notice(strings.TrimSpace(v.notice))
	v.changed = true
	return len(b), nil
}

// connected takes away what was said of a lost connection.
func (v *treeView) connected() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tree.Notice("")
	v.changed = true
}

// show draws the tree until ctx is done.
func (v *treeView) show(ctx context.Context) {
	defer v.screen.guard()
	ticker := time.NewTicker(redraw)
	defer ticker.Stop()
	resized, stop := resizes()
	defer stop()
	keys := v.screen.keys()
	var drawn time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-keys:
			v.input(b)
		case <-resized:
			v.screen.resize()
			drawn = time.Time{}
		case now := <-ticker.C:
			if lines := v.lines(now, now.Sub(drawn) >= ageTick); lines != nil {
				v.screen.draw(lines)
				drawn = now
			}
		}
	}
}

func (v *treeView) input(b []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.changed = true
	if v.tree.Input(b, time.Now()) {
		v.quit()
	}
}

// lines are the lines to draw if anything has changed, or it is time for the
// ages; otherwise nil.
func (v *treeView) lines(now time.Time, due bool) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.changed && !due {
		return nil
	}
	v.changed = false
	return v.tree.Lines(v.screen.width, v.screen.height, now)
}

// close gives the terminal back and says what there is to say of an end with this
// status.
func (v *treeView) close(status int) {
	if v.screen == nil {
		return
	}
	v.screen.leave()
	if status != 0 {
		say(v.stderr, "%s", v.notice)
	}
}

// runTree runs sub with a tree in the place of messages that are printed one by
// one.
func (s *subscriber) runTree(ctx context.Context) int {
	v, err := s.newTreeView()
	if err != nil {
		return s.fail(err)
	}
	s.view = v
	s.print = v.message
	var drawing sync.WaitGroup
	if v.screen != nil {
		defer v.screen.leave() // whatever happens
		if !s.quiet {
			s.env.Stderr = v
		}
		drawn, stop := context.WithCancel(ctx)
		drawing.Go(func() { v.show(drawn) })
		defer stop()
	}
	status := s.run(ctx)
	s.end(nil) // the drawing ends
	drawing.Wait()
	v.close(status)
	if s.options.count > 0 || s.options.timeout > 0 {
		s.out.printf("%s", v.tree.Text())
	}
	return status
}
