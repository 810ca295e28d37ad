// Package ciphers reads lists of TLS cipher suites in the language of OpenSSL,
// which configurations and command lines are written in, and turns them into the
// identifiers of crypto/tls.
//
// It is not a policy: a suite that a list asks for is in the result, however old,
// if crypto/tls or a TLS-PSK implementation can have it.
//
// Invariant: a word is either understood or an error that names it; a list that
// asks only for what is not to be had is an error too.
//
//	list, err := ciphers.Parse("ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL")
//	if err != nil {
//		return err
//	}
//	config.CipherSuites = list.Suites
package ciphers
