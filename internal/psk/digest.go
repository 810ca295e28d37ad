package psk

import (
	"crypto"
	"crypto/subtle"
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"math/bits"
)

const (
	maxMACBytes   = 48  // SHA-384's
	maxBlockBytes = 128 // SHA-384's
	stateOffset   = 4   // of the chaining value in a hash's binary form, behind its magic bytes
)

// secretDigest is an HMAC over a record whose length must not be told by time.
// The standard library's hashes compress block by block and can give away their
// state: so every block is built and compressed that could be the last one, and
// the state behind the true last one is kept by masks.
type secretDigest struct {
	hash        hash.Hash
	state       encoding.BinaryAppender // the same hash
	macBytes    int
	blockBytes  int
	blockShift  int // its binary logarithm: a division could take a time that tells
	lengthBytes int // of the message's length, at the end of the last block
	inner       [maxBlockBytes]byte
	outer       [maxBlockBytes]byte
}

func newSecretDigest(h crypto.Hash, key []byte) (*secretDigest, error) {
	d := &secretDigest{hash: h.New(), macBytes: h.Size(), lengthBytes: 8}
	state, ok := d.hash.(encoding.BinaryAppender)
	if !ok {
		return nil, errors.New("the hash does not tell its state")
	}
	d.state = state
	d.blockBytes = d.hash.BlockSize()
	d.blockShift = bits.TrailingZeros(uint(d.blockBytes))
	if d.blockBytes == maxBlockBytes {
		d.lengthBytes = 16
	}
	if len(key) > d.blockBytes {
		return nil, fmt.Errorf("a MAC key of %d bytes is longer than a block", len(key))
	}
	copy(d.inner[:], key)
	copy(d.outer[:], key)
	for i := range d.blockBytes {
		d.inner[i] ^= 0x36
		d.outer[i] ^= 0x5c
	}
	return d, nil
}

// sum computes the MAC of plain[:length]. Time depends on len(plain) only, as
// long as length is one that the padding of plain can give.
func (d *secretDigest) sum(mac *[maxMACBytes]byte, sequence uint64, kind recordType, plain []byte, length int) {
	header := appendPseudoHeader(make([]byte, 0, pseudoHeaderBytes), sequence, kind, length)
	end := pseudoHeaderBytes + length // secret
	most := pseudoHeaderBytes + len(plain) - d.macBytes - 1
	least := max(pseudoHeaderBytes, most-255)
	lastBlock := (end + d.lengthBytes) >> d.blockShift // secret
	sure := least >> d.blockShift                      // blocks of content, however long the padding is

	d.hash.Reset()
	d.hash.Write(d.inner[:d.blockBytes])
	if sure > 0 {
		d.hash.Write(header)
		d.hash.Write(plain[:sure<<d.blockShift-pseudoHeaderBytes])
	}
	var digest [maxMACBytes]byte
	for j := sure; j <= (most+d.lengthBytes)>>d.blockShift; j++ {
		isLast := subtle.ConstantTimeEq(int32(j), int32(lastBlock))
		d.compress(header, plain, j, end, isLast)
		d.keep(&digest, isLast)
	}
	d.hash.Reset()
	d.hash.Write(d.outer[:d.blockBytes])
	d.hash.Write(digest[:d.macBytes])
	d.hash.Sum(mac[:0])
}

// compress feeds block j of the padded message: its bytes before end, the bit
// behind them, and the length in bits if it is the last block.
func (d *secretDigest) compress(header, plain []byte, j, end, isLast int) {
	var block [maxBlockBytes]byte
	for i := range d.blockBytes {
		at := j<<d.blockShift + i
		var b byte
		switch { // at and the lengths are known to everybody
		case at < len(header):
			b = header[at]
		case at < len(header)+len(plain):
			b = plain[at-len(header)]
		}
		b &= byte(-subtle.ConstantTimeLessOrEq(at+1, end))
		b |= 0x80 & byte(-subtle.ConstantTimeEq(int32(at), int32(end)))
		block[i] = b
	}
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(d.blockBytes+end)*8)
	for i, b := range length {
		block[d.blockBytes-8+i] |= b & byte(-isLast)
	}
	d.hash.Write(block[:d.blockBytes])
}

// keep copies the state of the hash to digest if isLast is 1.
func (d *secretDigest) keep(digest *[maxMACBytes]byte, isLast int) {
	var buffer [256]byte
	state, err := d.state.AppendBinary(buffer[:0])
	if err != nil || len(state) < stateOffset+d.macBytes {
		return // digest stays zero: the record is refused
	}
	for i := range d.macBytes {
		digest[i] |= state[stateOffset+i] & byte(-isLast)
	}
}
