// Package cli is the command line of Zancudo: the subcommands, their flags,
// what they print and the statuses they end with.
//
// It is not where the work is done: the broker, the client engine and the
// adapters know nothing of it.
//
// Invariant: nothing in here touches the process but through [Env]. No function
// reads the arguments, prints or exits by itself, so that every command runs
// inside a test as it runs in a shell.
//
//	status := cli.Main(ctx, []string{"zancudo", "pub", "-t", "a/b", "-m", "hello"}, os.Stdin, os.Stdout, os.Stderr)
package cli
