package password

import (
	"encoding/base64"
	"strings"
	"testing"
)

func unbase64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The exchange of RFC 7677, section 3.
func TestSCRAMOfTheRFC(t *testing.T) {
	t.Parallel()
	salt := unbase64(t, "W22ZaJ0SNY7soEsUEjb6gQ==")
	messages := []byte("n=user,r=rOprNGfwEbeRWgbNEkqO," +
		"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096," +
		"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
	s, err := NewSCRAM([]byte("pencil"), salt, 4096)
	if err != nil {
		t.Fatal(err)
	}
	salted, err := SaltedPassword([]byte("pencil"), salt, 4096)
	if err != nil {
		t.Fatal(err)
	}
	proof := ClientProof(salted, messages)
	if got := base64.StdEncoding.EncodeToString(proof); got != "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=" {
		t.Errorf("the proof is %s", got)
	}
	if got := base64.StdEncoding.EncodeToString(s.ServerSignature(messages)); got != "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" {
		t.Errorf("the signature is %s", got)
	}
	if !s.VerifyProof(proof, messages) {
		t.Error("the proof is not accepted")
	}
	for _, wrong := range [][]byte{nil, proof[1:], append(proof[:31:31], proof[31]^1)} {
		if s.VerifyProof(wrong, messages) {
			t.Errorf("%x is accepted", wrong)
		}
	}
	if s.VerifyProof(proof, messages[1:]) || (&SCRAM{}).VerifyProof(proof, messages) {
		t.Error("the proof is accepted for something else")
	}
}

func TestSCRAMHash(t *testing.T) {
	t.Parallel()
	h, err := Recipe{Scheme: SCRAMSHA256, Iterations: MinSCRAMIterations}.Make([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(h.String())
	if err != nil || !strings.HasPrefix(h.String(), "$scram-sha-256$4096$") {
		t.Fatalf("%s: %v", h, err)
	}
	for _, one := range []*Hash{h, again} {
		if !one.Verify([]byte("secret")) || one.Verify([]byte("Secret")) || one.Verify(nil) {
			t.Errorf("%s verifies wrongly", one)
		}
		if s, ok := one.SCRAM(); !ok || s.Iterations != 4096 || len(s.Salt) != 16 || len(s.StoredKey) != 32 || len(s.ServerKey) != 32 {
			t.Errorf("got %+v", s)
		}
	}
	if _, ok := mustHash(t, oldHash).SCRAM(); ok {
		t.Error("another hash is one for SCRAM")
	}
	fields := strings.Split(h.String(), "$")
	replace := func(i int, with string) string {
		changed := append([]string(nil), fields...)
		changed[i] = with
		return strings.Join(changed, "$")
	}
	for text, want := range map[string]string{
		replace(2, "4095"):                    "iterations of scram-sha-256",
		replace(2, "1000001"):                 "iterations of scram-sha-256",
		replace(2, "x"):                       "iterations of scram-sha-256",
		replace(3, ""):                        "the salt has 0 bytes",
		replace(4, strings.Repeat("AAAA", 8)): "have 24 and 32 bytes, not 32",
		replace(5, "AAAA"):                    "have 32 and 3 bytes, not 32",
		replace(5, "!"):                       "the server key is not base64",
		h.String() + "$":                      "is no password hash",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	for _, n := range []int{1, -1, MaxSCRAMIterations + 1} {
		if _, err := (Recipe{Scheme: SCRAMSHA256, Iterations: n}).Make(nil); err == nil {
			t.Errorf("%d iterations are made", n)
		}
	}
}

// The examples of RFC 4013, section 3, and what passwords are made of besides.
func TestPrepare(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, want string }{
		{"I\u00ADX", "IX"},
		{"user", "user"},
		{"USER", "USER"},
		{"\u00AA", "a"},
		{"\u2168", "IX"},
		{"\u0007", "\u0007"},             // prohibited: as it is
		{"\u0627\u0031", "\u0627\u0031"}, // both directions: as it is
		{"\u0627\u0031\u0628", "\u0627\u0031\u0628"},
		{"\u0627a\u0628", "\u0627a\u0628"},
		{"e\u0301", "\u00E9"},
		{"\u00E9", "\u00E9"},
		{"a\u00A0b", "a b"},
		{"a\u3000b\u200Bc", "a b c"},
		{"\uFB01n", "fin"},
		{"\u00AD", "\u00AD"}, // nothing would be left
		{"\u00E9\x01", "\u00E9\x01"},
		{"\u00E9\uE000", "\u00E9\uE000"},
		{"\xFF\u00AA", "\xFF\u00AA"},
		{"", ""},
	} {
		if got := string(Prepare([]byte(test.in))); got != test.want {
			t.Errorf("%q: got %q, want %q", test.in, got, test.want)
		}
	}
}
