// Package doctor finds out why a client does not get on with a broker: it goes
// the way that a client goes, a step at a time, and says of each what it found
// and what to do about it.
//
// It is not a monitor and not a load generator: it looks once, publishes a few
// small messages to a topic that nobody else has, and leaves nothing behind.
//
// Invariant: it ends, soon after its context does and otherwise within a bounded
// number of timeouts, and it sends a user's password only over a connection that
// has passed every check that the options ask for.
//
//	report := doctor.Examine(ctx, doctor.Options{Where: dial.Options{Host: "broker.example"}}, func(f doctor.Finding) {
//		fmt.Println(f.Level, f.Text, f.Remedy)
//	})
//	if !report.OK() {
//		…
//	}
package doctor
