package broker

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/topic"
)

// target is who gets a message because of one filter: a client, or one member
// of a share.
type target struct {
	client *client
	sub    *session.Subscription
	share  *share
}

// share is the members of one shared subscription.
type share struct {
	members atomic.Pointer[[]target] // replaced, never changed
	turn    atomic.Uint32
}

// index knows the subscriptions of all clients. Its lock is never held while
// messages are delivered.
type index struct {
	generation atomic.Uint64 // changes with the subscriptions

	mu      sync.RWMutex
	filters topic.Filters[target]
	shares  map[string]*share // by Subscription.Share
	shared  int               // members of all shares
}

// replace adds sub of cl in place of old; either may be nil. No message that is
// routed meanwhile misses both.
func (x *index) replace(cl *client, old, sub *session.Subscription) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if sub != nil {
		x.add(cl, sub)
	}
	if old != nil {
		x.remove(cl, old)
	}
	x.generation.Add(1)
}

func (x *index) add(cl *client, sub *session.Subscription) {
	if sub.Share == "" {
		x.filters.Add(sub.Filter, target{client: cl, sub: sub})
		return
	}
	s := x.shares[sub.Share]
	if s == nil {
		s = &share{}
		s.members.Store(new([]target))
		if x.shares == nil {
			x.shares = make(map[string]*share)
		}
		x.shares[sub.Share] = s
		x.filters.Add(sharedFilter(sub.Share), target{share: s})
	}
	members := append(slices.Clone(*s.members.Load()), target{client: cl, sub: sub})
	s.members.Store(&members)
	x.shared++
}

func (x *index) remove(cl *client, sub *session.Subscription) {
	if sub.Share == "" {
		x.filters.Remove(sub.Filter, target{client: cl, sub: sub})
		return
	}
	s := x.shares[sub.Share]
	if s == nil {
		return
	}
	i := slices.Index(*s.members.Load(), target{client: cl, sub: sub})
	if i < 0 {
		return
	}
	x.shared--
	members := slices.Delete(slices.Clone(*s.members.Load()), i, i+1)
	s.members.Store(&members)
	if len(members) == 0 {
		delete(x.shares, sub.Share)
		x.filters.Remove(sharedFilter(sub.Share), target{share: s})
	}
}

// sharedFilter is the filter of "group/filter".
func sharedFilter(share string) string {
	for i := range len(share) {
		if share[i] == '/' {
			return share[i+1:]
		}
	}
	return ""
}

// match appends the targets of a topic name to dst.
func (x *index) match(dst []target, name string) []target {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.filters.Match(dst, name)
}

// share finds a share by its group and filter.
func (x *index) share(key string) *share {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.shares[key]
}

// size is how many subscriptions there are, and how many of them are shared.
func (x *index) size() (all, shared int) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.filters.Len() - len(x.shares) + x.shared, x.shared
}
