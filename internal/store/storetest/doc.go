// Package storetest is the contract of broker.Store as a test, and the machines
// that try to break an implementation of it.
//
//   - [Run] is the contract: order, atomicity, removal, concurrency, reopening.
//   - [Memory] is the implementation that cannot fail, for comparison.
//   - [Disk] is a file system that loses power and fails on request, for the
//     store alone or for a whole broker on it.
//   - [CrashRound] and [FaultRound] use it: power lost at a random operation,
//     and each operation failing in turn.
//   - [Violations] is Run for stores that are broken on purpose.
//
// It is on the test floor: nothing of the product imports it. It knows nothing
// of what the broker's keys and values mean.
//
// Invariant: Run passes for an implementation only if what Range yields is
// always what a plain sorted map would hold after the same calls.
//
//	storetest.Run(t, func(t *testing.T) storetest.Opener {
//		dir := t.TempDir()
//		return func() (broker.Store, error) { return store.Open(store.Options{Dir: dir}) }
//	})
//
//	disk := storetest.NewDisk()
//	s, err := store.Open(store.Options{FS: disk.FS(), Dir: "/state"})
//	…
//	after := disk.Crash(seed, 50) // open that, and see what is left
package storetest
