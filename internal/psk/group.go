package psk

import (
	"crypto/ecdh"
	"crypto/rand"
	"slices"
)

// group is a named group of the key agreement, by its number in the registry.
type group uint16

const (
	groupP256   group = 23
	groupP384   group = 24
	groupX25519 group = 29
)

// curveNamed says that a ServerKeyExchange names its curve by a group.
const curveNamed = 3

// groups returns the groups of this package in order of preference.
func groups() []group { return []group{groupX25519, groupP256, groupP384} }

// curve is nil if g is not one of groups.
func (g group) curve() ecdh.Curve {
	switch g {
	case groupX25519:
		return ecdh.X25519()
	case groupP256:
		return ecdh.P256()
	case groupP384:
		return ecdh.P384()
	default:
		return nil
	}
}

// chooseGroup is the best group of a client's hello; ok is false if there is none.
func chooseGroup(h *hello) (group, bool) {
	if len(h.pointFormats) > 0 && !slices.Contains(h.pointFormats, pointUncompressed) {
		return 0, false
	}
	if !h.hasGroups {
		return groupP256, true // the one that everybody has
	}
	for _, g := range groups() {
		if slices.Contains(h.groups, g) {
			return g, true
		}
	}
	return 0, false
}

// agree computes the shared secret with a peer's public key.
func agree(private *ecdh.PrivateKey, public []byte) ([]byte, error) {
	key, err := private.Curve().NewPublicKey(public)
	if err != nil {
		return nil, fail(IllegalParameter, "the peer's public key is not one of its group: %v", err)
	}
	secret, err := private.ECDH(key) // for X25519 it refuses a result of zeros
	if err != nil {
		return nil, fail(IllegalParameter, "the key agreement failed: %v", err)
	}
	return secret, nil
}

func (g group) generate() (*ecdh.PrivateKey, error) { return g.curve().GenerateKey(rand.Reader) }
