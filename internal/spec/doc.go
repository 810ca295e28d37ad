// Package spec knows the numbers of the normative statements of MQTT 5.0 and, where it asks for something else, of 3.1.1.
//
// It is not the specification: no sentence of it is here, only each statement's id, whom it binds, and the reason where
// nothing in this repository can show it. The list is statements.txt.
//
// Its one invariant: every statement that binds a server is cited by a dialogue or a test, or has a reason why not. The
// test in this package fails on a gap.
//
// A dialogue cites in a line that starts with #, a Go test anywhere in its text:
//
//	# Keep-alive ends the connection after 1.5 intervals [MQTT-3.1.2-22]
//	# A password without a user name is refused [MQTT3-3.1.2-22]
//
// MQTT- is a statement of 5.0 and MQTT3- one of 3.1.1, whose own text also writes MQTT-: both standards number alike.
package spec
