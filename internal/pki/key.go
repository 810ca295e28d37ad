package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Algorithm is what a key is made of.
type Algorithm string

// The algorithms. The zero value is P256, or what the authority has.
const (
	P256    Algorithm = "P-256"
	RSA2048 Algorithm = "RSA-2048" // for devices that know nothing newer
)

const rsaBits = 2048

const (
	typeCertificate = "CERTIFICATE"
	typeKey         = "PRIVATE KEY"
	typeList        = "X509 CRL"
)

func newKey(a Algorithm) (crypto.Signer, error) {
	switch a {
	case "", P256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RSA2048:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	}
	return nil, fmt.Errorf("make a key: there is no algorithm %q here", a)
}

// algorithm is what a key is made of.
func algorithm(key crypto.PublicKey) Algorithm {
	if _, ok := key.(*rsa.PublicKey); ok {
		return RSA2048
	}
	return P256
}

func encodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: typeKey, Bytes: der}), nil
}

func decodeKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != typeKey {
		return nil, errors.New("it holds no key as PEM in PKCS#8")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("the key cannot sign")
	}
	return signer, nil
}

func encodeCertificate(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: typeCertificate, Bytes: c.Raw})
}

// belongs reports whether a key is that of a certificate.
func belongs(c *x509.Certificate, key crypto.Signer) bool {
	public, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(key.Public())
}
