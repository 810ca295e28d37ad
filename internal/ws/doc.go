// Package ws carries MQTT over WebSocket (RFC 6455, MQTT 5.0 section 6): it
// makes a net.Conn of a WebSocket, for both sides of it.
//
// It is not a WebSocket library: it knows binary messages only, no compression,
// and no message is ever held as a whole. MQTT is a stream, and its packets may
// begin and end anywhere in a frame [MQTT-6.0.0-2].
//
// Invariant: a Conn keeps the contract of net.Conn. A read or write that meets
// its deadline leaves the connection as it was, and the next one goes on where
// it stopped, be that in the middle of a frame.
//
// A server wraps a listener, of TCP or of TLS:
//
//	l := ws.NewListener(inner, ws.Options{Origins: []string{"https://example.org"}})
//	err := b.Serve(l)
//
// A client wraps a connection:
//
//	conn, err := ws.Client(ctx, inner, ws.ClientOptions{Host: "example.org"})
package ws
