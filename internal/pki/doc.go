// Package pki is a private certificate authority in a directory: it issues
// certificates for a broker and its clients, renews and revokes them, and hands
// them out in the forms that clients take.
//
// It is not TLS: nobody is let in or refused here, and nothing is watched. It
// reads no configuration; whoever calls it says when now is.
//
// Invariant: each file is the old one or the new one as a whole, a certificate
// and its key belong together whenever a command or the broker has opened the
// directory, and no certificate leaves it that its index does not know, so that
// all of them can be revoked.
//
//	a, err := pki.Create("/var/lib/zancudo/pki", time.Now(), pki.CreateOptions{Host: "lizard"})
//	if err != nil {
//		return err
//	}
//	defer a.Close()
//	entry, err := a.Issue(time.Now(), pki.Request{Name: "pump", Kind: pki.Client})
package pki
