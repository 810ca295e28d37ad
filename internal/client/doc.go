// Package client is an MQTT client engine for versions 3.1, 3.1.1 and 5.0: one
// Session of a client over one Network Connection after the other.
//
// It is not a convenience for applications: it speaks in the packets of package
// packet, knows no topics to match and keeps nothing on disk.
//
// Invariant: a message of QoS 1 or 2 that Publish accepted is sent, in the order
// of the calls and again after each reconnect, until the server acknowledged it
// or the client has ended; nothing but a lost Session State can make one of QoS 2
// arrive twice.
//
//	c := client.New(client.Options{
//		Address: "localhost:1883",
//		Connect: packet.Connect{ClientID: "me", CleanStart: true, KeepAlive: 60},
//	})
//	if _, err := c.Connect(ctx); err != nil {
//		return err
//	}
//	defer c.Close()
//	err := c.Publish(ctx, &packet.Publish{Message: packet.Message{Topic: "a/b", Payload: []byte("hello"), QoS: 1}})
//	…
//	err = c.Wait(ctx) // acknowledged
//	err = c.Disconnect(ctx, &packet.Disconnect{})
//
// What a client may leave to the engine: reconnecting (Options.Reconnect), topic
// aliases (MaxTopicAlias) and enhanced authentication (Authenticator). What it
// must do itself: follow a server that sends it elsewhere (Redirect).
//
// Three goroutines serve a client: run owns the other two, a reader and a writer
// for each connection. The reader answers packets by appending to the output and
// wakes the writer before it waits for more, so a burst of packets is answered by
// one write; the writer takes all of the output at once.
package client
