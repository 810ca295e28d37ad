package mqtttest

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/packet"
)

var update = flag.Bool("update", false, "rewrite what dialogues expect from what servers send")

// Server starts a server that serves l as the options say. It returns at once,
// with what stops the server and returns when it has ended; l need not be
// closed. It runs in the dialogue's bubble. An option that it does not know
// should end the test.
type Server func(t *testing.T, l *memnet.Listener, options []Option) (stop func())

// Run runs the dialogues of the files that match the pattern, each as a subtest
// in a bubble of its own. With -update it rewrites their expectations.
func Run(t *testing.T, pattern string, serve Server) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogues: %s matches no file", pattern)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			runScript(t, file, string(text), serve)
		})
	}
}

// RunScript runs the dialogues of a script.
func RunScript(t *testing.T, text string, serve Server) {
	t.Helper()
	runScript(t, "", text, serve)
}

func runScript(t *testing.T, file, text string, serve Server) {
	t.Helper()
	s, err := parseScript(file, text)
	if err != nil {
		t.Fatal(err)
	}
	edits := &edits{}
	updating := *update && file != ""
	if updating {
		t.Cleanup(func() { edits.write(t, s) })
	}
	for _, d := range s.dialogues {
		if d.title == "" {
			play(t, s, &engine{dialogue: d, serve: serve, edits: edits, updating: updating})
			continue
		}
		t.Run(d.title, func(t *testing.T) {
			t.Parallel()
			play(t, s, &engine{dialogue: d, serve: serve, edits: edits, updating: updating})
		})
	}
}

func play(t *testing.T, s *script, e *engine) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e.t = t
		if err := e.run(); err != nil {
			t.Error(s.explain(e.dialogue, err))
		}
	})
}

// engine runs one dialogue.
type engine struct {
	t        *testing.T
	dialogue *dialogue
	serve    Server
	edits    *edits
	updating bool

	listener *memnet.Listener
	stop     func()
	peers    map[string]*peer
	names    []string // in order of appearance
}

// problem is what went wrong at a line.
type problem struct {
	line int
	err  error
	more []string // what else is worth knowing
}

func (p *problem) Error() string { return p.err.Error() }

func (e *engine) run() error {
	e.peers = map[string]*peer{}
	if err := e.start(); err != nil {
		return &problem{line: e.dialogue.first, err: err}
	}
	defer e.end()
	for i, s := range e.dialogue.steps {
		if e.updating && s.verb != "<" {
			e.adopt(s.line, e.dialogue.steps[i:])
		}
		if err := e.step(s); err != nil {
			return &problem{s.line, err, e.unread(s.who)}
		}
	}
	synctest.Wait()
	line := e.dialogue.first
	if n := len(e.dialogue.steps); n > 0 {
		line = e.dialogue.steps[n-1].line
	}
	if e.updating {
		e.adopt(line+1, nil)
	}
	for _, name := range e.names {
		if err := e.leave(name); err != nil {
			return &problem{line, fmt.Errorf("at the end of the dialogue: %w", err), e.unread("")}
		}
	}
	return nil
}

// start starts the server.
func (e *engine) start() error {
	e.listener = memnet.Listen()
	var options []Option
	for _, o := range e.dialogue.options {
		if o.Key != "buffer" {
			options = append(options, o)
			continue
		}
		n, err := strconv.Atoi(o.Value)
		if err != nil || n < 1 {
			return fmt.Errorf("option buffer %s: want bytes", o.Value)
		}
		e.listener.Buffer = n
	}
	e.stop = e.serve(e.t, e.listener, options)
	return nil
}

// end stops the server, and with it the bubble.
func (e *engine) end() {
	for _, p := range e.peers {
		p.hangUp()
	}
	synctest.Wait()
	e.shutdown()
}

func (e *engine) shutdown() {
	if e.stop != nil {
		stop := e.stop
		e.stop = nil
		stop()
	}
	_ = e.listener.Close()
	synctest.Wait()
}

