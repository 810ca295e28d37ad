package dial

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
)

// The parts of an encrypted key: PKCS #8 (RFC 5958) with PBES2 (RFC 8018).
type (
	encryptedKey struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	pbes2 struct {
		Derivation, Encryption pkix.AlgorithmIdentifier
	}
	pbkdf2Parameters struct {
		Salt       []byte
		Iterations int
		KeyLength  int                      `asn1:"optional"`
		PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
	}
)

// maxIterations bounds the work that a file can ask for.
const maxIterations = 10_000_000

var errWrongPassphrase = errors.New("the pass phrase is not the key's")

// decryptPKCS8 decrypts a key of the kind that openssl makes: derived with
// PBKDF2, encrypted with AES-CBC.
func decryptPKCS8(der, phrase []byte) ([]byte, error) {
	var key encryptedKey
	if rest, err := asn1.Unmarshal(der, &key); err != nil || len(rest) > 0 {
		return nil, errors.New("it is not an encrypted key of PKCS #8")
	}
	var scheme pbes2
	if key.Algorithm.Algorithm.String() != "1.2.840.113549.1.5.13" {
		return nil, fmt.Errorf("it is encrypted with scheme %v, which is not supported; openssl pkey -in FILE makes a plain one of it", key.Algorithm.Algorithm)
	}
	if _, err := asn1.Unmarshal(key.Algorithm.Parameters.FullBytes, &scheme); err != nil {
		return nil, fmt.Errorf("its parameters: %w", err)
	}
	block, iv, err := scheme.cipher(phrase)
	if err != nil {
		return nil, err
	}
	if len(key.Data) == 0 || len(key.Data)%aes.BlockSize != 0 {
		return nil, errors.New("it is cut short")
	}
	plain := make([]byte, len(key.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, key.Data)
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > aes.BlockSize {
		return nil, errWrongPassphrase
	}
	for _, b := range plain[len(plain)-pad:] {
		if int(b) != pad {
			return nil, errWrongPassphrase
		}
	}
	plain = plain[:len(plain)-pad]
	var sequence asn1.RawValue
	if rest, err := asn1.Unmarshal(plain, &sequence); err != nil || len(rest) > 0 {
		return nil, errWrongPassphrase
	}
	return plain, nil
}

// cipher derives the key from the pass phrase.
func (s *pbes2) cipher(phrase []byte) (cipher.Block, []byte, error) {
	if s.Derivation.Algorithm.String() != "1.2.840.113549.1.5.12" {
		return nil, nil, fmt.Errorf("its key is derived with %v, and only PBKDF2 is supported", s.Derivation.Algorithm)
	}
	keyBytes := map[string]int{
		"2.16.840.1.101.3.4.1.2":  16, // AES-128-CBC
		"2.16.840.1.101.3.4.1.22": 24,
		"2.16.840.1.101.3.4.1.42": 32,
	}[s.Encryption.Algorithm.String()]
	var iv []byte
	if keyBytes == 0 {
		return nil, nil, fmt.Errorf("it is encrypted with %v, and only AES-CBC is supported", s.Encryption.Algorithm)
	}
	if _, err := asn1.Unmarshal(s.Encryption.Parameters.FullBytes, &iv); err != nil || len(iv) != aes.BlockSize {
		return nil, nil, errors.New("its initialization vector is not one")
	}
	var p pbkdf2Parameters
	if _, err := asn1.Unmarshal(s.Derivation.Parameters.FullBytes, &p); err != nil || p.Iterations < 1 || p.Iterations > maxIterations {
		return nil, nil, errors.New("its parameters of PBKDF2 are not valid")
	}
	prf, err := pseudoRandom(p.PRF.Algorithm.String())
	if err != nil {
		return nil, nil, err
	}
	key, err := pbkdf2.Key(prf, string(phrase), p.Salt, p.Iterations, keyBytes)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(key)
	return block, iv, err
}

// pseudoRandom returns the hash of a pseudo-random function; SHA-1 is what the
// standard means by none.
func pseudoRandom(oid string) (func() hash.Hash, error) {
	switch oid {
	case "", "1.2.840.113549.2.7":
		return sha1.New, nil
	case "1.2.840.113549.2.9":
		return sha256.New, nil
	case "1.2.840.113549.2.10":
		return sha512.New384, nil
	case "1.2.840.113549.2.11":
		return sha512.New, nil
	}
	return nil, fmt.Errorf("its key is derived with the hash %s, which is not supported", oid)
}
