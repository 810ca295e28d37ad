package trust

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
)

// Options say what a listener proves itself with and what it asks of clients.
type Options struct {
	// Certificates are those of the listener, at least one. A client that names
	// the host it wants gets the first that is for it, any other the first.
	Certificates []Pair
	// CAFile and CAPath have the authorities of clients: a file of PEM, and a
	// directory as 'openssl rehash' leaves it; empty: none.
	CAFile, CAPath string
	// CRLFile has the revocation lists of the authorities, as PEM; empty: nothing
	// is revoked. With it, an authority whose list is missing or out of date
	// vouches for nobody.
	CRLFile string
	// Clients says whether they need a certificate.
	Clients Demand
	// AnyDate accepts certificates of clients before and after their time, and
	// lists that are out of date.
	AnyDate bool
	// MinVersion is the least version; zero: TLS 1.2.
	MinVersion uint16
	// Suites are those of TLS 1.2 and below; empty: the choice of crypto/tls,
	// whose order is kept in any case.
	Suites []uint16
	// Suites13 are those of TLS 1.3; empty: all.
	Suites13 []uint16
	// Protocols are what is spoken, by the names of ALPN. A client that asks for
	// others only is served as if it had not asked.
	Protocols []string
	// KeyLog gets what decrypts recorded connections; nil: nobody.
	KeyLog io.Writer
}

// Pair names the files of a certificate, with those that lead to its authority,
// and of its private key.
type Pair struct{ CertFile, KeyFile string }

// Demand says what is asked of clients.
type Demand byte

// The demands.
const (
	None     Demand = iota // they are not asked for a certificate
	Asked                  // they may have none; one that they have must be good
	Required               // they are refused without
)

// Trust is what a listener proves and demands. It never changes and may be used
// by many goroutines at once.
type Trust struct {
	options     Options
	marks       []Mark
	certs       []tls.Certificate
	chainsOwn   [][]*x509.Certificate // of certs
	authorities authorities
	revocations revocations
	lists       []*revocation // those of revocations

	base   *tls.Config // has the keys of session tickets
	agreed *tls.Config // for clients that ask for one of the protocols
}

// Load reads the files. An error names the file and how to go on.
func Load(o Options) (*Trust, error) {
	t := &Trust{options: o, marks: o.marks()} // before they are read: what changes meanwhile is seen later
	for _, p := range o.Certificates {
		cert, err := loadPair(p)
		if err != nil {
			return nil, err
		}
		chain, err := parseChain(&cert)
		if err != nil {
			return nil, &FileError{"certfile", p.CertFile, err}
		}
		t.certs, t.chainsOwn = append(t.certs, cert), append(t.chainsOwn, chain)
	}
	var err error
	if t.authorities, err = loadAuthorities(&o); err != nil {
		return nil, err
	}
	if t.revocations, t.lists, err = loadRevocations(o.CRLFile, t.authorities.certs); err != nil {
		return nil, err
	}
	t.configure()
	return t, nil
}

func parseChain(c *tls.Certificate) (chain []*x509.Certificate, err error) {
	for i, der := range c.Certificate {
		one, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", i+1, err)
		}
		chain = append(chain, one)
	}
	return chain, nil
}

// Server returns the server's end of a connection over c.
func (t *Trust) Server(c net.Conn) *tls.Conn { return tls.Server(c, t.base) }

// configure makes what crypto/tls wants of the options. The tickets of resumed
// sessions are the business of base: what another Trust has issued is not
// accepted, so that nobody gets around what has changed since.
func (t *Trust) configure() {
	o := &t.options
	c := &tls.Config{
		Certificates: t.certs, MinVersion: max(o.MinVersion, tls.VersionTLS10), CipherSuites: slices.Clone(o.Suites), KeyLogWriter: o.KeyLog,
		ClientCAs:        t.authorities.pool, // never nil, which would be those of the system
		VerifyConnection: t.verify,
	}
	if o.MinVersion == 0 {
		c.MinVersion = tls.VersionTLS12
	}
	switch {
	case o.Clients == Asked && o.AnyDate:
		c.ClientAuth = tls.RequestClientCert
	case o.Clients == Asked:
		c.ClientAuth = tls.VerifyClientCertIfGiven
	case o.Clients == Required && o.AnyDate:
		c.ClientAuth = tls.RequireAnyClientCert
	case o.Clients == Required:
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	plain := c.Clone()
	t.agreed = c.Clone()
	t.agreed.NextProtos = o.Protocols
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		t.narrow(hello)
		if slices.ContainsFunc(hello.SupportedProtos, func(name string) bool { return slices.Contains(o.Protocols, name) }) {
			return t.agreed, nil
		}
		return plain, nil
	}
	t.base = c
}

// narrow leaves of the suites that a client offers for TLS 1.3 those that are
// allowed. crypto/tls chooses from the list that it shows here, and by no other
// means can be told; verify sees to it that this stays so.
func (t *Trust) narrow(hello *tls.ClientHelloInfo) {
	if len(t.options.Suites13) == 0 {
		return
	}
	for i, id := range hello.CipherSuites {
		if is13(id) && !slices.Contains(t.options.Suites13, id) {
			hello.CipherSuites[i] = 0 // a suite that nobody has
		}
	}
}

// is13 reports whether a suite is one of TLS 1.3.
func is13(id uint16) bool { return id>>8 == 0x13 }

// loadPair reads a certificate with its key.
func loadPair(p Pair) (tls.Certificate, error) {
	cert, err := read("certfile", p.CertFile, maxPEM)
	if err != nil {
		return tls.Certificate{}, err
	}
	key := cert
	if p.KeyFile != p.CertFile {
		if key, err = read("keyfile", p.KeyFile, maxPEM); err != nil {
			return tls.Certificate{}, err
		}
	}
	if strings.Contains(string(key), "-----BEGIN ENCRYPTED PRIVATE KEY-----") || strings.Contains(string(key), "Proc-Type: 4,ENCRYPTED") {
		return tls.Certificate{}, &FileError{"keyfile", p.KeyFile, fmt.Errorf("the key is protected by a password, which nobody could give when the broker "+
			"starts by itself: take it away with 'openssl pkey -in %s -out NEWFILE'", p.KeyFile)}
	}
	pair, err := tls.X509KeyPair(cert, key)
	switch {
	case err == nil:
		return pair, nil
	case strings.Contains(err.Error(), "does not match"):
		return pair, &FileError{"keyfile", p.KeyFile, fmt.Errorf("the key is not that of the certificate in '%s'", p.CertFile)}
	case !hasBlock(cert, "CERTIFICATE"):
		return pair, &FileError{"certfile", p.CertFile, errNoCertificates}
	case !strings.Contains(string(key), "PRIVATE KEY-----"):
		return pair, &FileError{"keyfile", p.KeyFile, errNoKey}
	default:
		return pair, &FileError{"certfile", p.CertFile, fmt.Errorf("with the key in '%s': %s", p.KeyFile, strings.TrimPrefix(err.Error(), "tls: "))}
	}
}
