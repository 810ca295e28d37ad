package dynsec

import (
	"maps"
	"slices"

	"github.com/zancudomq/zancudo/internal/password"
)

// told is a client as getClient tells of it.
type toldClient struct {
	Username    string           `json:"username"`
	ClientID    string           `json:"clientid,omitempty"`
	Name        string           `json:"textname,omitempty"`
	Description string           `json:"textdescription,omitempty"`
	Disabled    bool             `json:"disabled,omitempty"`
	Roles       []roleRef        `json:"roles"`
	Groups      []groupRef       `json:"groups"`
	Connections []toldConnection `json:"connections"`
}

type toldConnection struct {
	Address string `json:"address"`
}

func (s *Security) tell(b *book, c *client) toldClient {
	t := toldClient{
		Username: c.name, ClientID: c.id, Name: c.texts.name, Description: c.description, Disabled: c.disabled,
		Roles: c.roles.roleRefs(), Groups: []groupRef{}, Connections: []toldConnection{},
	}
	of := b.groupsOf(c.name)
	for _, name := range of.ordered() {
		t.Groups = append(t.Groups, groupRef{name, told(of[name])})
	}
	if s.options.Connections != nil {
		for _, address := range s.options.Connections(c.name) {
			t.Connections = append(t.Connections, toldConnection{address})
		}
	}
	return t
}

func (s *Security) getClient(b *book, a arguments) (any, error) {
	c, err := b.client(a)
	if err != nil {
		return nil, err
	}
	return map[string]toldClient{"client": s.tell(b, c)}, nil
}

// toldList is a part of a list, of names or of what they name.
type toldList struct {
	Total   int `json:"totalCount"`
	Clients any `json:"clients,omitempty"`
	Groups  any `json:"groups,omitempty"`
	Roles   any `json:"roles,omitempty"`
}

func (s *Security) listClients(b *book, a arguments) (any, error) {
	list, err := listed(b.clients, a, func(c *client) any { return s.tell(b, c) })
	return toldList{Total: len(b.clients), Clients: list}, err
}

// listed is the page of a list that was asked for.
func listed[T any](all map[string]*T, a arguments, tell func(*T) any) (any, error) {
	p, err := a.page()
	if err != nil {
		return nil, err
	}
	names := p.of(slices.Sorted(maps.Keys(all)))
	if !p.verbose {
		return append([]string{}, names...), nil
	}
	list := []any{}
	for _, name := range names {
		list = append(list, tell(all[name]))
	}
	return list, nil
}

func createClient(b *book, a arguments) (any, error) {
	name, err := unused(b.clients, a, "username", "Client already exists")
	if err != nil {
		return nil, err
	}
	c := &client{name: name, roles: ranks{}}
	return nil, b.fillClient(c, a)
}

func modifyClient(b *book, a arguments) (any, error) {
	c, err := b.client(a)
	if err != nil {
		return nil, err
	}
	return nil, b.fillClient(c, a)
}

// fillClient gives a client what the arguments say. A list of roles or groups
// takes the place of those it has. All is read before anything is changed.
func (b *book) fillClient(c *client, a arguments) error {
	next := *c
	if err := optional(a, "clientid", &next.id); err != nil {
		return err
	}
	if err := a.texts(&next.texts); err != nil {
		return err
	}
	if a.given("password") {
		hash, err := b.password(a)
		if err != nil {
			return err
		}
		next.hash = hash
	}
	given, roles, err := b.roleList(a)
	if err != nil {
		return err
	}
	if given {
		next.roles = roles
	}
	var groups []groupRef
	if err := optional(a, "groups", &groups); err != nil {
		return err
	}
	for _, g := range groups {
		if b.groups[g.Name] == nil {
			return noGroup
		}
	}
	b.changeClient(&next)
	if !a.given("groups") {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(b.groupsOf(c.name))) {
		delete(b.changeGroup(b.groups[name]).members, c.name)
	}
	for _, g := range groups {
		b.changeGroup(b.groups[g.Name]).members[c.name] = priorityOf(g.Priority)
	}
	return nil
}

// password hashes the password of the arguments: as the file's other passwords
// can be read.
func (b *book) password(a arguments) (*password.Hash, error) {
	var plain string
	if err := optional(a, "password", &plain); err != nil {
		return nil, err
	}
	if plain == "" {
		return nil, problem("Empty password is not allowed")
	}
	return recipe(b.old).Make([]byte(plain))
}

// recipe is how passwords are hashed: so that Mosquitto 2.0 can verify them if
// the file is one of its own.
func recipe(old bool) password.Recipe {
	if old {
		return password.Recipe{Scheme: password.PBKDF2, Iterations: 20_000}
	}
	return password.Recipe{Scheme: password.Argon2id}
}

func setClientPassword(b *book, a arguments) (any, error) {
	c, err := b.client(a)
	if err != nil {
		return nil, err
	}
	if !a.given("password") {
		return nil, invalid("password")
	}
	hash, err := b.password(a)
	if err == nil {
		b.changeClient(c).hash = hash
	}
	return nil, err
}

func setClientID(b *book, a arguments) (any, error) {
	c, err := b.client(a)
	if err != nil {
		return nil, err
	}
	var id string
	if err := optional(a, "clientid", &id); err != nil {
		return nil, err
	}
	b.changeClient(c).id = id
	return nil, nil
}

func deleteClient(b *book, a arguments) (any, error) {
	c, err := b.client(a)
	if err != nil {
		return nil, err
	}
	for name := range b.groupsOf(c.name) {
		delete(b.changeGroup(b.groups[name]).members, c.name)
	}
	delete(b.clients, c.name)
	b.touch(c.name)
	return nil, nil
}

func enableClient(b *book, a arguments) (any, error) {
	c, err := b.client(a)
	if err == nil {
		b.changeClient(c).disabled = false
		delete(b.affected, c.name) // it gains
	}
	return nil, err
}

func disableClient(b *book, a arguments) (any, error) {
	c, err := b.client(a)
	if err == nil {
		b.changeClient(c).disabled = true
	}
	return nil, err
}

func addClientRole(b *book, a arguments) (any, error) {
	c, r, priority, err := b.clientAndRole(a)
	if err != nil {
		return nil, err
	}
	if _, has := c.roles[r.name]; has {
		return nil, problem("Client already has this role")
	}
	b.changeClient(c).roles[r.name] = priority
	return nil, nil
}

func removeClientRole(b *book, a arguments) (any, error) {
	c, r, _, err := b.clientAndRole(a)
	if err != nil {
		return nil, err
	}
	if _, has := c.roles[r.name]; !has {
		return nil, problem("Client does not have this role")
	}
	delete(b.changeClient(c).roles, r.name)
	return nil, nil
}

func (b *book) clientAndRole(a arguments) (c *client, r *role, priority int, err error) {
	if c, err = b.client(a); err == nil {
		if r, err = b.role(a); err == nil {
			priority, err = a.priority(noPriority)
		}
	}
	return c, r, priority, err
}
