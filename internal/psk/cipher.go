package psk

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// protection is what one direction of a connection does to its records, one at a
// time. The sequence number and the type of a record are authenticated with it.
type protection interface {
	// seal appends the protected form of plain to dst.
	seal(dst []byte, sequence uint64, kind recordType, plain []byte) []byte
	// open returns the plain form of a fragment, in its memory; ok is false if
	// the fragment is not what the peer sealed, whatever is wrong with it.
	open(sequence uint64, kind recordType, fragment []byte) (plain []byte, ok bool)
}

const (
	pseudoHeaderBytes = 13
	aeadSaltBytes     = 4 // of the nonce, from the key block
	aeadExplicitBytes = 8 // of the nonce, in the record
	nonceBytes        = aeadSaltBytes + aeadExplicitBytes
)

// appendPseudoHeader appends what a MAC or an AEAD authenticates beside a
// record's content: sequence number, type, version and length.
func appendPseudoHeader(b []byte, sequence uint64, kind recordType, length int) []byte {
	b = binary.BigEndian.AppendUint64(b, sequence)
	b = append(b, byte(kind))
	b = binary.BigEndian.AppendUint16(b, version12)
	return binary.BigEndian.AppendUint16(b, uint16(length))
}

// aeadProtection is AES in GCM or CCM. The explicit part of the nonce is the
// sequence number, so no nonce comes twice under one key (RFC 5288, RFC 6655).
type aeadProtection struct {
	aead   cipher.AEAD
	nonce  [nonceBytes]byte // its front is from the key block
	header [pseudoHeaderBytes]byte
}

func newAEADProtection(m mode, key, salt []byte) (protection, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	p := &aeadProtection{}
	copy(p.nonce[:aeadSaltBytes], salt)
	switch m {
	case ccm:
		p.aead = newCCM(block, 16)
	case ccm8:
		p.aead = newCCM(block, 8)
	default:
		p.aead, err = cipher.NewGCM(block)
	}
	return p, err
}

func (p *aeadProtection) seal(dst []byte, sequence uint64, kind recordType, plain []byte) []byte {
	explicit := p.nonce[aeadSaltBytes:]
	binary.BigEndian.PutUint64(explicit, sequence)
	header := appendPseudoHeader(p.header[:0], sequence, kind, len(plain))
	dst = append(dst, explicit...)
	return p.aead.Seal(dst, p.nonce[:], plain, header)
}

func (p *aeadProtection) open(sequence uint64, kind recordType, fragment []byte) ([]byte, bool) {
	length := len(fragment) - aeadExplicitBytes - p.aead.Overhead()
	if length < 0 {
		return nil, false
	}
	copy(p.nonce[aeadSaltBytes:], fragment)
	header := appendPseudoHeader(p.header[:0], sequence, kind, length)
	sealed := fragment[aeadExplicitBytes:]
	plain, err := p.aead.Open(sealed[:0], p.nonce[:], sealed, header)
	return plain, err == nil
}
