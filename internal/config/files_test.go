package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// onDisk reads files as they are; a directory that is not there has none in it
// if lenient says so.
func onDisk(name string, lenient string) Source {
	return Source{
		File: name,
		Read: os.ReadFile,
		List: func(dir string) (names []string, err error) {
			entries, err := os.ReadDir(dir)
			if err != nil && strings.HasPrefix(dir, lenient) && lenient != "" {
				return nil, nil
			}
			for _, entry := range entries {
				names = append(names, entry.Name())
			}
			return names, err
		},
		Join: func(dir, name string) string { return filepath.Join(dir, name) },
	}
}

// files are those of a directory of testdata.
func files(t *testing.T, dir string, least int) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", dir, "*.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < least {
		t.Errorf("there are %d files, and should be %d", len(names), least)
	}
	return names
}

// TestRealFiles reads configurations in the manner of distributions, images,
// add-ons, tutorials and bridges. The golden file has what is to be known of
// each; what is not built yet is not in it.
func TestRealFiles(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, name := range files(t, "real", 40) {
		c, err := Load(onDisk(name, "/etc/"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		fmt.Fprintf(&b, "%s:\n", filepath.Base(name))
		for _, l := range c.Listeners {
			fmt.Fprintf(&b, "  listener on %v: %s, anonymous %v, TLS %v\n", l, l.Protocol, c.AnonymousOn(l), l.TLS.On())
		}
		for _, bridge := range c.Bridges {
			fmt.Fprintf(&b, "  bridge %s to %v: %d topics, TLS %v\n", bridge.Name, bridge.Addresses, len(bridge.Topics), bridge.TLS.On())
		}
		problems := append(Lint(c, Facts{}), c.Warnings...)
		problems.Sort()
		for _, p := range problems {
			if p.Class != NotYet {
				fmt.Fprintf(&b, "  %s: %s\n", p.Class, strings.TrimPrefix(p.Sentence(), "testdata/real/"))
			}
		}
	}
	golden(t, "testdata/real.txt", b.String())
}

// TestBrokenFiles reads files with mistakes. The golden file has the messages:
// file, line, word and how to go on.
func TestBrokenFiles(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, name := range files(t, "broken", 25) {
		_, err := Load(onDisk(name, ""))
		var problems Problems
		if !errors.As(err, &problems) {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		problems = slices.DeleteFunc(problems, func(p *Problem) bool { return p.Class == Refusal })
		fmt.Fprintf(&b, "== %s\n%v\n", filepath.Base(name), problems)
		for _, p := range problems {
			if p.File == "" || p.Line == 0 || p.Word == "" || p.Remedy == "" {
				t.Errorf("%s: %+v lacks something", name, p)
			}
		}
	}
	golden(t, "testdata/broken.txt", b.String())
}
