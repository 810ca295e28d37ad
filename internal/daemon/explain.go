package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/access"
	"github.com/zancudomq/zancudo/internal/acl"
	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/dynsec"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// Question asks whether a client may do something.
type Question struct {
	User   string `json:"user,omitempty"` // empty: none
	Client string `json:"client,omitempty"`
	Action string `json:"action"` // publish, subscribe or receive
	Topic  string `json:"topic"`  // of subscribe, a filter
}

// Explanation answers a Question. There is an Answer for each set of rules: one,
// unless listeners have their own.
type Explanation struct {
	Question
	Answers []Answer `json:"answers"`
}

// Answer is the decision of some rules, and the way to it.
type Answer struct {
	Listeners []string `json:"listeners,omitempty"` // that the rules are for, if there are several sets
	Topic     string   `json:"topic,omitempty"`     // with the mount point, if there is one
	File      string   `json:"file,omitempty"`      // empty: there are no rules
	Mode      string   `json:"mode"`                // the acl_mode
	Allowed   bool     `json:"allowed"`             // by the rules
	Reason    string   `json:"reason"`
	Rule      *Rule    `json:"rule,omitempty"` // that decided
	Steps     []Step   `json:"steps"`          // the rules that were looked at
	Notes     []string `json:"notes,omitempty"`
}

// Rule is a line of a file, or an ACL of a role of dynamic security.
type Rule struct {
	File  string `json:"file"`
	Line  int    `json:"line,omitempty"` // 0: it is an ACL
	Text  string `json:"text"`
	User  string `json:"user,omitempty"`  // whose block it stands in
	Role  string `json:"role,omitempty"`  // that has the ACL
	Group string `json:"group,omitempty"` // by which the client has the role; empty: it has it itself
}

// Place is where the rule is found.
func (r *Rule) Place() string {
	switch {
	case r.Role == "":
		return fmt.Sprintf("%s:%d", r.File, r.Line)
	case r.Group != "":
		return fmt.Sprintf("role %s of group %s", r.Role, r.Group)
	default:
		return "role " + r.Role
	}
}

// Step is a rule that was looked at, and what came of it.
type Step struct {
	Rule
	Outcome string `json:"outcome"`
	Matches bool   `json:"matches"`
}

// Explain answers by the files that c names.
func Explain(c *config.Config, q Question) (*Explanation, error) {
	files, problems := readRules(c)
	if len(problems) > 0 {
		return nil, problems
	}
	g := &guards{config: c, acl: files}
	if file := dynamicFile(c); file != nil {
		text, err := read(file.Path)
		if err != nil {
			return nil, file.Problem(fmt.Sprintf("Unable to read the file of dynamic security '%s'.", file.Path), sentenceOf(err))
		}
		g.dynamic = &dynamic{path: file.Path}
		if g.dynamic.security, err = dynsec.New(text, dynsec.Options{Passwords: nobodyWith}); err != nil {
			return nil, wrongDynamic(file, err)
		}
	}
	return g.explain(q)
}

// nobodyWith lets nobody in: it is asked about rights only.
func nobodyWith(map[string]*password.Hash) broker.Authenticator { return nobody{} }

// ExplainFile answers by the rules of one file.
func ExplainFile(name string, q Question) (*Explanation, error) {
	text, err := read(name)
	if err != nil {
		return nil, fmt.Errorf("unable to open %s: %w", name, err)
	}
	rules, err := acl.Parse(name, text)
	if err != nil {
		return nil, err
	}
	asked, err := q.ask(&deciders{rules: rules})
	if err != nil {
		return nil, err
	}
	asked.Mode = "enforce"
	return &Explanation{q, []Answer{*asked}}, nil
}

// deciders are what decides about the clients of a listener.
type deciders struct {
	dynamic    string // the file of dynamic security, which is asked first; empty: it is not
	first      access.Decider
	rules      *acl.Rules // nil: none
	mountPoint string
}

// decidersOn are those of l.
func (g *guards) decidersOn(l *config.Listener) deciders {
	d := deciders{first: g.first(l), rules: g.rulesOn(l), mountPoint: l.MountPoint}
	if g.dynamic != nil && g.config.DynamicFileOn(l) != nil {
		d.dynamic = g.dynamic.path
	}
	return d
}

// explain answers by all rules. Listeners that decide alike share an answer.
func (g *guards) explain(q Question) (*Explanation, error) {
	var sets []deciders
	answers := map[deciders]*Answer{}
	for _, l := range g.config.Listeners {
		if l.Protocol == httpAPI {
			continue
		}
		s := g.decidersOn(l)
		if answers[s] == nil {
			a, err := q.ask(&s)
			if err != nil {
				return nil, err
			}
			if a.Mode == "" {
				a.Mode = g.config.ACLMode
			}
			answers[s], sets = a, append(sets, s)
		}
		answers[s].Listeners = append(answers[s].Listeners, l.String())
	}
	e := &Explanation{q, []Answer{}}
	for _, s := range sets {
		if len(sets) == 1 {
			answers[s].Listeners = nil
		}
		e.Answers = append(e.Answers, *answers[s])
	}
	return e, nil
}

// actionNames are the words for actions.
var actionNames = []string{"publish", "subscribe", "receive"}

