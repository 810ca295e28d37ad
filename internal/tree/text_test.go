package tree

import (
	"strings"
	"testing"
	"time"
)

func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"plain é 家 🏠": "plain é 家 🏠", "a\nb\r\t": `a\nb\r\t`, "\x1b[2J": `\x1b[2J`, "\x00\x7f\u009b": `\x00\x7f\x9b`,
		"\xff": `\xff`, "\u202eevil": `\u202eevil`, "\u200d": `\u200d`, "\u00a0": `\xa0`, "e\u0301": "e\u0301",
	} {
		if got := printable(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

func TestPrintableBytes(t *testing.T) {
	for _, test := range []struct {
		value string
		size  int
		want  string
	}{
		{"text", 4, "text"},
		{"text", 5, "text…"},
		{"\xff\x00", 2, "0xff00"},
		{"\xff\x00", 3, "0xff00…"},
		{"caf\xc3", 5, "caf…"}, // cut in the middle of a character
		{"caf\xc3", 4, "0x636166c3"},
	} {
		if got := printableBytes([]byte(test.value), test.size); got != test.want {
			t.Errorf("%q: got %q, want %q", test.value, got, test.want)
		}
	}
}

func TestShorten(t *testing.T) {
	for _, test := range []struct {
		s     string
		width int
		want  string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"家家", 4, "家家"},
		{"家家", 3, "家…"},
		{"家家", 2, "…"},
		{"a", 0, ""},
		{"ab", 1, "…"},
		{"e\u0301e\u0301", 2, "e\u0301e\u0301"},
		{"🏠x", 2, "…"},
		{"", 0, ""},
	} {
		got := shorten(test.s, test.width)
		if got != test.want || textWidth(got) > test.width {
			t.Errorf("%q in %d: got %q, want %q", test.s, test.width, got, test.want)
		}
	}
}

func TestRatesAndAges(t *testing.T) {
	for rate, want := range map[float64]string{
		0: "", 0.004: "", 0.01: "0.01/s", 1: "1.0/s", 99.9: "99.9/s", 100: "100/s", 9999: "9999/s", 12345: "12k/s", 1e6: "1M/s", 1e12: "9999M/s",
	} {
		if got := rateText(rate); got != want || len(got) >= rateWidth {
			t.Errorf("%v: got %q, want %q", rate, got, want)
		}
	}
	for age, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 59 * time.Second: "59s", time.Minute: "1m", time.Hour: "1h", 47 * time.Hour: "47h", 48 * time.Hour: "2d", 1e6 * time.Hour: "999d",
	} {
		if got := ageText(age); got != want || len(got) >= ageWidth {
			t.Errorf("%v: got %q, want %q", age, got, want)
		}
	}
}

func TestWideIsSorted(t *testing.T) {
	last := rune(0)
	for _, r := range wide.R16 {
		if rune(r.Lo) <= last || r.Hi < r.Lo || (r.Hi-r.Lo)%r.Stride != 0 {
			t.Errorf("%04x", r.Lo)
		}
		last = rune(r.Hi)
	}
	for _, r := range wide.R32 {
		if rune(r.Lo) <= last || r.Hi < r.Lo || (r.Hi-r.Lo)%r.Stride != 0 {
			t.Errorf("%04x", r.Lo)
		}
		last = rune(r.Hi)
	}
	if strings.Contains("家🏠", "x") || textWidth("家🏠é") != 5 {
		t.Errorf("got %d", textWidth("家🏠é"))
	}
}
