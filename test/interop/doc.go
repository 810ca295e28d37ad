// Package interop runs real MQTT clients against the real broker: the program
// is built, started on a free port, and each client goes through the same list
// of exchanges in each protocol version it speaks.
//
// It is not the place for what a dialogue can say: a client here shows that
// what other people wrote understands us.
//
// A client is a program of a few hundred lines in a directory of its own, called
// as
//
//	PROGRAM HOST PORT VERSION PREFIX EXCHANGE...
//
// with VERSION 3, 4 or 5 as on the wire. Its client identifiers and topics begin
// with PREFIX. It prints one line for each exchange, "ok EXCHANGE" or
// "failed EXCHANGE: why", and ends with status 0 if all are well. Mosquitto's
// programs do one thing each, so mosquitto_test.go leads them.
//
// Invariant: no client knows which broker it talks to; README.md tells how to
// try another one.
package interop
