package access

import (
	"slices"
	"strings"
	"sync"

	"github.com/zancudomq/zancudo/internal/acl"
)

// Book holds what clients did, each thing once. The zero value is empty.
type Book struct {
	mu    sync.Mutex
	uses  map[acl.Question]*acl.Use
	bytes int
	lost  int // uses that it has no room for
}

// What a Book has room for: peers choose the names.
const (
	maxUses  = 50_000
	maxBytes = 8 << 20
)

// Note notes that a client did something.
func (b *Book) Note(q acl.Question) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if u := b.uses[q]; u != nil {
		u.Times++
		return
	}
	size := len(q.User) + len(q.Client) + len(q.Topic)
	if len(b.uses) >= maxUses || b.bytes+size > maxBytes {
		b.lost++
		return
	}
	if b.uses == nil {
		b.uses = make(map[acl.Question]*acl.Use)
	}
	q.Topic = strings.Clone(q.Topic) // which may lie where the next packet is read
	b.uses[q] = &acl.Use{Question: q, Times: 1}
	b.bytes += size
}

// Uses are what it holds, in order, and how often it had no room.
func (b *Book) Uses() (uses []acl.Use, lost int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, u := range b.uses {
		uses = append(uses, *u)
	}
	slices.SortFunc(uses, acl.Use.Compare)
	return uses, b.lost
}
