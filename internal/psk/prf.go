package psk

import (
	"crypto"
	"crypto/hmac"
	_ "crypto/sha1" // registers crypto.SHA1, of the oldest suites
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/binary"
)

const (
	masterBytes   = 48
	finishedBytes = 12
)

// prf fills out with the pseudorandom function of TLS 1.2 (RFC 5246, section 5).
func prf(h crypto.Hash, out, secret []byte, label string, seeds ...[]byte) {
	mac := hmac.New(h.New, secret)
	seed := func() {
		mac.Write([]byte(label))
		for _, s := range seeds {
			mac.Write(s)
		}
	}
	seed()
	a := mac.Sum(nil) // A(1)
	for len(out) > 0 {
		mac.Reset()
		mac.Write(a)
		seed()
		out = out[copy(out, mac.Sum(nil)):]
		mac.Reset()
		mac.Write(a)
		a = mac.Sum(a[:0])
	}
}

// premaster is the premaster secret of RFC 4279, section 2, and of RFC 5489,
// section 2: what the key agreement gave, or as many zeros as the key is long,
// and then the key, each with its length.
func premaster(agreed, key []byte) []byte {
	if agreed == nil {
		agreed = make([]byte, len(key))
	}
	b := make([]byte, 0, 4+len(agreed)+len(key))
	b = binary.BigEndian.AppendUint16(b, uint16(len(agreed)))
	b = append(b, agreed...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(key)))
	return append(b, key...)
}

// secrets are what a handshake has agreed on.
type secrets struct {
	suite                      suite
	master                     [masterBytes]byte
	clientRandom, serverRandom [randomBytes]byte
	extended                   bool // the master secret is bound to the handshake (RFC 7627)
	encryptThenMAC             bool // RFC 7366
}

// deriveMaster makes the master secret. The transcript ends with ClientKeyExchange.
func (s *secrets) deriveMaster(premaster, transcript []byte) {
	if s.extended {
		prf(s.suite.prf, s.master[:], premaster, "extended master secret", s.sum(transcript))
	} else {
		prf(s.suite.prf, s.master[:], premaster, "master secret", s.clientRandom[:], s.serverRandom[:])
	}
}

// finished is the verify_data of a Finished message.
func (s *secrets) finished(label string, transcript []byte) []byte {
	out := make([]byte, finishedBytes)
	prf(s.suite.prf, out, s.master[:], label, s.sum(transcript))
	return out
}

func (s *secrets) sum(transcript []byte) []byte {
	h := s.suite.prf.New()
	h.Write(transcript)
	return h.Sum(nil)
}

// protections cuts the key block (RFC 5246, section 6.3) and returns what
// protects the records of the client and those of the server.
func (s *secrets) protections() (client, server protection, err error) {
	macBytes, ivBytes := 0, aeadSaltBytes
	if s.suite.mode == cbc {
		macBytes, ivBytes = s.suite.mac.Size(), 0 // the IV of each record is in the record
	}
	block := make([]byte, 2*(macBytes+s.suite.keyBytes+ivBytes))
	prf(s.suite.prf, block, s.master[:], "key expansion", s.serverRandom[:], s.clientRandom[:])
	cut := func(n int) []byte {
		part := block[:n:n]
		block = block[n:]
		return part
	}
	clientMAC, serverMAC := cut(macBytes), cut(macBytes)
	clientKey, serverKey := cut(s.suite.keyBytes), cut(s.suite.keyBytes)
	clientIV, serverIV := cut(ivBytes), cut(ivBytes)
	if client, err = s.protection(clientKey, clientMAC, clientIV); err != nil {
		return nil, nil, err
	}
	if server, err = s.protection(serverKey, serverMAC, serverIV); err != nil {
		return nil, nil, err
	}
	return client, server, nil
}

func (s *secrets) protection(key, macKey, salt []byte) (protection, error) {
	switch {
	case s.suite.mode != cbc:
		return newAEADProtection(s.suite.mode, key, salt)
	case s.encryptThenMAC:
		return newEncryptThenMAC(s.suite.mac, key, macKey)
	default:
		return newMACThenEncrypt(s.suite.mac, key, macKey)
	}
}
