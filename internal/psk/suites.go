package psk

import (
	"crypto"
	"fmt"
	"slices"
)

// Suite is a cipher suite, by its number in the registry.
type Suite uint16

// The cipher suites of this package.
const (
	PSKWithAES128CBCSHA         Suite = 0x008c // RFC 4279
	PSKWithAES256CBCSHA         Suite = 0x008d
	PSKWithAES128GCMSHA256      Suite = 0x00a8 // RFC 5487
	PSKWithAES256GCMSHA384      Suite = 0x00a9
	PSKWithAES128CBCSHA256      Suite = 0x00ae
	PSKWithAES256CBCSHA384      Suite = 0x00af
	ECDHEPSKWithAES128CBCSHA    Suite = 0xc035 // RFC 5489
	ECDHEPSKWithAES256CBCSHA    Suite = 0xc036
	ECDHEPSKWithAES128CBCSHA256 Suite = 0xc037
	ECDHEPSKWithAES256CBCSHA384 Suite = 0xc038
	PSKWithAES128CCM            Suite = 0xc0a4 // RFC 6655
	PSKWithAES256CCM            Suite = 0xc0a5
	PSKWithAES128CCM8           Suite = 0xc0a8
	PSKWithAES256CCM8           Suite = 0xc0a9
	ECDHEPSKWithAES128GCMSHA256 Suite = 0xd001 // RFC 8442
	ECDHEPSKWithAES256GCMSHA384 Suite = 0xd002
)

// renegotiationSCSV stands among a client's suites for an empty
// renegotiation_info extension (RFC 5746, section 3.3).
const renegotiationSCSV Suite = 0x00ff

// A mode is how a suite protects records.
type mode uint8

const (
	gcm  mode = iota
	ccm       // with a tag of 16 bytes
	ccm8      // with a tag of 8 bytes
	cbc       // with HMAC
)

// suite is a row of the table of cipher suites.
type suite struct {
	id       Suite
	name     string // OpenSSL's
	ecdhe    bool   // the premaster secret is also of an ephemeral key agreement: forward secrecy
	mode     mode
	keyBytes int
	prf      crypto.Hash
	mac      crypto.Hash // of a CBC suite
}

// suites returns the table in order of preference: authenticated encryption
// first, then forward secrecy; short tags and SHA-1 last. It is what a server
// chooses by.
func suites() []suite {
	return []suite{
		{id: ECDHEPSKWithAES128GCMSHA256, name: "ECDHE-PSK-AES128-GCM-SHA256", ecdhe: true, mode: gcm, keyBytes: 16, prf: crypto.SHA256},
		{id: ECDHEPSKWithAES256GCMSHA384, name: "ECDHE-PSK-AES256-GCM-SHA384", ecdhe: true, mode: gcm, keyBytes: 32, prf: crypto.SHA384},
		{id: PSKWithAES128GCMSHA256, name: "PSK-AES128-GCM-SHA256", mode: gcm, keyBytes: 16, prf: crypto.SHA256},
		{id: PSKWithAES256GCMSHA384, name: "PSK-AES256-GCM-SHA384", mode: gcm, keyBytes: 32, prf: crypto.SHA384},
		{id: PSKWithAES128CCM, name: "PSK-AES128-CCM", mode: ccm, keyBytes: 16, prf: crypto.SHA256},
		{id: PSKWithAES256CCM, name: "PSK-AES256-CCM", mode: ccm, keyBytes: 32, prf: crypto.SHA256},
		{id: ECDHEPSKWithAES128CBCSHA256, name: "ECDHE-PSK-AES128-CBC-SHA256", ecdhe: true, mode: cbc, keyBytes: 16, prf: crypto.SHA256, mac: crypto.SHA256},
		{id: ECDHEPSKWithAES256CBCSHA384, name: "ECDHE-PSK-AES256-CBC-SHA384", ecdhe: true, mode: cbc, keyBytes: 32, prf: crypto.SHA384, mac: crypto.SHA384},
		{id: PSKWithAES128CBCSHA256, name: "PSK-AES128-CBC-SHA256", mode: cbc, keyBytes: 16, prf: crypto.SHA256, mac: crypto.SHA256},
		{id: PSKWithAES256CBCSHA384, name: "PSK-AES256-CBC-SHA384", mode: cbc, keyBytes: 32, prf: crypto.SHA384, mac: crypto.SHA384},
		{id: PSKWithAES128CCM8, name: "PSK-AES128-CCM8", mode: ccm8, keyBytes: 16, prf: crypto.SHA256},
		{id: PSKWithAES256CCM8, name: "PSK-AES256-CCM8", mode: ccm8, keyBytes: 32, prf: crypto.SHA256},
		{id: ECDHEPSKWithAES128CBCSHA, name: "ECDHE-PSK-AES128-CBC-SHA", ecdhe: true, mode: cbc, keyBytes: 16, prf: crypto.SHA256, mac: crypto.SHA1},
		{id: ECDHEPSKWithAES256CBCSHA, name: "ECDHE-PSK-AES256-CBC-SHA", ecdhe: true, mode: cbc, keyBytes: 32, prf: crypto.SHA256, mac: crypto.SHA1},
		{id: PSKWithAES128CBCSHA, name: "PSK-AES128-CBC-SHA", mode: cbc, keyBytes: 16, prf: crypto.SHA256, mac: crypto.SHA1},
		{id: PSKWithAES256CBCSHA, name: "PSK-AES256-CBC-SHA", mode: cbc, keyBytes: 32, prf: crypto.SHA256, mac: crypto.SHA1},
	}
}

func findSuite(id Suite) (suite, bool) {
	table := suites()
	i := slices.IndexFunc(table, func(s suite) bool { return s.id == id })
	if i < 0 {
		return suite{}, false
	}
	return table[i], true
}

// Suites returns the cipher suites of this package in order of preference.
func Suites() []Suite {
	var ids []Suite
	for _, s := range suites() {
		ids = append(ids, s.id)
	}
	return ids
}

// String is OpenSSL's name of s, as in "PSK-AES128-GCM-SHA256".
func (s Suite) String() string {
	if row, ok := findSuite(s); ok {
		return row.name
	}
	return fmt.Sprintf("cipher suite 0x%04x", uint16(s))
}
