package appliance

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestImage has other programs check an image and read it.
func TestImage(t *testing.T) {
	t.Parallel()
	fsck, mcopy, mdir := need(t, "fsck.vfat", "dosfstools"), need(t, "mcopy", "mtools"), need(t, "mdir", "mtools")
	large := bytes.Repeat([]byte("0123456789abcdef"), 2<<20) // 32 MB, so that the sectors are counted in 32 bits
	for name, files := range map[string][]File{
		"small":            {{"user-data", []byte("#cloud-config\n")}, {"meta-data", nil}, {"network-config", bytes.Repeat([]byte("x"), 2048)}, {"zancudo.deb", make([]byte, 2049)}},
		"large":            {{"user-data", []byte("a")}, {"zancudo.deb", large}},
		"larger clusters":  {{"zancudo.deb", make([]byte, 135<<20)}, {"user-data", []byte("b")}},
		"a name that fits": {{"thirteen-char", []byte("c")}, {"twenty-six-characters-long", []byte("d")}},
	} {
		image, err := Image(files)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		path := filepath.Join(t.TempDir(), "stick.img")
		if err := os.WriteFile(path, image, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), fsck, "-n", path).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		if out, err := exec.CommandContext(t.Context(), mdir, "-i", path, "::").CombinedOutput(); err != nil || !strings.Contains(string(out), "CIDATA") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		for _, f := range files {
			got, err := exec.CommandContext(t.Context(), mcopy, "-i", path, "::"+f.Name, "-").Output()
			if err != nil || !bytes.Equal(got, f.Data) {
				t.Errorf("%s: %s has %d bytes, want %d: %v", name, f.Name, len(got), len(f.Data), err)
			}
		}
		if again, err := Image(files); err != nil || !bytes.Equal(again, image) {
			t.Errorf("%s: the same files make another image: %v", name, err)
		}
	}
	if _, err := Image([]File{{"zancudo.deb", make([]byte, 2<<30)}}); err == nil {
		t.Error("two gigabytes fit into an image")
	}
}
