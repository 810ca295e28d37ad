// Package proctest is what tests need that run the program as a process of its
// own: free ports and the output of a running command. It starts nothing itself.
//
// Invariant: a port that FreePort returned was free on every loopback address,
// is none that the kernel gives to outgoing connections, and is given to nobody
// else before the test ends.
//
//	port := proctest.FreePort(t)
//	out := &proctest.Output{}
//	cmd.Stdout = out
package proctest
