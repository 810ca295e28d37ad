// Package logs writes the broker's log: the lines that Mosquitto writes, in its
// words, where its administrators and programs such as fail2ban expect them.
//
// It does not decide what is worth a line; whoever has something to say uses
// the log/slog logger that New returns. sentence.go has the messages that become
// a sentence of their own.
//
// Invariant: a line is one line. Nothing that a peer sends can begin another.
//
//	logger := logs.New(logs.Options{Types: logs.All, Writers: []io.Writer{os.Stderr}})
//	logger.Info("connection accepted", "remote", c.RemoteAddr(), "listener", address)
package logs
