package packaging

import (
	"archive/tar"
	"debug/elf"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var packages = []string{"zancudo", "zancudo-mosquitto"}

// entries are the files of a package, by their paths.
func entries(t *testing.T, deb string) map[string]*tar.Header {
	t.Helper()
	all := map[string]*tar.Header{}
	r := tar.NewReader(strings.NewReader(output(t, "dpkg-deb", "--fsys-tarfile", deb)))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all[path.Join("/", h.Name)] = h
	}
}

// places are where a package may have files.
var places = regexp.MustCompile(`^/(etc/(zancudo|mosquitto)(/conf\.d|/zancudo\.conf)?|var/lib/(zancudo|mosquitto)|` +
	`usr/(s?bin|lib/systemd/system|share/(man|doc|lintian|bash-completion|fish|zsh|zancudo-mosquitto))/.+)$`)

func TestContents(t *testing.T) {
	t.Parallel()
	for _, name := range packages {
		for file, h := range entries(t, made(t).deb(t, name)) {
			if h.Uid != 0 || h.Gid != 0 || h.Uname != "root" || h.Gname != "root" {
				t.Errorf("%s: %s belongs to %s:%s (%d:%d)", name, file, h.Uname, h.Gname, h.Uid, h.Gid)
			}
			if h.ModTime.Unix() != epoch {
				t.Errorf("%s: %s has the time %v", name, file, h.ModTime)
			}
			want := int64(0o644)
			switch {
			case h.Typeflag == tar.TypeDir || file == "/usr/bin/zancudo":
				want = 0o755
			case h.Typeflag == tar.TypeSymlink:
				want = h.Mode // which nobody looks at
			}
			if h.Mode != want {
				t.Errorf("%s: %s has mode %#o", name, file, h.Mode)
			}
			if h.Typeflag != tar.TypeDir && !places.MatchString(file) {
				t.Errorf("%s: %s is in a place where it has no business", name, file)
			}
		}
	}
}

// TestLinks: all names of Mosquitto's programs are there, and lead to ours.
func TestLinks(t *testing.T) {
	t.Parallel()
	ours, links := entries(t, made(t).deb(t, "zancudo")), entries(t, made(t).deb(t, "zancudo-mosquitto"))
	var programs []string
	for file, h := range links {
		if h.Typeflag != tar.TypeSymlink {
			continue
		}
		target := path.Join(path.Dir(file), h.Linkname)
		if ours[target] == nil {
			t.Errorf("%s leads to %s, which there is not", file, target)
		}
		if target == "/usr/bin/zancudo" {
			programs = append(programs, path.Base(file))
		}
	}
	slices.Sort(programs)
	want := []string{"mosquitto", "mosquitto_ctrl", "mosquitto_passwd", "mosquitto_pub", "mosquitto_rr", "mosquitto_signal", "mosquitto_sub"}
	if !slices.Equal(programs, want) {
		t.Errorf("programs %q, want %q", programs, want)
	}
	if links["/etc/mosquitto/mosquitto.conf"] != nil {
		t.Error("dpkg would ask about a mosquitto.conf that Mosquitto's package has left")
	}
}

// TestProgram: it runs anywhere, and says which version it is.
func TestProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	output(t, "dpkg-deb", "-x", made(t).deb(t, "zancudo"), dir)
	program := filepath.Join(dir, "usr/bin/zancudo")
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if needed, err := f.ImportedLibraries(); err != nil || len(needed) > 0 {
		t.Errorf("it needs %q, %v", needed, err)
	}
	if symbols, err := f.Symbols(); !errors.Is(err, elf.ErrNoSymbols) {
		t.Errorf("it has %d symbols, %v", len(symbols), err)
	}
	if got, want := output(t, program, "--version"), "zancudo version "+version+"\n"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	for _, page := range []string{"man1/zancudo.1.gz", "man1/zancudo-run.1.gz", "man5/zancudo.conf.5.gz"} {
		if _, err := os.Stat(filepath.Join(dir, "usr/share/man", page)); err != nil {
			t.Error(err)
		}
	}
}

func TestLintian(t *testing.T) {
	t.Parallel()
	need(t, "lintian", "lintian")
	for _, name := range packages {
		// It tells root that it is, on standard error.
		if out := output(t, "lintian", "--fail-on=error,warning", made(t).deb(t, name)); out != "" {
			t.Errorf("%s", out)
		}
	}
}
