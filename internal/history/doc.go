// Package history is a log of what the clients of a broker saw, and the checkers
// of what the broker has promised: thirteen invariants, I1 to I13, each linear in
// the length of the log. Tests that break things use it: crashes in a simulation,
// kill -9, metamorphic tests.
//
// It is no client and drives nothing. A [Log] wraps connections, and reads along:
//
//	log := history.New()
//	conn = log.Conn(conn)           // a client's end; any client may use it
//	…
//	log.Crashed()                   // the broker has ended without a word
//	…                               // it is back, clients connect and go on
//	if err := log.Check(history.Options{}).Err(); err != nil {
//		t.Fatal(err)            // which invariant, and the line of the log
//	}
//
// The clients must keep to the specification, and three rules make what they see
// clear:
//
//   - Each message has a payload of its own, by which it is known. Those without
//     a payload only remove retained messages.
//   - Before Check, clients that are connected have got, and acknowledged, all
//     that there was for them. Sessions whose client is not connected at the end
//     owe nothing: what they have still to get is stored.
//   - No queue was full, and no message expired.
//
// Invariant: a checker accuses only what is wrong in every order in which the
// broker may have seen what the log has. Outcomes that nobody knows, of a packet
// without an answer before the connection broke, may be either.
package history
