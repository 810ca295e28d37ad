package dial

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
)

// certificate reads CertFile and KeyFile.
func (t *TLS) certificate() (*tls.Certificate, error) {
	switch {
	case t.KeyFile == "":
		return nil, &Error{Text: "certificate " + t.CertFile + " has no key: name its key file too"}
	case t.CertFile == "":
		return nil, &Error{Text: "key " + t.KeyFile + " has no certificate: name its certificate file too"}
	}
	cert, err := os.ReadFile(t.CertFile)
	if err != nil {
		return nil, &Error{Text: "certificate file", Err: err}
	}
	key, err := os.ReadFile(t.KeyFile)
	if err != nil {
		return nil, &Error{Text: "key file", Err: err}
	}
	if key, err = t.decrypt(key); err != nil {
		return nil, &Error{Text: "key file " + t.KeyFile, Err: err}
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, &Error{Text: "certificate file " + t.CertFile + " and key file " + t.KeyFile, Err: badPair(cert, key, err)}
	}
	return &pair, nil
}

// badPair says in better words why X509KeyPair does not take a pair.
func badPair(cert, key []byte, err error) error {
	text := err.Error()
	switch {
	case !hasBlock(cert, "CERTIFICATE"):
		text = "the first: " + notPEM(cert, "certificate")
	case !hasBlock(key, "PRIVATE KEY"):
		text = "the second: " + notPEM(key, "private key")
	case strings.Contains(text, "does not match"):
		text = "the key is not the certificate's"
	}
	return &explained{text, err}
}

// hasBlock reports whether there is a PEM block of a kind.
func hasBlock(b []byte, kind string) bool {
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, kind) {
			return true
		}
	}
	return false
}

// notPEM says what is wrong with a file that has no PEM block of a kind.
func notPEM(b []byte, kind string) string {
	block, _ := pem.Decode(b)
	switch {
	case len(bytes.TrimSpace(b)) == 0:
		return "it is empty"
	case block != nil:
		return fmt.Sprintf("it has a %s, and no %s that can be read", strings.ToLower(block.Type), kind)
	}
	if _, err := x509.ParseCertificate(b); err == nil {
		return "it is in DER; make PEM of it with: openssl x509 -inform der -in FILE"
	}
	return "it has no " + kind + " in PEM, which begins with -----BEGIN"
}

var errPassphrase = errors.New("it is encrypted, and nobody knows its pass phrase; openssl pkey -in FILE makes a plain one of it")

// decrypt returns the key in the clear.
func (t *TLS) decrypt(key []byte) ([]byte, error) {
	block := keyBlock(key)
	if block == nil {
		return key, nil
	}
	old := strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED")
	if !old && block.Type != "ENCRYPTED PRIVATE KEY" {
		return key, nil
	}
	if t.Passphrase == nil {
		return nil, errPassphrase
	}
	phrase, err := t.Passphrase(t.KeyFile)
	if err != nil {
		return nil, err
	}
	var der []byte
	kind := block.Type
	if old {
		//lint:ignore SA1019 it does not authenticate; files of this kind exist all the same
		der, err = x509.DecryptPEMBlock(block, phrase) //nolint:staticcheck // the same for another linter
	} else {
		kind = "PRIVATE KEY"
		der, err = decryptPKCS8(block.Bytes, phrase)
	}
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), nil
}

// keyBlock returns the first private key.
func keyBlock(b []byte) *pem.Block {
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return block
		}
	}
	return nil
}
