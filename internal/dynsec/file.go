package dynsec

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zancudomq/zancudo/internal/password"
)

// The objects of the file, with their names in it.
type (
	fileObject struct {
		Changes   int64             `json:"changeIndex"`
		Defaults  *Defaults         `json:"defaultACLAccess"`
		Clients   []json.RawMessage `json:"clients"`
		Groups    []json.RawMessage `json:"groups"`
		Roles     []json.RawMessage `json:"roles"`
		Anonymous string            `json:"anonymousGroup,omitempty"`
	}
	clientObject struct {
		Username    string    `json:"username"`
		ClientID    string    `json:"clientid,omitempty"`
		Name        string    `json:"textname,omitempty"`
		Description string    `json:"textdescription,omitempty"`
		Disabled    bool      `json:"disabled,omitempty"`
		Roles       []roleRef `json:"roles"`
		Encoded     string    `json:"encoded_password,omitempty"`
		Password    string    `json:"password,omitempty"` // this and the next two: Mosquitto 2.0
		Salt        string    `json:"salt,omitempty"`
		Iterations  int       `json:"iterations,omitempty"`
	}
	groupObject struct {
		Name        string      `json:"groupname"`
		TextName    string      `json:"textname,omitempty"`
		Description string      `json:"textdescription,omitempty"`
		Roles       []roleRef   `json:"roles"`
		Clients     []memberRef `json:"clients"`
	}
	roleObject struct {
		Name        string            `json:"rolename"`
		TextName    string            `json:"textname,omitempty"`
		Description string            `json:"textdescription,omitempty"`
		Wildcards   *bool             `json:"allowwildcardsubs,omitempty"`
		ACLs        []json.RawMessage `json:"acls"`
	}
	ruleObject struct {
		Kind     string `json:"acltype"`
		Topic    string `json:"topic"`
		Priority int    `json:"priority"`
		Allow    bool   `json:"allow"`
	}
	roleRef struct {
		Name     string `json:"rolename"`
		Priority *int   `json:"priority,omitempty"`
	}
	memberRef struct {
		Name     string `json:"username"`
		Priority *int   `json:"priority,omitempty"`
	}
	groupRef struct {
		Name     string `json:"groupname"`
		Priority *int   `json:"priority,omitempty"`
	}
)

// parse reads a file. What is twice in it counts once, the first.
func parse(text []byte) (*book, error) {
	b := newBook()
	var f fileObject
	var err error
	if b.extra, err = unmarshal(text, &f); err != nil {
		return nil, positioned(text, err)
	}
	b.changes, b.anonymous = f.Changes, f.Anonymous
	if f.Defaults != nil {
		b.defaults = *f.Defaults
	}
	for i, text := range f.Roles {
		if err := b.addRole(text); err != nil {
			return nil, fmt.Errorf("role %d: %w", i+1, err)
		}
	}
	for i, text := range f.Clients {
		if err := b.addClient(text); err != nil {
			return nil, fmt.Errorf("client %d: %w", i+1, err)
		}
	}
	for i, text := range f.Groups {
		if err := b.addGroup(text); err != nil {
			return nil, fmt.Errorf("group %d: %w", i+1, err)
		}
	}
	if _, known := b.groups[b.anonymous]; b.anonymous != "" && !known {
		return nil, fmt.Errorf("anonymousGroup: there is no group %q", b.anonymous)
	}
	return b, nil
}

// positioned says in which line an error of package json is.
func positioned(text []byte, err error) error {
	var syntax *json.SyntaxError
	var typed *json.UnmarshalTypeError
	at := int64(-1)
	switch {
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &typed):
		at = typed.Offset
	}
	if at < 0 || at > int64(len(text)) {
		return err
	}
	return fmt.Errorf("line %d: %w", bytes.Count(text[:at], []byte("\n"))+1, err)
}

func (b *book) addRole(text []byte) error {
	var o roleObject
	rest, err := unmarshal(text, &o)
	if err != nil {
		return err
	}
	if err := checkName(o.Name); err != nil {
		return fmt.Errorf("rolename: %w", err)
	}
	r := &role{name: o.Name, texts: texts{o.TextName, o.Description}, wildcards: o.Wildcards == nil || *o.Wildcards, extra: rest}
	for i, text := range o.ACLs {
		var a ruleObject
		rest, err := unmarshal(text, &a)
		if err != nil {
			return fmt.Errorf("ACL %d of %q: %w", i+1, o.Name, err)
		}
		k, known := kindOf(a.Kind)
		if !known {
			return fmt.Errorf("ACL %d of %q: unknown acltype %q", i+1, o.Name, a.Kind)
		}
		if err := checkTopic(k, a.Topic); err != nil {
			return fmt.Errorf("ACL %d of %q: %w", i+1, o.Name, err)
		}
		r.rules = append(r.rules, rule{k, a.Topic, bounded(a.Priority), a.Allow, rest})
	}
	if _, twice := b.roles[r.name]; !twice {
		b.roles[r.name] = r
	}
	return nil
}

