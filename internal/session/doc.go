// Package session is the Session State of MQTT 5.0 section 4.1 as a plain
// value: what a client is subscribed to, what is in flight and what waits, its
// will, and the state that lasts as long as one Network Connection.
//
// It is pure. Packets and the time go in, bytes to send come out, appended to
// an [Output]; there is no socket, no clock, no goroutine and no lock. Package
// broker holds one lock for each session and does the rest.
//
// Invariant: a message of QoS 1 or 2 that Push took is in the window or in the
// queue until the client has acknowledged it, it has expired, or the session
// ends.
//
//	var out session.Output
//	s := session.New(&session.Limits{})
//	s.Attach(&packet.Connect{Version: packet.V311, ClientID: "sub"}, &session.Terms{})
//	s.Push(&out, now, session.NewDelivery(m), &session.Subscription{Filter: "a/#", QoS: 1})
//	s.Puback(&out, now, &packet.Puback{Ack: packet.Ack{PacketID: 1}})
package session
