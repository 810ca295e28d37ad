// Package logs writes the broker's log: the lines that Mosquitto writes, in its
// words, where its administrators and programs such as fail2ban expect them.
//
// It does not decide what is worth a line; whoever has something to say uses
// the log/slog logger that Log.Logger returns. sentence.go has the messages that
// become a sentence of their own. Nor does it wait for a disk or a reader: a
// line is queued, a goroutine for each destination writes it, and what a
// destination cannot take is lost and counted.
//
// Invariant: a line is one line. Nothing that a peer sends can begin another.
//
//	l, err := logs.Open(logs.Options{Types: logs.All, Stderr: os.Stderr})
//	if err != nil {
//		return err
//	}
//	defer l.Close()
//	l.Logger().Info("connection accepted", "remote", "192.0.2.7:50000", "listener", "[::]:1883")
package logs
