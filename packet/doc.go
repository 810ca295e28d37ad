// Package packet is the vocabulary and the wire format of MQTT: the fifteen
// Control Packets of versions 3.1, 3.1.1 and 5.0 as a struct each, the reason
// codes, and [Message], the Application Message they carry.
//
// It knows nothing of sockets, sessions or topics: whether a name matches a
// filter is the business of package topic, whether a packet is allowed now that
// of a session.
//
// Invariant: what [Decoder] accepts, Append encodes again to the same packet,
// for every version; and a decoder never reads past the bytes it was given nor
// reserves memory for bytes that have not arrived.
//
//	b, err := (&packet.Publish{Message: packet.Message{Topic: "a/b", Payload: []byte("hello")}}).Append(nil, packet.V5)
//	…
//	d := packet.Decoder{Version: packet.V5}
//	p, n, err := d.Decode(b) // p is a *packet.Publish that borrows b
package packet
