package password

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
)

// Limits of what a SCRAM hash may ask its clients for: it is they who stretch
// the password, and some are small. RFC 7677 asks for 4,096 iterations at least.
const (
	MinSCRAMIterations     = 4096
	MaxSCRAMIterations     = 1_000_000
	defaultSCRAMIterations = 15_000
	scramSaltBytes         = 16
)

// SCRAM is what a server knows of the password of a user who proves by
// SCRAM-SHA-256 (RFC 5802, RFC 7677) to know it. Who reads it can pretend to be
// the server, and has to guess the password to be the user.
type SCRAM struct {
	Salt       []byte
	Iterations int
	StoredKey  []byte // of 32 bytes, as the next
	ServerKey  []byte
}

// SCRAM is what the hash is to SCRAM-SHA-256; ok is false for a hash of another
// scheme.
func (h *Hash) SCRAM() (s SCRAM, ok bool) {
	if h.scheme != SCRAMSHA256 {
		return SCRAM{}, false
	}
	return SCRAM{Salt: h.salt, Iterations: h.rounds, StoredKey: h.key[:sha256.Size], ServerKey: h.key[sha256.Size:]}, true
}

// SaltedPassword stretches a password, which takes as long as the iterations say.
func SaltedPassword(password, salt []byte, iterations int) ([]byte, error) {
	return pbkdf2.Key(sha256.New, string(Prepare(password)), salt, iterations, sha256.Size)
}

// NewSCRAM derives what a server keeps of a password.
func NewSCRAM(password, salt []byte, iterations int) (SCRAM, error) {
	salted, err := SaltedPassword(password, salt, iterations)
	if err != nil {
		return SCRAM{}, err
	}
	stored := sha256.Sum256(sign(salted, "Client Key"))
	return SCRAM{salt, iterations, stored[:], sign(salted, "Server Key")}, nil
}

// ClientProof is what a client proves with that it knows the password, for the
// messages that were exchanged.
func ClientProof(salted, messages []byte) []byte {
	key := sign(salted, "Client Key")
	stored := sha256.Sum256(key)
	proof := make([]byte, sha256.Size)
	subtle.XORBytes(proof, key, sign(stored[:], string(messages)))
	return proof
}

// ServerSignature is what a server proves with that it knows the user, for the
// messages that were exchanged.
func (s *SCRAM) ServerSignature(messages []byte) []byte { return sign(s.ServerKey, string(messages)) }

// ServerKeyOf is the ServerKey of a salted password, for a client to know what to
// expect.
func ServerKeyOf(salted []byte) []byte { return sign(salted, "Server Key") }

// VerifyProof reports in constant time whether a proof is right for the messages
// that were exchanged.
func (s *SCRAM) VerifyProof(proof, messages []byte) bool {
	if len(proof) != sha256.Size || len(s.StoredKey) != sha256.Size {
		return false
	}
	key := make([]byte, sha256.Size)
	subtle.XORBytes(key, proof, sign(s.StoredKey, string(messages)))
	stored := sha256.Sum256(key)
	return subtle.ConstantTimeCompare(stored[:], s.StoredKey) == 1
}

func sign(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// decodeSCRAM reads $scram-sha-256$iterations$salt$StoredKey$ServerKey.
func (h *Hash) decodeSCRAM(fields []string) (err error) {
	h.scheme = SCRAMSHA256
	if h.rounds, err = strconv.Atoi(fields[2]); err != nil || h.rounds < MinSCRAMIterations || h.rounds > MaxSCRAMIterations {
		return fmt.Errorf("%q iterations of scram-sha-256: %d to %d are accepted", fields[2], MinSCRAMIterations, MaxSCRAMIterations)
	}
	if err := h.decode(base64.StdEncoding, fields[3], fields[4]); err != nil {
		return err
	}
	server, err := base64.StdEncoding.DecodeString(fields[5])
	if err != nil {
		return errors.New("the server key is not base64")
	}
	if len(h.key) != sha256.Size || len(server) != sha256.Size {
		return fmt.Errorf("the keys of scram-sha-256 have %d and %d bytes, not %d", len(h.key), len(server), sha256.Size)
	}
	h.key = append(h.key, server...)
	return nil
}
