package dynsec

import (
	"encoding/json"
	"slices"
)

func getRole(b *book, a arguments) (any, error) {
	r, err := b.role(a)
	if err != nil {
		return nil, err
	}
	o, err := r.object()
	return map[string]roleObject{"role": o}, err
}

func listRoles(b *book, a arguments) (any, error) {
	list, err := listed(b.roles, a, func(r *role) any {
		o, _ := r.object() // what was read can be written
		return o
	})
	return toldList{Total: len(b.roles), Roles: list}, err
}

func createRole(b *book, a arguments) (any, error) {
	name, err := unused(b.roles, a, "rolename", "Role already exists")
	if err != nil {
		return nil, err
	}
	return nil, b.fillRole(&role{name: name, wildcards: true}, a)
}

func modifyRole(b *book, a arguments) (any, error) {
	r, err := b.role(a)
	if err != nil {
		return nil, err
	}
	return nil, b.fillRole(r, a)
}

// fillRole gives a role what the arguments say, as fillClient does.
func (b *book) fillRole(r *role, a arguments) error {
	next := *r
	if err := a.texts(&next.texts); err != nil {
		return err
	}
	if err := optional(a, "allowwildcardsubs", &next.wildcards); err != nil {
		return err
	}
	var rules []json.RawMessage
	if err := optional(a, "acls", &rules); err != nil {
		return err
	}
	if a.given("acls") {
		next.rules = nil
		for _, text := range rules {
			var fields map[string]json.RawMessage
			if json.Unmarshal(text, &fields) != nil {
				return invalid("acls")
			}
			fresh, err := ruleOf(arguments{fields})
			if err != nil {
				return err
			}
			if next.has(fresh) {
				return ruleExists
			}
			next.rules = append(next.rules, fresh)
		}
	}
	b.changeRole(&next)
	b.touchRole(r.name)
	return nil
}

const ruleExists = problem("ACL with this topic already exists")

// has reports whether there is a rule of the kind and topic of another.
func (r *role) has(other rule) bool { return r.index(other) >= 0 }

func (r *role) index(other rule) int {
	return slices.IndexFunc(r.rules, func(a rule) bool { return a.kind == other.kind && a.topic == other.topic })
}

// ruleOf reads a rule.
func ruleOf(a arguments) (r rule, err error) {
	var name string
	if err := optional(a, "acltype", &name); err != nil || name == "" {
		return r, invalid("acltype")
	}
	var known bool
	if r.kind, known = kindOf(name); !known {
		return r, problem("Unknown acltype")
	}
	if err := optional(a, "topic", &r.topic); err != nil || r.topic == "" {
		return r, invalid("topic")
	}
	if checkTopic(r.kind, r.topic) != nil {
		return r, problem("Invalid ACL topic")
	}
	if r.priority, err = a.priority(0); err != nil {
		return r, err
	}
	return r, optional(a, "allow", &r.allow)
}

func deleteRole(b *book, a arguments) (any, error) {
	r, err := b.role(a)
	if err != nil {
		return nil, err
	}
	b.touchRole(r.name)
	for _, c := range b.clients {
		if _, has := c.roles[r.name]; has {
			delete(b.changeClient(c).roles, r.name)
		}
	}
	for _, g := range b.groups {
		if _, has := g.roles[r.name]; has {
			delete(b.changeGroup(g).roles, r.name)
		}
	}
	delete(b.roles, r.name)
	return nil, nil
}

func addRoleACL(b *book, a arguments) (any, error) {
	r, fresh, err := b.roleAndRule(a)
	if err != nil {
		return nil, err
	}
	if r.has(fresh) {
		return nil, ruleExists
	}
	r = b.changeRole(r)
	r.rules = append(r.rules, fresh)
	b.touchRole(r.name)
	return nil, nil
}

func removeRoleACL(b *book, a arguments) (any, error) {
	r, which, err := b.roleAndRule(a)
	if err != nil {
		return nil, err
	}
	i := r.index(which)
	if i < 0 {
		return nil, problem("ACL not found")
	}
	r = b.changeRole(r)
	r.rules = slices.Delete(r.rules, i, i+1)
	b.touchRole(r.name)
	return nil, nil
}

func (b *book) roleAndRule(a arguments) (*role, rule, error) {
	r, err := b.role(a)
	if err != nil {
		return nil, rule{}, err
	}
	of, err := ruleOf(a)
	return r, of, err
}

// access is one of the defaults, as commands name it.
type access struct {
	Kind  string `json:"acltype"`
	Allow bool   `json:"allow"`
}

func (d *Defaults) list() []access {
	return []access{{"publishClientSend", d.Send}, {"publishClientReceive", d.Receive}, {"subscribe", d.Subscribe}, {"unsubscribe", d.Unsubscribe}}
}

func getDefaults(b *book, _ arguments) (any, error) {
	return map[string][]access{"acls": b.defaults.list()}, nil
}

func setDefaults(b *book, a arguments) (any, error) {
	var list []struct {
		Kind   string `json:"acltype"`
		Allow  *bool  `json:"allow"`
		Access string `json:"access"` // mosquitto_ctrl 2.0 says it so, and Mosquitto 2.0 does not hear it
	}
	if err := optional(a, "acls", &list); err != nil || len(list) == 0 {
		return nil, invalid("acls array")
	}
	next := b.defaults
	for _, one := range list {
		switch {
		case one.Allow != nil:
		case one.Access == "allow", one.Access == "deny":
			one.Allow = new(one.Access == "allow")
		default:
			return nil, invalid("allow")
		}
		switch one.Kind {
		case "publishClientSend":
			next.Send = *one.Allow
		case "publishClientReceive":
			next.Receive = *one.Allow
		case "subscribe":
			next.Subscribe = *one.Allow
		case "unsubscribe":
			next.Unsubscribe = *one.Allow
		default:
			return nil, problem("Unknown acltype")
		}
	}
	b.defaults, b.changed = next, true
	return nil, nil
}

// details are how much there is.
type details struct {
	Clients int   `json:"clientCount"`
	Groups  int   `json:"groupCount"`
	Roles   int   `json:"roleCount"`
	Changes int64 `json:"changeIndex"`
}

func getDetails(b *book, _ arguments) (any, error) {
	return details{len(b.clients), len(b.groups), len(b.roles), b.changes}, nil
}
