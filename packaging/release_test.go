package packaging

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSums: each file of a release is in the list, with its sum.
func TestSums(t *testing.T) {
	t.Parallel()
	r := made(t)
	var want strings.Builder
	for _, name := range r.files(t) {
		if name != "SHA256SUMS" {
			fmt.Fprintf(&want, "%x  %s\n", sha256.Sum256([]byte(read(t, filepath.Join(r.dir, name)))), name)
		}
	}
	if got := read(t, filepath.Join(r.dir, "SHA256SUMS")); got != want.String() {
		t.Errorf("the sums are\n%swant\n%s", got, &want)
	}
}

// TestArchive: it has the program of the package, and what somebody without a
// package needs, below one directory.
func TestArchive(t *testing.T) {
	t.Parallel()
	file := made(t).file(t, "*.tar.gz")
	top := strings.TrimSuffix(filepath.Base(file), ".tar.gz")
	unpacked, err := gzip.NewReader(strings.NewReader(read(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{}
	for _, name := range []string{
		"zancudo", "LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "zancudo.conf", "systemd/zancudo.service",
		"man/man1/zancudo.1.gz", "man/man5/zancudo.conf.5.gz", "completion/zancudo.bash",
	} {
		missing[path.Join(top, name)] = true
	}
	r := tar.NewReader(unpacked)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		delete(missing, path.Clean(h.Name))
		if h.Name != top+"/" && !strings.HasPrefix(h.Name, top+"/") || h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != epoch {
			t.Errorf("%s of %d:%d has the time %v", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		if h.Name == top+"/zancudo" {
			program, err := io.ReadAll(r)
			if err != nil || h.Mode != 0o755 || !bytes.Equal(program, packaged(t)) {
				t.Errorf("the program, with mode %#o and %d bytes, is not that of the package, %v", h.Mode, len(program), err)
			}
		}
	}
	if len(missing) > 0 {
		t.Errorf("it has no %q", slices.Sorted(maps.Keys(missing)))
	}
}

// packaged is the program in the package.
func packaged(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	output(t, "dpkg-deb", "-x", made(t).deb(t, "zancudo"), dir)
	return []byte(read(t, filepath.Join(dir, "usr/bin/zancudo")))
}

// TestParts: the list of parts has each module that is in the program, and no other.
func TestParts(t *testing.T) {
	t.Parallel()
	var list struct {
		BOMFormat  string
		Metadata   struct{ Component struct{ PURL string } }
		Components []struct{ PURL string }
	}
	if err := json.Unmarshal([]byte(read(t, made(t).file(t, "*.cdx.json"))), &list); err != nil {
		t.Fatal(err)
	}
	program, err := buildinfo.Read(bytes.NewReader(packaged(t)))
	if err != nil {
		t.Fatal(err)
	}
	if list.BOMFormat != "CycloneDX" || !strings.HasPrefix(list.Metadata.Component.PURL, "pkg:golang/"+program.Main.Path+"@v"+version) {
		t.Errorf("it is of the format %q, about %s", list.BOMFormat, list.Metadata.Component.PURL)
	}
	want := []string{"pkg:golang/std@" + program.GoVersion}
	for _, m := range program.Deps {
		want = append(want, "pkg:golang/"+m.Path+"@"+m.Version)
	}
	for _, c := range list.Components {
		purl, _, _ := strings.Cut(c.PURL, "?")
		i := slices.Index(want, purl)
		if i < 0 {
			t.Errorf("%s is listed, and is not in the program", purl)
			continue
		}
		want = slices.Delete(want, i, i+1)
	}
	if len(want) > 0 {
		t.Errorf("%q are in the program, and are not listed", want)
	}
}

// TestReproducible makes a release again, elsewhere and with other habits. Go's
// cache spares the compiler the work; reproducible.sh does without.
func TestReproducible(t *testing.T) {
	t.Parallel()
	need(t, "git", "git")
	first := made(t)
	checkout := filepath.Join(t.TempDir(), "another place")
	for file := range strings.SplitSeq(output(t, "git", "-C", "..", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), "\x00") {
		info, err := os.Lstat(filepath.Join("..", file))
		if file == "" || err != nil { // it was removed, and not committed yet
			continue
		}
		write(t, filepath.Join(checkout, file), read(t, filepath.Join("..", file)), info.Mode().Perm()&0o700)
	}
	second, err := makeRelease(checkout, filepath.Join(t.TempDir(), "dist"), "TZ=Asia/Kathmandu", "LC_ALL=C.UTF-8", "USER=somebody")
	if err != nil {
		t.Fatal(err)
	}
	names := first.files(t)
	if others := second.files(t); !slices.Equal(names, others) {
		t.Fatalf("the files are %q, and then %q", names, others)
	}
	for _, name := range names {
		a, b := read(t, filepath.Join(first.dir, name)), read(t, filepath.Join(second.dir, name))
		if a != b {
			t.Errorf("%s: %d and %d bytes, which differ", name, len(a), len(b))
		}
	}
}
