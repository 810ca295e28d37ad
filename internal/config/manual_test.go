package config

import (
	"flag"
	"io"
	"os"
	"strings"
	"testing"
)

//go:generate go test -run "TestManual|TestRealFiles|TestBrokenFiles" -count=1 . -update

var update = flag.Bool("update", false, "write the files that the tests compare with")

// TestManual holds the committed manual to the table.
func TestManual(t *testing.T) {
	for name, write := range map[string]func(io.Writer) error{
		"../../docs/configuration.md":   WriteMarkdown,
		"../../docs/man/zancudo.conf.5": WriteMan,
	} {
		var b strings.Builder
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.String())
	}
}

// golden compares what is with what a file has, or writes it there.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	wantLines := strings.Split(string(want), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(wantLines) || line != wantLines[i] {
			t.Errorf("%s:%d: is not what the table says; run 'go generate ./internal/config'\ngot %q", name, i+1, line)
			return
		}
	}
	t.Errorf("%s is longer than what the table says; run 'go generate ./internal/config'", name)
}
