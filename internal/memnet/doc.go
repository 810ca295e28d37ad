// Package memnet is a network in memory, for tests: a [Listener] whose
// connections are pairs of buffered, full-duplex [net.Conn].
//
// It is not a simulation of TCP: nothing is lost, delayed or cut into segments.
// What a test of a server needs is here: bounded buffers, so that a reader that
// does not read stops the writer; deadlines; half-close; a reset.
//
// Invariant: whoever waits here is durably blocked in the sense of
// [testing/synctest], if the Listener or pair was made in the bubble.
//
//	synctest.Test(t, func(t *testing.T) {
//		l := memnet.Listen()
//		go serve(l)
//		c, err := l.Dial()
//		…
//	})
package memnet
