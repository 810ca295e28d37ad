// Package access is an Authorizer of package broker by the rules of package acl:
// it asks them, tells the log what it denied, and can let everything pass while
// it looks on.
//
// It reads no files and knows no listeners: whoever has them makes an Authorizer
// for each from its rules.
//
// Invariant: unless told to look on, what the rules do not allow is denied, and
// the log has a line for it or a count in a later one.
//
//	denials := access.NewDenials(logger)
//	defer denials.Close()
//	o.Authorizer = &access.Authorizer{Rules: rules, Denials: denials}
package access
