// Package bench is the load generator behind "zancudo bench": it measures any
// MQTT broker, over TCP or TLS, in every version of the protocol.
//
// One goroutine owns everything: it waits for all connections at once, reads
// and writes many packets to a system call, and keeps the books without a lock.
// A broker on the same machine needs the processor more than its load does. On
// Linux the connections are raw sockets behind one epoll instance; with TLS, and
// on other systems, each has a goroutine that does nothing but read.
//
// It is not a client library: it knows the few packets it needs, and PUBLISH and
// its acknowledgements only by their bytes.
//
// Invariant: every message is accounted for. The payload begins with its source,
// its sequence number and the time it was sent; at the end each message that a
// subscriber should have got was received once and in order, or counts as lost,
// duplicate or reordered. Publishers are in closed loop: no more than a window
// of messages is under way, so that a broker's buffers cannot pass for speed.
//
//	r, err := bench.Run(ctx, bench.Options{Scenario: "p2p", Host: "localhost", QoS: 1})
//	…
//	r.WriteTable(os.Stdout)
package bench