func (b *book) addClient(text []byte) error {
	var o clientObject
	rest, err := unmarshal(text, &o)
	if err != nil {
		return err
	}
	if err := checkName(o.Username); err != nil {
		return fmt.Errorf("username: %w", err)
	}
	c := &client{name: o.Username, id: o.ClientID, texts: texts{o.Name, o.Description}, disabled: o.Disabled, extra: rest}
	if c.roles, err = b.rolesOf(o.Roles); err != nil {
		return fmt.Errorf("%q: %w", o.Username, err)
	}
	encoded := o.Encoded
	if encoded == "" && o.Password != "" {
		b.old = true
		encoded = fmt.Sprintf("$7$%d$%s$%s", o.Iterations, o.Salt, o.Password)
	}
	if encoded != "" {
		if c.hash, err = password.Parse(encoded); err != nil {
			return fmt.Errorf("password of %q: %w", o.Username, err)
		}
	}
	if _, twice := b.clients[c.name]; !twice {
		b.clients[c.name] = c
	}
	return nil
}

func (b *book) addGroup(text []byte) error {
	var o groupObject
	rest, err := unmarshal(text, &o)
	if err != nil {
		return err
	}
	if err := checkName(o.Name); err != nil {
		return fmt.Errorf("groupname: %w", err)
	}
	g := &group{name: o.Name, texts: texts{o.TextName, o.Description}, members: ranks{}, extra: rest}
	if g.roles, err = b.rolesOf(o.Roles); err != nil {
		return fmt.Errorf("%q: %w", o.Name, err)
	}
	for _, m := range o.Clients {
		if b.clients[m.Name] == nil {
			return fmt.Errorf("%q: there is no client %q", o.Name, m.Name)
		}
		if _, twice := g.members[m.Name]; !twice {
			g.members[m.Name] = priorityOf(m.Priority)
		}
	}
	if _, twice := b.groups[g.name]; !twice {
		b.groups[g.name] = g
	}
	return nil
}

func (b *book) rolesOf(refs []roleRef) (ranks, error) {
	all := ranks{}
	for _, r := range refs {
		if b.roles[r.Name] == nil {
			return nil, fmt.Errorf("there is no role %q", r.Name)
		}
		if _, twice := all[r.Name]; !twice {
			all[r.Name] = priorityOf(r.Priority)
		}
	}
	return all, nil
}

// append writes the file, with all lists in the order of their names.
func (b *book) append() ([]byte, error) {
	f := fileObject{Changes: b.changes, Defaults: &b.defaults, Anonymous: b.anonymous}
	var err error
	if f.Clients, err = objects(b.clients, func(c *client) (json.RawMessage, error) { return marshal(c.object(b.old), c.extra) }); err != nil {
		return nil, err
	}
	if f.Groups, err = objects(b.groups, func(g *group) (json.RawMessage, error) { return marshal(g.object(), g.extra) }); err != nil {
		return nil, err
	}
	if f.Roles, err = objects(b.roles, func(r *role) (json.RawMessage, error) {
		o, err := r.object()
		if err != nil {
			return nil, err
		}
		return marshal(o, r.extra)
	}); err != nil {
		return nil, err
	}
	text, err := marshal(f, b.extra)
	if err != nil {
		return nil, err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, text, "", "\t"); err != nil {
		return nil, err
	}
	pretty.WriteByte('\n')
	return pretty.Bytes(), nil
}

func objects[T any](all map[string]T, object func(T) (json.RawMessage, error)) ([]json.RawMessage, error) {
	list := make([]json.RawMessage, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		o, err := object(all[name])
		if err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	return list, nil
}

func (c *client) object(old bool) clientObject {
	o := clientObject{Username: c.name, ClientID: c.id, Name: c.texts.name, Description: c.description, Disabled: c.disabled, Roles: c.roles.roleRefs()}
	if c.hash == nil {
		return o
	}
	o.Encoded = c.hash.String()
	parts := strings.Split(o.Encoded, "$") // "", 7, iterations, salt, key
	if !old || c.hash.Scheme() != password.PBKDF2 || len(parts) != 5 {
		return o
	}
	if _, err := fmt.Sscan(parts[2], &o.Iterations); err != nil {
		return o
	}
	if _, err := base64.StdEncoding.DecodeString(parts[4]); err != nil {
		return o
	}
	o.Encoded, o.Salt, o.Password = "", parts[3], parts[4]
	return o
}

func (g *group) object() groupObject {
	o := groupObject{Name: g.name, TextName: g.texts.name, Description: g.description, Roles: g.roles.roleRefs(), Clients: []memberRef{}}
	for _, name := range slices.Sorted(maps.Keys(g.members)) {
		o.Clients = append(o.Clients, memberRef{name, told(g.members[name])})
	}
	return o
}

func (r *role) object() (roleObject, error) {
	o := roleObject{Name: r.name, TextName: r.texts.name, Description: r.description, Wildcards: &r.wildcards, ACLs: []json.RawMessage{}}
	for _, a := range r.rules {
		text, err := marshal(a.object(), a.extra)
		if err != nil {
			return o, err
		}
		o.ACLs = append(o.ACLs, text)
	}
	return o, nil
}

func (a *rule) object() ruleObject {
	return ruleObject{a.kind.String(), a.topic, a.priority, a.allow}
}

// roleRefs are in the order in which they are asked.
func (r ranks) roleRefs() []roleRef {
	refs := []roleRef{}
	for _, name := range r.ordered() {
		refs = append(refs, roleRef{name, told(r[name])})
	}
	return refs
}

// told is a priority as it is written: not at all if it is the usual one.
func told(priority int) *int {
	if priority == noPriority {
		return nil
	}
	return &priority
}

func priorityOf(p *int) int {
	if p == nil {
		return noPriority
	}
	return bounded(*p)
}

func bounded(priority int) int { return min(max(priority, -maxPriority), maxPriority) }
