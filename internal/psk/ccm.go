package psk

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
)

// ccmMode is Counter with CBC-MAC (RFC 3610) with nonces of 12 bytes, which
// leaves 3 for the length: far more than a record has.
type ccmMode struct {
	block    cipher.Block
	tagBytes int
}

const (
	ccmLengthBytes = 3
	ccmBlockBytes  = 16
)

var errCCM = errors.New("ccm: message authentication failed")

func newCCM(block cipher.Block, tagBytes int) cipher.AEAD {
	return &ccmMode{block: block, tagBytes: tagBytes}
}

// NonceSize is the length of a nonce in bytes.
func (c *ccmMode) NonceSize() int { return nonceBytes }

// Overhead is the length of a tag in bytes.
func (c *ccmMode) Overhead() int { return c.tagBytes }

// Seal appends the encrypted plaintext and its tag to dst, with which plaintext
// must not overlap.
func (c *ccmMode) Seal(dst, nonce, plaintext, data []byte) []byte {
	tag := c.tag(nonce, plaintext, data)
	stream, mask := c.stream(nonce)
	from := len(dst)
	dst = append(dst, plaintext...)
	stream.XORKeyStream(dst[from:], dst[from:])
	subtle.XORBytes(tag[:], tag[:], mask[:])
	return append(dst, tag[:c.tagBytes]...)
}

// Open appends what was sealed to dst, which may be ciphertext[:0]. What fails
// to authenticate is wiped.
func (c *ccmMode) Open(dst, nonce, ciphertext, data []byte) ([]byte, error) {
	n := len(ciphertext) - c.tagBytes
	if n < 0 {
		return nil, errCCM
	}
	stream, mask := c.stream(nonce)
	from := len(dst)
	sealed := ciphertext[n:]
	dst = append(dst, ciphertext[:n]...)
	plain := dst[from:]
	stream.XORKeyStream(plain, plain)
	tag := c.tag(nonce, plain, data)
	subtle.XORBytes(tag[:], tag[:], mask[:])
	if subtle.ConstantTimeCompare(tag[:c.tagBytes], sealed) != 1 {
		clear(plain)
		return nil, errCCM
	}
	return dst, nil
}

// stream returns the key stream for the message and the block that masks the tag.
func (c *ccmMode) stream(nonce []byte) (cipher.Stream, [ccmBlockBytes]byte) {
	var counter, mask [ccmBlockBytes]byte
	counter[0] = ccmLengthBytes - 1
	copy(counter[1:], nonce)
	stream := cipher.NewCTR(c.block, counter[:])
	stream.XORKeyStream(mask[:], mask[:]) // counter 0 is the tag's
	return stream, mask
}

// tag is the CBC-MAC over lengths, nonce, additional data and message.
func (c *ccmMode) tag(nonce, plaintext, data []byte) (mac [ccmBlockBytes]byte) {
	var b [ccmBlockBytes]byte
	binary.BigEndian.PutUint32(b[12:], uint32(len(plaintext)))
	copy(b[1:], nonce) // over the highest byte of the length, which is zero
	b[0] = byte((c.tagBytes-2)/2<<3 | (ccmLengthBytes - 1))
	if len(data) > 0 {
		b[0] |= 1 << 6
	}
	c.block.Encrypt(mac[:], b[:])
	if len(data) > 0 {
		c.absorb(&mac, append(binary.BigEndian.AppendUint16(make([]byte, 0, ccmBlockBytes), uint16(len(data))), data...))
	}
	c.absorb(&mac, plaintext)
	return mac
}

// absorb adds b, filled up with zeros to whole blocks, to the MAC.
func (c *ccmMode) absorb(mac *[ccmBlockBytes]byte, b []byte) {
	for len(b) > 0 {
		n := subtle.XORBytes(mac[:], mac[:], b[:min(len(b), ccmBlockBytes)])
		c.block.Encrypt(mac[:], mac[:])
		b = b[n:]
	}
}
