package psk

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseKeys(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxIdentity+1)
	text := "# comment\n\npump:0badcafe\r\n ü : ABC \n" + // a key of an odd number of digits is a number
		"pump:00\nnone\n:00\nempty:\nwrong:xyz\n\xff:00\nnull\x00:00\n" + long + ":00\nlast:" + strings.Repeat("ab", maxKey+1)
	keys, bad := ParseKeys([]byte(text))
	if diff := cmp.Diff(Keys{"pump": {0x0b, 0xad, 0xca, 0xfe}, "ü": {0x0a, 0xbc}}, keys); diff != "" {
		t.Error(diff)
	}
	want := []BadLine{
		{5, `the identity "pump" is there twice; the first counts`},
		{6, "there is no colon between an identity and a key"},
		{7, "the identity is empty"},
		{8, `the identity "empty" has no key`},
		{9, `the key of "wrong" is not in hexadecimal digits`},
		{10, "the identity is no text"},
		{11, "the identity is no text"},
		{12, fmt.Sprintf("the identity has %d bytes, at most %d are possible", maxIdentity+1, maxIdentity)},
		{13, fmt.Sprintf("the key of \"last\" has %d bytes, at most %d are possible", maxKey+1, maxKey)},
	}
	if diff := cmp.Diff(want, bad); diff != "" {
		t.Error(diff)
	}
	if key, err := keys.Lookup("pump"); err != nil || hex.EncodeToString(key) != "0badcafe" {
		t.Errorf("got %x, %v", key, err)
	}
	if key, err := keys.Lookup("nobody"); err == nil {
		t.Errorf("got %x", key)
	}
	if _, bad := ParseKeys(bytes.Repeat([]byte("x\n"), 1000)); len(bad) != maxBadLines {
		t.Errorf("%d lines are told of, want %d", len(bad), maxBadLines)
	}
}

// Whatever a file has, what comes of it is what was written, and no line that is
// told of shows a key.
func FuzzParseKeys(f *testing.F) {
	f.Add([]byte("pump:0badcafe\n# x\n\na:b:c\n"))
	f.Add([]byte("\xff:\x00\r\n:::\na:0"))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, _ := ParseKeys(text)
		var again []byte
		for name, key := range keys {
			if len(name) == 0 || len(name) > maxIdentity || len(key) == 0 || len(key) > maxKey {
				t.Fatalf("%q has a key of %d bytes", name, len(key))
			}
			again = fmt.Appendf(again, "%s:%x\n", name, key)
		}
		same, bad := ParseKeys(again)
		for name := range keys {
			if strings.HasPrefix(name, "#") || strings.Contains(name, "\n") {
				t.Fatalf("%q is no identity", name)
			}
		}
		if diff := cmp.Diff(keys, same); diff != "" || len(bad) > 0 {
			t.Fatalf("%s%v", diff, bad)
		}
	})
}
