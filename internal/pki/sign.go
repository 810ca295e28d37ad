package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const day = 24 * time.Hour

// How long things are valid. What Apple's devices take for a server is 825 days
// at most. Clocks may be behind: a device without one that runs on has the time
// of its last start, so all begins before it was made.
const (
	authorityLife = 20 * 365 * day
	serverLife    = 397 * day
	clientLife    = 5 * 365 * day
	authoritySkew = 365 * day
	skew          = 30 * day
	listSkew      = day
	listLife      = 365 * day
)

// renewBefore is how long before its end a certificate is renewed; one that
// lives less than three times as long, when a third of its life is left.
const renewBefore = 30 * day

// earliest is before this was written: a clock that says less is wrong.
var earliest = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// checkClock refuses to date anything by a clock that is plainly wrong.
func checkClock(now time.Time) error {
	if now.Before(earliest) {
		return fmt.Errorf("the clock of this machine says %s, and certificates have dates: set it first", now.Format(time.DateTime))
	}
	return nil
}

// newSerial makes a serial number of 128 bits that nobody guesses. It is never
// negative, nor shorter when written in digits.
func newSerial(random io.Reader) (*big.Int, error) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b), nil
}

func serialText(n *big.Int) string { return hex.EncodeToString(n.Bytes()) }

// maxCommonName is the longest common name that X.509 has, in characters.
const maxCommonName = 64

// cut shortens a name to what a certificate takes.
func cut(name string) string {
	for utf8.RuneCountInString(name) > maxCommonName {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	return name
}

// selfSign makes the certificate of an authority. No constraint is put on the
// names it may sign: clients on small devices refuse certificates with one, and
// names are added later.
func selfSign(now time.Time, key crypto.Signer, o CreateOptions) (*x509.Certificate, error) {
	serial, err := newSerial(rand.Reader)
	if err != nil {
		return nil, err
	}
	life := o.Life
	if life == 0 {
		life = authorityLife
	}
	host := o.Host
	if host == "" {
		host = "this machine"
	}
	// Two authorities of one machine have different names, or clients that
	// know both would try one key for the other.
	name := pkix.Name{CommonName: cut(fmt.Sprintf("Zancudo CA %s of %s", strings.ToUpper(serialText(serial)[:6]), host))}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: name, NotBefore: whole(now.Add(-authoritySkew)), NotAfter: whole(now.Add(life)),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	return sign(template, template, key.Public(), key)
}

// whole is a time as certificates have it.
func whole(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// unsigned is the certificate of an entry, but for who signs it.
func unsigned(e Entry, serial *big.Int, names []string, public crypto.PublicKey) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: e.Name}, NotBefore: e.Since, NotAfter: e.Until,
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	if algorithm(public) == RSA2048 {
		c.KeyUsage |= x509.KeyUsageKeyEncipherment // of TLS 1.2 without forward secrecy
	}
	if e.Kind == Client {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		return c
	}
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if len(names) > 0 {
		c.Subject.CommonName = cut(names[0])
	}
	for _, name := range names {
		if ip, err := netip.ParseAddr(name); err == nil {
			c.IPAddresses = append(c.IPAddresses, net.IP(ip.WithZone("").AsSlice()))
		} else {
			c.DNSNames = append(c.DNSNames, name)
		}
	}
	return c
}

// dates are when a certificate is valid: never longer than its authority.
func dates(now time.Time, kind Kind, life time.Duration, authority *x509.Certificate) (since, until time.Time) {
	if life == 0 {
		life = clientLife
		if kind == Server {
			life = serverLife
		}
	}
	since, until = whole(now.Add(-skew)), whole(now.Add(life))
	if since.Before(authority.NotBefore) {
		since = authority.NotBefore
	}
	if until.After(authority.NotAfter) {
		until = authority.NotAfter
	}
	return since, until
}

// renewAt is when a certificate is to be renewed. How long it was to live does
// not count the time before it was made.
func renewAt(since, until time.Time) time.Time {
	return until.Add(-max(0, min(renewBefore, (until.Sub(since)-skew)/3)))
}

// Names are those that a certificate of a server is for.
func Names(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}
