package auth

import "container/list"

// recent is a map that forgets the entry that was used least recently when
// there are too many. It takes no lock.
type recent[K comparable, V any] struct {
	most    int
	entries map[K]*list.Element // of entry[K, V]
	order   list.List           // that used last is in front
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

func newRecent[K comparable, V any](most int) *recent[K, V] {
	return &recent[K, V]{most: most, entries: make(map[K]*list.Element)}
}

// use returns the value of a key, whose place to change it is, and counts as a
// use; nil: there is none.
func (r *recent[K, V]) use(key K) *V {
	e := r.entries[key]
	if e == nil {
		return nil
	}
	r.order.MoveToFront(e)
	return &e.Value.(*entry[K, V]).value
}

// add adds a key that is not there, and returns where its value is.
func (r *recent[K, V]) add(key K, value V) *V {
	if len(r.entries) >= r.most {
		r.remove(r.order.Back().Value.(*entry[K, V]).key)
	}
	e := &entry[K, V]{key, value}
	r.entries[key] = r.order.PushFront(e)
	return &e.value
}

func (r *recent[K, V]) remove(key K) {
	if e := r.entries[key]; e != nil {
		r.order.Remove(e)
		delete(r.entries, key)
	}
}

// all calls f for each entry, the last used first. f may remove that entry.
func (r *recent[K, V]) all(f func(key K, value *V)) {
	for e := r.order.Front(); e != nil; {
		next := e.Next()
		one := e.Value.(*entry[K, V])
		f(one.key, &one.value)
		e = next
	}
}
