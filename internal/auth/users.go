package auth

import (
	"cmp"
	"maps"
	"slices"

	"github.com/zancudomq/zancudo/internal/password"
)

// Users are the users of a password file. They never change; the zero value has
// none.
type Users struct {
	hashes map[string]*password.Hash
	// decoy is verified in the place of a user who does not exist, so that the
	// time it takes does not tell who does; nil: there is nobody.
	decoy *password.Hash
}

// NewUsers returns the users that have these hashes. It keeps no reference to
// the map.
func NewUsers(hashes map[string]*password.Hash) *Users {
	return &Users{hashes: maps.Clone(hashes), decoy: typical(hashes)}
}

// Len is how many there are.
func (u *Users) Len() int { return len(u.hashes) }

// find returns the hash that a secret of the user is verified against, which is
// another's if there is no such user.
func (u *Users) find(name string) (h *password.Hash, known bool) {
	if h, known = u.hashes[name]; known {
		return h, true
	}
	return u.decoy, false
}

// kind is what hashes have in common that cost the same.
type kind struct {
	scheme password.Scheme
	cost   password.Cost
}

// typical is a hash that costs what most of them do, and of several such kinds
// the dearest.
func typical(hashes map[string]*password.Hash) *password.Hash {
	count, sample := map[kind]int{}, map[kind]*password.Hash{}
	for _, h := range hashes {
		k := kind{h.Scheme(), h.Cost()}
		count[k]++
		sample[k] = h
	}
	if len(count) == 0 {
		return nil
	}
	most := slices.MaxFunc(slices.Collect(maps.Keys(count)), func(a, b kind) int {
		return cmp.Or(cmp.Compare(count[a], count[b]), cmp.Compare(a.cost.MemoryBytes, b.cost.MemoryBytes),
			cmp.Compare(a.cost.Iterations, b.cost.Iterations), cmp.Compare(a.scheme, b.scheme))
	})
	return sample[most]
}
