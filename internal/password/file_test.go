package password

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

const (
	oldHash = "$7$101$Enz0TclhXchMiaT6$HMiDoIfbjRSvI5Q0i6Nn8CILaGlrzM/S2M6rwVC9BydS1vLxncrxXSsMx07ngSjOPWR0C61SSkBp6LWgWoRiqw=="
	newHash = "$6$1j0bcFCJgxC7RDm1$xWZaC3pnW35LIkCD4+Kh6lBHzvyKblD381jncsIFJuLKSdTmIOGHjCauvkYVD181Hw5gOi+/wob/FCRwj6Mazg=="
)

func TestFileKeepsCommentsAndOrder(t *testing.T) {
	h := mustHash(t, newHash)
	for _, test := range []struct {
		name, before, after string
		change              func(f *File) bool
		done                bool
	}{
		{"add to nothing", "", "eve:new\n", func(f *File) bool { return f.Set("eve", h) }, false},
		{"add", "# users\nann:old\n", "# users\nann:old\neve:new\n", func(f *File) bool { return f.Set("eve", h) }, false},
		{"add behind a line without an end", "ann:old", "ann:old\neve:new\n", func(f *File) bool { return f.Set("eve", h) }, false},
		{"update", "# a\nann:old\n\n# b\nbob:old\n", "# a\nann:new\n\n# b\nbob:old\n", func(f *File) bool { return f.Set("ann", h) }, true},
		{"update twice", "ann:old\nbob:old\nann:old\n", "ann:new\nbob:old\n", func(f *File) bool { return f.Set("ann", h) }, true},
		{"update with blanks", " ann : old\r\nbob:old\r\n", "ann:new\nbob:old\n", func(f *File) bool { return f.Set("ann", h) }, true},
		{"delete", "# a\nann:old\nbob:old\n", "# a\nbob:old\n", func(f *File) bool { return f.Delete("ann") }, true},
		{"delete nobody", "ann:old\n", "ann:old\n", func(f *File) bool { return f.Delete("bob") }, false},
		{"delete not a comment", "#ann:old\nann:old\n", "#ann:old\n", func(f *File) bool { return f.Delete("ann") }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := ParseFile([]byte(strings.ReplaceAll(test.before, "old", oldHash)))
			if err != nil {
				t.Fatal(err)
			}
			if done := test.change(f); done != test.done {
				t.Errorf("got %v, want %v", done, test.done)
			}
			got := strings.NewReplacer(oldHash, "old", newHash, "new").Replace(string(f.Append(nil)))
			if got != test.after {
				t.Errorf("got %q, want %q", got, test.after)
			}
		})
	}
}

func TestParseFileRefuses(t *testing.T) {
	for text, line := range map[string]int{"a\n": 1, "# c\n\na:b\nnobody\n": 4, ":x\n": 1, "a:\n": 1, " : \n": 1, "a: :b\n": 1} {
		_, err := ParseFile([]byte(text))
		var e *LineError
		if !errors.As(err, &e) || e.Line != line {
			t.Errorf("%q: got %v, want line %d", text, err, line)
		}
	}
}

func TestUsers(t *testing.T) {
	f, err := ParseFile([]byte("# c\nann:" + oldHash + ":more\n\n bob :" + newHash + " \n"))
	if err != nil {
		t.Fatal(err)
	}
	users, err := f.Users()
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(users)); !slices.Equal(got, []string{"ann", "bob"}) {
		t.Errorf("got %v", got)
	}
	for name, h := range users {
		if !h.Verify([]byte("secret")) {
			t.Errorf("%s cannot log in", name)
		}
	}
	for text, want := range map[string]string{
		"ann:" + oldHash + "\nann:" + newHash: "line 2, user ann: occurs twice",
		"#\nann:plain":                        "line 2, user ann: is no password hash: $7$, $argon2id$, $scram-sha-256$, $6$, PBKDF2$ and $2a$ begin one",
	} {
		f, err := ParseFile([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Users(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestHashPlainText(t *testing.T) {
	f, err := ParseFile([]byte("# c\nann:secret\nbob:" + oldHash + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.HashPlainText(Recipe{Iterations: 3}); err != nil {
		t.Fatal(err)
	}
	users, err := f.Users()
	if err != nil || !users["ann"].Verify([]byte("secret")) || users["bob"].String() != oldHash {
		t.Errorf("got %q, %v", f.Append(nil), err)
	}
	if text := string(f.Append(nil)); !strings.HasPrefix(text, "# c\nann:$7$3$") || strings.Contains(text, "secret") {
		t.Errorf("got %q", text)
	}
}

func TestCheckUser(t *testing.T) {
	for name, want := range map[string]string{
		"ann": "", "ann b": "", "é": "", strings.Repeat("x", 65535): "",
		"":                         "Username must not be empty.",
		"a:b":                      "Username must not contain the ':' character.",
		"a\nb":                     "Username must not contain control characters.",
		"a\x7f":                    "Username must not contain control characters.",
		"#a":                       "Username must not begin with '#', which begins a comment.",
		" a":                       "Username must not begin or end with a blank.",
		strings.Repeat("x", 65536): "Username must be less than 65536 characters long.",
	} {
		if err := CheckUser(name); err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("%.20q: got %v, want %s", name, err, want)
		}
	}
}

// FuzzFile: what was read and written once is read and written the same again.
func FuzzFile(f *testing.F) {
	f.Add([]byte("# c\nann:" + oldHash + "\r\n\nbob:x:y"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := ParseFile(text)
		if err != nil {
			return
		}
		once := file.Append(nil)
		again, err := ParseFile(once)
		if err != nil || string(again.Append(nil)) != string(once) {
			t.Errorf("%q became %q, %v", text, once, err)
		}
	})
}

func mustHash(t *testing.T, s string) *Hash {
	t.Helper()
	h, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
