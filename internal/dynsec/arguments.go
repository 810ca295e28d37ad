package dynsec

import (
	"encoding/json"
	"errors"

	"github.com/zancudomq/zancudo/internal/control"
)

// arguments are the fields of a command. The texts of errors are Mosquitto's,
// for those who look at them.
type arguments struct{ fields map[string]json.RawMessage }

func invalid(field string) error { return problem("Invalid/missing " + field) }

// given reports whether a field is there and has a value.
func (a arguments) given(field string) bool {
	v, ok := a.fields[field]
	return ok && string(v) != "null"
}

// optional reads a field; what is not there stays as it is.
func optional[T any](a arguments, field string, to *T) error {
	if !a.given(field) {
		return nil
	}
	if json.Unmarshal(a.fields[field], to) != nil {
		return invalid(field)
	}
	return nil
}

// name reads the name of a client, group or role.
func (a arguments) name(field string) (name string, err error) {
	if err := optional(a, field, &name); err != nil {
		return "", err
	}
	if name == "" || checkName(name) != nil {
		return "", invalid(field)
	}
	return name, nil
}

func (a arguments) priority(otherwise int) (int, error) {
	priority := otherwise
	err := optional(a, "priority", &priority)
	return bounded(priority), err
}

// texts reads what is for people.
func (a arguments) texts(t *texts) error {
	return errors.Join(optional(a, "textname", &t.name), optional(a, "textdescription", &t.description))
}

// page is the part of a list that was asked for.
type page struct {
	verbose       bool
	count, offset int // count: negative for all
}

func (a arguments) page() (page, error) {
	p := page{count: -1}
	if err := optional(a, "verbose", &p.verbose); err != nil {
		return p, err
	}
	if err := optional(a, "count", &p.count); err != nil {
		return p, err
	}
	if err := optional(a, "offset", &p.offset); err != nil || p.offset < 0 {
		return p, invalid("offset")
	}
	return p, nil
}

// of cuts the page out of all names.
func (p page) of(names []string) []string {
	names = names[min(p.offset, len(names)):]
	if p.count >= 0 {
		names = names[:min(p.count, len(names))]
	}
	return names
}

// command is one that changes a book or tells of it.
type command func(b *book, a arguments) (data any, err error)

// handlers are the commands for a book.
func (s *Security) handlers(b *book, r *Request) map[string]control.Handler {
	all := map[string]control.Handler{}
	for name, do := range s.commands() {
		all[name] = func(c control.Command) (any, error) {
			data, err := do(b, arguments{c.Fields})
			s.audit(r, c, err)
			return data, err
		}
	}
	return all
}

func (s *Security) commands() map[string]command {
	return map[string]command{
		"setDefaultACLAccess": setDefaults, "getDefaultACLAccess": getDefaults, "getDetails": getDetails,
		"setAnonymousGroup": setAnonymousGroup, "getAnonymousGroup": getAnonymousGroup,

		"createClient": createClient, "deleteClient": deleteClient, "getClient": s.getClient, "listClients": s.listClients,
		"modifyClient": modifyClient, "setClientPassword": setClientPassword, "setClientId": setClientID,
		"enableClient": enableClient, "disableClient": disableClient,
		"addClientRole": addClientRole, "removeClientRole": removeClientRole,

		"createGroup": createGroup, "deleteGroup": deleteGroup, "getGroup": getGroup, "listGroups": listGroups, "modifyGroup": modifyGroup,
		"addGroupClient": addGroupClient, "removeGroupClient": removeGroupClient,
		"addGroupRole": addGroupRole, "removeGroupRole": removeGroupRole,

		"createRole": createRole, "deleteRole": deleteRole, "getRole": getRole, "listRoles": listRoles, "modifyRole": modifyRole,
		"addRoleACL": addRoleACL, "removeRoleACL": removeRoleACL,
	}
}

// problem is an error of a command, in Mosquitto's words.
type problem string

func (p problem) Error() string { return string(p) }

const (
	noClient = problem("Client not found")
	noGroup  = problem("Group not found")
	noRole   = problem("Role not found")
)

func (b *book) client(a arguments) (*client, error) { return find(b.clients, a, "username", noClient) }

func (b *book) group(a arguments) (*group, error) { return find(b.groups, a, "groupname", noGroup) }
func (b *book) role(a arguments) (*role, error)   { return find(b.roles, a, "rolename", noRole) }

func find[T any](all map[string]*T, a arguments, field string, otherwise problem) (*T, error) {
	name, err := a.name(field)
	if err != nil {
		return nil, err
	}
	if all[name] == nil {
		return nil, otherwise
	}
	return all[name], nil
}

// unused reads the name of what is to be made.
func unused[T any](all map[string]*T, a arguments, field string, otherwise problem) (string, error) {
	name, err := a.name(field)
	if err == nil && all[name] != nil {
		err = otherwise
	}
	return name, err
}

// roleList reads a list of roles, which must exist; the list may be absent.
func (b *book) roleList(a arguments) (given bool, all ranks, err error) {
	var refs []roleRef
	if err := optional(a, "roles", &refs); err != nil {
		return false, nil, err
	}
	all = ranks{}
	for _, r := range refs {
		if b.roles[r.Name] == nil {
			return false, nil, noRole
		}
		all[r.Name] = priorityOf(r.Priority)
	}
	return a.given("roles"), all, nil
}
