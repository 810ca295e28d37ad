package auth

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
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
	scram scramUsers
}

// scramUsers is what those are told who begin SCRAM as a user who cannot use it:
// the same each time, as long as the same users can.
type scramUsers struct {
	typical *password.Hash // nil: nobody can use it
	key     []byte         // of the salts that are made up
}

// NewUsers returns the users that have these hashes. It keeps no reference to
// the map.
func NewUsers(hashes map[string]*password.Hash) *Users {
	return &Users{hashes: maps.Clone(hashes), decoy: typical(hashes), scram: newSCRAMUsers(hashes)}
}

func newSCRAMUsers(hashes map[string]*password.Hash) (u scramUsers) {
	able := make(map[string]*password.Hash)
	for name, h := range hashes {
		s, ok := h.SCRAM()
		if !ok {
			continue
		}
		able[name] = h
		// The least of them is seldom another when users come and go.
		if u.key == nil || bytes.Compare(s.ServerKey, u.key) < 0 {
			u.key = s.ServerKey
		}
	}
	u.typical = typical(able)
	return u
}

// findSCRAM returns what a user proves to know the password with. For one who
// does not exist, or has another kind of hash, it is made up.
func (u *Users) findSCRAM(name string) (h *password.Hash, s password.SCRAM, known bool) {
	h = u.hashes[name]
	if h != nil {
		if s, ok := h.SCRAM(); ok {
			return h, s, true
		}
	}
	model, _ := u.scram.typical.SCRAM()
	mac := hmac.New(sha256.New, u.scram.key)
	mac.Write([]byte("salt of a user who does not exist: " + name))
	sum := mac.Sum(nil)
	return nil, password.SCRAM{Salt: sum[:min(len(model.Salt), len(sum))], Iterations: model.Iterations, StoredKey: sum, ServerKey: sum}, false
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
