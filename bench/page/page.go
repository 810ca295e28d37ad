// Package page writes what a program has measured into a page, between two lines
// that say so. It is no template: what is around them is left alone.
//
//	<!-- table: begin; written by compare -write -->
//	<!-- table: end -->
package page

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Write replaces what is between the lines of a program in a file. The error
// names a line that the file lacks.
func Write(file, program, text string) error {
	begin := "<!-- table: begin; written by " + program + " -write -->\n"
	const end = "<!-- table: end -->\n"
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(b), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("-write %s: it lacks the lines %q and %q", file, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return os.WriteFile(filepath.Clean(file), []byte(before+begin+text+end+after), 0o644)
}
