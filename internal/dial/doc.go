// Package dial opens the Network Connections of clients: over TCP or a unix
// socket, through a SOCKS5 proxy, with TLS, and with WebSocket on top of any of
// these.
//
// It is not an MQTT client: what it makes is for client.Options.Dial. It reads
// the files that Options name once, in New, so that what is wrong with them is
// said before anything is sent.
//
// Invariant: a connection that is returned has passed every check that the
// Options ask for; every error is an *Error that says at which Stage it arose,
// in words for a person, and wraps its cause.
//
//	open, err := dial.New(dial.Options{Host: "example.org", TLS: &dial.TLS{CAFile: "ca.crt"}})
//	if err != nil {
//		return err
//	}
//	c := client.New(client.Options{Dial: open})
package dial
