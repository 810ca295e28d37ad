package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Certificate is one with its private key.
type Certificate struct {
	*x509.Certificate
	Key *ecdsa.PrivateKey
}

// Authority signs certificates.
type Authority struct{ Certificate }

// Template says what a certificate is to be. The zero value is one for a server
// that is found at localhost, 127.0.0.1 and ::1, from an hour ago for two hours.
type Template struct {
	Name    string    // the common name
	Subject pkix.Name // in the place of Name
	RawName []byte    // the subject as DER, in the place of both
	Client  bool      // it is for a client
	Hosts   []string  // in the place of localhost
	From    time.Time // zero: an hour ago
	Until   time.Time // zero: in an hour
}

// NewAuthority makes an authority that signs itself.
func NewAuthority(tb testing.TB, name string) *Authority {
	tb.Helper()
	key := newKey(tb)
	c := &x509.Certificate{
		SerialNumber: serial(tb), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return &Authority{sign(tb, c, c, key, key)}
}

// Issue makes a certificate.
func (a *Authority) Issue(tb testing.TB, o Template) Certificate {
	tb.Helper()
	c := &x509.Certificate{
		SerialNumber: serial(tb), Subject: o.Subject, RawSubject: o.RawName, NotBefore: o.From, NotAfter: o.Until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if o.Name != "" {
		c.Subject.CommonName = o.Name
	}
	if o.From.IsZero() {
		c.NotBefore = time.Now().Add(-time.Hour)
	}
	if o.Until.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	switch {
	case o.Client:
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	case len(o.Hosts) > 0:
		c.DNSNames = o.Hosts
	default:
		c.DNSNames, c.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	return sign(tb, c, a.Certificate.Certificate, newKey(tb), a.Key)
}

// Intermediate makes an authority below this one.
func (a *Authority) Intermediate(tb testing.TB, name string) *Authority {
	tb.Helper()
	c := &x509.Certificate{
		SerialNumber: serial(tb), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return &Authority{sign(tb, c, a.Certificate.Certificate, newKey(tb), a.Key)}
}

// Revoke returns a list, as PEM, that takes certificates back and is good until a
// time.
func (a *Authority) Revoke(tb testing.TB, until time.Time, revoked ...Certificate) []byte {
	tb.Helper()
	list := &x509.RevocationList{Number: serial(tb), ThisUpdate: time.Now().Add(-96 * time.Hour), NextUpdate: until}
	for _, c := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.Certificate.Certificate, a.Key)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

// PEM is the certificate as PEM, and KeyPEM its key.
func (c Certificate) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// KeyPEM is the private key as PEM.
func (c Certificate) KeyPEM(tb testing.TB) []byte {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.Key)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// TLS is the certificate for crypto/tls, followed by others.
func (c Certificate) TLS(chain ...Certificate) tls.Certificate {
	t := tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: c.Key}
	for _, one := range chain {
		t.Certificate = append(t.Certificate, one.Raw)
	}
	return t
}

// Pool has the authority only.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.Certificate.Certificate)
	return p
}

// Write writes NAME.crt and NAME.key into a directory and returns their paths.
func (c Certificate) Write(tb testing.TB, dir, name string) (certFile, keyFile string) {
	tb.Helper()
	return WriteFile(tb, dir, name+".crt", c.PEM()), WriteFile(tb, dir, name+".key", c.KeyPEM(tb))
}

// WriteFile writes a file, whole at once as far as others see, and returns its
// path.
func WriteFile(tb testing.TB, dir, name string, content []byte) string {
	tb.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		tb.Fatal(err)
	}
	return path
}

func sign(tb testing.TB, c, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) Certificate {
	tb.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), parentKey)
	if err != nil {
		tb.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return Certificate{parsed, key}
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func serial(tb testing.TB) *big.Int {
	tb.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		tb.Fatal(err)
	}
	return n.Add(n, big.NewInt(1))
}
