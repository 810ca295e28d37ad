package password

import (
	"cmp"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"
	"hash"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// Scheme is a way to hash passwords.
type Scheme byte

// The schemes. Those of go-auth, GoAuthSHA256 to Bcrypt, can only be verified.
const (
	PBKDF2       Scheme = iota // $7$: PBKDF2 with SHA-512, Mosquitto's own since 2.0
	Argon2id                   // $argon2id$: costs memory, too
	SHA512                     // $6$: one round, Mosquitto's own before 2.0; too fast to be safe
	GoAuthSHA256               // PBKDF2$sha256$
	GoAuthSHA512               // PBKDF2$sha512$
	Bcrypt                     // $2a$, $2b$, $2y$
	SCRAMSHA256                // $scram-sha-256$: ours, for clients that prove to know the password without telling it
)

// What Mosquitto 2.1 makes, but for the salt of its own two schemes: 2.1 takes 64
// bytes and reads any number, 2.0 takes and reads 12.
const (
	DefaultIterations = 1000 // of PBKDF2
	argonMemory       = 47104
	argonTime         = 1
	argonSaltBytes    = 64
	saltBytes         = 12
	keyBytes          = 64
)

// Limits of what a hash may ask for: a password file is often written by other
// programs, and to verify is done for whoever connects.
const (
	MaxIterations = 5_000_000 // of PBKDF2, a few seconds
	MaxMemory     = 256 << 20 // bytes of argon2id
	maxArgonTime  = 32
	maxArgonLanes = 64
	maxBcryptCost = 16
	maxSalt       = 1024
	minKey        = 16
	maxKey        = 512
)

// A Hash is a hashed password. It is never changed and may be shared; the zero
// value verifies nothing.
type Hash struct {
	text   string // as it stands in the file
	scheme Scheme
	salt   []byte
	key    []byte
	rounds int    // iterations, time or cost
	memory uint32 // of argon2id, in KiB
	lanes  uint8  // of argon2id
}

// Cost is what it takes to verify one password.
type Cost struct {
	MemoryBytes int // held while it lasts
	Iterations  int // of the scheme's own kind; Bcrypt: 2 to the power of its cost
}

// Cost is known before anything is verified, so that a caller can bound how much
// of it is under way at a time.
func (h *Hash) Cost() Cost {
	switch h.scheme {
	case Argon2id:
		return Cost{MemoryBytes: int(h.memory) << 10, Iterations: h.rounds}
	case Bcrypt:
		return Cost{MemoryBytes: 4 << 10, Iterations: 1 << h.rounds}
	default:
		return Cost{Iterations: h.rounds}
	}
}

// Scheme is the way the password is hashed.
func (h *Hash) Scheme() Scheme { return h.scheme }

// String is the hash as it stands in the file.
func (h *Hash) String() string { return h.text }

// Verify reports whether this is the password. It takes no lock and waits for
// nothing; the time it takes does not tell how much of the password is right.
func (h *Hash) Verify(password []byte) bool {
	if len(h.key) == 0 {
		return false
	}
	if h.scheme == Bcrypt {
		return bcrypt.CompareHashAndPassword(h.key, password) == nil
	}
	if h.scheme == SCRAMSHA256 {
		s, err := NewSCRAM(password, h.salt, h.rounds)
		return err == nil && subtle.ConstantTimeCompare(append(s.StoredKey, s.ServerKey...), h.key) == 1
	}
	key, err := h.derive(password)
	return err == nil && subtle.ConstantTimeCompare(key, h.key) == 1
}

// derive computes the key that a password has with the salt and the parameters of
// the hash.
func (h *Hash) derive(password []byte) ([]byte, error) {
	switch h.scheme {
	case SHA512:
		sum := sha512.New()
		sum.Write(password)
		sum.Write(h.salt)
		return sum.Sum(nil), nil
	case Argon2id:
		return argon2.IDKey(password, h.salt, uint32(h.rounds), h.memory, h.lanes, uint32(len(h.key))), nil
	case GoAuthSHA256:
		return stretch(sha256.New, password, h)
	default:
		return stretch(sha512.New, password, h)
	}
}

func stretch[H hash.Hash](sum func() H, password []byte, h *Hash) ([]byte, error) {
	return pbkdf2.Key(sum, string(password), h.salt, h.rounds, len(h.key))
}

// A Recipe says how passwords are hashed. The zero value is Mosquitto's:
// PBKDF2 with 1,000 iterations.
type Recipe struct {
	Scheme Scheme
	// Iterations are those of PBKDF2, at most MaxIterations; zero: 1,000. For
	// SCRAMSHA256 they are MinSCRAMIterations to MaxSCRAMIterations; zero: 15,000.
	Iterations int
}

// Make hashes a password with a new salt.
func (r Recipe) Make(password []byte) (*Hash, error) {
	if r.Scheme == SCRAMSHA256 {
		return r.makeSCRAM(password)
	}
	h := &Hash{scheme: r.Scheme, salt: make([]byte, saltBytes), key: make([]byte, keyBytes), rounds: 1}
	switch r.Scheme {
	case SHA512:
	case PBKDF2:
		if h.rounds = r.Iterations; h.rounds == 0 {
			h.rounds = DefaultIterations
		}
		if h.rounds < 1 || h.rounds > MaxIterations {
			return nil, fmt.Errorf("%d iterations: at most %d are accepted", h.rounds, MaxIterations)
		}
	case Argon2id:
		h.rounds, h.memory, h.lanes, h.salt = argonTime, argonMemory, 1, make([]byte, argonSaltBytes)
	default:
		return nil, fmt.Errorf("scheme %d is not made here", r.Scheme)
	}
	if _, err := rand.Read(h.salt); err != nil {
		return nil, err
	}
	key, err := h.derive(password)
	if err != nil {
		return nil, err
	}
	h.key = key
	h.text = h.encode()
	return h, nil
}

// makeSCRAM is Make for SCRAMSHA256.
func (r Recipe) makeSCRAM(password []byte) (*Hash, error) {
	h := &Hash{scheme: r.Scheme, salt: make([]byte, scramSaltBytes), rounds: cmp.Or(r.Iterations, defaultSCRAMIterations)}
	if h.rounds < MinSCRAMIterations || h.rounds > MaxSCRAMIterations {
		return nil, fmt.Errorf("%d iterations: %d to %d are accepted", h.rounds, MinSCRAMIterations, MaxSCRAMIterations)
	}
	if _, err := rand.Read(h.salt); err != nil {
		return nil, err
	}
	s, err := NewSCRAM(password, h.salt, h.rounds)
	if err != nil {
		return nil, err
	}
	h.key = append(s.StoredKey, s.ServerKey...)
	h.text = h.encode()
	return h, nil
}
