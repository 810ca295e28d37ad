// Package fact is the form in which the broker's state is written down: the keys
// and values of its Store. What is written when, and what follows from it, is
// the broker's affair; this package knows the bytes.
//
// It is not a database and holds nothing. Another form of a value gets another
// version, which is its first byte.
//
// Invariant: what an Append function has written, the Read function of the same
// name gives back; of anything else it says ErrDamaged and never panics.
//
//	key := fact.QueuedKey(nil, sid, record.Number)
//	value, err := fact.AppendQueued(nil, &record, message)
//	…
//	q, err := fact.ReadQueued(key, value)
package fact
