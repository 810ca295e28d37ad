// Package flags reads command lines. A table of flags for each command drives
// all that a user sees of them: parsing, errors, help, the manual page and the
// completion of shells.
//
// It is not package flag: a flag has the names that its table says, takes any
// number of values, and its errors are sentences for the user, which may be
// another program's where scripts read them. It prints nothing itself, and knows
// no command.
//
// Invariant: what is not in the table is not parsed, and what is parsed is in the
// help, in the manual page and in the completion (unless its row is hidden).
//
//	var o struct {
//		host string
//		port int
//	}
//	c := &flags.Command{
//		Name: "ping", Summary: "see whether a broker answers", Usage: []string{"[flags] [host]"},
//		Args: []flags.Arg{{Name: "host", Help: "the broker", Optional: true, Set: flags.Text(&o.host)}},
//		Groups: []flags.Group{{Flags: []flags.Flag{
//			{Names: "-p, --port", Value: "port", Help: "its port (1883)", Set: flags.Int(&o.port, 1, 65535)},
//			{Names: "--help", Help: "print this", Set: flags.Help},
//		}}},
//	}
//	err := c.Parse(args)
//	if errors.Is(err, flags.ErrHelp) {
//		err = c.WriteHelp(os.Stdout, "zancudo ping", "zancudo version 1.2")
//	}
package flags
