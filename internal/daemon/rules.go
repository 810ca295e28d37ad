package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/access"
	"github.com/zancudomq/zancudo/internal/acl"
	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/packet"
)

// watch is what outlives a reload of what is known of access.
type watch struct {
	denials *access.Denials
	book    access.Book // of acl_mode learn
}

// aclFile is a file of rules.
type aclFile struct {
	text  []byte
	rules *acl.Rules
}

// readRules reads the files of rules that c names, by their names. The problems
// are all there are.
func readRules(c *config.Config) (map[string]*aclFile, config.Problems) {
	files := make(map[string]*aclFile)
	var problems config.Problems
	for _, l := range c.Listeners {
		file := aclFileOn(c, l)
		if file == nil || files[file.Path] != nil {
			continue
		}
		name := file.Path
		files[name] = &aclFile{}
		text, err := read(name)
		if err != nil {
			problems = append(problems, file.Problem(fmt.Sprintf("Unable to open acl_file \"%s\".", name), err.Error()))
			continue
		}
		rules, err := acl.Parse(name, text)
		problems = append(problems, problemsOfRules(err)...)
		files[name] = &aclFile{text, rules}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return files, nil
}

// aclFileOn is the file of rules for the clients of l; nil: there is none.
func aclFileOn(c *config.Config, l *config.Listener) *config.SecurityFile {
	if l.Protocol == httpAPI {
		return nil
	}
	return c.ACLFileOn(l)
}

// problemsOfRules are what package acl says of a file, as problems of the
// configuration that names it.
func problemsOfRules(err error) (all config.Problems) {
	var problems acl.Problems
	if !errors.As(err, &problems) {
		return nil
	}
	for _, p := range problems {
		all = append(all, aclProblem(config.Wrong, p))
	}
	return all
}

func aclProblem(class config.Class, p *acl.Problem) *config.Problem {
	return &config.Problem{Class: class, File: p.File, Line: p.Line, Word: "acl_file", Text: p.Text, Remedy: p.Hint}
}

// rulesOn are the rules for the clients of l; nil: there are none.
func (g *guards) rulesOn(l *config.Listener) *acl.Rules {
	if f := aclFileOn(g.config, l); f != nil {
		return g.acl[f.Path].rules
	}
	return nil
}

func (g *guards) aclMode() access.Mode {
	switch g.config.ACLMode {
	case "learn":
		return access.Learn
	case "warn":
		return access.Warn
	default:
		return access.Enforce
	}
}

// by is an Authorizer of the clients of l; nil if it has nothing to say.
func (g *guards) by(l *config.Listener) *access.Authorizer {
	mode, rules, first := g.aclMode(), g.rulesOn(l), g.first(l)
	if rules == nil && first == nil && mode != access.Learn {
		return nil
	}
	z := &access.Authorizer{First: first, Rules: rules, Mode: mode}
	if g.watch != nil {
		z.Denials, z.Book = g.watch.denials, &g.watch.book
	}
	return z
}

// authorizer decides what the clients that have come by l may do; nil:
// everything.
func (g *guards) authorizer(l *config.Listener) broker.Authorizer {
	if z := g.by(l); z != nil {
		return z
	}
	return nil
}

// general decides about clients that have not come by any listener since the
// start, such as those of sessions that were restored: they may what they may by
// one of the listeners; nil: everything.
func (g *guards) general() broker.Authorizer {
	var all access.AnyOf
	type deciders struct {
		first access.Decider
		rules *acl.Rules
	}
	seen := map[deciders]bool{}
	for _, l := range g.config.Listeners {
		by := deciders{g.first(l), g.rulesOn(l)}
		if l.Protocol == httpAPI || seen[by] {
			continue
		}
		seen[by] = true
		z := g.by(l)
		if z == nil {
			return nil
		}
		all = append(all, z)
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// rulesSentences are what there is to say of the rules at a start and at a
// reload: what looks like a mistake, and loudly that they do not hold.
func (g *guards) rulesSentences() (all []string) {
	for _, name := range slices.Sorted(maps.Keys(g.acl)) {
		for _, w := range g.acl[name].rules.Warnings {
			all = append(all, aclProblem(config.Pointless, w).Sentence())
		}
	}
	switch g.aclMode() {
	case access.Learn:
		all = append(all, "NO ACCESS RULE IS ENFORCED: with 'acl_mode learn' every client may publish and receive everything, and it is noted what each does. "+
			"When all have done what they do, run 'zancudo acl suggest', and remove the line.")
	case access.Warn:
		all = append(all, "NO ACCESS RULE IS ENFORCED: with 'acl_mode warn' every client may publish and receive everything, and the log tells what would be denied. "+
			"When it tells of nothing that should be allowed, remove the line.")
	case access.Enforce:
	}
	return all
}

// rulesChanges are lines on files of rules that say otherwise than before.
func (g *guards) rulesChanges(before *guards) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(g.acl)) {
		now, then := g.acl[name], before.acl[name]
		if then != nil && !bytes.Equal(now.text, then.text) {
			all = append(all, fmt.Sprintf("~acl_file %s has changed: %d rules, there were %d", name, now.rules.Len(), then.rules.Len()))
		}
	}
	return all
}

// claimed is an Authenticator of everybody where there are no passwords: rules
// are for the users that clients say they are, as in Mosquitto.
type claimed struct{}

func (claimed) Authenticate(context.Context, *broker.ConnectRequest) error { return nil }

// modeTopic says what becomes of what the rules deny.
const modeTopic = "$SYS/broker/acl/mode"

// publishMode publishes it, if anything is published below $SYS.
func (d *daemon) publishMode(c *config.Config) {
	if c.SysInterval > 0 {
		_ = d.broker.Publish(&packet.Message{Topic: modeTopic, Payload: []byte(c.ACLMode), Retain: true}) // the broker is closing
	}
}
