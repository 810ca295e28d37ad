//go:build race

package simulation_test

// raced says that this was built with the race detector.
const raced = true
