// Package broker is an MQTT broker to embed: connections, routing, retained
// messages, wills, takeover and expiry for MQTT 3.1, 3.1.1 and 5.0.
//
// It does not listen, read files, check passwords or store anything by itself:
// give it a net.Listener, and plugs for the rest (see [Authenticator],
// [Authorizer], [Interceptor], [Trace]).
//
// Invariants: every message that reaches a client passes client.deliver, and
// every session that meets a connection passes Broker.attach. No function holds
// two locks.
//
//	b := broker.New(broker.Options{})
//	go b.Serve(listener)
//	b.Publish(&packet.Message{Topic: "hello", Payload: []byte("world")})
//	…
//	b.Shutdown(ctx)
package broker
