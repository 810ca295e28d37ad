// Package storetest is the contract of broker.Store as a test, and the machines
// that try to break an implementation of it.
//
//   - [Run] is the contract: order, atomicity, removal, concurrency, reopening.
//   - [Memory] is the implementation that cannot fail, for comparison.
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
package storetest
