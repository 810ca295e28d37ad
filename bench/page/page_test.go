package page

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	const begin, end = "<!-- table: begin; written by measure -write -->\n", "<!-- table: end -->\n"
	file := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(file, []byte("before\n"+begin+"old\n"+end+"after\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"first\n", "second\n"} {
		if err := Write(file, "measure", text); err != nil {
			t.Fatal(err)
		}
		got, _ := os.ReadFile(file)
		if want := "before\n" + begin + text + end + "after\n"; string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if err := os.WriteFile(file, []byte("nothing"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(file, "measure", "x"); err == nil {
		t.Error("a file without markers was written")
	}
}
