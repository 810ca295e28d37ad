//go:build race

package simulation_test

// raced says that the race detector slows everything down.
const raced = true
