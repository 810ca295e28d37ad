// Package auth lets users in: an Authenticator over a password file, who tell the
// password or prove to know it by SCRAM-SHA-256, and a Verifier that checks
// secrets with bounded work and slows down those who guess.
//
// It reads no files and knows no listeners. What a user may do once connected is
// not its affair.
//
// Invariant: only a secret that was verified lets a user in. Whatever fails,
// lacks or takes too long refuses, and changes nothing but counts of failures.
//
//	v := auth.NewVerifier(auth.Options{Logger: logger})
//	users, err := file.Users() // of package password
//	…
//	var a broker.Authenticator = &auth.Passwords{Users: auth.NewUsers(users), Verifier: v}
package auth
