package dynsec

import (
	"maps"
	"slices"
	"strings"

	"github.com/zancudomq/zancudo/internal/password"
)

// book is all that the file says. Commands change a copy of it.
type book struct {
	changes   int64 // of the file, ever
	defaults  Defaults
	clients   map[string]*client
	groups    map[string]*group
	roles     map[string]*role
	anonymous string // the group of clients without a name; empty: none
	// old says that the file is in the form of Mosquitto 2.0, and stays so.
	old   bool
	extra extra

	// What the commands have done to this copy.
	changed  bool
	affected map[string]bool // clients whose rights may have changed; "" are those without a name
}

// Defaults say what holds where no role has anything to say.
type Defaults struct {
	Send        bool `json:"publishClientSend"`
	Receive     bool `json:"publishClientReceive"`
	Subscribe   bool `json:"subscribe"`
	Unsubscribe bool `json:"unsubscribe"`
}

// texts are for people to read.
type texts struct {
	name, description string
}

type client struct {
	name, id string // id: the only client identifier it may have; empty: any
	texts
	disabled bool
	hash     *password.Hash // nil: it cannot log in
	roles    ranks
	extra    extra
}

type group struct {
	name string
	texts
	roles   ranks
	members ranks // clients, with the priority that the group has for each
	extra   extra
}

type role struct {
	name string
	texts
	wildcards bool // subscriptions may have some
	rules     []rule
	extra     extra
}

// rule is one ACL of a role.
type rule struct {
	kind     kind
	topic    string
	priority int
	allow    bool
	extra    extra
}

// kind is what a rule is about.
type kind byte

const (
	send kind = iota
	receive
	subscribeLiteral
	subscribePattern
	unsubscribeLiteral
	unsubscribePattern
)

var kindNames = [...]string{
	send: "publishClientSend", receive: "publishClientReceive", subscribeLiteral: "subscribeLiteral", subscribePattern: "subscribePattern",
	unsubscribeLiteral: "unsubscribeLiteral", unsubscribePattern: "unsubscribePattern",
}

func (k kind) String() string { return kindNames[k] }

func kindOf(name string) (kind, bool) {
	i := slices.IndexFunc(kindNames[:], func(n string) bool { return strings.EqualFold(n, name) })
	return kind(max(i, 0)), i >= 0
}

// ranks are names with their priorities.
type ranks map[string]int

const (
	noPriority  = -1 // of what is attached without one
	maxPriority = 100_000
)

// ordered are the names, the highest priority first, and equal ones by name.
func (r ranks) ordered() []string {
	return slices.SortedFunc(maps.Keys(r), func(a, b string) int {
		if r[a] != r[b] {
			return r[b] - r[a]
		}
		return strings.Compare(a, b)
	})
}

func newBook() *book {
	return &book{clients: map[string]*client{}, groups: map[string]*group{}, roles: map[string]*role{}, defaults: Defaults{Receive: true, Unsubscribe: true}}
}

// clone copies everything that commands change.
func (b *book) clone() *book {
	next := *b
	next.clients, next.groups, next.roles = maps.Clone(b.clients), maps.Clone(b.groups), maps.Clone(b.roles)
	next.changed, next.affected = false, map[string]bool{}
	return &next
}

// The entries of a copy are those of the book it was copied from until they are
// changed; then they are copied, too.

func (b *book) changeClient(c *client) *client {
	next := *c
	next.roles = maps.Clone(c.roles)
	b.clients[c.name] = &next
	b.touch(c.name)
	return &next
}

func (b *book) changeGroup(g *group) *group {
	next := *g
	next.roles, next.members = maps.Clone(g.roles), maps.Clone(g.members)
	b.groups[g.name] = &next
	b.changed = true
	return &next
}

func (b *book) changeRole(r *role) *role {
	next := *r
	next.rules = slices.Clone(r.rules)
	b.roles[r.name] = &next
	b.changed = true
	return &next
}

// touch notes that the rights of a client may have changed.
func (b *book) touch(name string) {
	b.changed = true
	b.affected[name] = true
}

// touchGroup does so for the members of a group.
func (b *book) touchGroup(g *group) {
	b.changed = true
	for name := range g.members {
		b.affected[name] = true
	}
	if g.name == b.anonymous {
		b.affected[""] = true
	}
}

// touchRole does so for all who have a role, directly or by a group.
func (b *book) touchRole(name string) {
	b.changed = true
	for _, c := range b.clients {
		if _, has := c.roles[name]; has {
			b.affected[c.name] = true
		}
	}
	for _, g := range b.groups {
		if _, has := g.roles[name]; has {
			b.touchGroup(g)
		}
	}
}

// groupsOf are the groups of a client with the priorities they have for it.
func (b *book) groupsOf(name string) ranks {
	of := ranks{}
	for _, g := range b.groups {
		if priority, member := g.members[name]; member {
			of[g.name] = priority
		}
	}
	return of
}
