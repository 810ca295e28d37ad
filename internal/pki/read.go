package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Contents are the certificates and lists of a file.
type Contents struct {
	Certificates []*x509.Certificate
	Lists        []*x509.RevocationList
	Keys         int // private keys, of which nothing is told
}

// Read reads what is in a file: certificates, revocation lists and keys as PEM,
// with text around them or none, or one certificate or list as DER.
func Read(text []byte) (*Contents, error) {
	c := &Contents{}
	if !bytes.Contains(text, []byte("-----BEGIN ")) {
		return c, c.readDER(text)
	}
	for n := 1; ; n++ {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		var err error
		switch block.Type {
		case typeCertificate, "TRUSTED CERTIFICATE", "X509 CERTIFICATE":
			err = c.readCertificate(block.Bytes)
		case typeList:
			err = c.readList(block.Bytes)
		case typeKey, "EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY":
			c.Keys++
		}
		if err != nil {
			return c, fmt.Errorf("part %d of the file, %s: %w", n, block.Type, err)
		}
	}
	if len(c.Certificates)+len(c.Lists)+c.Keys == 0 {
		return c, errNothing
	}
	return c, nil
}

var errNothing = errors.New("it holds neither a certificate nor a revocation list, as PEM or DER")

func (c *Contents) readDER(der []byte) error {
	if c.readCertificate(der) == nil || c.readList(der) == nil {
		return nil
	}
	return errNothing
}

func (c *Contents) readCertificate(der []byte) error {
	cert, err := x509.ParseCertificate(der)
	if err == nil {
		c.Certificates = append(c.Certificates, cert)
	}
	return err
}

func (c *Contents) readList(der []byte) error {
	list, err := x509.ParseRevocationList(der)
	if err == nil {
		c.Lists = append(c.Lists, list)
	}
	return err
}
