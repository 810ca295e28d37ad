package password

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// Parse reads a hash as it stands in a password file. It refuses what is damaged,
// and what would cost more to verify than any sound program asks for. Errors do
// not contain the hash.
func Parse(s string) (*Hash, error) {
	h := &Hash{text: s, rounds: 1}
	fields := strings.Split(s, "$")
	var err error
	switch {
	case strings.HasPrefix(s, "$6$") && len(fields) == 4:
		h.scheme = SHA512
		err = h.decode(base64.StdEncoding, fields[2], fields[3])
	case strings.HasPrefix(s, "$7$") && len(fields) == 5:
		h.scheme = PBKDF2
		err = errors.Join(h.iterations(fields[2]), h.decode(base64.StdEncoding, fields[3], fields[4]))
	case strings.HasPrefix(s, "$argon2id$") && len(fields) == 6:
		h.scheme = Argon2id
		err = errors.Join(h.argon(fields[2], fields[3]), h.decode(base64.RawStdEncoding, fields[4], fields[5]))
	case strings.HasPrefix(s, "$scram-sha-256$") && len(fields) == 6:
		err = h.decodeSCRAM(fields)
	case strings.HasPrefix(s, "PBKDF2$") && len(fields) == 5:
		err = errors.Join(h.goAuth(fields[1]), h.iterations(fields[2]), h.decode(base64.StdEncoding, fields[3], fields[4]))
	case len(s) > 4 && s[:2] == "$2" && strings.IndexByte("aby", s[2]) >= 0 && s[3] == '$':
		err = h.bcrypt(s)
	default:
		return nil, errors.New("is no password hash: $7$, $argon2id$, $scram-sha-256$, $6$, PBKDF2$ and $2a$ begin one")
	}
	if err != nil {
		return nil, err
	}
	if (h.scheme == SHA512 || h.scheme == PBKDF2) && len(h.key) != keyBytes {
		return nil, fmt.Errorf("the hash has %d bytes, not %d", len(h.key), keyBytes)
	}
	return h, nil
}

// decode reads the salt and the key.
func (h *Hash) decode(base *base64.Encoding, salt, key string) (err error) {
	if h.salt, err = base.DecodeString(salt); err != nil {
		return errors.New("the salt is not base64")
	}
	if h.key, err = base.DecodeString(key); err != nil {
		return errors.New("the hash is not base64")
	}
	switch {
	case len(h.salt) == 0 || len(h.salt) > maxSalt:
		return fmt.Errorf("the salt has %d bytes, and 1 to %d are accepted", len(h.salt), maxSalt)
	case len(h.key) < minKey || len(h.key) > maxKey:
		return fmt.Errorf("the hash has %d bytes, and %d to %d are accepted", len(h.key), minKey, maxKey)
	}
	return nil
}

func (h *Hash) iterations(s string) (err error) {
	if h.rounds, err = strconv.Atoi(s); err != nil || h.rounds < 1 || h.rounds > MaxIterations {
		return fmt.Errorf("%q iterations: 1 to %d are accepted", s, MaxIterations)
	}
	return nil
}

func (h *Hash) goAuth(sum string) error {
	switch sum {
	case "sha256":
		h.scheme = GoAuthSHA256
	case "sha512":
		h.scheme = GoAuthSHA512
	default:
		return fmt.Errorf("PBKDF2 with %q: sha256 and sha512 are accepted", sum)
	}
	return nil
}

// argon reads the version and the parameters of argon2id.
func (h *Hash) argon(version, parameters string) error {
	if version != "v=19" {
		return fmt.Errorf("version %q of argon2id: v=19 is accepted", version)
	}
	values := map[string]int{}
	for word := range strings.SplitSeq(parameters, ",") {
		name, value, _ := strings.Cut(word, "=")
		n, err := strconv.Atoi(value)
		if _, twice := values[name]; err != nil || twice {
			return fmt.Errorf("parameters %q of argon2id are not like m=47104,t=1,p=1", parameters)
		}
		values[name] = n
	}
	memory, rounds, lanes := values["m"], values["t"], values["p"]
	switch {
	case len(values) != 3:
		return fmt.Errorf("parameters %q of argon2id are not like m=47104,t=1,p=1", parameters)
	case memory < 8 || memory > MaxMemory>>10:
		return fmt.Errorf("m=%d of argon2id: 8 to %d KiB are accepted", memory, MaxMemory>>10)
	case rounds < 1 || rounds > maxArgonTime:
		return fmt.Errorf("t=%d of argon2id: 1 to %d are accepted", rounds, maxArgonTime)
	case lanes < 1 || lanes > maxArgonLanes:
		return fmt.Errorf("p=%d of argon2id: 1 to %d are accepted", lanes, maxArgonLanes)
	}
	h.memory, h.rounds, h.lanes = uint32(memory), rounds, uint8(lanes)
	return nil
}

func (h *Hash) bcrypt(s string) error {
	h.scheme, h.key = Bcrypt, []byte(s)
	cost, err := bcrypt.Cost(h.key)
	if err != nil || len(s) != 60 {
		return errors.New("the bcrypt hash is damaged")
	}
	if cost > maxBcryptCost {
		return fmt.Errorf("cost %d of bcrypt: at most %d is accepted", cost, maxBcryptCost)
	}
	h.rounds = cost
	return nil
}

// encode writes a hash that was made here.
func (h *Hash) encode() string {
	text, raw := base64.StdEncoding.EncodeToString, base64.RawStdEncoding.EncodeToString
	switch h.scheme {
	case SHA512:
		return "$6$" + text(h.salt) + "$" + text(h.key)
	case Argon2id:
		return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", h.memory, h.rounds, h.lanes, raw(h.salt), raw(h.key))
	case SCRAMSHA256:
		return fmt.Sprintf("$scram-sha-256$%d$%s$%s$%s", h.rounds, text(h.salt), text(h.key[:sha256.Size]), text(h.key[sha256.Size:]))
	default:
		return fmt.Sprintf("$7$%d$%s$%s", h.rounds, text(h.salt), text(h.key))
	}
}
