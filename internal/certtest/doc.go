// Package certtest makes certificates for tests: authorities, what they sign, and
// what they revoke.
//
// It is for tests only: keys are made for each run, and nothing is written to a
// disk unless WriteFile is called.
//
// Invariant: everything that is made is what a TLS library expects, unless the
// Template says otherwise.
//
//	ca := certtest.NewAuthority(t, "works")
//	server := ca.Issue(t, certtest.Template{Name: "server"})
//	pump := ca.Issue(t, certtest.Template{Name: "pump", Client: true})
package certtest
