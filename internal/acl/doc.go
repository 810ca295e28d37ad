// Package acl holds access rules: it reads the acl_file of Mosquitto, decides by
// it who may publish, subscribe and receive, and tells which rule decided.
//
// It is not an Authorizer: it knows no clients, keeps no state and writes no log.
// Package access has all that.
//
// Its one invariant: what a client calls itself never widens what a rule allows.
// A client identifier or user name takes the place of %c or %u as it is, at one
// level and without wildcards, or the rule does not hold for the client.
//
//	rules, err := acl.Parse("acl", []byte("user alice\ntopic read house/#\n"))
//	if err != nil {
//		return err
//	}
//	d := rules.Decide(acl.Question{User: "alice", Client: "phone", Action: acl.Publish, Topic: "house/door"})
//	fmt.Println(d.Allowed, d.Err()) // false acl: no rule allows it
package acl
