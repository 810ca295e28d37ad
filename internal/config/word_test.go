package config

import (
	"strings"
	"testing"
	"time"
)

// Mosquitto 2.1 knows that many words.
const mosquittoWords = 141

func TestTable(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, w := range Words() {
		if names[w.Name] {
			t.Errorf("%s has two rows", w.Name)
		}
		names[w.Name] = true
		if w.Deprecated != "" && find(w.Deprecated) == nil {
			t.Errorf("%s: there is no %s to use instead", w.Name, w.Deprecated)
		}
		if w.Unbuilt == Built {
			checkRow(t, &w)
		}
		if found := find(strings.Replace(w.Name, "*", "x", 1)); found == nil || found.Name != w.Name {
			t.Errorf("%s is not found", w.Name)
		}
	}
	if len(names) != mosquittoWords {
		t.Errorf("the table has %d words, Mosquitto has %d", len(names), mosquittoWords)
	}
}

// checkRow checks a row that is built: its parts fit each other, and a file may
// say the default.
func checkRow(t *testing.T, w *Word) {
	t.Helper()
	if !strings.HasSuffix(w.Doc, ".") || strings.ToUpper(w.Doc[:1]) != w.Doc[:1] {
		t.Errorf("%s: %q is not a sentence", w.Name, w.Doc)
	}
	if w.Kind == Integer && w.Min >= w.Max {
		t.Errorf("%s: no number is from %d to %d", w.Name, w.Min, w.Max)
	}
	if w.Scope != Opening {
		fits := false
		switch w.place(target{config: New(), listener: &Listener{}}).(type) {
		case *bool, **bool:
			fits = w.Kind == Bool
		case *int:
			fits = w.Kind == Integer
		case *string:
			fits = w.Kind == String
		case *time.Duration:
			fits = w.Kind == Duration
		case list:
			fits = w.Kind == List
		}
		if !fits {
			t.Errorf("%s does not go where its kind says", w.Name)
		}
	}
	for value := range strings.SplitSeq(w.Default, ", ") {
		if value == "" {
			continue
		}
		if _, err := Parse("default", []byte("listener 1\n"+w.Name+" "+value)); err != nil {
			t.Errorf("default: %v", err)
		}
	}
	if _, err := Parse("empty", []byte("listener 1\n"+w.Name)); err == nil {
		t.Errorf("%s without a value is no error", w.Name)
	}
}

func TestParseInt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true},
		{"-1", -1, true},
		{"+7", 7, true},
		{"0x1F", 31, true},
		{"-0X1f", -31, true},
		{"017", 15, true},
		{"00", 0, true},
		{"9223372036854775808", 1<<63 - 1, true},
		{"", 0, false},
		{"-", 0, false},
		{"--1", 0, false},
		{"+-1", 0, false},
		{"0x", 0, false},
		{"0b1", 0, false},
		{"0o7", 0, false},
		{"1_000", 0, false},
		{"1e3", 0, false},
		{"09", 0, false},
		{"1.5", 0, false},
	} {
		if got, ok := parseInt(tt.text); got != tt.want || ok != tt.ok {
			t.Errorf("%q: got %d, %v, want %d, %v", tt.text, got, ok, tt.want, tt.ok)
		}
	}
}

func TestParseDuration(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, tt := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"30s", 30 * time.Second, true},
		{"2h", 2 * time.Hour, true},
		{"1d", day, true},
		{"1w", 7 * day, true},
		{"1m", 30 * day, true},
		{"1y", 365 * day, true},
		{"999999y", 292 * 365 * day, true},
		{"1", 0, false},
		{"d", 0, false},
		{"", 0, false},
		{"0d", 0, false},
		{"-1d", 0, false},
		{"1M", 0, false},
	} {
		if got, ok := parseDuration(tt.text); got != tt.want || ok != tt.ok {
			t.Errorf("%q: got %v, %v, want %v, %v", tt.text, got, ok, tt.want, tt.ok)
		}
	}
}
