package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
	"time"

	"github.com/zancudomq/zancudo/internal/password"
)

// How many verified secrets are remembered, and for how long after they were
// used last.
const (
	maxVerified = 10_000
	idle        = 10 * time.Minute
)

// proof stands for a user, a secret and the hash that it was verified against.
// Only this process can tell which.
type proof [sha256.Size]byte

// cache remembers proofs, so that a client that comes back costs next to
// nothing. A user who is gone is not looked up here, and one whose password was
// changed has other proofs.
type cache struct {
	key [32]byte

	mu       sync.Mutex // guards what follows
	verified *recent[proof, time.Time]
}

func newCache() *cache {
	c := &cache{verified: newRecent[proof, time.Time](maxVerified)}
	_, _ = rand.Read(c.key[:]) // it never fails
	return c
}

// proof returns the proof of a secret.
func (c *cache) proof(user string, secret []byte, h *password.Hash) (p proof) {
	mac := hmac.New(sha256.New, c.key[:])
	writeField(mac, []byte(user))
	writeField(mac, secret)
	writeField(mac, []byte(h.String()))
	mac.Sum(p[:0])
	return p
}

// writeField writes a field with its length, so that no two lists of fields are
// the same bytes.
func writeField(w hash.Hash, field []byte) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(field)))
	w.Write(length[:])
	w.Write(field)
}

// has reports whether a proof was remembered and used a short while ago.
func (c *cache) has(p proof) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	last := c.verified.use(p)
	if last == nil {
		return false
	}
	if now.Sub(*last) > idle {
		c.verified.remove(p)
		return false
	}
	*last = now
	return true
}

// remember takes a proof of what was verified.
func (c *cache) remember(p proof) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if last := c.verified.use(p); last != nil {
		*last = time.Now()
		return
	}
	c.verified.add(p, time.Now())
}
