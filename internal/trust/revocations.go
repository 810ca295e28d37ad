package trust

import (
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// ErrRevoked is the error of a certificate that its authority has taken back.
var ErrRevoked = errors.New("the certificate was revoked")

// revocations are the lists of revoked certificates, by the subject of who has
// signed them; nil: there are none, and nothing is revoked.
type revocations map[string][]*revocation

// revocation is one list.
type revocation struct {
	*x509.RevocationList
	signer  *x509.Certificate // an authority that is known to have signed it; nil: not known yet
	revoked map[string]time.Time
}

// loadRevocations reads a file of lists, which are returned in its order too.
func loadRevocations(path string, known []*x509.Certificate) (all revocations, lists []*revocation, err error) {
	if path == "" {
		return nil, nil, nil
	}
	text, err := read("crlfile", path, maxCRL)
	if err != nil {
		return nil, nil, err
	}
	all = make(revocations)
	for der := range blocks(text, "X509 CRL") {
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, nil, &FileError{"crlfile", path, fmt.Errorf("a list does not parse: %w", err)}
		}
		r := &revocation{RevocationList: list, revoked: make(map[string]time.Time, len(list.RevokedCertificateEntries))}
		for _, e := range list.RevokedCertificateEntries {
			r.revoked[serial(e.SerialNumber)] = e.RevocationTime
		}
		for _, c := range known {
			if string(c.RawSubject) == string(list.RawIssuer) && list.CheckSignatureFrom(c) == nil {
				r.signer = c
			}
		}
		all[string(list.RawIssuer)] = append(all[string(list.RawIssuer)], r)
		lists = append(lists, r)
	}
	if len(all) == 0 {
		return nil, nil, &FileError{"crlfile", path, errNoList}
	}
	return all, lists, nil
}

func serial(n *big.Int) string { return string(n.Bytes()) }

// check looks the certificates of a chain up, whose last one is an authority. The
// first must be on no list, and there must be a list that speaks for it; those
// between must be on none.
func (r revocations) check(chain []*x509.Certificate, now time.Time, anyDate bool) error {
	if r == nil {
		return nil
	}
	for i, c := range chain[:len(chain)-1] {
		err := r.checkOne(c, chain[i+1], now, anyDate)
		if err != nil && (i == 0 || errors.Is(err, ErrRevoked)) {
			return err
		}
	}
	return nil
}

func (r revocations) checkOne(c, issuer *x509.Certificate, now time.Time, anyDate bool) error {
	err := fmt.Errorf("there is no revocation list of %q, so nobody knows whether the certificate is still good", issuer.Subject)
	covered := false
	for _, list := range r[string(issuer.RawSubject)] {
		if signer := list.signer; (signer == nil || !signer.Equal(issuer)) && list.CheckSignatureFrom(issuer) != nil {
			continue
		}
		if _, revoked := list.revoked[serial(c.SerialNumber)]; revoked {
			return ErrRevoked
		}
		if !anyDate && !list.NextUpdate.IsZero() && now.After(list.NextUpdate) {
			err = fmt.Errorf("the revocation list of %q is out of date since %s, so nobody knows whether the certificate is still good",
				issuer.Subject, list.NextUpdate.Format(time.DateOnly))
			continue
		}
		covered = true
	}
	if covered {
		return nil
	}
	return err
}
