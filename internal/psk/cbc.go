package psk

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/subtle"
	"hash"
)

const cbcBlockBytes = aes.BlockSize

// encryptThenMAC is AES in CBC whose MAC covers the ciphertext (RFC 7366), so
// that nothing is decrypted before it is known to be the peer's.
type encryptThenMAC struct {
	block cipher.Block
	mac   hash.Hash
}

func newEncryptThenMAC(h crypto.Hash, key, macKey []byte) (protection, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return &encryptThenMAC{block: block, mac: hmac.New(h.New, macKey)}, nil
}

func (p *encryptThenMAC) seal(dst []byte, sequence uint64, kind recordType, plain []byte) []byte {
	from := len(dst)
	dst = appendCBC(dst, p.block, plain, nil)
	return p.sum(dst, sequence, kind, dst[from:])
}

func (p *encryptThenMAC) open(sequence uint64, kind recordType, fragment []byte) ([]byte, bool) {
	n := len(fragment) - p.mac.Size()
	if n < 2*cbcBlockBytes || n%cbcBlockBytes != 0 {
		return nil, false
	}
	want := p.sum(nil, sequence, kind, fragment[:n])
	if subtle.ConstantTimeCompare(want, fragment[n:]) != 1 {
		return nil, false
	}
	plain := decryptCBC(p.block, fragment[:n])
	padding, good := cbcPadding(plain, 0)
	return plain[:len(plain)-1-padding], good == 1
}

// sum appends the MAC of what is encrypted.
func (p *encryptThenMAC) sum(dst []byte, sequence uint64, kind recordType, encrypted []byte) []byte {
	p.mac.Reset()
	p.mac.Write(appendPseudoHeader(make([]byte, 0, pseudoHeaderBytes), sequence, kind, len(encrypted)))
	p.mac.Write(encrypted)
	return p.mac.Sum(dst)
}

// macThenEncrypt is AES in CBC as TLS 1.2 has it by itself: the MAC covers the
// content and is encrypted with it. Time must not tell how long the padding was
// or whether it was that or the MAC that was wrong (Lucky Thirteen): see design.md.
type macThenEncrypt struct {
	block    cipher.Block
	mac      hash.Hash
	macBytes int
	digest   *secretDigest
}

func newMACThenEncrypt(h crypto.Hash, key, macKey []byte) (protection, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	digest, err := newSecretDigest(h, macKey)
	if err != nil {
		return nil, err
	}
	return &macThenEncrypt{block: block, mac: hmac.New(h.New, macKey), macBytes: h.Size(), digest: digest}, nil
}

func (p *macThenEncrypt) seal(dst []byte, sequence uint64, kind recordType, plain []byte) []byte {
	p.mac.Reset()
	p.mac.Write(appendPseudoHeader(make([]byte, 0, pseudoHeaderBytes), sequence, kind, len(plain)))
	p.mac.Write(plain)
	return appendCBC(dst, p.block, plain, p.mac.Sum(make([]byte, 0, maxMACBytes)))
}

func (p *macThenEncrypt) open(sequence uint64, kind recordType, fragment []byte) ([]byte, bool) {
	if len(fragment)%cbcBlockBytes != 0 || len(fragment) < cbcBlockBytes+p.macBytes+1 {
		return nil, false
	}
	plain := decryptCBC(p.block, fragment)
	padding, good := cbcPadding(plain, p.macBytes)
	length := len(plain) - p.macBytes - 1 - padding // secret until the MAC is found to be right
	var want, got [maxMACBytes]byte
	p.digest.sum(&want, sequence, kind, plain, length)
	copySecret(got[:p.macBytes], plain, length)
	good &= subtle.ConstantTimeCompare(want[:p.macBytes], got[:p.macBytes])
	if good != 1 {
		return nil, false
	}
	return plain[:length], true
}

// appendCBC appends a random IV and the encrypted content and MAC, padded.
func appendCBC(dst []byte, block cipher.Block, plain, mac []byte) []byte {
	from := len(dst)
	var iv [cbcBlockBytes]byte
	rand.Read(iv[:])
	dst = append(dst, iv[:]...)
	dst = append(dst, plain...)
	dst = append(dst, mac...)
	padding := cbcBlockBytes - 1 - (len(plain)+len(mac))%cbcBlockBytes
	for range padding + 1 {
		dst = append(dst, byte(padding))
	}
	body := dst[from+cbcBlockBytes:]
	cipher.NewCBCEncrypter(block, iv[:]).CryptBlocks(body, body)
	return dst
}

// decryptCBC decrypts whole blocks behind an IV in place.
func decryptCBC(block cipher.Block, fragment []byte) []byte {
	iv, body := fragment[:cbcBlockBytes], fragment[cbcBlockBytes:]
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(body, body)
	return body
}

// cbcPadding returns how long the padding is, without the byte that says so, and
// 1 if it is right. If it is wrong the length is 0, so that the MAC is computed
// all the same (RFC 5246, section 6.2.3.2). Time depends on len(plain) only.
func cbcPadding(plain []byte, macBytes int) (padding, good int) {
	last := plain[len(plain)-1]
	padding = int(last)
	good = subtle.ConstantTimeLessOrEq(padding+1+macBytes, len(plain))
	for i := range min(256, len(plain)) {
		counts := subtle.ConstantTimeLessOrEq(i, padding)
		equal := subtle.ConstantTimeByteEq(plain[len(plain)-1-i], last)
		good &= subtle.ConstantTimeSelect(counts, equal, 1)
	}
	return subtle.ConstantTimeSelect(good, padding, 0), good
}

// copySecret copies len(mac) bytes of plain from a secret offset. It reads all
// that could be meant, in an order that depends on the lengths only.
func copySecret(mac, plain []byte, offset int) {
	first := max(0, len(plain)-len(mac)-256)
	for j := range mac {
		var b byte
		for i := first; i < len(plain); i++ {
			b |= byte(-subtle.ConstantTimeEq(int32(i), int32(offset+j))) & plain[i]
		}
		mac[j] = b
	}
}
