package trust

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// authorities are who vouches for clients.
type authorities struct {
	certs  []*x509.Certificate
	inFile int // how many of them are from the file, the first
	pool   *x509.CertPool
	// timeless has them without their dates, for AnyDate.
	timeless *x509.CertPool
}

// maxSubjects is how many bytes of names of authorities a client can be sent.
const maxSubjects = 48 << 10

// loadAuthorities reads the authorities. A file without any is an error: nobody
// names one to have it passed over.
func loadAuthorities(o *Options) (a authorities, err error) {
	if o.CAFile != "" {
		if a.certs, err = loadCertificates("cafile", o.CAFile); err != nil {
			return a, err
		}
	}
	a.inFile = len(a.certs)
	if o.CAPath != "" {
		found, err := loadHashed(o.CAPath)
		if err != nil {
			return a, err
		}
		a.certs = append(a.certs, found...)
	}
	a.pool, a.timeless = x509.NewCertPool(), x509.NewCertPool()
	subjects := 0
	for _, c := range a.certs {
		subjects += len(c.RawSubject) + 2
		a.pool.AddCert(c)
		a.timeless.AddCert(withoutDates(c))
	}
	if subjects > maxSubjects && o.Clients != None {
		word, path := "cafile", o.CAFile
		if o.CAPath != "" {
			word, path = "capath", o.CAPath
		}
		return a, &FileError{word, path, fmt.Errorf("it has %d authorities, more than a client can be told: name those that your clients have", len(a.certs))}
	}
	return a, nil
}

// withoutDates is a copy of c that was and will be valid at any time.
func withoutDates(c *x509.Certificate) *x509.Certificate {
	d := *c
	d.NotBefore, d.NotAfter = time.Time{}, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	return &d
}

func loadCertificates(word, path string) (certs []*x509.Certificate, err error) {
	text, err := read(word, path, maxPEM)
	if err != nil {
		return nil, err
	}
	for der := range blocks(text, "CERTIFICATE", "X509 CERTIFICATE") {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, &FileError{word, path, fmt.Errorf("certificate %d: %w", len(certs)+1, err)}
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, &FileError{word, path, errNoCertificates}
	}
	return certs, nil
}

// hashed is the name of a certificate in a directory that openssl has prepared.
var hashed = regexp.MustCompile(`^[0-9a-f]{8}\.[0-9]+$`)

// loadHashed reads the certificates of a directory.
func loadHashed(dir string) (certs []*x509.Certificate, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, &FileError{"capath", dir, cause(err)}
	}
	for _, e := range entries {
		if !hashed.MatchString(e.Name()) {
			continue
		}
		found, err := loadCertificates("capath", filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		certs = append(certs, found...)
	}
	if len(certs) == 0 {
		return nil, &FileError{"capath", dir, errors.New("no file in it has a name such as 5ed36f99.0: run 'openssl rehash' on it")}
	}
	return certs, nil
}
