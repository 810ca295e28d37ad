// Package simulation runs a whole broker whose power fails: the broker, its store
// on a disk that forgets what was not synced, and clients that do what comes into
// their minds, over a network in memory. What the clients saw is judged by package
// history.
//
// It is for tests, and knows nothing of how the broker or the store work. In a
// testing/synctest bubble an hour takes a second.
//
// A [World] has one broker at a time. [World.Fail] takes the power away at some
// change of the disk, in the middle of whatever caused it: from that moment on
// nothing that the broker writes reaches anybody, and the next one opens what a
// disk may look like then, with unsynced blocks missing, torn or reordered.
//
// A [client] keeps to the specification: it sends again what was not acknowledged,
// takes a QoS 2 message once, acknowledges in order, if late. [Run] is one story
// from a seed: some phases, each with an end of the broker, then everybody comes
// back, gets what there is, and the log is judged.
//
//	report, err := simulation.Run(simulation.Options{Seed: 7})
//
// Invariant: a story breaks no promise of package history, whatever the seed.
package simulation
