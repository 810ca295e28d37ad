// Package dynsec is Mosquitto's dynamic security: clients, groups and roles that
// are changed while the broker runs, by commands in JSON, and kept in a file that
// Mosquitto's plugin reads as well.
//
// It opens no files and no connections: where the file is, how passwords are
// verified and how clients are sent away is given to it.
//
// Invariant: what is decided follows from the file as it was saved last. Commands
// that cannot be saved have changed nothing.
//
//	s, err := dynsec.New(text, dynsec.Options{Save: save, Passwords: passwords})
//	…
//	answer := s.Answer(dynsec.Request{User: "admin", Payload: payload})
package dynsec
