// Package trust reads what TLS of a listener is made of: the certificates that
// it proves itself with, the authorities that certificates of clients must come
// from, and what has been revoked.
//
// It opens no sockets, makes no certificates and knows nothing of MQTT; who may
// do what is for others to decide, by the name that Identity or Subject returns.
//
// Invariant: a Trust is whole. Certificates and keys belong together, every file
// could be read to its end, and a client's certificate that the authorities, the
// dates or the revocation lists speak against is never accepted, not by a session
// that is resumed either.
//
//	t, err := trust.Load(trust.Options{
//		Certificates: []trust.Pair{{CertFile: "server.crt", KeyFile: "server.key"}},
//		CAFile:       "ca.crt", Clients: trust.Required,
//	})
//	if err != nil {
//		return err
//	}
//	conn := t.Server(socket) // a *tls.Conn
package trust
