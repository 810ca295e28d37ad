//go:build unix

package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/zancudomq/zancudo/internal/proctest"
)

// TestRecordingOfAKilledProgram: what was received is in the file, in whole lines,
// and can be replayed.
func TestRecordingOfAKilledProgram(t *testing.T) {
	t.Parallel()
	port := proctest.FreePort(t)
	broker(t, "-p", port)
	file := filepath.Join(t.TempDir(), "recording.jsonl")
	record := start(t, zancudo, "record", "-p", port, "-t", "#", "-d", file)
	record.wait(&record.stdout, "received SUBACK")
	for _, word := range []string{"one", "two"} {
		if status, _, stderr := run(t, zancudo, "pub", "-p", port, "-t", "t/"+word, "-m", word, "-q", "1"); status != 0 {
			t.Fatal(stderr)
		}
	}
	record.wait(&record.stdout, "'t/two'")
	lines := func() []string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.SplitAfter(string(text), "\n")
	}
	for len(lines()) < 4 { // header, two messages and what is behind the last line
		if t.Context().Err() != nil {
			t.Fatal("the messages are not in the file")
		}
	}
	record.signal(syscall.SIGKILL)
	record.status()
	if got := lines(); len(got) != 4 || got[3] != "" {
		t.Fatalf("the file has the lines %q", got)
	}
	sub := start(t, zancudo, "sub", "-p", port, "-t", "again/#", "-v", "-C", "2", "-d")
	sub.wait(&sub.stdout, "received SUBACK")
	if status, _, stderr := run(t, zancudo, "replay", "-p", port, "--fast", "--topic-prefix", "again/", file); status != 0 || !strings.Contains(stderr, "Replayed 2 messages of 2 topics") {
		t.Errorf("replay ends with %d: %s", status, stderr)
	}
	if status := sub.status(); status != 0 || !strings.Contains(sub.stdout.String(), "again/t/one one\n") || !strings.Contains(sub.stdout.String(), "again/t/two two\n") {
		t.Errorf("sub ends with %d", status)
	}
}
