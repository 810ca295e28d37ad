package pki

import (
	"archive/zip"
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// Format is a form that a certificate is handed out in.
type Format string

// The formats.
const (
	PEM    Format = "pem"    // the key, the certificate and the authority's, as text
	PKCS12 Format = "p12"    // the same, behind a password
	Zip    Format = "zip"    // for a phone: the authority, PKCS#12 and a text
	Header Format = "header" // for a microcontroller, in C
)

// ExportOptions say how a certificate is handed out.
type ExportOptions struct {
	// Password protects PKCS#12, also in a Zip, which needs one.
	Password string
	// Old encrypts PKCS#12 so that old programs read it: 3DES and SHA-1. That is
	// as strong as the password. A Zip is always so, as phones want it.
	Old bool
	// Port is where the broker has TLS, for the text in a Zip.
	Port int
}

// Export hands out a certificate with its key, or that of the authority, which
// comes without. What it returns is as secret as the key, but for the authority.
func (a *Authority) Export(nameOrSerial string, f Format, o ExportOptions) ([]byte, error) {
	m, err := a.material(nameOrSerial)
	if err != nil {
		return nil, err
	}
	switch f {
	case PEM:
		return m.pem()
	case PKCS12:
		return m.pkcs12(o)
	case Zip:
		return m.zip(o, a.brokerNames())
	case Header:
		return m.header()
	}
	return nil, fmt.Errorf("export %s: there is no format %q", nameOrSerial, f)
}

// material is what is exported.
type material struct {
	name      string
	key       crypto.Signer     // nil: there is none to hand out
	cert      *x509.Certificate // nil: it is the authority alone
	authority *x509.Certificate
}

func (a *Authority) material(nameOrSerial string) (*material, error) {
	m := &material{name: AuthorityName, authority: a.cert}
	if nameOrSerial == AuthorityName {
		return m, nil
	}
	e, ok := a.Find(nameOrSerial)
	if !ok {
		return nil, a.unknown(nameOrSerial)
	}
	certFile, keyFile := a.Files(e)
	var err error
	if m.cert, err = readCertificate(certFile); err != nil {
		return nil, err
	}
	if serialText(m.cert.SerialNumber) != e.Serial {
		return nil, fmt.Errorf("certificate %s of %q was renewed, and its file is gone: name %[2]q has the new one", e.Serial, e.Name)
	}
	if !e.Revoked.IsZero() {
		return nil, fmt.Errorf("the certificate of %q was revoked on %s: renew it first", e.Name, e.Revoked.Format(time.DateOnly))
	}
	m.name = e.Name
	if m.key, err = readKey(keyFile); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the key of %q is not there any more: it was taken from %s", e.Name, keyFile)
	}
	return m, err
}

// brokerNames are those of the broker's certificate, for who is told where to
// connect.
func (a *Authority) brokerNames() []string {
	cert, err := readCertificate(a.path(ServerName + certEnding))
	if err != nil {
		return nil // it is another machine's
	}
	return Names(cert)
}

func (m *material) pem() ([]byte, error) {
	if m.cert == nil {
		return encodeCertificate(m.authority), nil
	}
	key, err := encodeKey(m.key)
	if err != nil {
		return nil, err
	}
	return append(append(key, encodeCertificate(m.cert)...), encodeCertificate(m.authority)...), nil
}

func (m *material) pkcs12(o ExportOptions) ([]byte, error) {
	if o.Password == "" {
		return nil, errors.New("PKCS#12 needs a password")
	}
	encoder := pkcs12.Modern2023
	if o.Old {
		encoder = pkcs12.LegacyDES
	}
	if m.cert == nil {
		return encoder.EncodeTrustStore([]*x509.Certificate{m.authority}, o.Password)
	}
	return encoder.Encode(m.key, m.cert, []*x509.Certificate{m.authority}, o.Password)
}

func (m *material) zip(o ExportOptions, broker []string) ([]byte, error) {
	files := []struct {
		name string
		text []byte
	}{{name: "ca.crt", text: encodeCertificate(m.authority)}}
	if m.cert != nil {
		p12, err := m.pkcs12(ExportOptions{Password: o.Password, Old: true})
		if err != nil {
			return nil, err
		}
		files = append(files, struct {
			name string
			text []byte
		}{m.name + ".p12", p12})
	}
	files = append(files, struct {
		name string
		text []byte
	}{"README.txt", phoneText(m.name, broker, o.Port)})
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		w, err := z.Create(f.name)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.text); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Unlock opens what was exported as PKCS12, and returns the certificate in it.
func Unlock(p12 []byte, password string) (*x509.Certificate, error) {
	_, cert, _, err := pkcs12.DecodeChain(p12, password)
	return cert, err
}