// ask asks those who decide about a client.
func (q *Question) ask(d *deciders) (*Answer, error) {
	action := acl.Action(slices.Index(actionNames, q.Action))
	if int(action) >= len(actionNames) {
		return nil, fmt.Errorf("'%s' is not one of %s", q.Action, strings.Join(actionNames, ", "))
	}
	full, err := mounted(d.mountPoint, q.Topic, action)
	if err != nil {
		return nil, fmt.Errorf("'%s': %w", q.Topic, err)
	}
	a := &Answer{Steps: []Step{}}
	if full != q.Topic {
		a.Topic = full
	}
	if strings.HasPrefix(full, "$CONTROL/") { // where all decisions hold
		a.Mode = "enforce"
	}
	asked := acl.Question{User: q.User, Client: q.Client, Action: action, Topic: full}
	switch {
	case action == acl.Publish && errors.Is(session.CheckName(full), packet.NotAuthorized) && !strings.HasPrefix(full, "$CONTROL/"):
		a.Mode, a.Reason = "enforce", "only the broker publishes to such a topic"
	case d.first != nil && a.takeFirst(d, asked):
	case d.rules == nil:
		a.Allowed, a.Reason = true, "there are no rules: everything is allowed"
	default:
		a.takeRules(d.rules, asked)
	}
	return a, nil
}

// takeFirst takes what is decided before the rules; decided is false if that is
// left to them.
func (a *Answer) takeFirst(d *deciders, q acl.Question) (decided bool) {
	denied, decided := d.first.Decide(q)
	security, dynamic := d.first.(*dynsec.Security)
	switch {
	case !decided && d.rules != nil:
		if d.dynamic != "" {
			a.Notes = append(a.Notes, "dynamic security does not know the client, and so the rules decide")
		}
		return false
	case dynamic:
		e, _ := security.Explain(q)
		a.takeDynamic(d.dynamic, &e)
	case denied != nil:
		a.File, a.Reason = d.dynamic, denied.Error()
	default:
		return false
	}
	return true
}

// takeDynamic takes what dynamic security says.
func (a *Answer) takeDynamic(file string, e *dynsec.Explanation) {
	of := func(r *dynsec.Rule) Rule { return Rule{File: file, Text: r.Text, Role: r.Role, Group: r.Group} }
	a.File, a.Allowed, a.Reason = file, e.Allowed, e.Reason
	if e.Rule != nil {
		a.Rule = new(of(e.Rule))
	}
	for _, s := range e.Steps {
		a.Steps = append(a.Steps, Step{of(&s.Rule), s.Outcome, s.Matches})
	}
}

// takeRules takes what the rules say.
func (a *Answer) takeRules(rules *acl.Rules, q acl.Question) {
	a.File = rules.File
	if q.User != "" && !rules.Knows(q.User) {
		a.Notes = append(a.Notes, fmt.Sprintf("the file has no 'user %s': nothing but patterns is for that user", q.User))
	}
	if q.Topic[0] == '$' {
		a.Notes = append(a.Notes, "a topic that begins with $ is matched only by filters that begin with $")
	}
	a.take(rules.Explain(q))
}

// mounted checks a topic and puts a mount point before it, of a shared
// subscription behind the group.
func mounted(mountPoint, name string, a acl.Action) (string, error) {
	if a != acl.Subscribe {
		return mountPoint + name, topic.ValidateName(mountPoint + name)
	}
	group, filter, shared, err := topic.SplitShare(name)
	if err == nil {
		err = topic.ValidateFilter(mountPoint + filter)
	}
	if shared {
		return "$share/" + group + "/" + mountPoint + filter, err
	}
	return mountPoint + filter, err
}

// take takes what the rules say.
func (a *Answer) take(e acl.Explanation) {
	a.Allowed, a.Reason = e.Allowed, e.Reason.String()
	if e.Rule != nil {
		a.Rule = new(ruleOf(e.Rule))
		a.Reason = e.Rule.Place() + " denies it"
		if e.Allowed {
			a.Reason = e.Rule.Place() + " allows it"
		}
	}
	for _, s := range e.Steps {
		a.Steps = append(a.Steps, Step{ruleOf(s.Rule), s.String(), s.Outcome != acl.Other})
	}
}

func ruleOf(r *acl.Rule) Rule { return Rule{File: r.File, Line: r.Line, Text: r.Text, User: r.User} }

// handleExplain answers a Question of the console.
func (d *daemon) handleExplain(_ context.Context, in []byte) (any, error) {
	var q Question
	if err := json.Unmarshal(in, &q); err != nil {
		return nil, fmt.Errorf("read the question: %w", err)
	}
	if q.User == "" && q.Client != "" {
		q.User = d.userOf(q.Client)
	}
	d.mu.Lock()
	g := d.guards
	d.mu.Unlock()
	return g.explain(q)
}

// userOf is the user of a client that has a session; empty: none.
func (d *daemon) userOf(id string) string {
	for c := range d.broker.Clients() {
		if c.ID() == id {
			return c.User()
		}
	}
	return ""
}

// Suggested is the answer to the console's request to suggest rules.
type Suggested struct {
	Mode    string   `json:"mode"` // the acl_mode
	Uses    int      `json:"uses"` // different things that were done
	Lost    int      `json:"lost"` // for which there was no room
	Rules   int      `json:"rules"`
	Users   int      `json:"users"`
	Clients int      `json:"clients"`
	Unnamed []string `json:"unnamed,omitempty"` // users that no file can name
	Text    string   `json:"text"`              // of the file
}

// handleSuggest makes a file of rules of what clients did.
func (d *daemon) handleSuggest(context.Context, []byte) (any, error) {
	uses, lost := d.watch.book.Uses()
	s := acl.Suggest(uses)
	return &Suggested{
		Mode: d.current().ACLMode, Uses: len(uses), Lost: lost, Rules: s.Rules, Users: s.Users, Clients: s.Clients,
		Unnamed: s.Inexpressible, Text: string(s.Text),
	}, nil
}
