package mqtttest

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// Option is a line "option key value" of a dialogue.
type Option struct{ Key, Value string }

// dialogue is a titled part of a script.
type dialogue struct {
	title   string
	options []Option
	steps   []step
	first   int // its lines are lines[first:last], counted from 0
	last    int
}

// step is a line that does something.
type step struct {
	line int // counted from 0
	who  string
	verb string

	send     []byte        // of ">" and ">>": RAW
	packet   packet.Packet // of ">" and ">>"
	want     expectation   // of "<"
	duration time.Duration // of "wait"
	version  packet.Version
}

// script is a file of dialogues.
type script struct {
	name      string
	lines     []string
	dialogues []*dialogue
}

// parseScript reads a whole script; an error names the line.
func parseScript(name, text string) (*script, error) {
	s := &script{name: name, lines: strings.Split(strings.TrimSuffix(text, "\n"), "\n")}
	current := &dialogue{}
	var common []Option // before the first title
	for i, line := range s.lines {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "---"); ok {
			if len(s.dialogues) == 0 && len(current.steps) == 0 {
				common = current.options
			} else {
				s.add(current, i)
			}
			current = &dialogue{title: strings.Trim(title, " -"), first: i, options: common}
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		if err := current.addLine(i, line); err != nil {
			return nil, fmt.Errorf("%s:%d: %s: %w", cmp.Or(name, "script"), i+1, line, err)
		}
	}
	s.add(current, len(s.lines))
	return s, nil
}

func (s *script) add(d *dialogue, last int) {
	d.last = last
	s.dialogues = append(s.dialogues, d)
}

func (d *dialogue) addLine(i int, line string) error {
	first, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	s := step{line: i, verb: first}
	switch first {
	case "option":
		key, value, _ := strings.Cut(rest, " ")
		if len(d.steps) > 0 {
			return errors.New("options stand before the first step")
		}
		d.options = append(d.options[:len(d.options):len(d.options)], Option{key, strings.TrimSpace(value)})
		return nil
	case "wait":
		var err error
		if s.duration, err = time.ParseDuration(rest); err != nil {
			return err
		}
	case "shutdown", "restart":
		if rest != "" {
			return fmt.Errorf("%s takes no words", first)
		}
	default:
		if err := s.client(first, rest); err != nil {
			return err
		}
	}
	d.steps = append(d.steps, s)
	return nil
}

var clientName = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

// client reads "name verb …".
func (s *step) client(name, rest string) error {
	if !clientName.MatchString(name) {
		return errors.New("a line begins with the name of a client, wait, option, shutdown, restart, # or ---")
	}
	verb, args, _ := strings.Cut(rest, " ")
	s.who, s.verb = name, verb
	args = strings.TrimSpace(args)
	switch verb {
	case ">", ">>":
		return s.sending(args)
	case "<":
		var err error
		s.want, err = newExpectation(args)
		return err
	case "closed", "silent", "drop", "hangup", "pause", "resume":
	default:
		var ok bool
		if s.version, ok = parseVersion(verb); !ok {
			return errors.New("after the name comes >, >>, <, closed, silent, drop, hangup, pause, resume, v31, v311 or v5")
		}
		s.verb = "open"
	}
	if args != "" {
		return fmt.Errorf("%s takes no words", verb)
	}
	return nil
}

func (s *step) sending(text string) (err error) {
	if s.send, err = parseRaw(text); s.send != nil || err != nil {
		return err
	}
	s.packet, err = Parse(text)
	return err
}
