package psk

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestPRF has the vector that implementers of TLS 1.2 pass around.
func TestPRF(t *testing.T) {
	t.Parallel()
	want := unhex(t, "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0f"+
		"a022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66")
	got := make([]byte, len(want))
	prf(crypto.SHA256, got, unhex(t, "9bbe436ba940f017b17652849a71db35"), "test label", unhex(t, "a0ba9f936cda311827a6f796ffd5198c"))
	if !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

func TestPremaster(t *testing.T) {
	t.Parallel()
	if got, want := premaster(nil, []byte{7, 8, 9}), []byte{0, 3, 0, 0, 0, 0, 3, 7, 8, 9}; !bytes.Equal(got, want) {
		t.Errorf("without key agreement: got %x, want %x", got, want)
	}
	if got, want := premaster([]byte{1, 2}, []byte{7, 8, 9}), []byte{0, 2, 1, 2, 0, 3, 7, 8, 9}; !bytes.Equal(got, want) {
		t.Errorf("with key agreement: got %x, want %x", got, want)
	}
}

// TestCCM has example 2 of NIST SP 800-38C with a nonce of our length (its C.3).
func TestCCM(t *testing.T) {
	t.Parallel()
	block, err := aes.NewCipher(unhex(t, "404142434445464748494a4b4c4d4e4f"))
	if err != nil {
		t.Fatal(err)
	}
	nonce, data := unhex(t, "101112131415161718191a1b"), unhex(t, "000102030405060708090a0b0c0d0e0f10111213")
	plain := unhex(t, "202122232425262728292a2b2c2d2e2f3031323334353637")
	want := unhex(t, "e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951")
	c := newCCM(block, 8)
	got := c.Seal([]byte("front"), nonce, plain, data)
	if !bytes.Equal(got, append([]byte("front"), want...)) {
		t.Errorf("got %x, want %x", got[5:], want)
	}
	opened, err := c.Open(want[:0], nonce, want, data)
	if err != nil || !bytes.Equal(opened, plain) {
		t.Errorf("%v, opened %x", err, opened)
	}
}

// TestSecretDigest compares the MAC that hides its length with the plain one, at
// every length of record and padding around the borders of the blocks.
func TestSecretDigest(t *testing.T) {
	t.Parallel()
	for _, h := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA384} {
		key := bytes.Repeat([]byte{0xa5}, h.Size())
		d, err := newSecretDigest(h, key)
		if err != nil {
			t.Fatal(err)
		}
		record := make([]byte, 700)
		for i := range record {
			record[i] = byte(i * 7)
		}
		for n := h.Size() + 1; n <= len(record); n++ {
			for padding := range 256 {
				length := n - h.Size() - 1 - padding
				if length < 0 || n > 350 && padding%17 != 0 {
					continue
				}
				mac := hmac.New(h.New, key)
				mac.Write(appendPseudoHeader(nil, 42, recordData, length))
				mac.Write(record[:length])
				var got [maxMACBytes]byte
				d.sum(&got, 42, recordData, record[:n], length)
				if want := mac.Sum(nil); !bytes.Equal(got[:h.Size()], want) {
					t.Fatalf("%v, %d bytes, padding %d: got %x, want %x", h, n, padding, got[:h.Size()], want)
				}
			}
		}
	}
}

// protectionsOf returns a protection of each kind, twice: one to seal, one to open.
func protectionsOf(tb testing.TB) map[string][2]protection {
	tb.Helper()
	all := map[string][2]protection{}
	for _, row := range suites() {
		for _, encryptThenMAC := range []bool{false, true} {
			if encryptThenMAC && row.mode != cbc {
				continue
			}
			s := secrets{suite: row, encryptThenMAC: encryptThenMAC}
			client, server, err := s.protections()
			if err != nil {
				tb.Fatal(err)
			}
			again, _, err := s.protections()
			if err != nil {
				tb.Fatal(err)
			}
			if bytes.Equal(client.seal(nil, 1, recordData, []byte("x")), server.seal(nil, 1, recordData, []byte("x"))) {
				tb.Errorf("%s: both directions have one key", row.name)
			}
			all[fmt.Sprintf("%s, encrypt-then-MAC %t", row.name, encryptThenMAC)] = [2]protection{client, again}
		}
	}
	return all
}

