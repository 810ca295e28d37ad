package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// verify decides about a handshake, be it a full one or one that resumes a
// session, after crypto/tls has found nothing wrong.
func (t *Trust) verify(s tls.ConnectionState) error {
	if allowed := t.options.Suites13; s.Version == tls.VersionTLS13 && len(allowed) > 0 && !slices.Contains(allowed, s.CipherSuite) {
		return fmt.Errorf("%s is not allowed here", tls.CipherSuiteName(s.CipherSuite))
	}
	if len(s.PeerCertificates) == 0 {
		return nil // crypto/tls has seen whether that is enough
	}
	chains := s.VerifiedChains
	if t.options.AnyDate {
		var err error
		if chains, err = t.chains(s.PeerCertificates, time.Time{}); err != nil {
			return err
		}
	}
	return t.notRevoked(chains)
}

// HasNoAlert reports whether crypto/tls has no alert that says what err says: that
// a certificate was revoked would become one that is bad.
func HasNoAlert(err error) bool { return errors.Is(err, ErrRevoked) }

// Verify reports whether a client that has shown these certificates, or none,
// would be accepted now.
func (t *Trust) Verify(shown []*x509.Certificate) error {
	switch {
	case t.options.Clients == None, len(shown) == 0 && t.options.Clients == Asked:
		return nil
	case len(shown) == 0:
		return errors.New("there is none")
	}
	chains, err := t.chains(shown, time.Now())
	if err != nil {
		return err
	}
	return t.notRevoked(chains)
}

// chains are the ways from what a client has shown to an authority.
func (t *Trust) chains(shown []*x509.Certificate, now time.Time) ([][]*x509.Certificate, error) {
	o := x509.VerifyOptions{
		Roots: t.authorities.pool, Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	of := func(c *x509.Certificate) *x509.Certificate { return c }
	if t.options.AnyDate {
		o.Roots, of = t.authorities.timeless, withoutDates
	}
	for _, c := range shown[1:] {
		o.Intermediates.AddCert(of(c))
	}
	chains, err := of(shown[0]).Verify(o)
	if err != nil {
		return nil, &tls.CertificateVerificationError{UnverifiedCertificates: shown, Err: err}
	}
	return chains, nil
}

// notRevoked reports whether one of the chains is on no list.
func (t *Trust) notRevoked(chains [][]*x509.Certificate) error {
	err := errors.New("no authority vouches for the certificate")
	for _, chain := range chains {
		if err = t.revocations.check(chain, time.Now(), t.options.AnyDate); err == nil {
			return nil
		}
	}
	return err
}
