package bench

import (
	"net/netip"
	"time"
)

// network opens, reads and writes connections for an engine. The engine's
// goroutine makes all calls, and in wait gets all events.
type network interface {
	// open begins to connect; opened or gone follows.
	open(c *conn)
	// send writes b after what was sent before, and keeps what the system does
	// not take; then it sets c.blocked, and writable follows.
	send(c *conn, b []byte)
	// finish sends no more; what is received until the peer closes still comes.
	finish(c *conn)
	// close ends a connection; no event of it follows.
	close(c *conn)
	// wait hands over events until there is nothing to do, but no longer than d
	// without any.
	wait(d time.Duration)
	// shutdown closes all connections and releases what the network holds.
	shutdown()
}

// events is what a network tells.
type events interface {
	opened(c *conn)
	receive(c *conn, b []byte) // b is valid until it returns
	writable(c *conn)
	gone(c *conn, err error) // c is closed
}

// sourceAddress spreads connections over 127.0.0.1, 127.0.0.2, … when the broker
// is on 127.0.0.1: when most ports of an address are taken, the kernel's search
// for a free one takes longer than the broker's work.
func sourceAddress(broker netip.Addr, n, addresses int) (netip.Addr, bool) {
	if addresses < 2 || !broker.Is4() || !broker.IsLoopback() {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, byte(1 + n%addresses)}), true
}
