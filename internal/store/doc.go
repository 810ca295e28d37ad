// Package store keeps a broker's facts in a directory, through restarts, crashes
// and power failures. It is broker.Store on Pebble.
//
// It does not know what keys and values mean, and it is not a cache: the broker
// holds in memory what it works with.
//
// Invariant: Append with Durable returns nil only after the sync that covers its
// facts has succeeded, and once it has returned an error nothing of its facts is
// there, neither now nor after any restart of the storage engine in this process.
//
//	s, err := store.Open(store.Options{Dir: "/var/lib/zancudo"})
//	…
//	err = s.Append([]broker.Fact{{Key: key, Value: value}}, broker.Durable)
//	err = s.Range(from, to, func(key, value []byte) bool { … })
//	err = s.Close()
//
// The way through the files: store.go is the front, commit.go the goroutine that
// writes, pending.go what may wait, engine.go one open Pebble, fence.go its view
// of the files, state.go what happens when the disk is full or fails, dir.go the
// directory, rescue.go and sources.go what happens to damage. docs/storage.md
// has the layout on disk and figures.
package store
