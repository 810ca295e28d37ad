package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zancudomq/zancudo/internal/ciphers"
)

// layer returns the layer of a TLS client, with the files of t read.
func (t *TLS) layer() (layer, error) {
	config, err := t.config()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, conn net.Conn, host string, _ int) (net.Conn, error) {
		c := config.Clone()
		if c.ServerName = t.ServerName; c.ServerName == "" {
			c.ServerName = host
		}
		name := c.ServerName
		if !t.Insecure {
			// Verification is ours, for the sake of certificates that name the
			// server in their subject only; see verify.
			c.InsecureSkipVerify = true
			c.VerifyConnection = func(s tls.ConnectionState) error { return verify(s.PeerCertificates, config.RootCAs, name) }
		}
		secure := tls.Client(conn, c)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, &Error{Stage: AtTLS, Text: "TLS with " + name, Err: t.explain(err, name)}
		}
		return &tlsConn{Conn: secure, settings: t, name: name}, nil
	}, nil
}

// tlsConn explains also what a server says after the handshake: with TLS 1.3
// that is when it looks at the client's certificate.
type tlsConn struct {
	*tls.Conn
	settings *TLS
	name     string
}

func (c *tlsConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil {
		return n, nil
	}
	if alert, told := remoteAlert(err); told {
		err = &Error{Stage: AtTLS, Text: "TLS with " + c.name, Err: &explained{c.settings.explainAlert(alert, err), err}}
	}
	return n, err
}

// config is the configuration without what depends on the server.
func (t *TLS) config() (*tls.Config, error) {
	version, err := t.minVersion()
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: version, NextProtos: t.ALPN, InsecureSkipVerify: t.Insecure}
	if config.RootCAs, err = t.roots(); err != nil {
		return nil, err
	}
	if config.CipherSuites, err = t.suites(); err != nil {
		return nil, err
	}
	if t.CertFile != "" || t.KeyFile != "" {
		certificate, err := t.certificate()
		if err != nil {
			return nil, err
		}
		// Shown also to a server that names other authorities: it may know better
		// than its list.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
	}
	if t.KeyLogFile != "" {
		log := keyLog(t.KeyLogFile)
		if _, err := log.Write(nil); err != nil {
			return nil, &Error{Text: "key log file", Err: err}
		}
		config.KeyLogWriter = log
	}
	return config, nil
}

func (t *TLS) minVersion() (uint16, error) {
	switch t.MinVersion {
	case "", "tlsv1.2":
		return tls.VersionTLS12, nil
	case "tlsv1.3":
		return tls.VersionTLS13, nil
	case "tlsv1.1":
		return tls.VersionTLS11, nil
	}
	return 0, &Error{Text: fmt.Sprintf("TLS version %q: there are tlsv1.3, tlsv1.2 and tlsv1.1", t.MinVersion)}
}

// suites are those for TLS 1.2 and below; nil: Go's choice.
func (t *TLS) suites() ([]uint16, error) {
	if t.Ciphers == "" {
		return nil, nil
	}
	list, err := ciphers.Parse(t.Ciphers)
	if err != nil {
		return nil, &Error{Text: err.Error(), Err: nil}
	}
	if len(list.Suites) == 0 && len(list.TLS13) == 0 {
		return nil, &Error{Text: fmt.Sprintf("cipher list %q: it has suites with a pre-shared key only, and none for certificates", t.Ciphers)}
	}
	return list.Suites, nil
}

// roots are the authorities to trust; nil: those of the system.
func (t *TLS) roots() (*x509.CertPool, error) {
	if t.CAFile == "" && t.CADir == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if t.SystemRoots {
		system, err := x509.SystemCertPool()
		if err != nil {
			return nil, &Error{Text: "certificates of the system", Err: err}
		}
		pool = system
	}
	if t.CAFile != "" {
		b, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, &Error{Text: "CA file", Err: err}
		}
		if !pool.AppendCertsFromPEM(b) {
			return nil, &Error{Text: "CA file " + t.CAFile + ": " + notPEM(b, "certificate")}
		}
	}
	if t.CADir != "" {
		if err := addDir(pool, t.CADir); err != nil {
			return nil, err
		}
	}
	return pool, nil
}

// addDir adds the certificates of a directory.
func addDir(pool *x509.CertPool, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return &Error{Text: "CA directory", Err: err}
	}
	found := false
	for _, e := range entries {
		if !isCertificate(e.Name()) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return &Error{Text: "CA directory", Err: err}
		}
		found = pool.AppendCertsFromPEM(b) || found
	}
	if !found {
		return &Error{Text: "CA directory " + dir + ": no certificate is in its files *.pem, *.crt, *.cer and those named by a hash, as openssl rehash makes them"}
	}
	return nil
}

// isCertificate reports whether a file of a CA directory is one by its name.
func isCertificate(name string) bool {
	switch filepath.Ext(name) {
	case ".pem", ".crt", ".cer":
		return true
	}
	hash, number, ok := strings.Cut(name, ".")
	return ok && len(hash) == 8 && strings.Trim(hash, "0123456789abcdef") == "" &&
		number != "" && strings.Trim(number, "0123456789") == ""
}

// keyLog is the name of a file that what is written is appended to.
type keyLog string

func (name keyLog) Write(b []byte) (n int, err error) {
	f, err := os.OpenFile(string(name), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return 0, err
	}
	n, err = f.Write(b)
	return n, errors.Join(err, f.Close())
}

// verify checks the certificates of a server as crypto/tls does, but for one
// thing: a certificate without names other than its subject's is taken for
// whatever that says, as OpenSSL takes it. Many private authorities make such.
func verify(certificates []*x509.Certificate, roots *x509.CertPool, name string) error {
	leaf := certificates[0]
	options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range certificates[1:] {
		options.Intermediates.AddCert(c)
	}
	if _, err := leaf.Verify(options); err != nil {
		return err
	}
	err := leaf.VerifyHostname(name)
	if err != nil && len(leaf.DNSNames) == 0 && len(leaf.IPAddresses) == 0 && subjectMatches(leaf.Subject.CommonName, name) {
		return nil
	}
	return err
}

// subjectMatches compares a common name, which may have a wildcard for its
// first label.
func subjectMatches(subject, name string) bool {
	subject, name = strings.ToLower(subject), strings.TrimSuffix(strings.ToLower(name), ".")
	if rest, ok := strings.CutPrefix(subject, "*."); ok && strings.Contains(rest, ".") && net.ParseIP(name) == nil {
		_, domain, _ := strings.Cut(name, ".")
		return domain == rest
	}
	return subject != "" && subject == name
}

// names lists what a certificate is for.
func names(c *x509.Certificate) string {
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 && c.Subject.CommonName != "" {
		all = append(all, c.Subject.CommonName)
	}
	if len(all) == 0 {
		return "nobody"
	}
	return strings.Join(all, ", ")
}
