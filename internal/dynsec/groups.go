package dynsec

func getGroup(b *book, a arguments) (any, error) {
	g, err := b.group(a)
	if err != nil {
		return nil, err
	}
	return map[string]groupObject{"group": g.object()}, nil
}

func listGroups(b *book, a arguments) (any, error) {
	list, err := listed(b.groups, a, func(g *group) any { return g.object() })
	return toldList{Total: len(b.groups), Groups: list}, err
}

func createGroup(b *book, a arguments) (any, error) {
	name, err := unused(b.groups, a, "groupname", "Group already exists")
	if err != nil {
		return nil, err
	}
	g := &group{name: name, roles: ranks{}, members: ranks{}}
	return nil, b.fillGroup(g, a)
}

func modifyGroup(b *book, a arguments) (any, error) {
	g, err := b.group(a)
	if err != nil {
		return nil, err
	}
	return nil, b.fillGroup(g, a)
}

// fillGroup gives a group what the arguments say, as fillClient does.
func (b *book) fillGroup(g *group, a arguments) error {
	next := *g
	if err := a.texts(&next.texts); err != nil {
		return err
	}
	given, roles, err := b.roleList(a)
	if err != nil {
		return err
	}
	if given {
		next.roles = roles
	}
	var members []memberRef
	if err := optional(a, "clients", &members); err != nil {
		return err
	}
	if a.given("clients") {
		next.members = ranks{}
		for _, m := range members {
			if b.clients[m.Name] == nil {
				return noClient
			}
			next.members[m.Name] = priorityOf(m.Priority)
		}
	}
	b.touchGroup(g)
	b.touchGroup(b.changeGroup(&next))
	return nil
}

func deleteGroup(b *book, a arguments) (any, error) {
	g, err := b.group(a)
	switch {
	case err != nil:
		return nil, err
	case g.name == b.anonymous:
		return nil, problem("Deleting the anonymous group is forbidden")
	}
	b.touchGroup(g)
	delete(b.groups, g.name)
	return nil, nil
}

func addGroupRole(b *book, a arguments) (any, error) {
	g, r, priority, err := b.groupAndRole(a)
	if err != nil {
		return nil, err
	}
	if _, has := g.roles[r.name]; has {
		return nil, problem("Group is already in this role")
	}
	b.changeGroup(g).roles[r.name] = priority
	b.touchGroup(g)
	return nil, nil
}

func removeGroupRole(b *book, a arguments) (any, error) {
	g, r, _, err := b.groupAndRole(a)
	if err != nil {
		return nil, err
	}
	if _, has := g.roles[r.name]; !has {
		return nil, problem("Group does not have this role")
	}
	delete(b.changeGroup(g).roles, r.name)
	b.touchGroup(g)
	return nil, nil
}

func (b *book) groupAndRole(a arguments) (g *group, r *role, priority int, err error) {
	if g, err = b.group(a); err == nil {
		if r, err = b.role(a); err == nil {
			priority, err = a.priority(noPriority)
		}
	}
	return g, r, priority, err
}

func addGroupClient(b *book, a arguments) (any, error) {
	g, c, err := b.groupAndClient(a)
	if err != nil {
		return nil, err
	}
	priority, err := a.priority(noPriority)
	if err != nil {
		return nil, err
	}
	if _, member := g.members[c.name]; member {
		return nil, problem("Client is already in this group")
	}
	b.changeGroup(g).members[c.name] = priority
	b.touch(c.name)
	return nil, nil
}

func removeGroupClient(b *book, a arguments) (any, error) {
	g, c, err := b.groupAndClient(a)
	if err != nil {
		return nil, err
	}
	if _, member := g.members[c.name]; !member {
		return nil, problem("Client is not in this group")
	}
	delete(b.changeGroup(g).members, c.name)
	b.touch(c.name)
	return nil, nil
}

func (b *book) groupAndClient(a arguments) (g *group, c *client, err error) {
	if g, err = b.group(a); err == nil {
		c, err = b.client(a)
	}
	return g, c, err
}

func setAnonymousGroup(b *book, a arguments) (any, error) {
	g, err := b.group(a)
	if err != nil {
		return nil, err
	}
	b.anonymous = g.name
	b.touch("")
	return nil, nil
}

func getAnonymousGroup(b *book, _ arguments) (any, error) {
	var of struct {
		Group struct {
			Name string `json:"groupname"`
		} `json:"group"`
	}
	of.Group.Name = b.anonymous
	return of, nil
}
