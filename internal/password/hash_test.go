package password

import (
	"strings"
	"testing"
)

// foreign are hashes that other programs have made: Mosquitto 2.0's tool, the
// reference implementation of argon2, Python's hashlib and libxcrypt.
var foreign = []struct {
	name, hash, password string
	scheme               Scheme
	cost                 Cost
}{
	{"mosquitto 2.0", "$7$101$Enz0TclhXchMiaT6$HMiDoIfbjRSvI5Q0i6Nn8CILaGlrzM/S2M6rwVC9BydS1vLxncrxXSsMx07ngSjOPWR0C61SSkBp6LWgWoRiqw==", "secret", PBKDF2, Cost{Iterations: 101}},
	{"mosquitto 1.6", "$6$1j0bcFCJgxC7RDm1$xWZaC3pnW35LIkCD4+Kh6lBHzvyKblD381jncsIFJuLKSdTmIOGHjCauvkYVD181Hw5gOi+/wob/FCRwj6Mazg==", "secret", SHA512, Cost{Iterations: 1}},
	{"long salt, as 2.1", "$7$1000$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==$j5aX3DstWRgO5cjjfvKvsf7Z/KK812T4wGDMih+DCHQg8P7++fmj4sZcMp1smkEafZL0QZ29tE5ezahL/nyffw==", "secret", PBKDF2, Cost{Iterations: 1000}},
	{"argon2 reference", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password", Argon2id, Cost{MemoryBytes: 64 << 20, Iterations: 2}},
	{"go-auth, sha256", "PBKDF2$sha256$100000$MDEyMzQ1Njc4OWFiY2RlZg==$plwZLotEAEMO707yToj/A2wZs5Moai9JwWz+JsVD+Cc=", "secret", GoAuthSHA256, Cost{Iterations: 100000}},
	{"go-auth, sha512", "PBKDF2$sha512$100000$MDEyMzQ1Njc4OWFiY2RlZg==$RR+QpzTpOdzLAInfl1+WH3TwXhVK7F0udn1mMKvdoR0=", "secret", GoAuthSHA512, Cost{Iterations: 100000}},
	{"SCRAM, as PostgreSQL has it", "$scram-sha-256$4096$W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=$wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=", "pencil", SCRAMSHA256, Cost{Iterations: 4096}},
	{"bcrypt 2a", "$2a$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a", "secret", Bcrypt, Cost{MemoryBytes: 4096, Iterations: 32}},
	{"bcrypt 2b", "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a", "secret", Bcrypt, Cost{MemoryBytes: 4096, Iterations: 32}},
	{"bcrypt 2y", "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a", "secret", Bcrypt, Cost{MemoryBytes: 4096, Iterations: 32}},
}

func TestHashesOfOthers(t *testing.T) {
	for _, test := range foreign {
		h, err := Parse(test.hash)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if !h.Verify([]byte(test.password)) {
			t.Errorf("%s: does not verify", test.name)
		}
		if h.Verify([]byte(test.password+"x")) || h.Verify(nil) {
			t.Errorf("%s: verifies another password", test.name)
		}
		if h.Scheme() != test.scheme || h.Cost() != test.cost || h.String() != test.hash {
			t.Errorf("%s: got %v, %+v, %s", test.name, h.Scheme(), h.Cost(), h)
		}
	}
}

func TestMake(t *testing.T) {
	for _, test := range []struct {
		recipe Recipe
		prefix string
	}{
		{Recipe{}, "$7$1000$"},
		{Recipe{Scheme: PBKDF2, Iterations: 7}, "$7$7$"},
		{Recipe{Scheme: SHA512, Iterations: 7}, "$6$"},
		{Recipe{Scheme: Argon2id}, "$argon2id$v=19$m=47104,t=1,p=1$"},
	} {
		for _, password := range []string{"secret", "", strings.Repeat("é", 1000)} {
			h, err := test.recipe.Make([]byte(password))
			if err != nil {
				t.Fatal(err)
			}
			again, err := Parse(h.String())
			if err != nil || !h.Verify([]byte(password)) || !again.Verify([]byte(password)) || again.Verify([]byte("other")) {
				t.Errorf("%+v, %q: %v, %v", test.recipe, password, h, err)
			}
			if !strings.HasPrefix(h.String(), test.prefix) {
				t.Errorf("got %s, want %s", h, test.prefix)
			}
		}
	}
	one, _ := Recipe{}.Make([]byte("x"))
	two, _ := Recipe{}.Make([]byte("x"))
	if one.String() == two.String() {
		t.Error("two hashes of a password are the same: the salt is not new")
	}
}

func TestMakeRefuses(t *testing.T) {
	for _, r := range []Recipe{{Iterations: -1}, {Iterations: MaxIterations + 1}, {Scheme: Bcrypt}, {Scheme: GoAuthSHA512}} {
		if h, err := r.Make([]byte("x")); err == nil {
			t.Errorf("%+v: made %v", r, h)
		}
	}
}

// TestParseRefuses has what is damaged, and what would eat the machine.
func TestParseRefuses(t *testing.T) {
	salt, key, raw := "c2FsdHNhbHRzYWx0", strings.Repeat("A", 86)+"==", strings.Repeat("A", 86)
	for _, test := range []struct{ hash, want string }{
		{"", "is no password hash"},
		{"secret", "is no password hash"},
		{"$5$" + salt + "$" + key, "is no password hash"},
		{"$6$" + salt, "is no password hash"},
		{"$6$" + salt + "$" + key + "$", "is no password hash"},
		{"$6$$" + key, "the salt has 0 bytes"},
		{"$6$!$" + key, "the salt is not base64"},
		{"$6$" + salt + "$!", "the hash is not base64"},
		{"$6$" + salt + "$" + strings.Repeat("A", 44), "the hash has 33 bytes, not 64"},
		{"$7$0$" + salt + "$" + key, `"0" iterations`},
		{"$7$-1$" + salt + "$" + key, `"-1" iterations`},
		{"$7$x$" + salt + "$" + key, `"x" iterations`},
		{"$7$5000001$" + salt + "$" + key, `"5000001" iterations`},
		{"$7$99999999999999999999$" + salt + "$" + key, "iterations"},
		{"$7$1$" + strings.Repeat("AAAA", 400) + "$" + key, "the salt has 1200 bytes"},
		{"$argon2id$v=16$m=8,t=1,p=1$" + salt + "$" + raw, `version "v=16"`},
		{"$argon2id$v=19$m=4194304,t=1,p=1$" + salt + "$" + raw, "m=4194304 of argon2id"},
		{"$argon2id$v=19$m=7,t=1,p=1$" + salt + "$" + raw, "m=7 of argon2id"},
		{"$argon2id$v=19$m=64,t=0,p=1$" + salt + "$" + raw, "t=0 of argon2id"},
		{"$argon2id$v=19$m=64,t=1000000,p=1$" + salt + "$" + raw, "t=1000000 of argon2id"},
		{"$argon2id$v=19$m=64,t=1,p=256$" + salt + "$" + raw, "p=256 of argon2id"},
		{"$argon2id$v=19$m=64,t=1$" + salt + "$" + raw, "are not like m="},
		{"$argon2id$v=19$m=64,m=64,t=1,p=1$" + salt + "$" + raw, "are not like m="},
		{"$argon2id$v=19$m=64,t=1,p=1,x=1$" + salt + "$" + raw, "are not like m="},
		{"$argon2id$v=19$$" + salt + "$" + raw, "are not like m="},
		{"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$AAAA", "the hash has 3 bytes"},
		{"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + strings.Repeat("A", 4000), "the hash has 3000 bytes"},
		{"PBKDF2$md5$1$" + salt + "$" + key, `PBKDF2 with "md5"`},
		{"PBKDF2$sha512$9999999$" + salt + "$" + key, "iterations"},
		{"$2a$05$short", "the bcrypt hash is damaged"},
		{"$2a$31$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a", "cost 31 of bcrypt"},
		{"$2x$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a", "is no password hash"},
	} {
		h, err := Parse(test.hash)
		if err == nil || h != nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.hash, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), raw) {
			t.Errorf("the error tells the hash: %v", err)
		}
	}
}

func TestZeroHashVerifiesNothing(t *testing.T) {
	if (&Hash{}).Verify(nil) || (&Hash{}).Verify([]byte("x")) {
		t.Error("the zero value verifies a password")
	}
}

func FuzzParse(f *testing.F) {
	for _, test := range foreign {
		f.Add(test.hash)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := Parse(s)
		if err != nil {
			return
		}
		c := h.Cost()
		if h.String() != s || c.Iterations < 1 || c.Iterations > MaxIterations || c.MemoryBytes > MaxMemory {
			t.Errorf("%q costs %+v", s, c)
		}
		if c.Iterations <= 1000 && c.MemoryBytes <= 1<<20 && h.scheme != Bcrypt {
			h.Verify([]byte("x"))
		}
	})
}
