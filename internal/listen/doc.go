// Package listen opens the sockets that a broker serves: of TCP, of unix
// domain, those that systemd has opened already, and those behind a proxy that
// says in a PROXY header whom it speaks for. Secure puts TLS on top, whose
// handshakes it bounds and explains.
//
// It knows neither MQTT nor certificates. What it returns are net.Listeners whose
// connections are a *net.TCPConn, a *net.UnixConn or, behind a proxy, a
// *Proxied that gives its socket away, so that nothing stands between a
// connection and its socket. With TLS they are a *Secured, which can be read
// while somebody waits at the socket.
//
// Invariant: either all sockets that were asked for are open, or none is and
// the error says what to do about it. A family of addresses that the machine
// does not have is not asked for; one that was not asked for is never served.
//
//	listeners, err := listen.Open(ctx, listen.Options{Port: 1883, Loopback: true})
package listen