func TestProtectionsRoundTrip(t *testing.T) {
	t.Parallel()
	for name, p := range protectionsOf(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, n := range []int{0, 1, 15, 16, 17, 31, 32, 255, 256, 257, 1000, maxPlain} {
				plain := bytes.Repeat([]byte{byte(n), 3}, n)[:n]
				sealed := p[0].seal([]byte("front"), 9, recordData, plain)[len("front"):]
				if len(sealed) > maxFragment {
					t.Errorf("%d bytes became %d", n, len(sealed))
				}
				got, ok := p[1].open(9, recordData, slices.Clone(sealed))
				if !ok || !bytes.Equal(got, plain) {
					t.Errorf("%d bytes: ok is %t, got %d bytes", n, ok, len(got))
				}
			}
		})
	}
}

// TestProtectionsRefuse changes every bit, the length, the type and the place of
// a record.
func TestProtectionsRefuse(t *testing.T) {
	t.Parallel()
	for name, p := range protectionsOf(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sealed := p[0].seal(nil, 9, recordData, []byte("turn the pump off"))
			for bit := range len(sealed) * 8 {
				b := slices.Clone(sealed)
				b[bit/8] ^= 1 << (bit % 8)
				if _, ok := p[1].open(9, recordData, b); ok {
					t.Errorf("bit %d was changed", bit)
				}
			}
			for n := range len(sealed) {
				if _, ok := p[1].open(9, recordData, slices.Clone(sealed[:n])); ok {
					t.Errorf("cut to %d bytes", n)
				}
			}
			if _, ok := p[1].open(9, recordData, append(slices.Clone(sealed), make([]byte, cbcBlockBytes)...)); ok {
				t.Error("a block was added")
			}
			if _, ok := p[1].open(8, recordData, slices.Clone(sealed)); ok {
				t.Error("another place in the sequence")
			}
			if _, ok := p[1].open(9, recordAlert, slices.Clone(sealed)); ok {
				t.Error("another type")
			}
		})
	}
}

// TestLongAndWrongPadding seals by hand what other implementations may: padding
// of every length that is allowed, and padding with a wrong byte at each place.
func TestLongAndWrongPadding(t *testing.T) {
	t.Parallel()
	key, macKey := make([]byte, 16), make([]byte, 32)
	p, err := newMACThenEncrypt(crypto.SHA256, key, macKey)
	if err != nil {
		t.Fatal(err)
	}
	content := []byte("twelve bytes")
	mac := hmac.New(crypto.SHA256.New, macKey)
	mac.Write(appendPseudoHeader(nil, 3, recordData, len(content)))
	mac.Write(content)
	inner := mac.Sum(slices.Clone(content)) // 44 bytes
	seal := func(padding, wrong int) []byte {
		body := append(slices.Clone(inner), bytes.Repeat([]byte{byte(padding)}, padding+1)...)
		if wrong >= 0 {
			body[len(body)-1-wrong] ^= 0x40
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		cipher.NewCBCEncrypter(block, make([]byte, cbcBlockBytes)).CryptBlocks(body, body)
		return append(make([]byte, cbcBlockBytes), body...)
	}
	for padding := 3; padding < 256; padding += cbcBlockBytes { // 44+1+3 is three blocks
		if got, ok := p.open(3, recordData, seal(padding, -1)); !ok || !bytes.Equal(got, content) {
			t.Errorf("padding of %d: ok is %t, got %q", padding, ok, got)
		}
		for wrong := 1; wrong <= padding; wrong++ {
			if _, ok := p.open(3, recordData, seal(padding, wrong)); ok {
				t.Errorf("padding of %d, byte %d from the end is wrong and passes", padding, wrong)
			}
		}
	}
}

func TestSuites(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, id := range Suites() {
		if seen[id.String()] || strings.HasPrefix(id.String(), "cipher suite") {
			t.Errorf("%v is there twice, or has no name", id)
		}
		seen[id.String()] = true
	}
	if got, want := Suite(0x1301).String(), "cipher suite 0x1301"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
