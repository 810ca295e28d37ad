//go:build race

package auth_test

// raced says that the race detector slows everything down.
const raced = true
