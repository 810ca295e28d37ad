// Package listen opens the sockets that a broker serves, and knows how many
// connections this process may have.
//
// It does not accept: what it returns are net.Listeners whose connections are
// *net.TCPConn, so that nothing stands between a connection and its socket.
//
// Invariant: either all sockets that were asked for are open, or none is and
// the error says what to do about it. A family of addresses that the machine
// does not have is not asked for.
//
//	listeners, err := listen.Open(ctx, listen.Options{Port: 1883, Loopback: true})
package listen