func (e *engine) step(s step) error {
	switch s.verb {
	case "wait":
		time.Sleep(s.duration)
	case "shutdown":
		e.shutdown()
	case "restart":
		e.shutdown()
		return e.start()
	case "open":
		return e.open(s.who, s.version)
	case ">", ">>":
		return e.send(s)
	default:
		return e.listen(s)
	}
	synctest.Wait()
	return nil
}

// open connects, unless the client is connected.
func (e *engine) open(name string, v packet.Version) error {
	if p := e.peers[name]; p != nil {
		if err := e.leave(name); err != nil {
			return err
		}
		if p.ended() == nil {
			return errors.New("the client is connected already")
		}
		p.hangUp()
		delete(e.peers, name)
	} else {
		e.names = append(e.names, name)
	}
	conn, err := e.listener.Dial()
	if err != nil {
		return err
	}
	e.peers[name] = newPeer(conn, v)
	synctest.Wait()
	return nil
}

func (e *engine) send(s step) error {
	p := e.peers[s.who]
	if p == nil || p.ended() != nil {
		if err := e.open(s.who, packet.V311); err != nil {
			return err
		}
		p = e.peers[s.who]
	}
	b := s.send
	if s.packet != nil {
		var err error
		if b, err = p.encode(s.packet); err != nil {
			return err
		}
	}
	if s.verb == ">>" {
		p.held = append(p.held, b...)
		return nil
	}
	p.send(b)
	synctest.Wait()
	return nil
}

// listen runs the steps that need a connected client.
func (e *engine) listen(s step) error {
	p := e.peers[s.who]
	if p == nil {
		return fmt.Errorf("%s is not connected", s.who)
	}
	switch s.verb {
	case "<":
		return e.expect(s, p)
	case "closed":
		err := p.closed()
		if err == nil {
			p.goodbye = true
		}
		return err
	case "silent":
		a, err := p.next()
		switch {
		case err == nil:
			return fmt.Errorf("came %v", a)
		case errors.Is(err, errNothing):
			return nil
		}
		return err
	case "drop", "hangup":
		return e.cut(s, p)
	case "pause":
		return errors.Join(p.pause(), e.rest())
	default: // resume
		return errors.Join(p.resume(), e.rest())
	}
}

func (e *engine) rest() error {
	synctest.Wait()
	return nil
}

func (e *engine) cut(s step, p *peer) error {
	if left := p.waiting(); len(left) > 0 {
		return fmt.Errorf("came before: %v", left[0])
	}
	if s.verb == "drop" {
		p.drop()
	} else {
		p.hangUp()
	}
	delete(e.peers, s.who)
	return e.rest()
}

func (e *engine) expect(s step, p *peer) error {
	a, err := p.next()
	if err != nil && e.updating && errors.Is(err, errNothing) {
		e.edits.remove(s.line)
		return nil
	}
	if err != nil {
		return err
	}
	err = s.want.check(a)
	if err == nil || !e.updating {
		return err
	}
	text, err := expected(a)
	if err == nil {
		e.edits.replace(s.line, s.who+" < "+text)
	}
	return err
}

// leave checks that nothing came that the dialogue does not mention.
func (e *engine) leave(name string) error {
	p := e.peers[name]
	if p == nil {
		return nil
	}
	if left := p.waiting(); len(left) > 0 {
		return fmt.Errorf("unread: %s < %v", name, left[0])
	}
	if end := p.ended(); end != nil && !p.goodbye {
		return fmt.Errorf("%s: %w, which no line \"%s closed\" says", name, p.nothing(), name)
	}
	return nil
}

// adopt writes, before the line, what came to clients of which nothing more is
// expected by the steps that follow.
func (e *engine) adopt(line int, following []step) {
	synctest.Wait()
	for _, name := range e.names {
		p := e.peers[name]
		expects := false
		for _, s := range following {
			expects = expects || s.who == name && s.verb == "<"
		}
		if p == nil || expects {
			continue
		}
		for len(p.waiting()) > 0 {
			a, err := p.next()
			if err != nil {
				return
			}
			text, err := expected(a)
			if err != nil {
				e.t.Errorf("%v: %v", a, err)
				continue
			}
			e.edits.insert(line, name+" < "+text)
		}
	}
}
